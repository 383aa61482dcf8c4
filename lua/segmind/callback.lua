--- The caller's code that this library runs: callbacks (`on_event`, `job:on`, `on_unknown`) and the
--- coroutines whose wait is over. Each runs protected: an error in it is told to `on_event` and to
--- whoever waits, and the other jobs go on; Ctrl-C in the midst of it is passed on.
---
--- Coroutines are resumed one after the other when the event that ended their wait is dealt with,
--- never within a callback: they may submit, wait and close as they like, and a long row of
--- coroutines that wait for each other needs no deep stack.

local Budget = require("segmind.budget")
local Error = require("segmind.error")
local Queue = require("segmind.queue")
local guard = require("segmind.guard")
local lazy = require("segmind.lazy")

local schema = lazy.require("segmind.schema")

--- What `on_event` is told.
---@class segmind.Event
---@field what "state"|"done"|"error"|"warning"|"note"|"callback"|"resubmit"
---@field job segmind.Job? nil for what concerns the whole client
---@field state segmind.JobState? of "state"
---@field result segmind.Result? of "done"
---@field replayed boolean? of "done": true when the ledger had the result, and nothing was paid now
---@field error segmind.Error? of "error", of "callback": an error in a callback, and of "resubmit"
---@field message string? of "warning", "note" and "resubmit"

local callback = {}

local during

--- Hands over what runs a function while a field is true; see core.during.
---@param core table segmind.core
function callback.use(core)
  during = core.during
end

-- What a coroutine of ours yields when a callback has returned; one of the caller cannot know it.
local RETURNED = {}

-- What is raised need not be a string, and traceback leaves anything else as it is.
local function traced(problem)
  return guard.wrap(problem) or debug.traceback(Error.text(problem), 2)
end

local function call(fn, value, job)
  return xpcall(fn, traced, value, job)
end

-- Runs one callback after the other. It has no locals for what it is called with: a picture would
-- stay in memory until the next callback.
local function run_each()
  local ok, answer
  while true do
    ok, answer = call(coroutine.yield(RETURNED, ok, answer))
  end
end

local function new_runner()
  local co = coroutine.create(run_each)
  coroutine.resume(co)
  return { co = co, outer = false }
end

-- Who runs the callback that is under way. One that was interrupted is dead, or waits for the next.
local function current(client)
  local runner = client._in_callback
  while runner do
    local status = coroutine.status(runner.co)
    if status == "running" or status == "normal" then
      return runner
    end
    runner = runner.outer
  end
  return false
end

--- The coroutine of the client's callback that is running.
---@param client segmind.Client
---@return thread?
function callback.within(client)
  local runner = current(client)
  return runner and runner.co or nil
end

--- Calls a function of the caller. `_in_callback` keeps blocking calls out of it; it says in which
--- coroutine the callback runs, as another one that is started there may well wait. It has one of
--- its own, which the next one gets, too: a callback that yields must not take the step that called
--- it along. What the callback raises is its own; Ctrl-C in the midst of it is not.
local function guarded(client, fn, value, job)
  local before = client._in_callback and current(client)
  local runner = client._runner or new_runner()
  client._runner = nil
  runner.outer = before
  client._in_callback = runner
  local alive, mark, ok, answer = coroutine.resume(runner.co, fn, value, job)
  client._in_callback = before
  if not alive then
    error(mark, 0) -- raised between two callbacks, by none of them
  elseif mark ~= RETURNED then
    return false, "a callback cannot yield; segmind.async(fn) can"
  end
  client._runner = runner
  if callback.woken.has_any then
    callback.resume(client)
  end
  if answer == nil then -- nearly always
    return ok
  end
  return ok, guard.pass(answer)
end

--- Tells `on_event`. An error in it is kept for the next `wait`, not reported to itself.
---@param client segmind.Client
---@param event segmind.Event
function callback.emit(client, event)
  if client._on_event then
    local ok, trace = guarded(client, client._on_event, event)
    if not ok then
      client._callback_error = client._callback_error
        or Error.new("invalid", "on_event raised an error: " .. trace,
          { charged = event.job and Budget.charged(event.job) or "unknown" })
    end
  end
end

-- -- callbacks of a job ---------------------------------------------------------------------------

-- `job._listeners`, nil as long as there is nothing to note: an event and its function by turns,
-- false in the place of an event that was told; whether "state" is among them (`hears_state`);
-- whether the end was told to `on_event` (`told_state`, `told_end`); and the first `error` in a
-- callback.

--- A callback of a job did wrong: it is kept for who waits for the job.
---@param job segmind.Job
---@param message string
function callback.blame(job, message)
  local err = Error.new("invalid", message,
    { request_id = job.request_id, charged = Budget.charged(job) })
  local listeners = job._listeners
  listeners.error = listeners.error or err
  callback.emit(job._client, { what = "callback", job = job, error = err })
end

--- The error in a callback that nobody has heard of yet, of the job or of `on_event`; once.
---@param job segmind.Job
---@return segmind.Error?
function callback.take_error(job)
  local client, listeners = job._client, job._listeners
  local err = listeners and listeners.error or client._callback_error
  if err then
    client._callback_error = nil
    if listeners then
      listeners.error = nil
    end
  end
  return err
end

--- Calls a callback of a job that is asked something; nil when it raises. There are `_listeners`.
---@param job segmind.Job
---@param fn fun(value: any, job: segmind.Job): any
---@param value any
---@return any answer
function callback.ask(job, fn, value)
  local ok, answer = guarded(job._client, fn, value, job)
  if not ok then
    callback.blame(job, "a callback raised an error: " .. answer)
  end
  return ok and answer or nil
end

--- What to do about a submit whose outcome nobody knows: hold it, send it again, or ask a function,
--- which returns one of the two words or the id of the request that it has found.
---@alias segmind.OnUnknown "hold"|"resubmit"|fun(err: segmind.Error, job: segmind.Job): string

-- A misspelt word is no id, and adopted it would hide that the outcome is not known.
local function is_id(answer)
  return type(answer) == "string" and #answer >= 16 and #answer <= 128
    and answer:find("^%w[%w._-]*$") and answer:find("%d")
end

--- What the caller wants done about a submit with an unknown outcome.
---@param job segmind.Job
---@param err segmind.Error kind "unknown"
---@return string answer "hold", "resubmit", or a request id
function callback.on_unknown(job, err)
  local policy = job._request.opts.on_unknown or job._client._on_unknown or "hold"
  if type(policy) == "string" then
    return policy
  end
  local answer = callback.ask(job, policy, err)
  if answer == nil or answer == "hold" or answer == "resubmit" or is_id(answer) then
    return answer or "hold"
  end
  callback.blame(job, 'on_unknown returns "hold", "resubmit" or a request id, got '
    .. schema.show(answer))
  return "hold"
end

local fields = { state = "state", done = "result", error = "error" }

local function tell_client(job, what, value)
  callback.emit(job._client, { what = what, job = job, [fields[what]] = value,
    replayed = what == "done" and job.replayed or nil })
end

--- Tells the listeners of a job, then `on_event`. The list is taken as long as it is now: a
--- callback may add to it, and the end of the job empties it.
---@param job segmind.Job
---@param what string
---@param value any
function callback.tell(job, what, value)
  local listeners = job._listeners
  for i = 1, listeners and #listeners or 0, 2 do
    if listeners[i] == what then
      callback.ask(job, listeners[i + 1], value)
    end
  end
  if job._client._on_event then
    tell_client(job, what, value)
  end
end

local marks = { state = "told_state", done = "told_end", error = "told_end" }

local function tell_last(job, what, value)
  local listeners, mark = job._listeners, marks[what]
  for i = 1, #listeners, 2 do
    if listeners[i] == what then
      listeners[i] = false
      callback.ask(job, listeners[i + 1], value)
    end
  end
  if job._client._on_event and not listeners[mark] then
    listeners[mark] = true
    tell_client(job, what, value)
  end
end

--- Tells the end of a job that has `_listeners`, once: one is struck out before it is called, so
--- none hears of it again when the telling is interrupted and goes on later.
---@param job segmind.Job
function callback.tell_end(job)
  local listeners = job._listeners
  if listeners.hears_state or job._client._on_event then
    tell_last(job, "state", job.state)
  end
  tell_last(job, job._error and "error" or "done", job._error or job._result)
  for i = #listeners, 1, -1 do
    listeners[i] = nil
  end
end

-- -- coroutines -----------------------------------------------------------------------------------

-- Who is next, in order; whether a round goes on; the client whose gate was the reason.
local waiters, round, reason = Queue.new(), { is_going_on = false }, nil

--- Whether a coroutine is noted: `has_any`, which an idle step looks at.
callback.woken = { has_any = false }

-- The coroutines of segmind.async: true, or false for one that is never resumed again.
local tasks = setmetatable({}, { __mode = "k" })

--- The running coroutine; nil on the main thread.
---@return thread?
function callback.coroutine()
  local co, is_main = coroutine.running()
  return not is_main and co or nil
end

--- Makes a coroutine one of segmind.async, whose every wait suspends it.
---@param co thread
function callback.adopt(co)
  tasks[co] = true
end

--- Never resumes a coroutine again.
---@param co thread
function callback.drop(co)
  tasks[co] = false
end

---@param co thread
---@return boolean? is_task false for one that was dropped
function callback.is_task(co)
  return tasks[co]
end

--- The client whose step resumed what is running.
---@return segmind.Client?
function callback.reason()
  return reason
end

--- Notes a waiter whose coroutine `co`, while it is set, is to be resumed.
---@param waiter { co: thread?, gate: segmind.Gate }
function callback.note(waiter)
  callback.woken.has_any = true
  waiters:push(waiter)
end

local function report(co, err)
  if guard.is_interruption(err) then
    error(err, 0)
  end
  err = Error.new("invalid", "a coroutine raised an error: "
    .. debug.traceback(co, Error.text(err)), { charged = "unknown" })
  if not reason then
    error(tostring(err), 0)
  end
  reason._callback_error = reason._callback_error or err
  callback.emit(reason, { what = "callback", error = err })
end

local function resume(waiter)
  local co = waiter.co
  if co and tasks[co] ~= false and coroutine.status(co) == "suspended" then
    reason = waiter.gate._client or reason
    local ok, err = coroutine.resume(co, waiter.gate)
    if not ok then
      report(co, err)
    end
  end
end

-- A waiter stays first until it was resumed: Ctrl-C in between does not lose it.
local function resume_all()
  local waiter = waiters:peek()
  while waiter do
    resume(waiter)
    if waiters:peek() == waiter then
      waiters:pop()
    end
    waiter = waiters:peek()
  end
  callback.woken.has_any = false
end

--- Resumes the coroutines that are noted. What one of them sets off is left to the round that is
--- going on, unless that round stands still because one of them blocks.
---@param is_blocking boolean?
function callback.run(is_blocking)
  local is_inside = round.is_going_on == true
  if is_inside and not is_blocking or not callback.woken.has_any then
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

--- The same, unless work of ours is under way: whoever does that work comes here at its end.
---@param client segmind.Client
function callback.resume(client)
  if callback.woken.has_any and client._busy ~= true and not current(client) then
    callback.run()
  end
end

return callback
