--- A job's step in the ledger. The rows are the core's: it looks a step up by its key, writes the
--- intent before the submit, and tells in events what the job has become. Here is what only Lua
--- knows: the key, and which job of this client is at a step, so that others of the same wait for
--- it and one that is in doubt is decided once.

local Budget = require("segmind.budget")
local Error = require("segmind.error")
local ending = require("segmind.ending")
local key = require("segmind.step_key")

local step = {}

--- Finds out the content of the job's local pictures, on the worker thread. Only the last call for
--- a job is answered.
local function digest_all(job, fn)
  local digests, sources = {}, key.sources(job._request)
  local left = #sources
  job._digests = digests
  if left == 0 then
    return fn(digests)
  end
  for _, source in ipairs(sources) do
    job._client._uploads:digest(source, ending.remaining(job), function(done, err)
      if job._over or job._digests ~= digests then
        return
      elseif err then
        return ending.fail(job, err)
      end
      left = left - (digests[source] and 0 or 1)
      digests[source] = done.sha256
      if left == 0 then
        fn(digests)
      end
    end)
  end
end

--- Sends a job whose key is known, or has it wait for the one that is at its step.
local function follow(job, send)
  local client = job._client
  local leader = ending.lead(job)
  if leader ~= job and not job._request.opts.fresh then
    client._followers[job] = send
    return ending.set_state(job, "waiting")
  end
  client._followers[job] = nil
  send(job)
end

--- A job is about to start, and is sent by `send(job)` when nobody else is at its step.
---@param job segmind.Job
---@param send fun(job: segmind.Job)
function step.begin(job, send)
  if job.key then
    return follow(job, send)
  end
  digest_all(job, function(digests)
    job.key, job._key_text = key.compute(job._client._core, job._request, digests)
    job._digests = nil
    follow(job, send)
  end)
end

--- What the core is told of a job's step.
---@param job segmind.Job
---@return table
function step.of(job)
  local opts = job._request.opts
  return { key = job.key, params = job._key_text, name = job.name, seed = job.seed,
    price = Budget.price(job), fresh = opts.fresh, generation = job.generation, save = opts.save }
end

--- The jobs that wait for the step of a key, in the order of their calls.
local function followers(client, name)
  local jobs = {}
  for job in pairs(client._followers) do
    if job._over then
      client._followers[job] = nil
    elseif job.key == name then
      jobs[#jobs + 1] = job
    end
  end
  table.sort(jobs, function(a, b)
    return a.id < b.id
  end)
  return jobs
end

--- A job is over: those who waited for its step have its error, too, or look what it has left.
--- Safe to repeat.
---@param job segmind.Job
function step.over(job)
  local client, err = job._client, not job._result and job._error or nil
  if client._leaders[job.key] ~= job then
    return
  end
  local again = not err or err.kind == "cancelled" or err.kind == "timeout"
  for _, follower in ipairs(followers(client, job.key)) do
    if again then
      follow(follower, client._followers[follower])
    elseif not follower._over then
      local copy = Error.new(err.kind, err.message, err)
      copy.step, copy.job, copy.cause = nil, nil, err.cause or err
      ending.fail(follower, copy)
    end
  end
  if client._leaders[job.key] == job then
    client._leaders[job.key] = nil
  end
end

return step
