--- The jobs of a client that are not over: which they are, and which files they write.

local roster = {}

--- The client knows the job, and which files it writes, from here to its end.
---@param job segmind.Job
function roster.join(job)
  local client = job._client
  client._jobs[job.id] = job
  local targets = job._targets
  for i = 1, targets and #targets or 0 do
    client._saves[targets[i]] = job
  end
end

--- Others may write its files.
---@param job segmind.Job that writes some
function roster.free_files(job)
  local saves, targets = job._client._saves, job._targets
  for i = 1, #targets do
    if saves[targets[i]] == job then
      saves[targets[i]] = nil
    end
  end
end

--- The jobs of a client that are not over, in the order of their calls.
---@param client segmind.Client
---@return segmind.Job[]
function roster.jobs(client)
  local jobs = {}
  for _, job in pairs(client._jobs) do
    jobs[#jobs + 1] = job
  end
  table.sort(jobs, function(a, b)
    return a.id < b.id
  end)
  return jobs
end

-- A finalizer asks for them, too. There LuaJIT begins no trace, and a compiled loop of `pairs` that
-- is left at its head, with no other trace to go on with, enters itself again for ever.
local jit = rawget(_G, "jit")
if jit then
  jit.off(roster.jobs, true)
end

--- How many jobs of a client are not over.
---@param client segmind.Client
---@return integer
function roster.count(client)
  local count = 0
  for _ in pairs(client._jobs) do
    count = count + 1
  end
  return count
end

--- Those that have not been sent, and would be refused as this one was. HTTP 403 says that the key
--- may not use this model: it concerns only that model's jobs.
---@param job segmind.Job
---@param err segmind.Error of the kind "auth" or "no_credits"
---@return segmind.Job[]
function roster.unsent(job, err)
  local unsent = {}
  for _, other in ipairs(roster.jobs(job._client)) do
    local is_met = other._phase ~= "over" and (err.status ~= 403 or other.model == job.model)
    if is_met and other ~= job and not other._sent and not other.request_id then
      unsent[#unsent + 1] = other
    end
  end
  return unsent
end

--- Whether a job that had the same error as this one, at the same step, goes on with it.
---@param job segmind.Job
---@return boolean
function roster.is_decided(job)
  for _, other in pairs(job._client._jobs) do
    local goes_on = other._resubmits or other._adopting
    if goes_on and other ~= job and other.key == job.key and other._phase ~= "over" then
      return true
    end
  end
  return false
end

return roster
