--- A submit of which nobody knows what became: it was sent, its answer was lost, and the request
--- history did not tell (`err.history` is "absent", "unclear" or "unreachable"; the synchronous way
--- has no lookup). Whether it is sent again, and perhaps paid twice, is the caller's to say (M3, M8
--- of doc/money.md): `on_unknown`.

local ending = require("segmind.ending")
local schema = require("segmind.schema")
local step = require("segmind.step")

local MAX_RESUBMITS = 3

local doubt = {}

---@alias segmind.OnUnknown "hold"|"resubmit"|fun(err: segmind.Error, job: segmind.Job): string

-- A misspelt word is no id, and adopted it would hide that the outcome is not known.
local function is_id(answer)
  return type(answer) == "string" and #answer >= 16 and #answer <= 128
    and answer:find("^%w[%w._-]*$") and answer:find("%d")
end

--- "hold", "resubmit", or a request id.
local function ask(job, err)
  local client = job._client
  local policy = job._request.opts.on_unknown or client._on_unknown or "hold"
  if type(policy) == "string" then
    return policy
  end
  local answer = client:_ask(policy, job, err)
  if answer == nil then
    return "hold"
  elseif answer == "hold" or answer == "resubmit" or is_id(answer) then
    return answer
  end
  client:_blame(job, 'on_unknown returns "hold", "resubmit" or a request id, got '
    .. schema.show(answer))
  return "hold"
end

local function hold(job, err, why)
  if why then
    err.message = ("%s; not sent again: %s"):format(err.message, why)
  end
  ending.fail(job, err)
end

local function resubmit(job, err, transfer)
  local count = (job._resubmits or 0) + 1
  if count > MAX_RESUBMITS then
    return hold(job, err, ("that was done %d times"):format(MAX_RESUBMITS))
  elseif ending.remaining(job) <= 0 then
    return hold(job, err, "the deadline passed")
  end
  job._resubmits = count
  job._client:_emit({ what = "resubmit", job = job, error = err, message =
    ("submitted again (%d of at most %d); the one before may have been paid: %s"):format(count,
      MAX_RESUBMITS, err.message) })
  if not job._over then
    transfer(job)
  end
end

--- With a ledger the id is the job's once it is on the disk, and not when another step has it.
--- It may be said again, after an error in the midst of it.
---@param job segmind.Job with the id in `_adopting`
function doubt.adopt(job)
  local client, request_id, handler = job._client, job._adopting, ending.follower(job)
  job._sync = nil
  if client._has_ledger then
    local opts = ending.task_options(job)
    opts.step, handler.is_adoption = step.of(job), true
    return client:_operation(handler, "attach", job.model, request_id, opts)
  end
  job.request_id, job._doubtful = request_id, nil
  ending.set_state(job, "QUEUED")
  if not job._over then
    ending.attach(job, request_id)
  end
end

--- Decides about a submit whose outcome is unknown.
---@param job segmind.Job
---@param err segmind.Error kind "unknown"
---@param transfer fun(job: segmind.Job) sends the job
function doubt.decide(job, err, transfer)
  ending.name(job, err)
  job._doubtful = true
  local was_adoption = job._operation and job._operation.is_adoption
  local answer = was_adoption and "hold" or job._adopting or ask(job, err)
  if job._over then
    return
  elseif answer == "hold" then
    hold(job, err)
  elseif answer == "resubmit" then
    resubmit(job, err, transfer)
  else
    job._adopting = answer
    doubt.adopt(job)
  end
end

return doubt
