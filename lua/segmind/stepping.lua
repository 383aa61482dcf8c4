--- A step: what the core has queued comes into Lua, as much of it as the bounds allow.

local Error = require("segmind.error")
local Gate = require("segmind.gate")
local ending = require("segmind.ending")
local scheduler = require("segmind.scheduler")

--- Methods of a client.
local stepping = {}

local function dispatch(self, id, what, a, b)
  local handler = self._handlers[id]
  if what == "note" then
    self:_emit({ what = "note", message = a, job = handler and handler.job })
  elseif handler and what == "state" then
    if handler.state then
      handler.state(a, b)
    end
  elseif handler then
    self._handlers[id] = nil
    if what == "done" then
      handler.finish(a)
    else
      handler.finish(nil, Error.from(a))
    end
  end
end

local function is_late(self)
  return self._limit and self:_now() >= self._limit
end

--- A result was read. To read it and to tell of it are the two halves of a step's largest piece of
--- work, and where the first has used up the step's time, the second is what the next one begins
--- with. A step that is late takes no more events, so there is never more than one left over.
function stepping:_arrived(job, done, result)
  if is_late(self) then
    self._left_over = { job, done, result }
    self._handle:nudge()
  else
    ending.arrived(job, done, result)
  end
end

local function drain(self, max_events, max_bytes, max_seconds)
  local count, total = 0, 0
  self._limit = max_seconds and self:_now() + max_seconds or false
  if self._ledger then
    self._ledger:tick()
  end
  local left_over = self._left_over
  local is_begun = left_over ~= false
  if left_over then
    self._left_over = false
    ending.arrived(left_over[1], left_over[2], left_over[3])
  end
  while count < max_events and total < max_bytes and not self._closed
    and not (is_begun and is_late(self)) do
    local id, what, a, b, bytes = self._handle:take()
    if not id then
      break
    end
    count, total, is_begun = count + 1, total + (bytes or 0), true
    dispatch(self, id, what, a, b)
  end
  return count
end

--- Whether a step would find nothing to do. A frame's step does not find anything in the
--- processor's caches either, so each look counts, and one at a field that is not there goes on to
--- a second table: all of these are there, if only as false.
local function is_idle(self)
  return not (self._handle:has_news() or self._alarm or self._ledger or self._settling
    or self._pumping or scheduler.has_work())
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
  if self._closed or self._stepping or is_idle(self) then
    return 0
  end
  self:_recover()
  self._stepping = true
  local ok, count = pcall(drain, self, max_events or math.huge, max_bytes or math.huge,
    max_seconds)
  self._stepping, self._limit = false, false
  if not ok then
    error(count, 0) -- Ctrl-C, or no memory
  end
  if self._alarm and self:_now() >= self._alarm then
    Gate.ring(self, self:_now())
  end
  self:_resume()
  return count
end

return stepping
