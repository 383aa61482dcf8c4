--- The half of a client that brings events into Lua: `poll` waits for what the core has queued,
--- `step` (stepping.lua) hands it out, the blocking calls are a loop of both, so Ctrl-C works.

local Error = require("segmind.error")
local Gate = require("segmind.gate")
local callbacks = require("segmind.callbacks")
local ending = require("segmind.ending")
local scheduler = require("segmind.scheduler")
local schema = require("segmind.schema")
local stepping = require("segmind.stepping")
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
  for _, target in ipairs(job._targets or {}) do
    if self._saves[target] == job then
      self._saves[target] = nil
    end
  end
  job:_end()
  if job._gate then
    job._gate:open()
  end
end

function Events:_now()
  return self._core.now()
end

--- Unix time with the fractions of the monotonic clock, so that what lies between two of them is
--- exact; put right when the system's clock was set, or the machine has slept.
function Events:_unix_time()
  local now, wall = self:_now(), os.time()
  if not self._epoch or math.abs(self._epoch + now - wall) > 2 then
    self._epoch = wall - now
  end
  return self._epoch + now
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
  return self._left_over ~= false or self._handle:wait(math.max(seconds, 0))
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

for _, part in ipairs({ stepping, callbacks }) do
  for name, method in pairs(part) do
    Events[name] = method
  end
end

return Events
