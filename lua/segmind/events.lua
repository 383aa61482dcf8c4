--- The half of a client that brings events into Lua: `step` hands out what the core has queued,
--- `poll` waits for it, the blocking calls are a loop of both, so Ctrl-C works.

local Error = require("segmind.error")
local Gate = require("segmind.gate")
local callbacks = require("segmind.callbacks")
local ending = require("segmind.ending")
local scheduler = require("segmind.scheduler")
local schema = require("segmind.schema")
local waiting = require("segmind.waiting")

local Events = {}

--- Keeps who is to hear of a transfer of the core: `handler.finish(done, err)` at its end,
--- `handler.state(state, request_id)` before. The core returns an id, or nil and why it did not
--- even begin; that, too, is told to `finish`.
function Events:_operation(handler, id, err)
  if id and not self._closed then
    self._handlers[id] = handler
  elseif not id then
    handler.finish(nil, Error.from(err))
  end
  return id
end

function Events:_cancel(id)
  self._handlers[id] = nil
  self._handle:cancel(id)
end

function Events:_forget(job)
  self._jobs[job] = nil
  job.ended = self:_now()
  if job._gate then
    job._gate:open()
  end
end

function Events:_now()
  return self._core.now()
end

--- After Ctrl-C in the midst of our own work: what was being done is lost, the client is not.
function Events:_recover()
  if not self._stepping and not self._in_callback then
    self._settling, self._pumping = false, false
  end
end

--- Resumes the coroutines whose wait is over, unless work of ours is under way: whoever does that
--- work comes here at its end.
function Events:_resume()
  if not (self._stepping or self._in_callback or self._settling or self._pumping
      or self._settled:peek()) then
    scheduler.run()
  end
end

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
--- work, and where the first has used up the step's time the second is left to the next one.
function Events:_arrived(job, done, result)
  if is_late(self) then
    self._left_over:push({ job, done, result })
    self._handle:nudge()
  else
    ending.arrived(job, done, result)
  end
end

local function finish_left_over(self)
  local left = self._left_over:pop()
  while left do
    ending.arrived(left[1], left[2], left[3])
    left = not is_late(self) and self._left_over:pop()
  end
  if self._left_over:peek() then
    self._handle:nudge()
  end
end

local function drain(self, max_events, max_bytes, max_seconds)
  local count, total = 0, 0
  self._limit = max_seconds and self:_now() + max_seconds or false
  if self._ledger then
    self._ledger:tick()
  end
  local is_begun = self._left_over:peek() ~= nil
  if is_begun then
    finish_left_over(self)
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
function Events:step(max_events, max_bytes, max_seconds)
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

--- Waits until something has arrived for `step`, or the time is over, or a signal came.
---@param seconds number
---@return boolean true when `step` has something to take
function Events:poll(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds then
    Error.misuse("client:poll takes a number of seconds, got " .. schema.show(seconds))
  end
  if self._closed then
    return false
  end
  self:_check_open()
  return self._left_over:peek() ~= nil or self._handle:wait(math.max(seconds, 0))
end

--- Seconds until a `step` has something to do by the clock alone; a loop that watches the
--- descriptor comes back by then. `await` with a timeout is such a thing, or a ledger that other
--- processes write to.
---@return number? seconds nil when there is nothing of the kind
function Events:timeout()
  local left = self._alarm and math.max(self._alarm - self:_now(), 0)
  local idle = self._ledger and self._ledger:idle()
  return left and idle and math.min(left, idle) or left or idle or nil
end

--- Raises where the running code must not or cannot wait.
function Events:_may_block(verb)
  waiting.manner(self, verb)
  self:_check_open()
end

--- Waits for one transfer.
---@return table? done
---@return segmind.Error?
function Events:_await(id, refused)
  local gate, result, err = Gate.new(self), nil, nil
  self:_operation({ finish = function(done, failed)
    result, err = done, failed
    gate:open()
  end }, id, refused)
  waiting.pass(gate, nil, "waiting")
  return result, err or not result and Error.new("cancelled", "the client was closed") or nil
end

--- A descriptor that is readable while `step` has something to take, for the loop of a host.
---@return integer? fd nil for an inline client, which is stepped by a timer instead
function Events:fd()
  self:_check_open()
  return self._handle:fd()
end

--- What the adapter of a host's loop knows and a client does not.
---@class segmind.Loop
---@field suspend (fun(): fun(seconds: number?)?, fun()?)? Called by code that is about to wait: how
--- to put the running coroutine to sleep, at most so many seconds, and how to wake it. Nothing when
--- the coroutine is not one of the loop's.
---@field hurry fun()? Called when `client:timeout()` has become shorter.
---@field closing fun()? Called by `close` before the descriptor goes: watch it no more.

--- Puts the client on a loop; for adapters, see segmind.loop.cqueues.
---@param loop segmind.Loop? nil takes it off
function Events:set_loop(loop)
  if loop and self._loop then
    Error.misuse("the client is on a loop already; take it off that one first")
  end
  self._loop = loop
end

--- Figures: jobs not over (`pending`), those of them that wait for a place (`ready`), and the
--- core's own (`transfers`, `connections`, `polls`, `submits`, ...).
---@return table<string, number>
function Events:stats()
  self:_check_open()
  local stats = self._handle:stats()
  stats.pending, stats.ready = 0, self._ready:count()
  for _ in pairs(self._jobs) do
    stats.pending = stats.pending + 1
  end
  return stats
end

--- Ends all jobs (kind "cancelled"; what the service has accepted goes on there) and frees the
--- network. Never blocks; a second call does nothing.
function Events:close()
  if self._closed then
    return
  end
  local jobs = {}
  for job in pairs(self._jobs) do
    jobs[#jobs + 1] = job
  end
  table.sort(jobs, function(a, b)
    return a.id < b.id
  end)
  if self._loop and self._loop.closing then
    self._loop.closing()
  end
  self._closed, self._handlers, self._loop = true, {}, nil
  for _, job in ipairs(jobs) do
    ending.finish(job, nil, Error.new("cancelled", "the client was closed",
      { charged = ending.charged(job), request_id = job.request_id }))
  end
  if self._ledger then
    self._ledger:close()
  end
  self._handle:close()
  Gate.release(self)
  self:_resume()
end

function Events:__tostring()
  return ("segmind.Client (%s, %d jobs launched)"):format(self._closed and "closed" or "open",
    self._count)
end

for name, method in pairs(callbacks) do
  Events[name] = method
end

return Events
