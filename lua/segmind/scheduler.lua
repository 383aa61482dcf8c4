--- Who is resumed, and when. A coroutine that waits at a gate is noted here when the gate opens,
--- and resumed when the event that opened it is dealt with: one after the other, never from within
--- a callback, so it may submit, wait and close as it likes, and a long row of coroutines that wait
--- for each other is no deep stack.

local Error = require("segmind.error")
local Queue = require("segmind.queue")
local interruption = require("segmind.interruption")

local scheduler = {}

-- Who is next, in order; whether a round goes on; the client whose gate was the reason.
local woken, round, reason = Queue.new(), { is_going_on = false }, nil

local during

--- Hands over what runs a function while a field is true; see core.during.
---@param guard fun(object: table, name: string, fn: function)
function scheduler.set_guard(guard)
  during = guard
end

-- The coroutines of segmind.async: true, or false for one that is never resumed again.
local tasks = setmetatable({}, { __mode = "k" })

--- The running coroutine; nil on the main thread.
---@return thread?
function scheduler.running()
  local co, is_main = coroutine.running()
  return not is_main and co or nil
end

--- Makes a coroutine one of segmind.async, whose every wait suspends it.
---@param co thread
function scheduler.adopt(co)
  tasks[co] = true
end

--- Never resumes a coroutine again.
---@param co thread
function scheduler.drop(co)
  tasks[co] = false
end

---@param co thread
---@return boolean? is_task false for one that was dropped
function scheduler.is_task(co)
  return tasks[co]
end

--- The client whose step resumed what is running.
---@return segmind.Client?
function scheduler.reason()
  return reason
end

--- Notes a waiter whose coroutine `co`, while it is set, is to be resumed.
---@param waiter { co: thread?, gate: segmind.Gate }
function scheduler.note(waiter)
  woken:push(waiter)
end

local function tell(co, err)
  if interruption.is(err) then
    error(err, 0)
  end
  err = Error.new("invalid", "a coroutine raised an error: "
    .. debug.traceback(co, Error.text(err)), { charged = "unknown" })
  if not reason then
    error(tostring(err), 0)
  end
  reason._callback_error = reason._callback_error or err
  reason:_emit({ what = "callback", error = err })
end

local function resume(waiter)
  local co = waiter.co
  if co and tasks[co] ~= false and coroutine.status(co) == "suspended" then
    reason = waiter.gate._client or reason
    local ok, err = coroutine.resume(co, waiter.gate)
    if not ok then
      tell(co, err)
    end
  end
end

-- A waiter stays first until it was resumed: Ctrl-C in between does not lose it.
local function resume_all()
  local waiter = woken:peek()
  while waiter do
    resume(waiter)
    if woken:peek() == waiter then
      woken:pop()
    end
    waiter = woken:peek()
  end
end

--- Whether somebody is noted.
---@return boolean
function scheduler.has_work()
  return woken:peek() ~= nil
end

--- Resumes whoever is noted. What one of them sets off is left to the round that is going on,
--- unless that round stands still because one of them blocks.
---@param is_blocking boolean?
function scheduler.run(is_blocking)
  local is_inside = round.is_going_on == true
  if is_inside and not is_blocking or not scheduler.has_work() then
    return
  end
  local before = is_inside and reason or nil
  if is_inside then
    resume_all()
  else
    during(round, "is_going_on", resume_all)
  end
  reason = before
end

return scheduler
