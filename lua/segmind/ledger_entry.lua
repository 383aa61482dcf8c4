--- What a job finds in the ledger when it starts: nothing (it is sent), a finished step (it ends
--- with that), a step that another job or process is at (it waits), one that was left behind (it is
--- taken up). Methods of a Ledger.

local Error = require("segmind.error")
local ending = require("segmind.ending")
local files = require("segmind.ledger_files")
local json = require("segmind.json")
local key = require("segmind.ledger_key")
local rows = require("segmind.ledger_rows")

local entry = {}

--- Finds out the content of the job's local pictures, on the worker thread.
local function digest_all(client, job, fn)
  local digests, paths = {}, key.paths(job._request)
  local left = #paths
  if left == 0 then
    return fn(digests)
  end
  for _, path in ipairs(paths) do
    client._uploads:digest(path, ending.remaining(job), function(done, err)
      if job._over then
        return
      elseif err then
        return ending.fail(job, err)
      end
      digests[path], left = done.sha256, left - 1
      if left == 0 then
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

function entry:_consider(job)
  if job._over then
    return
  end
  local leader = self._leaders[job.key]
  if job._request.opts.fresh then
    self._leaders[job.key] = leader or job
    return job._transfer(job)
  elseif leader and leader ~= job then
    return self:_park(job)
  end
  local found, err = look(self, job.key)
  if err then
    return ending.fail(job, err)
  elseif found.is_held then
    return self:_park(job)
  end
  self._parked[job] = nil
  self._leaders[job.key] = job
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
    ending.follow(job, client._handle:find(row.model, row.body, math.floor(row.submitted_at),
      ending.task_options(job)))
  end
end

--- Takes a row up for a job that was made of it (client:resume).
---@return boolean? taken
---@return segmind.Error? err kind "ledger"
function entry:resume(job, row)
  if row.damage then
    return nil, Error.new("ledger", row.damage, { charged = "unknown" })
  elseif self._leaders[row.step_key] then
    return false
  end
  local taken, err = self:_do(function(db)
    return is_free(self, db, row) and rows.take(db, row, self.owner)
  end)
  if taken then
    self._leaders[row.step_key] = job
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
  self._leaders[job.key] = self._leaders[job.key] or job
  job._step.is_foreign = not row.is_mine
  job._step.is_completed = row.state == "completed"
  if job._step.is_completed then
    files.reuse(self, job, row)
  end
  return job._step.is_completed
end

return entry
