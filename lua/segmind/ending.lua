--- The second half of a job's way: from the transfer that is the job itself to its end. A state, a
--- result, an error, a picture to save; then everybody who waits is told (flow.settle).

local Result = require("segmind.result")

local ending = {}

--- Sets a state and tells the listeners; one of them may end the job.
---@param job segmind.Job
---@param state string
function ending.set_state(job, state)
  if job.state ~= state and not job._over then
    job.state = state
    job._client:_tell(job, "state", state)
  end
end

--- Seconds to the job's deadline.
---@param job segmind.Job
---@return number
function ending.remaining(job)
  return job._deadline - job._client:_now()
end

--- Ends a job with a result, an error, or both (a paid result that could not be saved).
---@param job segmind.Job
---@param result segmind.Result?
---@param err segmind.Error?
function ending.finish(job, result, err)
  if job._over then
    return
  end
  local client = job._client
  job._over, job._result, job._error = true, result, err
  job._request, job._operation_id = nil, nil
  job.state = err and "FAILED" or "COMPLETED"
  if job._active then
    job._active = nil
    client._active = client._active - 1
  end
  client:_forget(job)
  client._settled:push(job)
  client:_tell(job, "state", job.state)
  client:_settle()
end

--- Whether an end here and now has been paid for, as far as this side knows.
---@param job segmind.Job
---@return string
function ending.charged(job)
  return job.request_id and "yes" or job._sent and "unknown" or "no"
end

--- Ends a job with an error.
---@param job segmind.Job
---@param err segmind.Error
function ending.fail(job, err)
  err.request_id = err.request_id or job.request_id
  ending.finish(job, nil, err)
end

local function save(job, result, path)
  local client = job._client
  if not result.url then
    local saved, err = result:save(path)
    return ending.finish(job, result, not saved and err or nil)
  end
  ending.set_state(job, "saving")
  if job._over then
    return
  end
  local opts = { timeout = math.max(ending.remaining(job), 0.001) }
  local function finish(done, err)
    if not done then
      err.message = ("%s (the picture is at %s)"):format(err.message, result.url)
      err.charged, err.request_id = "yes", job.request_id
      return ending.finish(job, result, err)
    end
    result:_saved(done)
    ending.finish(job, result)
  end
  job._operation_id = client:_operation({ finish = finish, job = job },
    client._handle:download(result.url, path, opts))
end

local function complete(job, done)
  job._operation_id = nil
  job.request_id = done.request_id or job.request_id
  local result, err = Result.read(job, done)
  if not result then
    return ending.fail(job, err)
  end
  local path = job._request.opts.save
  if path then
    return save(job, result, path)
  end
  ending.finish(job, result)
end

local function on_state(job, state, request_id)
  job.request_id = job.request_id or request_id
  ending.set_state(job, state == "ACCEPTED" and "QUEUED" or state)
end

--- Follows a transfer of the core that is the job itself.
---@param job segmind.Job
---@param id integer? nil when the core refused to begin
---@param refused table? why it did
function ending.follow(job, id, refused)
  local handler = { job = job }
  function handler.finish(done, err)
    if done then
      complete(job, done)
    else
      ending.fail(job, err)
    end
  end
  function handler.state(state, request_id)
    on_state(job, state, request_id)
  end
  job._operation_id = job._client:_operation(handler, id, refused)
end

return ending
