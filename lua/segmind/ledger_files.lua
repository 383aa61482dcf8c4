--- The pictures of a ledger: one file a finished step, in a folder beside it, for their owner only.
--- A file comes there whole or not at all (the core writes, checks, syncs and renames it), its hash
--- is in the row, and is compared before the picture is used again. A picture that is not there, or
--- not as it was, is fetched again as long as the service has it; nothing is ever paid again for
--- that.

local Error = require("segmind.error")
local Result = require("segmind.result")
local ending = require("segmind.ending")
local rows = require("segmind.ledger_rows")

local files = {}

-- The service keeps a picture for 7 days; a URL of 6 is not even asked.
local URL_LASTS = 6 * 24 * 3600

local function path_of(ledger, step)
  local name = step.generation > 1 and ("%s-%d"):format(step.key, step.generation) or step.key
  return ledger.folder .. "/" .. name
end

local function note_file(ledger, step, path, sha256)
  return ledger:_do(function(db)
    rows.keep(db, step, path:match("[^/]*$"), sha256)
  end)
end

local function digest(ledger, job, path, fn)
  local client = ledger._client
  client:_operation({ job = job, finish = fn }, "digest", path, {})
end

--- Downloads a result's picture into the folder and writes down where it is.
---@param fn fun(err: segmind.Error?)
function files.fetch(ledger, job, result, fn)
  local client, step = ledger._client, job._step
  local opts = { timeout = math.max(ending.remaining(job), 1) }
  local function digested(path)
    return function(done, err)
      if done then
        local _, failed = note_file(ledger, step, path, done.sha256)
        result.kept, err = path, failed
      end
      fn(err)
    end
  end
  client:_operation({ job = job, finish = function(done, err)
    if not done then
      return fn(err)
    end
    result._info = { format = done.format, width = done.width, height = done.height }
    digest(ledger, job, done.path, digested(done.path))
  end }, "download", result.url, path_of(ledger, step), opts, true)
end

--- Writes a picture that came without a URL, before its step is called finished.
---@return segmind.Error?
function files.write(ledger, job, result)
  local core = ledger._client._core
  local path, err = core.save(path_of(ledger, job._step), result._data, true)
  if not path then
    return Error.from(err)
  end
  result.kept = path
  return nil, path:match("[^/]*$"), core.sha256(result._data, true)
end

local function read_all(path)
  local file = io.open(path, "rb")
  local bytes = file and file:read("*a")
  if file then
    file:close()
  end
  return bytes
end

local function restore(job, row, bytes)
  local result, err = Result.read(job, { body = bytes or row.result, cost = row.cost,
    request_id = row.request_id, seed = row.seed })
  if result then
    result._at = row.ended_at
  end
  return result, err
end

local function gone(job, path, why)
  return Error.new("io", ("the step is finished and paid, but its picture is gone: %s (%s); the "
    .. "option fresh makes another"):format(path, why), { charged = "yes",
    request_id = job.request_id })
end

local function reuse_picture(ledger, job, row, path)
  local bytes = row.file and read_all(path)
  if not bytes or ledger._client._core.sha256(bytes) ~= row.file_sha256 then
    return ending.finish(job, nil, gone(job, path, bytes and "damaged" or "no such file"))
  end
  local result, err = restore(job, row, bytes)
  if result then
    result.kept = path
  end
  ending.deliver(job, result, err)
end

--- Ends a job with what a finished row holds.
function files.reuse(ledger, job, row)
  local path = ledger.folder .. "/" .. (row.file or "")
  job.request_id, job.replayed = row.request_id, true
  if not row.result then
    return reuse_picture(ledger, job, row, path)
  end
  local result, err = restore(job, row)
  if not result then
    return ending.finish(job, nil, err)
  end
  local function fetch(why)
    if not result.url then
      return ending.deliver(job, result)
    end
    files.fetch(ledger, job, result, function(failed)
      ending.deliver(job, result, failed and gone(job, path, why .. ", and " .. failed.message))
    end)
  end
  if not row.file then
    return fetch("it was not fetched")
  end
  digest(ledger, job, path, function(done, failed)
    if job._over then
      return
    elseif failed or done.sha256 ~= row.file_sha256 then
      return fetch(failed and failed.message or "damaged")
    end
    result.kept = path
    ending.deliver(job, result)
  end)
end

--- Whether the URL of an older result still answers, or its file must go up again.
---@param fn fun(usable: boolean)
function files.ask_url(ledger, result, timeout, fn)
  local client = ledger._client
  if os.time() - result._at > URL_LASTS then
    return fn(false)
  end
  client:_operation({ finish = function(done)
    fn(done ~= nil)
  end }, "download", result.url, nil, { timeout = timeout })
end

return files
