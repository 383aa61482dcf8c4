--- Places for the submits of a ledger's client between their intent and their answer. The intent is
--- on the disk before the first byte leaves, and what was killed in between is in doubt; so it is
--- written only when the submit may really leave soon. There are as many places as the core can
--- have submits on the wire at once: one for each transfer, and no more than `rpm` lets go in a
--- burst. The others wait here, where a kill, a close or a cancel leaves nothing in doubt.

local Queue = require("segmind.queue")

local TRANSFERS = 16 -- the core's own default of max_transfers

---@class segmind.Places
local Places = {}
Places.__index = Places

---@param options segmind.ClientOptions
function Places.new(options)
  local count = options.max_transfers or TRANSFERS
  if options.rpm then
    count = math.max(1, math.min(count, math.floor(options.rpm / 10)))
  end
  return setmetatable({ _count = count,
    _free = count, _taken = {}, _queue = Queue.new(), _waiting = {} }, Places)
end

--- Takes a place for a job, or puts it at the end of those that wait for one.
---@param job segmind.Job
---@return boolean taken
function Places:take(job)
  if self._taken[job] then
    return true
  elseif self._free == 0 or next(self._waiting) then
    self._waiting[job] = true
    self._queue:push(job)
    return false
  end
  self._taken[job], self._free = true, self._free - 1
  return true
end

--- Gives a place back, whether the job had one or waited for it.
function Places:give(job)
  self._waiting[job] = nil
  if self._taken[job] then
    self._taken[job], self._free = nil, self._free + 1
  end
end

--- The job whose turn it is, with a place; nil when there is none.
---@return segmind.Job?
function Places:next()
  while self._free > 0 do
    local job = self._queue:pop()
    if not job then
      return nil
    elseif self._waiting[job] then
      self._waiting[job] = nil
      self._taken[job], self._free = true, self._free - 1
      return job
    end
  end
end

local function drop_ended(set)
  local jobs = {}
  for job in pairs(set) do
    if job._over then
      set[job] = nil
    else
      jobs[#jobs + 1] = job
    end
  end
  table.sort(jobs, function(a, b)
    return a.id < b.id
  end)
  return jobs
end

--- Counts anew, after an error in the midst of a change.
function Places:recount()
  self._free = self._count - #drop_ended(self._taken)
  self._queue = Queue.new()
  for _, job in ipairs(drop_ended(self._waiting)) do
    self._queue:push(job)
  end
end

--- Those that wait; for `pairs`.
---@return table<segmind.Job, boolean>
function Places:waiting()
  return self._waiting
end

return Places
