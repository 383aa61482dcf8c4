--- A job: one picture in the making. As a value it stands for its picture, so a job put where a
--- model takes an image is the edge of a graph: the job that takes it starts when this one is done.
---
--- `state` in lower case is what this side is doing, in capitals what the service says, or how it
--- ended:
---   waiting     its inputs are not there yet, or `max_active_jobs` others are under way; with a
---               ledger also: others are being submitted, or another process is at the same step
---   uploading   a local picture is on its way up
---   submitting  the request is sent, the answer is not there
---   QUEUED      the service has it, no worker yet
---   PROCESSING  a worker has it
---   saving      the picture is on its way to `opts.save`
---   COMPLETED   over; `job:result()`
---   FAILED      over for any other reason, here or there; `job:error().kind` says which

local Error = require("segmind.error")
local ending = require("segmind.ending")
local Gate = require("segmind.gate")
local methods = require("segmind.methods")
local models = require("segmind.models")
local schema = require("segmind.schema")
local waiting = require("segmind.waiting")

---@class segmind.Job
---@field id integer counts the jobs of a client from 1
---@field model string
---@field params table what is sent; pictures become URLs before it is
---@field inputs table[] where the pictures come from: `{ param, kind, path | url | job }`
---@field warnings string[] what the service may do otherwise than asked
---@field name string? from the options
---@field seed integer? given or drawn
---@field request_id string? the service's id, once it has accepted the job
---@field step integer? its number in a chain
---@field key string? with a ledger, the name of the step there
---@field generation integer? with a ledger: 1, or more when `fresh` made the picture again
---@field state string see above
---@field started number? when its inputs were there, Unix time in seconds
---@field ended number? `ended - started` is the time it took, even if the clock was set meanwhile
---@field replayed boolean true when the ledger had its result: nothing was submitted for it
local Job = { _image_kind = "job" }
Job.__index = Job
Job.__name = "segmind.Job"

---@param client segmind.Client
---@param id integer
---@param request table from request.prepare
---@return segmind.Job
function Job.new(client, id, request)
  return setmetatable({ id = id, model = request.model, params = request.params,
    inputs = request.inputs, warnings = request.warnings, name = request.opts.name,
    seed = request.seed, step = request.step, state = "waiting", replayed = false,
    _client = client,
    _request = request, _declared = request.spec ~= nil, _dependents = {}, _listeners = {} }, Job)
end

--- Its time begins.
---@param timeout number? seconds to its deadline, else the client's
function Job:_begin(timeout)
  self._began = self._client:_now()
  self._deadline = self._began + (timeout or self._client._timeout)
  self.started = self._client:_unix_time() -- the last: it says that the others are there
end

--- Seconds since it began.
local function passed(self)
  return self._began and self._client:_now() - self._began or 0
end

function Job:_end()
  if self.ended then
    return
  end
  self._passed = passed(self)
  self.ended = (self.started or self._client:_unix_time()) + self._passed
end

--- How far the job is: the seconds since its inputs were there (until its end, once it is over) and
--- those that its model takes as published. `math.min(passed / (expected or 20), 1)` fills a bar.
---@return number passed
---@return number? expected nil for a model that is not declared
function Job:progress()
  local spec = models.declared(self.model)
  return self._passed or passed(self), spec and spec.latency_s
end

--- True when the job has ended, well or not. `wait` returns nil and an error both for a job that
--- failed and for one that goes on (`err.running`), so a loop asks this:
---
---     while not job:is_over() do print(job.state, job:progress()) job:wait(0.5) end
---@return boolean
function Job:is_over()
  return self._over == true
end

local function outcome(self)
  if self._error then
    return nil, self._error
  end
  local client = self._client
  local trouble = self._callback_error or client._callback_error
  if not trouble then
    return self._result
  end
  self._callback_error, client._callback_error = nil, nil
  return self._result, trouble
end

--- The gate that opens at the end.
function Job:_end_gate()
  self._gate = self._gate or Gate.new(self._client)
  return self._gate
end

local function wait(self, timeout, verb, is_await)
  if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout) then
    Error.misuse(verb .. " takes a number of seconds, got " .. schema.show(timeout))
  end
  if not self._over then
    waiting.pass(self:_end_gate(), timeout, verb, is_await)
  end
  if self._over then
    return outcome(self)
  end
  return nil, Error.new("timeout", ("not over after %g s, the job goes on (%s)"):format(timeout,
    self.state), { charged = ending.charged(self), request_id = self.request_id,
    retryable = true, running = true })
end

--- Waits until the job is over. Without `timeout` as long as the job takes, and its own deadline
--- bounds that; with one the wait ends after so many seconds and the job goes on.
---
---     local result, err = job:wait(60)
---
--- When a callback raised an error the result is still returned, with that error beside it, once.
--- In a coroutine of segmind.async, or of a loop's adapter, it suspends that and nothing else.
---@param timeout number? seconds
---@return segmind.Result?
---@return segmind.Error? err
function Job:wait(timeout)
  return wait(self, timeout, "job:wait")
end

--- As `wait`, but suspends any coroutine it is called in: it yields until `client:step`, called by
--- whoever, finds the job over and resumes it. On the main thread it is `wait`.
---@param timeout number? seconds; a step later than that ends the wait
---@return segmind.Result?
---@return segmind.Error? err
function Job:await(timeout)
  return wait(self, timeout, "job:await", true)
end

--- Takes what has arrived for the client, without blocking.
---@return boolean is_over
function Job:poll()
  if not self._over then
    self._client:step()
  end
  return self._over == true
end

local function cancel(_, job)
  local charged = ending.charged(job)
  ending.finish(job, nil, Error.new("cancelled", charged == "no" and "cancelled before it was sent"
    or "cancelled here; the service goes on with it", { charged = charged,
    request_id = job.request_id }))
end

--- Ends the job here. The service cannot cancel: what it has accepted runs and is paid, and
--- `client:attach(job.request_id, job.model)` takes it up again. Jobs that need this one fail.
---@return boolean cancelled false when it was over already
function Job:cancel()
  if self._over then
    return false
  end
  self._client:_work(cancel, self)
  return true
end

local events = { "state", "done", "error" }

--- Calls `fn` at an event: "state" with each new state, "done" with the result, "error" with the
--- error; the job is the second argument. It is called from `client:step` (so from any wait), from
--- `cancel` and `close`, or at once when the job is over already ("state" is then not called).
---@param event "state"|"done"|"error"
---@param fn fun(value: any, job: segmind.Job)
---@return segmind.Job self
function Job:on(event, fn)
  if event ~= "state" and event ~= "done" and event ~= "error" then
    local near = schema.nearest(event, events)
    Error.misuse(("a job has no event %s; %s"):format(schema.show(event), near
      and ('did you mean "%s"?'):format(near) or 'there are "state", "done" and "error"'))
  elseif type(fn) ~= "function" then
    Error.misuse("job:on takes a function, got " .. schema.show(fn))
  end
  if not self._over then
    table.insert(self._listeners, { event = event, fn = fn })
  elseif event == (self._error and "error" or "done") then
    self._client:_protected(fn, self, self._error or self._result)
  end
  return self
end

--- The result, once there is one. A job that failed only in saving its picture has both.
---@return segmind.Result?
function Job:result()
  return self._result
end

--- The error, once there is one.
---@return segmind.Error?
function Job:error()
  return self._error
end

function Job:__tostring()
  local name = self.name and (" %q"):format(self.name) or ""
  local request = self.request_id and (" [%s]"):format(self.request_id) or ""
  return ("segmind.Job %d%s %s %s%s"):format(self.id, name, self.model, self.state, request)
end

methods.guard(Job, "job", { "wait", "await" }, { new = true })

return Job
