--- Jobs of our own client that wait, in Lua: the memory each takes, the processor time all take.
---
---     lua5.4 bench/peers/segmind_waiting.lua URL JOBS SECONDS

local now = require("segmind.core").now
local segmind = require("segmind")

local url, jobs, seconds = arg[1], tonumber(arg[2]), tonumber(arg[3])
local sm = assert(segmind.new({ base_url = url, api_key = "SG_0123456789abcdef", poll = 1 }))
local accepted, list = 0, {}

local function resident_kib()
  for line in io.lines("/proc/self/status") do
    local kib = line:match("^VmRSS:%s*(%d+)")
    if kib then
      return tonumber(kib)
    end
  end
end

local function on_state(state)
  accepted = accepted + (state == "QUEUED" and 1 or 0)
end

local function submit(count)
  local goal = accepted + count
  for i = 1, count do
    list[#list + 1] = assert(sm:submit("flux-kontext-pro", { prompt = "a lighthouse", seed = i }))
      :on("state", on_state)
  end
  while accepted < goal do
    sm:poll(1)
    sm:step()
  end
end

-- A hundred first: the connections, and what a client has once.
submit(100)
collectgarbage()
collectgarbage()
local lua_kib, kib = collectgarbage("count"), resident_kib()
submit(jobs)
collectgarbage()
collectgarbage()
local cpu, from = os.clock(), now()
while now() < from + seconds do
  sm:poll(1)
  sm:step()
end
local wall = now() - from
print(("jobs=%d kib=%.0f lua_kib=%.0f cpu_us=%.0f wall_us=%.0f"):format(jobs, resident_kib() - kib,
  collectgarbage("count") - lua_kib, (os.clock() - cpu) * 1e6, wall * 1e6))
sm:close() -- the jobs are not waited for
