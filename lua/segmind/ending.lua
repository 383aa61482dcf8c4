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

--- What a job is called in a message.
---@param job segmind.Job
---@return string
function ending.label(job)
  return job.name and ("job %d (%s, %q)"):format(job.id, job.model, job.name)
    or ("job %d (%s)"):format(job.id, job.model)
end

--- Writes into an error which job it is of, and which step of a chain.
---@param job segmind.Job
---@param err segmind.Error
function ending.name(job, err)
  err.job, err.step = err.job or job.id, err.step or job.step
end

--- Seconds to the job's deadline.
---@param job segmind.Job
---@return number
function ending.remaining(job)
  return job._deadline - job._client:_now()
end

--- What the core is told of a job besides its body.
---@param job segmind.Job
---@return table
function ending.task_options(job)
  local request = job._request
  return { timeout = math.max(ending.remaining(job), 0.001),
    poll = request.opts.poll or job._client._poll,
    latency = request.spec and request.spec.latency_s,
    -- Of an id that the ledger keeps nobody has to prove that it was paid.
    accepted = job._step ~= nil and job._step.request_id ~= nil }
end

--- Sets the seed that a job's picture is made with, wherever that is told: a step that is taken up,
--- joined or restored brings another one than the job had drawn. The only writer of both after
--- request.prepare.
---@param job segmind.Job
---@param seed integer?
function ending.set_seed(job, seed)
  if seed ~= nil then
    job.seed, job.params.seed = seed, seed
  end
end

--- Those who keep count of the money hear of an end before anybody else does.
local function settle_money(client, job, result, err)
  if client._ledger then
    client._ledger:ended(job, err)
  elseif client._budget then
    client._budget:settle(job, result, err)
  end
end

local function give_place(client, job)
  if job._active then
    job._active = nil
    client._active = client._active - 1
  end
end

local function give_targets(client, job)
  for _, target in ipairs(job._targets or {}) do
    if client._saves[target] == job then
      client._saves[target] = nil
    end
  end
end

--- What an end brings with it: the money is counted, the transfer ends, others get its place, and
--- those who hang on the job are told (flow.settle). Safe to repeat, and repeated as long as the
--- client knows the job, should an error be raised in the midst of it.
---@param job segmind.Job a job that is over
function ending.conclude(job)
  local client, err = job._client, job._error
  if not client._jobs[job] then
    return
  end
  settle_money(client, job, job._result, err)
  if err and err.charged == "no" and (job._doubtful or job._resubmits) then
    err.charged = "unknown" -- this submit was not, one before it may have been
  end
  client:_cancel(job._operation)
  job.state = err and "FAILED" or "COMPLETED"
  job:_end()
  give_place(client, job)
  give_targets(client, job)
  client._settled:push(job)
  client._jobs[job] = nil
  job._request, job._operation = nil, nil
  client:_settle()
  if client._ledger then
    client._ledger:wake(job)
  end
end

--- Ends a job with a result, an error, or both (a paid result that could not be saved).
---@param job segmind.Job
---@param result segmind.Result?
---@param err segmind.Error?
function ending.finish(job, result, err)
  if not job._over then
    job._result, job._error = result, err
    ending.set_seed(job, result and result.seed)
    if err then
      ending.name(job, err)
    end
    job._over = true
  end
  ending.conclude(job)
end

--- Whether an end here and now has been paid for, as far as this side knows.
---@param job segmind.Job
---@return string
function ending.charged(job)
  return job.request_id and "yes" or job._sent and "unknown" or "no"
end

-- A key or an account that is refused will be refused for the next step, too.
local stops_run = { auth = true, no_credits = true }

--- Ends a job with an error.
---@param job segmind.Job
---@param err segmind.Error
function ending.fail(job, err)
  err.request_id = err.request_id or job.request_id
  local hint = job.warnings[1] or ""
  if err.status == 404 and not job.request_id and hint:find("did you mean", 1, true) then
    err.message = err.message .. "; " .. hint
  end
  if stops_run[err.kind] and err.status and not job._over then
    job._client:_stop(job, err)
  end
  ending.finish(job, nil, err)
end

local function save(job, result, path)
  local client = job._client
  if not result.url or result.kept then
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
    result:_saved(done.path, done)
    ending.finish(job, result)
  end
  client:_operation({ finish = finish, job = job }, "download", result.url, path, opts)
end

--- Goes on with a job whose result has been read.
---@param job segmind.Job
---@param done table what the core handed over
---@param result segmind.Result
function ending.arrived(job, done, result)
  if job._over then
    return ending.conclude(job)
  elseif job._step then
    return job._client._ledger:completed(job, done, result, function(failed)
      ending.deliver(job, result, failed)
    end)
  end
  ending.deliver(job, result)
end

local function complete(job, done)
  if job._over then
    return ending.conclude(job)
  end
  job.request_id = done.request_id or job.request_id
  local result, err = Result.read(job, done)
  if not result then
    return ending.fail(job, err)
  end
  job._client:_arrived(job, done, result)
end

--- Hands a job its result, once the picture is where the caller wants it.
---@param job segmind.Job
---@param result segmind.Result
---@param err segmind.Error? why the ledger could not keep it
function ending.deliver(job, result, err)
  if job._over then
    return
  end
  local path = not err and job._request.opts.save
  if path then
    return save(job, result, path)
  end
  ending.finish(job, result, err)
end

--- The id is on the disk before anything else happens; when it cannot be, the error carries it.
--- Every state names it, so an interruption of the first writing is made good by the next.
local function note_accepted(job, request_id)
  local client = job._client
  if not job._step or client._ledger:knows(job, request_id) then
    return true
  end
  local ok, err = client._ledger:accepted(job, request_id)
  if ok then
    return true
  end
  if err.kind == "unknown" then
    client:_cancel(job._operation)
    client:_in_doubt(job, err)
  else
    job.request_id = request_id
    ending.fail(job, err)
  end
end

local function on_state(job, state, request_id)
  if job._over then
    return ending.conclude(job)
  elseif request_id and not note_accepted(job, request_id) then
    return
  end
  job.request_id = job.request_id or request_id
  job._doubtful = not job.request_id and job._doubtful or nil
  ending.set_state(job, state == "ACCEPTED" and "QUEUED" or state)
end

--- Who hears of a transfer of the core that is the job itself.
---@param job segmind.Job
---@return table handler
function ending.follower(job)
  local handler = { job = job, id = false }
  function handler.finish(done, err)
    if done then
      complete(job, done)
    elseif err.kind == "unknown" and not job._over then
      job._client:_in_doubt(job, err)
    else
      ending.fail(job, err)
    end
  end
  function handler.state(state, request_id)
    on_state(job, state, request_id)
  end
  return handler
end

--- Follows a job that the service has accepted before.
---@param job segmind.Job
---@param request_id string
function ending.attach(job, request_id)
  job._client:_operation(ending.follower(job), "attach", job.model, request_id,
    ending.task_options(job))
end

return ending
