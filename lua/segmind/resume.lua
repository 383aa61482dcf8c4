--- Jobs taken up again: one by its request id, or all that a ledger knows to be unfinished. Methods
--- of a client.

local Error = require("segmind.error")
local Job = require("segmind.job")
local deadline = require("segmind.deadline")
local ending = require("segmind.ending")
local json = require("segmind.json")
local models = require("segmind.models")
local options = require("segmind.options")
local request = require("segmind.request")
local schema = require("segmind.schema")

local resume = {}

--- The parameters of a row; an empty table, and `row.damage`, when they cannot be read.
local function params_of(row)
  local body = not row.damage and json.decode(row.body)
  if type(body) == "table" then
    return body
  end
  row.damage = row.damage or ("the row of step %s is damaged: its body is no JSON"):format(
    row.step_key)
  return {}
end

local resume_options = { timeout = "seconds", poll = "poll", on_unknown = "doubt" }

--- A job that has been submitted before, its time running from now.
local function begin(client, model, params, opts, name)
  client._count = client._count + 1
  local job = Job.new(client, client._count, { model = model, params = params, inputs = {},
    warnings = {}, opts = opts, spec = models.declared(model), slots = {} })
  job.name = name or job.name
  job:_begin(opts.timeout)
  return job
end

local function attach(self, job, request_id)
  self._jobs[job] = true
  deadline.watch(job)
  local _, refused = self:_begin(ending.follower(job), "attach", job.model, request_id,
    ending.attach_options(job))
  if not refused then
    return job
  end
  self._jobs[job] = nil
  return nil, Error.from(refused)
end

--- Takes up a job that the service has accepted before, from its id alone. With a ledger that knows
--- the id, what becomes of it is written there.
---@param request_id string
---@param model segmind.Model
---@param opts segmind.CallOptions?
---@return segmind.Job?
---@return segmind.Error? err kind "security" for an id that is none
function resume:attach(request_id, model, opts)
  opts = options.read(opts, request.options, "attach")
  if type(request_id) ~= "string" or type(model) ~= "string" then
    Error.misuse("client:attach takes a request id and the name of a model")
  end
  self:_check_open()
  local bad = schema.model_problem(model, models.names)
  if bad then
    return nil, Error.refusal(bad)
  end
  local job = begin(self, model, {}, opts)
  job.request_id, job.state = request_id, "QUEUED"
  job._is_unseen = true -- until the service tells a state, the id is only the caller's word
  return self:_work(attach, job, request_id)
end

local function take_up(self, row, opts)
  local job = begin(self, tostring(row.model), params_of(row), opts, row.name)
  job._row = row
  deadline.watch(job)
  self._jobs[job] = true
  ending.take_up(job)
  return job
end

-- A row that a job of ours is at was taken, too, when that has just ended and its end was not heard
-- yet.
local function is_free(self, row)
  local leader = self._leaders[row.step_key]
  return row.damage or row.standing == "taken" and not (leader and not leader._over)
end

-- A job for each row that was taken, or that cannot be relied on. The rows are ours from then on,
-- so what an error leaves over here is there for the next call.
local function take_all(self, opts)
  local jobs, rows = {}, self._rows
  while rows[1] do
    jobs[#jobs + 1] = is_free(self, rows[1]) and take_up(self, rows[1], opts) or nil
    table.remove(rows, 1)
  end
  return jobs
end

--- Takes up every step of the ledger that was begun and has not ended: those that were accepted by
--- their id, those whose answer was never seen by looking for them in the request history. Steps
--- that another process is at are left to it. The jobs have no local pictures to send again. A step
--- whose row cannot be read or written is a job that has failed (kind "ledger").
---
---     for _, job in ipairs(assert(sm:resume())) do print(job, job:wait()) end
---@param opts { timeout: number?, poll: any, on_unknown: segmind.OnUnknown? }?
---@return segmind.Job[]?
---@return segmind.Error? err kind "ledger"
function resume:resume(opts)
  opts = options.read(opts, resume_options, "client:resume")
  self:_check_open()
  if not self._has_ledger then
    Error.misuse("client:resume takes up what a ledger knows; this client has none")
  end
  local _, err = self:_query("resume", self._rows)
  if err then
    return nil, err
  end
  return self:_work(take_all, opts)
end

return resume
