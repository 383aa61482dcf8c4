--- A job: one picture in the making. As a value it stands for its picture, so a job put where a
--- model takes an image is the edge of a graph: the job that takes it starts when this one is done.

local Budget = require("segmind.budget")
local Error = require("segmind.error")
local callback = require("segmind.callback")
local fields = require("segmind.fields")
local guard = require("segmind.guard")
local lazy = require("segmind.lazy")
local lifecycle = require("segmind.lifecycle")
local models = require("segmind.models")
local request = require("segmind.request")
local step = require("segmind.step")
local wait = require("segmind.wait")

local schema = lazy.require("segmind.schema")

--- Where a job is: in lower case what this side is doing, in capitals what the service says, or how
--- it ended.
---@alias segmind.JobState
---| "waiting" # for its pictures, for a place, or for another job or process at the same step
---| "uploading" # a local picture is on its way up
---| "submitting" # the request is sent, the answer is not there
---| "QUEUED" # the service has it, no worker yet
---| "PROCESSING" # a worker has it
---| "saving" # the picture is on its way to `opts.save`
---| "COMPLETED" # over; `job:result()`
---| "FAILED" # over for any other reason, here or there; `job:error().kind` says which

-- The list of every job that has nothing to put into one.
local function shared(name)
  return setmetatable({}, { __newindex = function()
    Error.misuse(("job.%s is for reading; change a copy"):format(name))
  end })
end

--- One picture in the making. As a value it stands for its picture: where a model takes an image it
--- is the edge of a graph.
---@class segmind.Job
---@field id integer counts the jobs of a client from 1
---@field model string
---@field params table what is sent; pictures become URLs before it is
---@field inputs table[] for reading: where pictures come from, `{ param, kind, path | url | job }`
---@field warnings string[] for reading: what the service may do otherwise than asked
---@field name string? from the options
---@field seed integer? given or drawn
---@field request_id string? the service's id, once it has accepted the job
---@field step integer? its number in a chain
---@field key string? with a ledger, the name of the step there
---@field generation integer? with a ledger: 1, or more when `fresh` made the picture again
---@field state segmind.JobState
---@field started number? when its inputs were there, Unix time in seconds
---@field ended number? `ended - started` is the time it took, even if the clock was set meanwhile
---@field replayed boolean true when the ledger had its result: nothing was submitted for it
local Job = { _image_kind = "job", inputs = shared("inputs"), warnings = shared("warnings"),
  replayed = false, state = "waiting", _phase = "waiting", _sent = false,
  _deadline = false, _task = false, _listeners = false }
Job.__index = Job
Job.__name = "segmind.Job"

-- LuaJIT's table.insert asks no metatable, so there what was put into the lists of all goes with
-- them.
local is_filled = rawget(_G, "jit") and function()
  return next(Job.inputs) or next(Job.warnings)
end

-- A job that waits for others, whose `inputs` are made when somebody asks for them.
local Waiting = { _image_kind = "job", class = Job, __name = Job.__name }

function Waiting.__index(job, name)
  if name == "inputs" then
    return fields.inputs(job)
  end
  return Job[name]
end

function Waiting.__tostring(job)
  return Job.__tostring(job)
end

-- The fields that few jobs have. A nil would take room in LuaJIT and 5.3.
local function add_rare(made, client, prepared)
  local opts = prepared.opts
  if prepared.inputs then
    made.inputs = prepared.inputs
  end
  if prepared.warnings then
    made.warnings = prepared.warnings
  end
  if prepared.step then
    made.step = prepared.step
  end
  if prepared.is_sync then
    made._sync = true
  end
  if prepared.targets then
    made._targets = prepared.targets
  end
  if opts.name then
    made.name = opts.name
  end
  local has_metadata = opts.metadata
  if has_metadata == nil then
    has_metadata = client._metadata
  end
  if has_metadata then
    made._has_metadata = true
  end
  return made
end

-- In eight fields: the others have their first values from the class.
local function new_waiting(client, prepared)
  return setmetatable(add_rare({ id = client._count, model = prepared.model,
    params = prepared.params, seed = prepared.seed, _client = client,
    _request = request.kept(prepared, false) }, client, prepared), Waiting)
end

--- Makes a job, which lifecycle.lua goes on with. Ten thousand of them may wait, and more go by: in
--- the sixteen fields for which a table has room before it doubles, `request_id`, `started`,
--- `ended` and `_result` among them.
---@param client segmind.Client
---@param prepared table from request.prepare
---@return segmind.Job
function Job.new(client, prepared)
  client._count = client._count + 1
  if is_filled and is_filled() then
    Job.inputs, Job.warnings = shared("inputs"), shared("warnings")
  end
  if not prepared.slots then
    return new_waiting(client, prepared)
  end
  return setmetatable(add_rare({ id = client._count, model = prepared.model,
    params = prepared.params, seed = prepared.seed, state = "waiting", _client = client,
    _request = request.kept(prepared, client._has_ledger), _phase = "waiting", _sent = false,
    _deadline = false, _task = false, _listeners = false }, client, prepared), Job)
end

--- How far the job is: the seconds since its inputs were there (until its end, once it is over) and
--- those that its model takes as published. `math.min(passed / (expected or 20), 1)` fills a bar.
---@return number passed
---@return number? expected nil for a model that is not declared
function Job:progress()
  local spec = models.declared(self.model)
  return fields.passed(self), spec and spec.latency_s
end

--- True when the job has ended, well or not. `wait` returns nil and an error both for a job that
--- failed and for one that goes on (`err.running`), so a loop asks this:
---
---     while not job:is_over() do print(job.state, job:progress()) job:wait(0.5) end
---@return boolean
function Job:is_over()
  return self._phase == "over"
end

--- The gate that opens at the end.
function Job:_end_gate()
  return fields.gate(self)
end

--- The error of a wait that ended before the job.
---@param timeout number seconds
---@return segmind.Error
function Job:_not_over(timeout)
  return Error.new("timeout", ("not over after %g s, the job goes on (%s)"):format(timeout,
    self.state), { charged = Budget.charged(self), request_id = self.request_id,
    retryable = true, running = true })
end

local function wait_for(self, timeout, verb, is_await)
  if timeout ~= nil then
    wait.check_seconds(timeout, verb)
  end
  if self._phase ~= "over" then
    wait.pass(self:_end_gate(), timeout, verb, is_await)
  end
  if self._phase ~= "over" then
    return nil, self:_not_over(timeout)
  elseif self._error then
    return nil, self._error
  end
  local result, trouble = fields.result(self), callback.take_error(self)
  if trouble then
    return result, trouble
  end
  return result
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
  return wait_for(self, timeout, "job:wait")
end

--- As `wait`, but suspends any coroutine it is called in: it yields until `client:step`, called by
--- whoever, finds the job over and resumes it. On the main thread it is `wait`.
---@param timeout number? seconds; a step later than that ends the wait
---@return segmind.Result?
---@return segmind.Error? err
function Job:await(timeout)
  return wait_for(self, timeout, "job:await", true)
end

--- Takes what has arrived for the client, without blocking.
---@return boolean is_over
function Job:poll()
  if self._phase ~= "over" then
    self._client:step()
  end
  return self._phase == "over"
end

--- Ends the job here. The service cannot cancel: what it has accepted runs and is paid, and
--- `client:attach(job.request_id, job.model)` takes it up again. Jobs that need this one fail.
---@return boolean cancelled false when it was over already
function Job:cancel()
  if self._phase == "over" then
    return false
  end
  step.event(self, "cancel")
  return true
end

local events = { "state", "done", "error" }

--- Calls `fn` at an event: "state" with each new state, "done" with the result, "error" with the
--- error; the job is the second argument. It is called from `client:step` (so from any wait), from
--- `cancel` and `close`, or at once when the job is over already ("state" is then not called).
---@param event "state"|"done"|"error"
---@param fn fun(value: any, job: segmind.Job)
---@return segmind.Job self
---@overload fun(self, event: "state", fn: fun(to: segmind.JobState, job: segmind.Job)): segmind.Job
---@overload fun(self, event: "done", fn: fun(value: segmind.Result, job: segmind.Job)): segmind.Job
---@overload fun(self, event: "error", fn: fun(err: segmind.Error, job: segmind.Job)): segmind.Job
function Job:on(event, fn)
  if event ~= "state" and event ~= "done" and event ~= "error" then
    local near = schema.nearest(event, events)
    Error.misuse(("a job has no event %s; %s"):format(schema.show(event), near
      and ('did you mean "%s"?'):format(near) or 'there are "state", "done" and "error"'))
  elseif type(fn) ~= "function" then
    Error.misuse("job:on takes a function, got " .. schema.show(fn))
  end
  fields.listen(self, event, fn)
  return self
end

--- The result, once there is one. A job that failed only in saving its picture has both.
---@return segmind.Result?
function Job:result()
  return fields.result(self)
end

--- The error, once there is one.
---@return segmind.Error?
function Job:error()
  return self._error
end

function Job:__tostring()
  local name = self.name and (" %q"):format(self.name) or ""
  local id = self.request_id and (" [%s]"):format(self.request_id) or ""
  return ("segmind.Job %d%s %s %s%s"):format(self.id, name, self.model, self.state, id)
end

-- As the handler of its submit, see operation.lua.
Job._on_end, Job._on_state, Job._on_row = lifecycle.on_end, lifecycle.on_state, lifecycle.on_row

guard.class(Job, "job", { "wait", "await" }, { new = true }, Waiting)

return Job
