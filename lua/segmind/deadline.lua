--- Every job ends, whatever is lost. The core ends its transfers at a job's deadline; a job that
--- waits for something else (an upload that is shared, a place) ends here. A client has one alarm,
--- which the core keeps, so a step in which nothing is due does not look at the clock in Lua.

local Error = require("segmind.error")
local ending = require("segmind.ending")

-- Seconds after the deadline: for the event of the core that is on its way; and for the look into
-- the request history that the core may begin at a deadline.
local GRACE, LOOKUP = 0.25, 30

local deadline = {}

local function set_alarm(client, at)
  client._watch = at
  client._handle:alarm(at or nil)
end

--- Sees to it that a job which has begun ends.
---@param job segmind.Job
function deadline.watch(job)
  local client, at = job._client, job._deadline + GRACE
  if not client._watch or at < client._watch then
    set_alarm(client, at)
    if client._loop and client._loop.hurry then
      client._loop.hurry()
    end
  end
end

local function due(client, job)
  return job._deadline + (client:_is_under_way(job._operation) and LOOKUP or GRACE)
end

local function find_late(client, now)
  local late, next_one = {}, false
  for job in pairs(client._jobs) do
    local at = job._deadline and due(client, job)
    if at and at <= now then
      late[#late + 1] = job
    elseif at then
      next_one = math.min(next_one or at, at)
    end
  end
  table.sort(late, function(a, b)
    return a.id < b.id
  end)
  return late, next_one
end

--- Ends the jobs whose time is over.
---@param client segmind.Client
function deadline.check(client)
  local now = client:_now()
  if now < client._watch then
    return
  end
  local late, next_one = find_late(client, now)
  for _, job in ipairs(late) do
    local charged = ending.charged(job)
    ending.fail(job, Error.new("timeout", ("the deadline passed (%s)"):format(job.state),
      { charged = charged, retryable = charged == "no" }))
  end
  set_alarm(client, next_one)
end

return deadline
