--- What a job finds in the ledger when it starts: nothing (it is sent), a finished step (it ends
--- with that), a step that another job or process is at (it waits), one that was left behind (it is
--- taken up). Methods of a Ledger.

local Error = require("segmind.error")
local deadline = require("segmind.deadline")
local ending = require("segmind.ending")
local files = require("segmind.ledger_files")
local json = require("segmind.json")
local key = require("segmind.ledger_key")
local rows = require("segmind.ledger_rows")

local entry = {}

--- Finds out the content of the job's local pictures, on the worker thread. Only the last call for
--- a job is answered.
local function digest_all(client, job, fn)
  local digests, paths = {}, key.paths(job._request)
  job._digests = digests
  if #paths == 0 then
    return fn(digests)
  end
  local function is_complete()
    for _, path in ipairs(paths) do
      if not digests[path] then
        return false
      end
    end
    return true
  end
  for _, path in ipairs(paths) do
    client._uploads:digest(path, ending.remaining(job), function(done, err)
      if job._over or job._digests ~= digests then
        return
      elseif err then
        return ending.fail(job, err)
      end
      digests[path] = done.sha256
      if is_complete() then
        job._digests = nil
        fn(digests)
      end
    end)
  end
end

--- A job is about to start; `transfer(job)` sends it, unless the ledger knows better.
---@param job segmind.Job
---@param transfer fun(job: segmind.Job)
function entry:begin(job, transfer)
  job._transfer = transfer
  digest_all(self._client, job, function(digests)
    job.key, job._key_text = key.compute(self._client._core, job._request, digests)
    self:_consider(job)
  end)
end

--- Goes on with a job where an error left it that was raised in the midst of our own work. A submit
--- that was not begun may have its intent in the row, and was not sent; for anything else the row
--- says how far the job has come.
---@param job segmind.Job
---@param transfer fun(job: segmind.Job)
function entry:go_on(job, transfer)
  local submit = job._operation
  if submit and submit.is_submit and not submit.id then
    transfer(job)
  elseif job._row then
    self:_take_up(job, job._row)
  elseif job.request_id and not job._transfer then
    ending.attach(job, job.request_id)
  elseif job.key then
    self:_consider(job)
  else
    self:begin(job, transfer)
  end
end

--- Nobody works on the row: its owner has let go, is gone, has not renewed its lease, or is this
--- client, of which no job is at it.
local function is_free(self, db, row)
  return row.lease_until <= db:now() or row.lease_owner == self.owner
    or self._client._core.is_gone(row.lease_owner)
end

--- Reads the row that stands for a key and takes it when it was left behind.
local function look(self, name)
  return self:_do(function(db)
    local row = rows.best(db, name)
    if not row or row.state == "completed" or row.state == "failed" then
      return { row = row }
    end
    local taken = is_free(self, db, row) and rows.take(db, row, self.owner)
    return { row = row, is_taken = taken, is_held = not taken }
  end)
end

--- The job of this client that is at a step, so that others of the same wait for it.
local function leader_of(self, name)
  local leader = self._leaders[name]
  return leader and self._client._jobs[leader] and leader or nil
end

--- Whether a job of this client is at the row already.
local function has_own_job(self, row)
  for job in pairs(self._held) do
    local step = job._step
    if step and step.key == row.step_key and step.generation == row.generation then
      return true
    end
  end
  return false
end

--- For `fresh`: takes up what an earlier call has begun, and perhaps paid, instead of paying again.
local function look_for_open(self, job)
  return self:_do(function(db)
    for _, row in ipairs(rows.open(db, job.key)) do
      local is_own = job._step and job._step.generation == row.generation
      if (is_own or not has_own_job(self, row)) and is_free(self, db, row)
        and rows.take(db, row, self.owner) then
        return { row = row, is_taken = true }
      end
    end
    return {}
  end)
end

--- The row that stands for a job, with what may be done about it.
local function find(self, job)
  if job._request.opts.fresh then
    return look_for_open(self, job)
  end
  return look(self, job.key)
end

function entry:_consider(job)
  local client, operation = self._client, job._operation
  if job._over or client:_is_under_way(operation) and not operation.is_ending then
    return
  end
  local leader, is_fresh = leader_of(self, job.key), job._request.opts.fresh
  if leader and leader ~= job and not is_fresh then
    return self:_park(job)
  end
  local found, err = find(self, job)
  if err then
    return ending.fail(job, err)
  elseif found.is_held then
    return self:_park(job)
  end
  self._parked[job] = nil
  self._leaders[job.key] = leader or job
  if found.is_taken then
    return self:_take_up(job, found.row)
  elseif found.row and found.row.state == "completed" then
    job.generation = found.row.generation
    self:_hold(job, { key = job.key, generation = job.generation, is_completed = true })
    return files.reuse(self, job, found.row)
  end
  job._transfer(job)
end

--- The job becomes the one that the row tells of: with its seed, so that a second submit would be
--- the same to the byte.
local function become(self, job, row)
  job.key, job._key_text = row.step_key, row.params
  self:_hold(job, { key = row.step_key, generation = row.generation, name = row.name,
    model = row.model, api = row.api, params = row.params, body = row.body, seed = row.seed,
    price = row.price, request_id = row.request_id })
  ending.set_seed(job, row.seed and json.integer(row.seed))
end

--- Goes on with a step that was left behind: asks for its request id, or looks for one.
function entry:_take_up(job, row)
  local client = self._client
  become(self, job, row)
  job._sent, job._sync = true, row.api == "v1"
  if row.state == "accepted" and row.request_id then
    job.request_id = row.request_id
    ending.set_state(job, "QUEUED")
    return not job._over and ending.attach(job, row.request_id)
  end
  job._doubtful = true
  if job._sync then
    return client:_in_doubt(job, Error.new("unknown", "a synchronous submit was begun and its "
      .. "answer never seen", { charged = "unknown" }))
  end
  ending.set_state(job, "submitting")
  if not job._over then
    client:_operation(ending.follower(job), "find", row.model, row.body,
      math.floor(row.submitted_at), ending.task_options(job))
  end
end

--- Takes a row up for a job that was made of it (client:resume).
---@return boolean? taken
---@return segmind.Error? err kind "ledger"
function entry:resume(job, row)
  if row.damage then
    return nil, Error.new("ledger", row.damage, { charged = "unknown" })
  elseif leader_of(self, row.step_key) then
    return false
  end
  local taken, err = self:_do(function(db)
    return is_free(self, db, row) and rows.take(db, row, self.owner)
  end)
  if taken then
    job.key, job._row = row.step_key, row
    self._client._jobs[job] = true
    self._leaders[row.step_key] = job
    deadline.watch(job)
    self:_take_up(job, row)
  end
  return taken, err
end

--- All rows that were begun and have not ended.
---@return table[]? rows
---@return segmind.Error?
function entry:unfinished()
  return self:_do(rows.unfinished)
end

--- Ties a job of client:attach to the row of its request id, if there is one.
---@return boolean? finished true when the row ended the job at once
---@return segmind.Error?
function entry:attach(job, request_id)
  local row, err = self:_do(function(db)
    local row = rows.by_request(db, request_id)
    if row and row.state ~= "completed" and is_free(self, db, row) then
      row.is_mine = rows.take(db, row, self.owner)
    end
    return row
  end)
  if not row then
    return nil, err
  end
  become(self, job, row)
  self._leaders[job.key] = leader_of(self, job.key) or job
  job._step.is_foreign = not row.is_mine
  job._step.is_completed = row.state == "completed"
  if job._step.is_completed then
    files.reuse(self, job, row)
  end
  return job._step.is_completed
end

return entry
