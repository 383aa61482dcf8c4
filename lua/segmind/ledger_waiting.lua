--- Jobs that wait in a ledger: for the step that another job or process is at, or for their turn to
--- be sent. Methods of a Ledger.

local Error = require("segmind.error")
local ending = require("segmind.ending")

local waiting = {}

--- Somebody waits now, whose time `idle` knows.
function waiting:_hurry()
  local loop = self._client._loop
  if loop and loop.hurry then
    loop.hurry()
  end
end

--- Puts a job aside until the row of its step is free or has a result.
function waiting:_park(job)
  if self._leaders[job.key] == job then
    self._leaders[job.key] = nil
  end
  self._parked[job] = true
  self:_let_go(job)
  self:_give_place(job)
  self:_hurry()
  ending.set_state(job, "waiting")
end

local function by_id(a, b)
  return a.id < b.id
end

--- The jobs that wait for the step of this name, or for any (true), in the order of their calls.
local function parked(self, name)
  local jobs = {}
  for job in pairs(self._parked) do
    if name == true or name and job.key == name then
      jobs[#jobs + 1] = job
    end
  end
  table.sort(jobs, by_id)
  return jobs
end

--- Ends those whose time is over before their turn to be sent came.
local function end_late(self)
  local late = {}
  for job in pairs(self._places:waiting()) do
    if ending.remaining(job) <= 0 then
      late[#late + 1] = job
    end
  end
  table.sort(late, by_id)
  for _, job in ipairs(late) do
    ending.fail(job, Error.new("timeout", "the deadline passed before the submit",
      { retryable = true }))
  end
end

--- Looks at what those who wait are waiting for.
function waiting:_glance()
  end_late(self)
  for _, job in ipairs(parked(self, true)) do
    if ending.remaining(job) <= 0 then
      ending.fail(job, Error.new("timeout", "the deadline passed while another process or job was "
        .. "at the same step", { retryable = true }))
    elseif not self._leaders[job.key] then
      self:_consider(job)
    end
  end
end

--- A job of this client has ended: those who waited for the same step have its error, too, or look
--- what it has left.
function waiting:wake(job)
  local err = not job._result and job._error or nil
  local again = not err or err.kind == "cancelled" or err.kind == "timeout"
  for _, follower in ipairs(parked(self, job.key)) do
    if self._client._closed then
      return
    elseif again then
      self:_consider(follower)
    elseif not follower._over then
      local copy = Error.new(err.kind, err.message, err)
      copy.step, copy.job, copy.cause = nil, nil, err.cause or err
      ending.fail(follower, copy)
    end
  end
end

return waiting
