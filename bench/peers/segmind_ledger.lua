--- What a ledger costs: jobs a second, and the longest step after the host was busy while jobs
--- ended.
---
---     lua5.4 bench/peers/segmind_ledger.lua URL JOBS FOLDER|-
---
--- FOLDER is where a new ledger is made; without one ("-") there is none.

local core = require("segmind.core")
local segmind = require("segmind")

local url, jobs, folder = arg[1], tonumber(arg[2]), arg[3]
local has_ledger = folder ~= "-"

local function client(name)
  return assert(segmind.new({ base_url = url, api_key = "SG_0123456789abcdef", poll = 0.01,
    max_transfers = 64, ledger = has_ledger and ("%s/%s.db"):format(folder, name) or nil }))
end

local function submit(sm, count)
  local list = {}
  for i = 1, count do
    list[i] = assert(sm:submit("flux-kontext-pro", { prompt = "a lighthouse", seed = i,
      aspect_ratio = "1:1" }))
  end
  return list
end

local function open(list)
  for _, job in ipairs(list) do
    if not job:is_over() then
      return true
    end
  end
end

-- Processor time of the first thread, in microseconds (schedstat: nanoseconds, proc(5)).
local function host_us()
  local file = assert(io.open("/proc/self/schedstat"))
  local spent = file:read("n")
  file:close()
  return spent / 1000
end

local function rate()
  local sm, began, before = client("rate"), core.now(), host_us()
  local list = submit(sm, jobs)
  while open(list) do
    sm:poll(1)
    sm:step()
  end
  local took, host = core.now() - began, host_us() - before
  for _, job in ipairs(list) do
    assert(job:result(), job:error())
  end
  local commits = sm:stats().ledger_commits or 0
  sm:close()
  return jobs / took, commits / jobs, host / jobs
end

local function longest_step()
  local sm, longest = client("step"), 0
  submit(sm, 50)
  repeat
    os.execute("sleep 0.02")
  until sm:stats().jobs == 0
  collectgarbage()
  local count
  repeat
    local before = core.now()
    count = sm:step()
    longest = math.max(longest, core.now() - before)
  until count == 0
  sm:close()
  return longest * 1000
end

local per_second, commits, host = rate()
print(("jobs_s=%.1f commits=%.3f host_us=%.1f step_ms=%.3f"):format(per_second, commits, host,
  longest_step()))
