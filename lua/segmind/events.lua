--- The half of a client that brings events into Lua: `poll` waits for what the core has queued,
--- `step` (stepping.lua) hands it out, the blocking calls are a loop of both, so Ctrl-C works.

local Error = require("segmind.error")
local Gate = require("segmind.gate")
local callbacks = require("segmind.callbacks")
local ending = require("segmind.ending")
local flow = require("segmind.flow")
local scheduler = require("segmind.scheduler")
local schema = require("segmind.schema")
local stepping = require("segmind.stepping")
local waiting = require("segmind.waiting")

local Events = {}

--- Begins a transfer of the core and keeps who is to hear of it: `handler.finish(done, err)` at
--- its end and `handler.state(state, request_id)` before, each perhaps again when an error is
--- raised in the midst of it. A handler with a job is what that job waits for. `handler.id` is
--- false until the core has the transfer; both are noted at once (see lsm_task.c). A transfer that
--- the core refuses to begin is told to `finish`, too.
---@param handler { finish: function, state: function?, job: segmind.Job? }
---@param verb string a method of the core's handle, with its arguments
function Events:_operation(handler, verb, ...)
  local id, err = self:_begin(handler, verb, ...)
  if err then
    handler.finish(nil, Error.from(err))
  end
  return id
end

--- The same, but for a refusal, which is returned.
---@return integer? id nil also when the client is about to close
---@return table? err as the core has it
function Events:_begin(handler, verb, a, b, c, d)
  handler.id = false
  if handler.job then
    handler.job._operation = handler
  end
  if self._closed then
    return nil
  end
  local handle = self._handle
  return handle[verb](handle, a, b, c, d, self._handlers, handler)
end

--- Whether the core has a transfer and its end has not been dealt with.
---@param handler table? as given to _operation
---@return boolean
function Events:_is_under_way(handler)
  return handler ~= nil and handler.id and self._handlers[handler.id] == handler or false
end

--- Ends a transfer that nobody waits for any more, unless its end is being dealt with.
---@param handler table?
function Events:_cancel(handler)
  if self:_is_under_way(handler) and not handler.is_ending then
    self._handlers[handler.id] = nil
    self._handle:cancel(handler.id)
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

local function begin(self, was_interrupted, fn, ...)
  if was_interrupted then
    flow.recover(self)
  end
  return fn(self, ...)
end

--- Runs `fn(self, ...)`, which changes what becomes of jobs. Not within another such work, each of
--- which is whole: when an error is raised in the midst of one (Ctrl-C, a watchdog, no memory), the
--- next makes good first what was left half done.
---@return any, any what fn returned
function Events:_work(fn, ...)
  local before = self._busy
  if before == true then
    return fn(self, ...)
  end
  local a, b = self._core.during(self, "_busy", begin, self, before, fn, ...)
  self:_resume()
  return a, b
end

--- Resumes the coroutines whose wait is over, unless work of ours is under way: whoever does that
--- work comes here at its end.
function Events:_resume()
  if self._busy ~= true and not callbacks.running(self) then
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
--- descriptor comes back by then. `await` with a timeout is such a thing, or a job's deadline.
---@return number? seconds nil when there is nothing of the kind
function Events:timeout()
  if self._busy == "interrupted" then
    return 0
  end
  local at = math.min(self._alarm or math.huge, self._watch or math.huge)
  return at < math.huge and math.max(at - self:_now(), 0) or nil
end

--- Raises where the running code must not or cannot wait.
function Events:_may_block(verb)
  waiting.manner(self, verb)
  self:_check_open()
end

--- Waits for one transfer.
---@return table? done
---@return segmind.Error?
function Events:_await(verb, ...)
  local gate, result, err = Gate.new(self), nil, nil
  self:_operation({ finish = function(done, failed)
    result, err = done, failed
    gate:open()
  end }, verb, ...)
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

local function close(self)
  local jobs = self:_live_jobs()
  if self._loop and self._loop.closing then
    self._loop.closing()
  end
  self._closed, self._handlers, self._loop, self._limit = true, {}, nil, false
  for _, job in ipairs(jobs) do
    ending.finish(job, nil, Error.new("cancelled", "the client was closed",
      { charged = ending.charged(job), request_id = job.request_id }))
  end
  flow.settle(self)
  self._handle:close()
  Gate.release(self)
  self._is_gone = true
end

--- The jobs that are not over, in the order of their calls.
---@return segmind.Job[]
function Events:_live_jobs()
  local jobs = {}
  for job in pairs(self._jobs) do
    jobs[#jobs + 1] = job
  end
  table.sort(jobs, function(a, b)
    return a.id < b.id
  end)
  return jobs
end

--- Ends all jobs (kind "cancelled"; what the service has accepted goes on there) and frees the
--- network. Never blocks; a second call does nothing.
function Events:close()
  if not (self._is_gone or self._closed and self._busy == true) then
    self:_work(close)
  end
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
