--- A step: what the core has queued comes into Lua, as much of it as the bounds allow, and what
--- follows from it is done: ends are told, ready jobs begin. This is the loop over a client's jobs;
--- the life of one is lifecycle.lua's.
---
--- Everything that changes what becomes of jobs runs in `step.work`. A piece of work is whole: when
--- an error is raised in the midst of one (Ctrl-C, a watchdog, no memory), the next one first makes
--- good what was left half done.

local Error = require("segmind.error")
local Queue = require("segmind.queue")
local Result = require("segmind.result")
local callback = require("segmind.callback")
local fields = require("segmind.fields")
local lazy = require("segmind.lazy")
local lifecycle = require("segmind.lifecycle")
local operation = require("segmind.operation")
local roster = require("segmind.roster")
local wait = require("segmind.wait")

local schema = lazy.require("segmind.schema")

local step = {}

local woken = callback.woken

-- Called as they are: a job goes through two queues, and each look into a class counts.
local next_of, take_first = Queue.peek, Queue.pop

-- Nothing, in the place of a list.
local none = {}

-- -- ends and beginnings --------------------------------------------------------------------------

-- Asked before each piece of work of a step that has a limit: whether it has used up its time. It
-- does one piece all the same. Nor is a step late whose client a callback has closed: there will be
-- no other.
local function is_late(client)
  if client._is_fresh then
    client._is_fresh = false
    return false
  end
  return wait.is_out_of_time(client)
end

-- A job stays first until all were told. A late step leaves the others to the next. To complete a
-- result is a piece of work by itself.
local function tell_ends(client)
  local settled = client._settled
  local job = next_of(settled)
  while job do
    local is_bounded = client._limit
    if is_bounded and is_late(client)
      or Result.complete(job._result) and is_bounded and is_late(client) then
      client._unsettled = true
      return
    end
    lifecycle.tell_end(job)
    take_first(settled)
    job = next_of(settled)
  end
end

-- Seconds after a job's deadline: for the event of the core that is on its way; and for the look
-- into the request history that the core may begin at a deadline.
local GRACE, LOOKUP = 0.25, 30

-- A client has one alarm for its deadlines, which the core keeps: a step in which nothing is due
-- does not look at the clock in Lua.
local function set_alarm(client, at)
  client._watch = at
  client._handle:alarm(at or nil)
end

--- Sees to it that a job which has begun ends, whatever is lost.
---@param job segmind.Job
function step.watch(job)
  local client, at = job._client, job._deadline + GRACE
  if not client._watch or at < client._watch then
    set_alarm(client, at)
    wait.hurry(client)
  end
end

--- Starts ready jobs as long as there is a place for them.
local function start_ready(client)
  while not client._closed and client._active < client._max_active do
    local job = take_first(client._ready)
    if not job then
      return
    end
    if lifecycle.event(job, "place") then
      step.watch(job)
      lifecycle.go_on(job)
    end
  end
end

--- Tells of all jobs that have ended, then starts those that can. Queues, not a recursion: a chain
--- of any length ends flat.
---@param client segmind.Client
function step.settle(client)
  if client._settling or not client._unsettled then
    return
  end
  client._settling = true
  repeat
    client._unsettled = false
    tell_ends(client)
    start_ready(client)
  until not client._unsettled or client._limit and wait.is_out_of_time(client)
  client._settling = false
end

-- -- work -----------------------------------------------------------------------------------------

--- Makes good what an error has left half done. A job of which the same comes again keeps no other
--- from going on, and nobody from cancelling it: what it raised is returned.
local function recover(client)
  client._settling, client._limit, client._active, client._unsettled = false, false, 0, true
  local jobs, raised = roster.jobs(client), nil
  for _, job in ipairs(jobs) do
    client._active = client._active + (fields.is_active(job) and 1 or 0)
  end
  for _, job in ipairs(jobs) do
    if client._jobs[job.id] and (job._phase == "over" or not fields.is_expected(job)) then
      if job._deadline and job._phase ~= "over" then
        step.watch(job)
      end
      local went_on, err = pcall(lifecycle.go_on, job)
      raised = raised or not went_on and { err }
    end
  end
  local is_settled, err = pcall(step.settle, client)
  if not is_settled then
    client._settling, client._unsettled = false, true
  end
  return raised or not is_settled and { err }
end

local function recovered(client, fn, ...)
  local raised = recover(client)
  local a, b = fn(client, ...)
  if raised then
    error(raised[1], 0)
  end
  return a, b
end

local function run(client, fn, ...)
  local before, a, b = client._busy
  if before == true then
    return fn(client, ...)
  elseif before then
    a, b = client._core.during(client, "_busy", recovered, client, fn, ...)
  else
    a, b = client._core.during(client, "_busy", fn, client, ...)
  end
  if woken.has_any then
    callback.resume(client)
  end
  return a, b
end

local function settled(client, fn, ...)
  local a, b = fn(client, ...)
  step.settle(client)
  return a, b
end

--- Runs `fn(client, ...)`, which changes what becomes of jobs, and what follows from it. Within
--- another piece of work it is a part of that.
---@param client segmind.Client
---@param fn function
---@return any, any what fn returned
function step.work(client, fn, ...)
  return run(client, settled, fn, ...)
end

local function launch(client, job)
  for _, text in ipairs(client._on_event and rawget(job, "warnings") or none) do
    callback.emit(client, { what = "warning", job = job, message = text })
  end
  roster.join(job) -- from here on nothing keeps it from its end
  lifecycle.go_on(job)
  step.settle(client)
end

--- Sends a new job on its way.
---@param job segmind.Job
---@return segmind.Job job
function step.launch(job)
  run(job._client, launch, job)
  return job
end

--- Says what has happened to a job.
---@param job segmind.Job
---@param name string see lifecycle.event
function step.event(job, name, ...)
  step.work(job._client, function(_, ...)
    lifecycle.event(job, name, ...)
  end, ...)
end

local function close(client)
  local jobs = roster.jobs(client)
  if client._loop and client._loop.closing then
    client._loop.closing()
  end
  client._closed, client._handlers, client._loop, client._limit = true, {}, nil, false
  for _, job in ipairs(jobs) do
    lifecycle.event(job, "close")
  end
  step.settle(client)
  client._handle:close()
  wait.release(client)
  client._is_gone = true
end

--- Ends all jobs, and what the client is on.
---@param client segmind.Client
function step.close(client)
  step.work(client, close)
end

-- -- the step -------------------------------------------------------------------------------------

--- Ends the jobs whose time is over, except those of which something may be among what the core has
--- queued: a host that pauses has the results of meanwhile there, which are paid.
local function end_late(client)
  local now, next_one = client._core.now(), false
  if now < client._watch then
    return
  end
  local has_more = client._left_over or client._handle:peek() ~= nil
  for _, job in ipairs(roster.jobs(client)) do
    local is_expected = fields.is_expected(job)
    local at = job._deadline and job._deadline + (is_expected and LOOKUP or GRACE)
    if at and at <= now and not (is_expected and has_more) then
      lifecycle.event(job, "late")
    elseif at then
      next_one = math.min(next_one or at, at)
    end
  end
  set_alarm(client, next_one)
  step.settle(client)
end

-- What the step before had no time for: a result, and who is to hear of jobs that ended.
local function take_left_over(client)
  local left_over = client._left_over
  if left_over and left_over.job then
    client._is_fresh = false
    lifecycle.event(left_over.job, "read", left_over.done, left_over.result)
  end
  client._left_over = false
  step.settle(client)
end

local function leave_over(client)
  if client._unsettled and not client._closed then
    client._left_over = client._left_over or {}
    client._handle:nudge()
  end
end

local function drain(client, max_events, max_bytes, max_seconds)
  local count, total = 0, 0
  wait.limit(client, max_seconds)
  client._is_fresh = true
  take_left_over(client)
  local handle = client._handle
  local take = handle.peek -- first what an error has interrupted, if there is such a thing
  while count < max_events and total < max_bytes and not client._closed
    and not (client._limit and is_late(client)) do
    local id, what, a, b, bytes = take(handle)
    if not id then
      break
    end
    count, total = count + 1, total + bytes
    operation.deliver(client, id, what, a, b)
    if client._unsettled then
      step.settle(client)
    end
    take = handle.next
  end
  if take ~= handle.peek then
    handle:drop()
  end
  if client._watch and not client._closed then
    end_late(client)
  end
  leave_over(client)
  client._limit = false
  return count
end

--- Whether a step would find nothing to do. A frame's step does not find anything in the
--- processor's caches either, so each look counts, and one at a field that is not there goes on to
--- a second table: all of these are there, if only as false.
local function is_idle(client)
  return not (client._handle:has_news() or client._alarm or client._busy or client._left_over
    or woken.has_any)
end

-- "32" would be compared with a count in the midst of the work, and -1 take nothing for ever.
local function check_bounds(...)
  for i = 1, 3 do
    local bound = select(i, ...)
    if bound ~= nil and not (type(bound) == "number" and bound >= 0) then
      Error.misuse("client:step takes bounds of 0 or more (events, bytes, seconds), got "
        .. schema.show(bound))
    end
  end
end

--- Takes what has arrived: job states, results, callbacks, and coroutines that wait. Never blocks;
--- for a frame of a game or a turn of a loop, where an idle one costs an atomic load. What a bound
--- leaves over is there at the next step, and keeps the descriptor readable. Within a callback, and
--- on a closed client, it does nothing.
---@param client segmind.Client
---@param max_events integer? leave the rest queued after so many; no bound unless told
---@param max_bytes integer? or after so many bytes of answers
---@param max_seconds number? or once there is no time left for more; one piece is done anyway
---@return integer events how many were taken
function step.take(client, max_events, max_bytes, max_seconds)
  if max_events or max_bytes or max_seconds then
    check_bounds(max_events, max_bytes, max_seconds)
  end
  if client._closed or client._busy == true or is_idle(client) then
    return 0
  end
  local count = run(client, drain, max_events or math.huge, max_bytes or math.huge, max_seconds)
  if client._alarm and client._core.now() >= client._alarm then
    wait.ring(client, client._core.now())
    callback.resume(client)
  end
  return count
end

return step
