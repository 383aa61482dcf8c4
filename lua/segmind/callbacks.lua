--- Functions of the caller: `on_event` of a client and `job:on`. Each runs protected: an error in
--- one is caught, told to `on_event` and to whoever waits, and the other jobs go on.

local Error = require("segmind.error")
local ending = require("segmind.ending")

---@class segmind.Event
---@field what "state"|"done"|"error"|"warning"|"note"|"callback"|"resubmit"
---@field job segmind.Job? nil for what concerns the whole client
---@field state string? of "state"
---@field result segmind.Result? of "done"
---@field error segmind.Error? of "error", of "callback": an error in a callback, and of "resubmit"
---@field message string? of "warning", "note" and "resubmit"

--- Methods of a client.
local callbacks = {}

-- What is raised need not be a string, and traceback leaves anything else as it is.
local function traced(problem)
  return debug.traceback(tostring(problem), 2)
end

--- Calls a function of the caller. `_in_callback` keeps blocking calls out of it; it says in which
--- coroutine the callback runs, as another one that is started there may well wait. It has one of
--- its own: a callback that yields must not take the step that called it along.
local function guarded(self, fn, value, job)
  local before = self._in_callback
  local co = coroutine.create(function()
    return xpcall(fn, traced, value, job)
  end)
  self._in_callback = co
  local alive, ok, answer = coroutine.resume(co)
  if coroutine.status(co) ~= "dead" then
    ok, answer = false, "a callback cannot yield; segmind.async(fn) can"
  elseif not alive then
    ok, answer = false, tostring(ok)
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

--- Tells the listeners of a job, then `on_event`. The list is taken as it is now: a callback may
--- add to it, or close the client.
function callbacks:_tell(job, what, value)
  local listeners = {}
  for i, listener in ipairs(job._listeners) do
    listeners[i] = listener
  end
  for _, listener in ipairs(listeners) do
    if listener.event == what then
      self:_protected(listener.fn, job, value)
    end
  end
  if self._on_event then
    self:_emit({ what = what, job = job, [fields[what]] = value })
  end
end

return callbacks
