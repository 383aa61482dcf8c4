--- A step: what the core has queued comes into Lua, as much of it as the bounds allow.

local Error = require("segmind.error")
local Gate = require("segmind.gate")
local deadline = require("segmind.deadline")
local ending = require("segmind.ending")
local flow = require("segmind.flow")
local scheduler = require("segmind.scheduler")

--- Methods of a client.
local stepping = {}

-- An event may come a second time, when an error was raised while it was dealt with the first time.
-- If its job had come to its next transfer by then, it was dealt with.
local function is_behind(handler)
  local next_one = handler.job and handler.job._operation
  return next_one and next_one ~= handler and next_one.id
end

local function finish(self, handler, what, value)
  if not is_behind(handler) then
    handler.is_ending = true
    if what == "done" then
      handler.finish(value)
    else
      handler.finish(nil, Error.from(value))
    end
  end
  self._handlers[handler.id] = nil
end

local function dispatch(self, id, what, a, b)
  local handler = self._handlers[id]
  if what == "note" then
    self:_emit({ what = "note", message = a, job = handler and handler.job })
  elseif handler and what == "row" then
    if not is_behind(handler) then
      handler.row(a)
    end
  elseif handler and what == "state" then
    if handler.state and not is_behind(handler) then
      handler.state(a, b)
    end
  elseif handler then
    finish(self, handler, what, a)
  end
end

local function is_late(self)
  return self._limit and not self._closed and self:_now() >= self._limit
end

--- A result was read. To read it and to tell of it are the two halves of a step's largest piece of
--- work, and where the first has used up the step's time, the second is what the next one begins
--- with. A step that is late takes no more events, so there is never more than one left over.
function stepping:_arrived(job, done, result)
  if is_late(self) then
    self._left_over = { job = job, done = done, result = result }
    self._handle:nudge()
  else
    ending.arrived(job, done, result)
  end
end

-- What the step before had no time for: a result, and who is to hear of jobs that ended.
local function take_left_over(self)
  local left_over = self._left_over
  if left_over and left_over.job then
    ending.arrived(left_over.job, left_over.done, left_over.result)
  end
  self._left_over = false
  if self._settled:peek() then
    flow.settle(self)
    return true
  end
  return left_over ~= false
end

local function leave_over(self)
  if self._settled:peek() and not self._closed then
    self._left_over = self._left_over or {}
    self._handle:nudge()
  end
end

local function drain(self, max_events, max_bytes, max_seconds)
  local count, total = 0, 0
  self._limit = max_seconds and self:_now() + max_seconds or false
  if self._watch then
    deadline.check(self)
  end
  local is_begun = take_left_over(self)
  while count < max_events and total < max_bytes and not self._closed
    and not (is_begun and is_late(self)) do
    local id, what, a, b, bytes = self._handle:peek()
    if not id then
      break
    end
    count, total, is_begun = count + 1, total + (bytes or 0), true
    dispatch(self, id, what, a, b)
    self._handle:drop()
  end
  leave_over(self)
  self._limit = false
  return count
end

--- Whether a step would find nothing to do. A frame's step does not find anything in the
--- processor's caches either, so each look counts, and one at a field that is not there goes on to
--- a second table: all of these are there, if only as false.
local function is_idle(self)
  return not (self._handle:has_news() or self._alarm or self._busy or self._left_over
    or scheduler.has_work())
end

--- Takes what has arrived: job states, results, callbacks, and coroutines that wait. Never blocks;
--- for a frame of a game or a turn of a loop, where an idle one costs an atomic load. What a bound
--- leaves over is there at the next step, and keeps the descriptor readable. Within a callback, and
--- on a closed client, it does nothing.
---@param max_events integer? leave the rest queued after so many; no bound unless told
---@param max_bytes integer? or after so many bytes of answers
---@param max_seconds number? or once so much time is over; one event is taken all the same
---@return integer events how many were taken
function stepping:step(max_events, max_bytes, max_seconds)
  if self._closed or self._busy == true or is_idle(self) then
    return 0
  end
  local count = self:_work(drain, max_events or math.huge, max_bytes or math.huge, max_seconds)
  if self._alarm and self:_now() >= self._alarm then
    Gate.ring(self, self:_now())
    self:_resume()
  end
  return count
end

return stepping
