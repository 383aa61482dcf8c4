--- Jobs of earlier runs: taken up by the id that the service gave them, or by their rows of the
--- ledger.

local Error = require("segmind.error")
local Job = require("segmind.job")
local json = require("segmind.json")
local lifecycle = require("segmind.lifecycle")
local operation = require("segmind.operation")
local request = require("segmind.request")
local step = require("segmind.step")

local resume = {}

--- The options of attach: what is still to come of a job that was submitted.
---@class (exact) segmind.AttachOptions
---@field timeout number? seconds for the rest of the job; 600
---@field poll segmind.Poll? how often to ask for a state
---@field name string? a name for messages and reports
--- write the picture here, as the option of `submit`
---@field save string?
---@field price number? USD, for the budget; needed for models without a price
---@field metadata boolean? whether the saved picture says how it was made; as the client's option
resume.attach_options = { timeout = "seconds", poll = "poll", name = "text", save = "text",
  price = "money", metadata = "flag" }

--- The options of client:resume.
---@class (exact) segmind.ResumeOptions
---@field timeout number? seconds for a job, from now on; 600
---@field poll segmind.Poll? how often to ask for a state
---@field on_unknown segmind.OnUnknown? what to do about a submit of unknown outcome; "hold"
resume.options = { timeout = "seconds", poll = "poll", on_unknown = "doubt" }

local function attach(_, job, request_id)
  local refused = lifecycle.attach(job, request_id)
  if refused then
    return nil, Error.from(refused)
  end
  step.watch(job)
  return job
end

--- Takes up a job by its id.
---@param client segmind.Client
---@param request_id string
---@param model string
---@param opts segmind.AttachOptions already read
---@return segmind.Job?
---@return segmind.Error?
function resume.attach(client, request_id, model, opts)
  local known, err = request.known(client, model, {}, opts)
  if not known then
    return nil, err
  end
  return step.work(client, attach, Job.new(client, known), request_id)
end

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

local function take_up(client, row, opts)
  local known = assert(request.known(client, tostring(row.model), params_of(row), opts))
  local job = Job.new(client, known)
  lifecycle.take_up(job, row)
  if job._phase ~= "over" then
    step.watch(job)
  end
  return job
end

-- The keys of the steps that jobs of ours are at. A row of one was taken, too, when the job has
-- just ended and its end was not heard yet.
local function keys_at_work(client)
  local keys = {}
  for _, job in pairs(client._jobs) do
    if job.key and job._phase ~= "over" then
      keys[job.key] = true
    end
  end
  return keys
end

local function is_free(row, at_work)
  return row.damage or row.standing == "taken" and not at_work[row.step_key]
end

-- A job for each row that was taken, or that cannot be relied on. The rows are ours from then on,
-- so what an error leaves over here is there for the next call: a row that is dealt with is false.
local function take_all(client, opts)
  local jobs, rows, at_work = {}, client._rows, keys_at_work(client)
  for i, row in ipairs(rows) do
    local job = row and is_free(row, at_work) and take_up(client, row, opts)
    if job then
      jobs[#jobs + 1] = job
      at_work[row.step_key] = job._phase ~= "over" or nil
    end
    rows[i] = false
  end
  client._rows = {}
  return jobs
end

--- Takes up every step of the ledger that was begun and has not ended.
---@param client segmind.Client
---@param opts segmind.ResumeOptions already read
---@return segmind.Job[]?
---@return segmind.Error? err kind "ledger"
function resume.all(client, opts)
  local _, err = operation.ask(client, "resume", client._rows)
  if err then
    return nil, err
  end
  return step.work(client, take_all, opts)
end

return resume
