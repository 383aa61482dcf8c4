--- Functions of the caller: `on_event` of a client and `job:on`. Each runs protected: an error in
--- one is caught, told to `on_event` and to whoever waits, and the other jobs go on.

local Error = require("segmind.error")
local ending = require("segmind.ending")
local interruption = require("segmind.interruption")

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
  return interruption.wrap(problem) or debug.traceback(Error.text(problem), 2)
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
  return { co = co, outer = false }
end

-- Who serves the callback that is running. One that was interrupted is dead, or waits for the next.
local function current(client)
  local server = client._in_callback
  while server do
    local status = coroutine.status(server.co)
    if status == "running" or status == "normal" then
      return server
    end
    server = server.outer
  end
  return false
end

--- The coroutine of the callback that is running.
---@param client segmind.Client
---@return thread?
function callbacks.running(client)
  local server = current(client)
  return server and server.co or nil
end

--- Calls a function of the caller. `_in_callback` keeps blocking calls out of it; it says in which
--- coroutine the callback runs, as another one that is started there may well wait. It has one of
--- its own, which the next one gets, too: a callback that yields must not take the step that called
--- it along. What the callback raises is its own; Ctrl-C in the midst of it is not.
local function guarded(self, fn, value, job)
  local before, server = current(self), self._server or new_server()
  self._server = nil
  server.outer = before
  self._in_callback = server
  local alive, mark, ok, answer = coroutine.resume(server.co, fn, value, job)
  self._in_callback = before
  if not alive then
    error(mark, 0) -- raised between two callbacks, by none of them
  elseif mark ~= SERVED then
    return false, "a callback cannot yield; segmind.async(fn) can"
  end
  self._server = server
  self:_resume()
  return ok, interruption.pass(answer)
end

--- Tells `on_event`. An error in it is kept for the next `wait`, not reported to itself.
function callbacks:_emit(event)
  if self._on_event then
    local ok, trace = guarded(self, self._on_event, event)
    if not ok then
      self._callback_error = self._callback_error
        or Error.new("invalid", "on_event raised an error: " .. trace,
          { charged = event.job and ending.charged(event.job) or "unknown" })
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

local function tell_client(self, job, what, value)
  if self._on_event then
    self:_emit({ what = what, job = job, [fields[what]] = value,
      replayed = what == "done" and job.replayed or nil })
  end
end

--- Tells the listeners of a job, then `on_event`. The list is taken as long as it is now: a
--- callback may add to it, and the end of the job empties it.
function callbacks:_tell(job, what, value)
  local listeners = job._listeners
  for i = 1, #listeners do
    if listeners[i] and listeners[i].event == what then
      self:_protected(listeners[i].fn, job, value)
    end
  end
  tell_client(self, job, what, value)
end

local marks = { state = "_told_state", done = "_told_end", error = "_told_end" }

local function take_listener(job, what)
  for i, listener in ipairs(job._listeners) do
    if listener.event == what then
      return table.remove(job._listeners, i)
    end
  end
end

--- The same at the end of a job, which is told once: a listener leaves the list before it is
--- called, so none hears of it again when the telling is interrupted and goes on later.
function callbacks:_tell_last(job, what, value)
  local listener = take_listener(job, what)
  while listener do
    self:_protected(listener.fn, job, value)
    listener = take_listener(job, what)
  end
  local mark = marks[what]
  if not job[mark] then
    job[mark] = true
    tell_client(self, job, what, value)
  end
end

return callbacks
