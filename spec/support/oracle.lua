--- What the service says that was accepted, held against what the client says of it.
---
--- Every submit of these tests has a seed of its own, so an accepted body names its job. Three sums
--- are made, and all of them have to be 0:
---   double   accepted submits of a job beyond the first
---   lost     accepted ids that neither the job nor its error names, nor any error calls unknown
---   silent   accepted submits of a job whose error says that nothing was charged

local cjson = require("cjson")

local json = cjson.new()

local oracle = {}

local function by_seed(service)
  local seeds = {}
  for _, submit in ipairs(service:ledger().submits) do
    local body = type(submit.body) == "table" and submit.body or json.decode(submit.body)
    local seed = tonumber(body.seed)
    seeds[seed] = seeds[seed] or {}
    table.insert(seeds[seed], submit)
  end
  return seeds
end

local function names(job, id)
  local err = job:error()
  return job.request_id == id or err and (err.request_id == id or err.kind == "unknown")
end

--- Holds the accepted submits against the jobs.
---@param service table the emulator
---@param jobs table[] that are over, with a seed each
---@return { runs: integer, accepted: integer, double: integer, lost: integer, silent: integer }
function oracle.judge(service, jobs)
  local seeds = by_seed(service)
  local sums = { runs = #jobs, accepted = 0, double = 0, lost = 0, silent = 0, unknown = 0 }
  for _, job in ipairs(jobs) do
    local accepted, err = seeds[job.seed] or {}, job:error()
    sums.accepted = sums.accepted + #accepted
    sums.double = sums.double + math.max(0, #accepted - 1)
    sums.unknown = sums.unknown + (err and err.kind == "unknown" and 1 or 0)
    for _, submit in ipairs(accepted) do
      sums.lost = sums.lost + (names(job, submit.request_id) and 0 or 1)
      local failed_there = err and err.kind == "failed"
      if err and err.charged == "no" and not failed_there then
        sums.silent = sums.silent + 1
      end
    end
  end
  return sums
end

--- The closing line of a run.
---@param title string
---@param sums table
---@return string
function oracle.line(title, sums)
  return ("%s: %d runs, %d accepted, %d unknown, %d double, %d lost, %d silent"):format(title,
    sums.runs, sums.accepted, sums.unknown, sums.double, sums.lost, sums.silent)
end

--- Raises unless all three sums are 0.
---@param title string
---@param sums table
function oracle.check(title, sums)
  if sums.double + sums.lost + sums.silent > 0 then
    error(oracle.line(title, sums), 2)
  end
end

return oracle
