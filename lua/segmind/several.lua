--- Several jobs, tasks and functions at once: `segmind.all`, `settled` and `race`, and what
--- `client:map` does. Functions run as tasks of segmind.async.

local Error = require("segmind.error")
local async = require("segmind.async")
local schema = require("segmind.schema")
local wait = require("segmind.wait")

local several = {}

local function is_awaitable(item)
  return type(item) == "table" and type(item._end_gate) == "function"
end

--- Judges all before any function starts.
local function check(items, verb)
  if type(items) ~= "table" or is_awaitable(items) then
    Error.misuse(("%s takes one table of jobs, tasks and functions, %s{ a, b }; got %s"):format(
      verb, verb, is_awaitable(items) and tostring(items) or schema.show(items)))
  end
  for key, item in pairs(items) do
    if type(item) ~= "function" and not is_awaitable(item) then
      Error.misuse(("%s takes jobs, tasks and functions; [%s] is %s"):format(verb, tostring(key),
        schema.show(item)))
    end
  end
end

local function start(items)
  local entries = {}
  for key, item in pairs(items) do
    local is_own = type(item) == "function"
    entries[#entries + 1] = { key = key, item = is_own and async.start(item) or item,
      is_own = is_own }
  end
  return entries
end

--- Waits until `settles(entry)` was true for one that is over. Functions that were started here end
--- with the wait, so that they submit nothing more; jobs go on.
local function wait_for_entries(entries, settles, timeout, verb)
  local gate = wait.gate()
  local function note(entry)
    if not entry.is_noted and entry.item:is_over() then
      entry.is_noted = true
      if settles(entry) then
        gate:open()
      end
    end
  end
  for _, entry in ipairs(entries) do
    entry.gate = entry.item:_end_gate()
    entry.waiter = { wake = function()
      note(entry)
    end }
    note(entry)
    if not entry.is_noted then
      entry.gate:enlist(entry.waiter)
    end
  end
  local ok, why = pcall(wait.pass, gate, timeout, verb)
  for _, entry in ipairs(entries) do
    entry.gate:leave(entry.waiter)
    if entry.is_own then
      entry.item:cancel()
    end
  end
  if not ok then
    error(why, 0)
  end
  return gate.is_open
end

local function too_late(timeout)
  return nil, Error.new("timeout", ("not over after %g s; the jobs go on"):format(timeout),
    { charged = "unknown", retryable = true, running = true })
end

--- What became of one, and of a job that failed only in saving its picture both.
local function outcome(entry, timeout)
  local item = entry.item
  if not item:is_over() then
    return { error = item:_not_over(timeout) }
  end
  return { result = (item:result()), error = item:error() }
end

--- What a function of map has returned. One that returns nothing has most likely lost its job,
--- which goes on, and is paid, without anybody waiting for it; `return nil` passes an item by.
local function taken(count, value, err)
  if count == 0 then
    return nil, Error.new("invalid", "the function that map calls returned nothing; write "
      .. "\"return\" before the call that makes the job", { charged = "unknown" })
  elseif not is_awaitable(value) then
    return value, err
  end
  value:wait()
  return (value:result()), value:error()
end

local function counted(...)
  return select("#", ...), ...
end

local function made(fn, item, i)
  return taken(counted(fn(item, i)))
end

--- See segmind.all.
---@param items table<any, segmind.Job|segmind.Task|fun(): any>
---@param timeout number? seconds
---@return table<any, any>? results under the same keys; of a function the first value
---@return segmind.Error? err of the first that failed
---@return any key of the first that failed
function several.all(items, timeout)
  check(items, "segmind.all")
  local entries, failed = start(items), nil
  local left = #entries
  if left == 0 then
    return {}
  end
  local is_over = wait_for_entries(entries, function(entry)
    left = left - 1
    failed = failed or entry.item:error() and entry
    return failed or left == 0
  end, timeout, "segmind.all")
  if failed then
    return nil, failed.item:error(), failed.key
  elseif not is_over then
    return too_late(timeout)
  end
  local results = {}
  for _, entry in ipairs(entries) do
    results[entry.key] = (entry.item:result())
  end
  return results
end

--- See segmind.settled.
---@param items table<any, segmind.Job|segmind.Task|fun(): any>
---@param timeout number? seconds; what is not over then has an error with `running`
---@return table<any, { result: any, error: segmind.Error? }> outcomes under the same keys
function several.settled(items, timeout)
  check(items, "segmind.settled")
  local entries = start(items)
  local left = #entries
  if left > 0 then
    wait_for_entries(entries, function()
      left = left - 1
      return left == 0
    end, timeout, "segmind.settled")
  end
  local outcomes = {}
  for _, entry in ipairs(entries) do
    outcomes[entry.key] = outcome(entry, timeout)
  end
  return outcomes
end

--- Makes a job of each item of a list, so many at a time, and waits for all. `fn(item, i)` returns
--- a job (or what a verb that waits has returned), or nil and an error.
---
---     local outcomes = sm:map(paths, function(path)
---       return sm:submit("flux-kontext-pro", { prompt = "at night", input_image = path })
---     end, { concurrency = 4 })
---@param list any[]
---@param fn fun(item: any, i: integer): any
---@param concurrency integer
---@return { result: any, error: segmind.Error? }[] outcomes in the order of the list
function several.map(list, fn, concurrency)
  local outcomes, count = {}, 0
  local function worker()
    while count < #list do
      count = count + 1
      local i = count
      local ok, value, err = xpcall(made, async.explain, fn, list[i], i)
      outcomes[i] = ok and { result = value, error = err } or { error = value }
    end
  end
  local workers = {}
  for i = 1, math.min(concurrency, #list) do
    workers[i] = worker
  end
  several.settled(workers)
  return outcomes
end

--- See segmind.race.
---@param items table<any, segmind.Job|segmind.Task|fun(): any>
---@param timeout number? seconds
---@return any result
---@return segmind.Error? err
---@return any key
function several.race(items, timeout)
  check(items, "segmind.race")
  if next(items) == nil then
    Error.misuse("segmind.race takes at least one job, task or function, got an empty table")
  end
  local winner
  local is_over = wait_for_entries(start(items), function(entry)
    winner = winner or entry
    return true
  end, timeout, "segmind.race")
  if not is_over then
    return too_late(timeout)
  end
  return (winner.item:result()), winner.item:error(), winner.key
end

return several
