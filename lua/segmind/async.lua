--- Coroutines that wait without blocking, and several jobs, tasks and functions at once. Any verb
--- that waits (`run`, `job:wait`, `result:save`, `chain:run`, ...) suspends the coroutine it is
--- called in, and `client:step` resumes it, whoever calls that: a game's frame, a loop's adapter,
--- `task:wait`.

local Error = require("segmind.error")
local callback = require("segmind.callback")
local guard = require("segmind.guard")
local schema = require("segmind.schema")
local wait = require("segmind.wait")

-- Lua 5.1 has it as a global.
local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local function pack(...)
  return { n = select("#", ...), ... }
end

--- A function that runs as a coroutine; made by `segmind.async`.
---@class segmind.Task
local Task = {}
Task.__index = Task
Task.__name = "segmind.Task"

--- An error of the library stays what it is and gets the traceback; anything else becomes one. What
--- the function has paid before is not known here.
local function explain(err)
  local raised = guard.wrap(err)
  if raised then
    return raised
  elseif Error.is_error(err) then
    err.traceback = err.traceback or debug.traceback(tostring(err), 2)
    return err
  end
  local trace = debug.traceback(Error.text(err), 2)
  return Error.new("invalid", "the function raised an error: " .. trace,
    { traceback = trace, cause = err, charged = "unknown" })
end

--- Nobody may be there to ask for an error: on_event hears of it.
local function report(task, err)
  local client = callback.reason()
  if client and not task._gate:is_watched() then
    callback.emit(client, { what = "callback", error = err })
  end
end

local function finish(task, ok, ...)
  local raised = not ok and guard.is_wrapped((...))
  if task._over then
    return guard.pass((...))
  end
  task._over = true
  if ok then
    task._values = pack(...)
  elseif raised then
    task._error = Error.new("cancelled", "the task was interrupted", { charged = "unknown" })
  else
    task._error = (...)
    report(task, task._error)
  end
  task._gate:open()
  if raised then
    guard.pass((...)) -- upwards, to whoever resumed the task
  end
  callback.run()
end

local function body(task, fn, ...)
  finish(task, xpcall(fn, explain, ...))
end

local async = {}

--- Starts a function as a coroutine and returns when it waits for the first time. Its waits suspend
--- it and nothing else. It may yield for others, too: then they resume it.
---
---     local task = segmind.async(function(name)
---       local house = assert(sm:run("flux-kontext-pro", { prompt = "a red house" }))
---       return assert(house:save(name))
---     end, "house")
---     while not task:is_over() do sm:step() draw_a_frame() end
---@param fn function
---@param ... any its arguments
---@return segmind.Task
function async.start(fn, ...)
  if type(fn) ~= "function" then
    Error.misuse("segmind.async takes a function, got " .. schema.show(fn))
  end
  local task = setmetatable({ _gate = wait.gate(), _co = coroutine.create(body) }, Task)
  callback.adopt(task._co)
  local ok, err = coroutine.resume(task._co, task, fn, ...)
  if not ok then
    finish(task, false, explain(err)) -- no memory, or no stack
  end
  return task
end

--- True when the function has returned, or was ended.
---@return boolean
function Task:is_over()
  return self._over == true
end

--- What the function has returned, once it has.
---@return any ...
function Task:result()
  if self._values then
    return unpack(self._values, 1, self._values.n)
  end
end

--- The error, once there is one: raised by the function (with a `traceback`), returned by it as its
--- second value after nil, or kind "cancelled".
---@return segmind.Error?
function Task:error()
  local values = self._values
  local why = values and values[1] == nil and values[2]
  if why and not Error.is_error(why) then
    why = Error.new("invalid", "the function returned nil and: " .. Error.text(why),
      { charged = "unknown" })
  end
  return why or self._error
end

--- The gate that opens at the end.
function Task:_end_gate()
  return self._gate
end

local function wait_for(self, timeout, verb, is_await)
  if timeout ~= nil then
    wait.check_seconds(timeout, verb)
  end
  if not self._over and callback.coroutine() == self._co then
    Error.misuse("a task cannot wait for itself")
  end
  if not wait.pass(self._gate, timeout, verb, is_await) then
    return nil, self:_not_over(timeout)
  elseif self._error then
    return nil, self._error
  end
  return self:result()
end

--- The error of a wait that ended before the function.
function Task:_not_over(timeout) -- luacheck: ignore self
  return Error.new("timeout", ("not over after %g s, the task goes on"):format(timeout),
    { charged = "unknown", retryable = true, running = true })
end

--- Waits until the function has returned: on the main thread by turning the clients, in a coroutine
--- of segmind.async or of a loop's adapter by suspending it.
---@param timeout number? seconds; the task goes on after it
---@return any ... what the function returned; nil and the error if it raised one
function Task:wait(timeout)
  return wait_for(self, timeout, "task:wait")
end

--- As `wait`, but suspends any coroutine it is called in, whoever resumes that otherwise.
---@param timeout number? seconds
---@return any ...
function Task:await(timeout)
  return wait_for(self, timeout, "task:await", true)
end

--- Ends the task where it waits. The jobs that it waits for go on, and so does what it has started;
--- 5.4 closes its to-be-closed variables.
---@return boolean cancelled false when it was over already
function Task:cancel()
  if self._over then
    return false
  end
  callback.drop(self._co)
  local close = rawget(coroutine, "close")
  if close and coroutine.status(self._co) == "suspended" then
    close(self._co)
  end
  finish(self, false, Error.new("cancelled", "the task was cancelled; its jobs go on",
    { charged = "unknown" }))
  return true
end

function Task:__tostring()
  local state = not self._over and "under way" or self:error() and "failed" or "done"
  return ("segmind.Task (%s)"):format(state)
end

guard.class(Task, "task", { "wait", "await" })

-- -- several at once ------------------------------------------------------------------------------

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

--- Waits until all have ended well, or one has failed. Waits as `job:wait` does.
---
---     local got, err, key = segmind.all{ night = night_job, noon = noon_job,
---       poster = function() return sm:run("flux-kontext-max", { prompt = "a poster" }) end }
---     if got then print(got.night.url, got.poster.url) else print(key, err) end
---
--- When it gives up, the functions are cancelled and the jobs go on.
---@param items table<any, segmind.Job|segmind.Task|fun(): any>
---@param timeout number? seconds
---@return table<any, any>? results under the same keys; of a function the first value
---@return segmind.Error? err of the first that failed
---@return any key of the first that failed
function async.all(items, timeout)
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

--- Waits until all have ended, well or not, and loses none of them: what failed has an error beside
--- what succeeded.
---
---     for _, one in ipairs(segmind.settled(jobs)) do print(one.result or one.error) end
---@param items table<any, segmind.Job|segmind.Task|fun(): any>
---@param timeout number? seconds; what is not over then has an error with `running`
---@return table<any, { result: any, error: segmind.Error? }> outcomes under the same keys
function async.settled(items, timeout)
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
function async.map(list, fn, concurrency)
  local outcomes, count = {}, 0
  local function worker()
    while count < #list do
      count = count + 1
      local i = count
      local ok, value, err = xpcall(made, explain, fn, list[i], i)
      outcomes[i] = ok and { result = value, error = err } or { error = value }
    end
  end
  local workers = {}
  for i = 1, math.min(concurrency, #list) do
    workers[i] = worker
  end
  async.settled(workers)
  return outcomes
end

--- Waits until the first has ended, well or not: a failure, too, may be the first. The other
--- functions are cancelled, the other jobs go on.
---@param items table<any, segmind.Job|segmind.Task|fun(): any>
---@param timeout number? seconds
---@return any result
---@return segmind.Error? err
---@return any key
function async.race(items, timeout)
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

return async
