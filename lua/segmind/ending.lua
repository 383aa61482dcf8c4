--- The second half of a job's way: from the transfer that is the job itself to its end. A state, a
--- result, an error, a picture to save; then everybody who waits is told (flow.settle).

local Error = require("segmind.error")
local Result = require("segmind.result")
local json = require("segmind.json")

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
    latency = request.spec and request.spec.latency_s }
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

--- The job of this client that is at the same step of the ledger: the job itself, if there was no
--- other.
---@param job segmind.Job
---@return segmind.Job
function ending.lead(job)
  local leaders = job._client._leaders
  local leader = leaders[job.key]
  if not leader or leader._over then
    leader, leaders[job.key] = job, job
  end
  return leader
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
  if not client._has_ledger then -- which counts by its rows
    client._budget:settle(job, job._result, err)
  end
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

--- Whether the worker may have sent the job, which was left to it: it has said something that was
--- not heard yet.
local function may_be_sent(job)
  local client, submit = job._client, job._operation
  return client._has_ledger and client:_is_under_way(submit)
    and client._handle:has_event(submit.id)
end

--- Whether an end here and now has been paid for, as far as this side knows.
---@param job segmind.Job
---@return string
function ending.charged(job)
  if job.request_id then
    return job._is_unseen and "unknown" or "yes"
  end
  return (job._sent or may_be_sent(job)) and "unknown" or "no"
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

--- Hands a job its result, once the picture is where the caller wants it. Of a step of the ledger
--- the core has seen to that.
---@param job segmind.Job
---@param done table what the core handed over
---@param result segmind.Result
function ending.arrived(job, done, result)
  local path = job._request and job._request.opts.save
  if job._over then
    ending.conclude(job)
  elseif done.save_error then
    ending.finish(job, result, Error.from(done.save_error))
  elseif not path then
    ending.finish(job, result)
  elseif done.path then
    result:_saved(done.path, done)
    ending.finish(job, result)
  else
    save(job, result, path)
  end
end

local function complete(job, done)
  if job._over then
    return ending.conclude(job)
  end
  job.request_id = done.request_id or job.request_id
  job.generation, job.replayed = done.generation or job.generation, done.replayed or false
  local result, err = Result.read(job, done)
  if not result then
    return ending.fail(job, err)
  end
  job._client:_arrived(job, done, result)
end

--- The job becomes the row of the ledger that was left behind: with its seed, so that a second
--- submit would be the same to the byte.
---@param job segmind.Job
---@param row table by the names of its columns
function ending.become(job, row)
  job.key, job._key_text, job.generation = row.step_key, row.params, row.generation
  job._price, job._sync, job._sent = row.price, row.api == "v1", true
  job.request_id, job._doubtful = row.request_id, not row.request_id or nil
  ending.lead(job)
  ending.set_seed(job, row.seed and json.integer(row.seed))
  ending.set_state(job, row.request_id and "QUEUED" or "submitting")
end

local told_by_service = { QUEUED = true, PROCESSING = true, COMPLETED = true }

local function on_state(job, state, request_id)
  if job._over then
    return ending.conclude(job)
  end
  job._sent = job._sent or state == "submitting"
  job._is_unseen = job._is_unseen and not told_by_service[state]
  job.request_id = job.request_id or request_id
  job._doubtful = not job.request_id and job._doubtful or nil
  ending.set_state(job, state == "ACCEPTED" and "QUEUED" or state)
end

--- The core says how a job failed, and in which row of the ledger; what it could not pay for is
--- worded here.
local function failed(job, err)
  local client = job._client
  job.generation, err.generation = err.generation or job.generation, nil
  if job._over then
    ending.conclude(job)
  elseif err.kind == "unknown" then
    client:_in_doubt(job, err)
  else
    ending.fail(job, err.kind == "budget" and client._budget:refusal(job, err.spent) or err)
  end
end

--- Who hears of a transfer of the core that is the job itself.
---@param job segmind.Job
---@return table handler
function ending.follower(job)
  local handler = { job = job, id = false }
  function handler.finish(done, err)
    if done then
      complete(job, done)
    else
      failed(job, err)
    end
  end
  function handler.row(row)
    if not job._over then
      ending.become(job, row)
    end
  end
  function handler.state(state, request_id)
    if state == "free" and not job._over then
      handler.free()
    else
      on_state(job, state, request_id)
    end
  end
  return handler
end

--- Goes on with a row of the ledger that was left behind, which the core has taken for us.
---@param job segmind.Job made of `job._row`
function ending.take_up(job)
  local damage = job._row.damage
  if damage then
    return ending.fail(job, Error.new("ledger", damage, { charged = "unknown" }))
  end
  ending.become(job, job._row)
  if job._over then
    return
  end
  job._client:_operation(ending.follower(job), "take_up", job._row, ending.task_options(job))
end

--- What the core is told of a job that is attached: with a ledger it looks for the row of the id.
---@param job segmind.Job
---@return table
function ending.attach_options(job)
  local opts = ending.task_options(job)
  opts.ledger = job._client._has_ledger or nil
  return opts
end

--- Follows a job that the service has accepted before.
---@param job segmind.Job
---@param request_id string
function ending.attach(job, request_id)
  job._client:_operation(ending.follower(job), "attach", job.model, request_id,
    ending.attach_options(job))
end

return ending
