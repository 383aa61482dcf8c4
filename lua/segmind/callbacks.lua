--- Functions of the caller: `on_event` of a client and `job:on`. Each runs protected: an error in
--- one is caught, told to `on_event` and to whoever waits, and the other jobs go on.

local Error = require("segmind.error")
local ending = require("segmind.ending")

---@class segmind.Event
---@field what "state"|"done"|"error"|"warning"|"note"|"callback"|"resubmit"
---@field job segmind.Job? nil for what concerns the whole client
---@field state string? of "state"
---@field result segmind.Result? of "done"
---@field replayed boolean? of "done": true when the ledger had the result, and nothing was paid now
---@field error segmind.Error? of "error", of "callback": an error in a callback, and of "resubmit"
---@field message string? of "warning", "note" and "resubmit"

--- Methods of a client.
local callbacks = {}

-- What is raised need not be a string, and traceback leaves anything else as it is.
local function traced(problem)
  return debug.traceback(Error.text(problem), 2)
end

-- What a coroutine of ours yields when a callback has returned; one of the caller cannot know it.
local SERVED = {}

local function call(fn, value, job)
  return xpcall(fn, traced, value, job)
end

-- Serves one callback after the other. It has no locals for what it is called with: a picture would
-- stay in memory until the next callback.
local function serve()
  local ok, answer
  while true do
    ok, answer = call(coroutine.yield(SERVED, ok, answer))
  end
end

local function new_server()
  local co = coroutine.create(serve)
  coroutine.resume(co)
  return co
end

--- Calls a function of the caller. `_in_callback` keeps blocking calls out of it; it says in which
--- coroutine the callback runs, as another one that is started there may well wait. It has one of
--- its own, which the next one gets, too: a callback that yields must not take the step that called
--- it along.
local function guarded(self, fn, value, job)
  local before, co = self._in_callback, self._server or new_server()
  self._server, self._in_callback = nil, co
  local alive, mark, ok, answer = coroutine.resume(co, fn, value, job)
  if not alive then
    ok, answer = false, tostring(mark)
  elseif mark ~= SERVED then
    ok, answer = false, "a callback cannot yield; segmind.async(fn) can"
  else
    self._server = co
  end
  self._in_callback = before
  self:_resume()
  return ok, answer
end

--- Tells `on_event`. An error in it is kept for the next `wait`, not reported to itself.
function callbacks:_emit(event)
  if self._on_event then
    local ok, trace = guarded(self, self._on_event, event)
    if not ok then
      self._callback_error = self._callback_error
        or Error.new("invalid", "on_event raised an error: " .. trace)
    end
  end
end

--- A callback of a job did wrong: it is kept for who waits for the job.
function callbacks:_blame(job, message)
  local err = Error.new("invalid", message,
    { request_id = job.request_id, charged = ending.charged(job) })
  job._callback_error = job._callback_error or err
  self:_emit({ what = "callback", job = job, error = err })
end

--- Calls a callback of a job that is asked something; nil when it raises.
function callbacks:_ask(fn, job, value)
  local ok, answer = guarded(self, fn, value, job)
  if not ok then
    self:_blame(job, "a callback raised an error: " .. answer)
  end
  return ok and answer or nil
end

function callbacks:_protected(fn, job, value)
  self:_ask(fn, job, value)
end

local fields = { state = "state", done = "result", error = "error" }

--- Tells the listeners of a job, then `on_event`. The list is taken as long as it is now: a
--- callback may add to it, and the end of the job puts another one in its place.
function callbacks:_tell(job, what, value)
  local listeners = job._listeners
  for i = 1, #listeners do
    if listeners[i].event == what then
      self:_protected(listeners[i].fn, job, value)
    end
  end
  if self._on_event then
    self:_emit({ what = what, job = job, [fields[what]] = value,
      replayed = what == "done" and job.replayed or nil })
  end
end

return callbacks
