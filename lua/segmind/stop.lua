--- What the refusal of a key or of an account means for the jobs beside the one that met it: those
--- that have not been sent fail with the same kind instead of being sent to be refused one by one.
--- HTTP 403 says that the key may not use this model: only that model's jobs are met by it.
--- What the service has accepted already goes on, and a later call is tried again: the key may have
--- been mended, the account filled.

local Error = require("segmind.error")
local ending = require("segmind.ending")

local function unsent(client, job, err)
  local jobs = {}
  for other in pairs(client._jobs) do
    local is_met = err.status ~= 403 or other.model == job.model
    if is_met and other ~= job and not other._sent and not other.request_id then
      jobs[#jobs + 1] = other
    end
  end
  table.sort(jobs, function(a, b)
    return a.id < b.id
  end)
  return jobs
end

---@param client segmind.Client
---@param job segmind.Job the one that was refused
---@param err segmind.Error kind "auth" or "no_credits"
return function(client, job, err)
  -- Those that need one of them are among them, and have this for their reason, not "upstream".
  local before = client._settling
  client._settling = true
  for _, other in ipairs(unsent(client, job, err)) do
    ending.finish(other, nil, Error.new(err.kind, ("not sent, as %s was refused: %s"):format(
      ending.label(job), err.message), { cause = err, retryable = err.retryable }))
  end
  client._settling = before
end
