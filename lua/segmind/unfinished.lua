--- Jobs that nobody is left to wait for: a wait was interrupted, or a client ends (with its script,
--- or collected as garbage) that was not closed. What the service has accepted runs there and is
--- paid, so each is told on stderr, once, with its id. Nothing else in the library prints, and a
--- plain `client:close()` does not.

local interruption = require("segmind.interruption")
local lifecycle = require("segmind.lifecycle")
local wait = require("segmind.wait")

local unfinished = {}

local function print_line(text, ...)
  interruption.attempt(io.stderr.write, io.stderr, "segmind: ", text:format(...), "\n")
end

--- What is to be done about a job that was sent.
local function advice(client, job, request_id)
  if client._has_ledger then
    return "run again with the same ledger to take it up"
  elseif job._sync then
    return "its picture cannot be fetched again"
  end
  return ("client:attach(%q, %q) takes it up"):format(request_id or "", job.model)
end

-- What was told of a job: its id, or that there was none yet.
local told = setmetatable({}, { __mode = "k" })

local function tell_sent(client, job, request_id)
  local known = request_id or true
  if told[job] == known then
    return
  end
  told[job] = known
  if request_id then
    print_line("%s goes on at the service [request %s]; %s", lifecycle.label(job), request_id,
      advice(client, job, request_id))
  elseif client._has_ledger or job._sync then
    print_line("%s was being submitted, and its answer is not known; %s", lifecycle.label(job),
      advice(client, job))
  else
    print_line("%s was being submitted; whether the service accepted it is not known",
      lifecycle.label(job))
  end
end

--- Tells of the jobs of all clients that go on after an interrupted wait.
function unfinished.tell()
  for client in pairs(wait.clients()) do
    for _, job in ipairs(lifecycle.jobs(client)) do
      if job.request_id or job._sent then
        tell_sent(client, job, job.request_id)
      end
    end
  end
end

--- Takes the ids that have arrived, but calls nobody: this runs in a finalizer. Returns them by
--- job; false for a job that has ended, unless with a result that nobody has taken: that is there
--- to attach.
local function take_ids(client)
  local ids = {}
  local id, what, _, request_id = client._handle:take()
  while id do
    local handler = client._handlers[id]
    local job = handler and handler.job
    if job and what == "state" then
      ids[job] = job.request_id or request_id
    elseif job and what ~= "note" and what ~= "done" then
      ids[job] = false
    end
    id, what, _, request_id = client._handle:take()
  end
  return ids
end

--- A client ends that was not closed. A ledger keeps what there is to know.
local function tell_at_end(client, has_sent)
  local ids, unsent = take_ids(client), 0
  for _, job in ipairs(lifecycle.jobs(client)) do
    local request_id = job.request_id or ids[job]
    if ids[job] ~= false and (request_id or job._sent and has_sent) then
      tell_sent(client, job, request_id)
    elseif ids[job] ~= false then
      unsent = unsent + 1
    end
  end
  if unsent > 0 then
    local is_one = unsent == 1
    print_line("%d %s not sent before the client ended: wait for %s (job:wait())", unsent,
      is_one and "job was" or "jobs were", is_one and "it" or "them")
  end
end

local function at_end(client)
  if client._closed or client._has_ledger or next(client._jobs) == nil then
    return
  end
  -- It raises in a child that was forked, whose jobs they are not.
  local is_ours, stats = interruption.attempt(client._handle.stats, client._handle)
  if is_ours then
    tell_at_end(client, stats.submits > 0)
  end
end

-- Lua 5.1 has no finalizers of tables, but newproxy, which later ones do not have.
local newproxy = rawget(_G, "newproxy")

--- Watches over a client until it is collected. Called when all else of it is made: finalizers run
--- in the reverse order, so that the handle still works.
---@param client segmind.Client
function unfinished.watch(client)
  local function finalize()
    at_end(client)
  end
  if newproxy then
    client._end = newproxy(true)
    getmetatable(client._end).__gc = finalize
  else
    client._end = setmetatable({}, { __gc = finalize })
  end
end

return unfinished
