--- What a ledger has written before a submit leaves, and when it was accepted. Methods of a Ledger.

local Error = require("segmind.error")
local budget = require("segmind.budget")
local rows = require("segmind.ledger_rows")

local sending = {}

--- Whether a job may be submitted now; if not, flow.lua is told of it by `next_to_send`.
---@return boolean
function sending:may_send(job)
  local may = self._places:take(job)
  if not may then
    self:_hurry()
  end
  return may
end

---@return segmind.Job?
function sending:next_to_send()
  return self._places:next()
end

function sending:_give_place(job)
  self._places:give(job)
  self._client:_settle()
end

local function step_of(job, body)
  local request = job._request
  return { key = job.key, generation = job._step and job._step.generation,
    fresh = request.opts.fresh, name = job.name, model = job.model, params = job._key_text,
    api = job._sync and "v1" or "v2", body = body, seed = job.seed, price = budget.price(job) }
end

-- Whose step it is comes before what it costs: another's is waited for, and paid by the other.
local function claim(self, job, step)
  local refused
  local done, err = self:_do(function(db)
    db:take_turn()
    local allowed, row = rows.claim(db, step, self.owner)
    if not allowed or rows.is_intended(step, row) then
      return allowed
    end
    local limit = self._client._budget
    refused = limit and limit:refusal(job, rows.spent(db))
    if not refused then
      rows.intend(db, step, row, self.owner, os.time())
    end
    return not refused
  end)
  return done, err or refused
end

--- Writes that the job is about to be submitted; only then may it be.
---@param job segmind.Job
---@param body string the JSON that will be sent
---@return boolean? allowed nil when another process was quicker: the job waits for its result
---@return segmind.Error? err kind "ledger" or "budget"
function sending:intend(job, body)
  local submit = job._operation
  submit.step = submit.step or step_of(job, body)
  local step = submit.step
  local done, err = claim(self, job, step)
  if err then
    err.message = err.message .. (err.kind == "ledger" and "; nothing was submitted" or "")
    return nil, err
  elseif not done then
    submit.step = nil
    self:_park(job)
    return nil
  end
  self:_hold(job, step)
  job._doubtful = nil
  return true
end

--- Whether an id is on the disk already.
function sending:knows(job, request_id) -- luacheck: no self
  return job._step.request_id == request_id
end

local function not_written(err, request_id)
  err.message = err.message .. "; the request was accepted and goes on at the service, "
    .. "client:attach takes it up"
  err.charged, err.request_id = "yes", request_id
  return err
end

--- Writes the id that the service gave. One that another step has is not believed: two submits of
--- the same body look alike in the request history, and adopted for both it would hide that the
--- outcome of one is not known.
---@return boolean? ok
---@return segmind.Error? err kind "ledger", which carries the id; or "unknown"
function sending:accepted(job, request_id)
  local step, generation = job._step, job._step.generation
  local is_others
  local _, err = self:_do(function(db)
    is_others = rows.is_others(db, step, request_id)
    if not is_others then
      rows.accept(db, step, request_id, self.owner, os.time())
    end
  end)
  if err then
    step.generation = generation
    return nil, not_written(err, request_id)
  elseif is_others then
    return nil, Error.new("unknown", ("the id that was given or found for the submit, %s, is that "
      .. "of another step of the ledger"):format(request_id), { charged = "unknown" })
  end
  step.request_id, job.request_id, job.generation = request_id, request_id, step.generation
  self:_give_place(job)
  return true
end

return sending
