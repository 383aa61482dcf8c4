--- What an idle `client:step` takes while jobs wait.
---
---     lua5.4 bench/peers/segmind_step.lua URL JOBS [inline]

local segmind = require("segmind")

local url, jobs = arg[1], tonumber(arg[2])
local sm = assert(segmind.new({ base_url = url, api_key = "SG_0123456789abcdef", poll = 1e4,
  max_transfers = 64, inline = arg[3] == "inline" }))

-- Nanoseconds, if luv is there; processor time, which has microseconds, if not.
local has_luv, luv = pcall(require, "luv")
local now = has_luv and function()
  return luv.hrtime() / 1e3
end or function()
  return os.clock() * 1e6
end

local accepted = 0
for i = 1, jobs do
  assert(sm:submit("flux-kontext-pro", { prompt = "a lighthouse", seed = i }))
    :on("state", function(state)
      accepted = accepted + (state == "QUEUED" and 1 or 0)
    end)
end
while accepted < jobs do
  sm:poll(1)
  sm:step()
end
while sm:poll(0.5) do
  sm:step()
end
collectgarbage()
collectgarbage()

-- Ten at a time, so that reading the clock is a small part of it.
local AT_A_TIME, TIMES = 10, 20000
local took, taken = {}, 0
for i = 1, TIMES do
  local before = now()
  for _ = 1, AT_A_TIME do
    taken = taken + sm:step(32, 1048576)
  end
  took[i] = (now() - before) / AT_A_TIME
end
table.sort(took)
print(("jobs=%d taken=%d median_us=%.3f p99_us=%.3f most_us=%.1f"):format(jobs, taken,
  took[TIMES / 2], took[TIMES * 0.99], took[TIMES]))
sm:close() -- the jobs are not waited for
