--- Jobs by our own core from Lua, polled as told; the server is asked afterwards what that was
--- like.
---
---     lua5.4 bench/peers/segmind_polling.lua URL JOBS AT_A_TIME POLL LATENCY

local core = require("segmind.core")

local url, jobs, at_a_time = arg[1], tonumber(arg[2]), tonumber(arg[3])
local opts = { poll = tonumber(arg[4]) or arg[4], latency = tonumber(arg[5]) }
local handle = assert(core.open({ base_url = url, api_key = "SG_0123456789abcdef" }))
local started, finished = 0, 0

while finished < jobs do
  while started < jobs and started - finished < at_a_time do
    started = started + 1
    local json = ('{"prompt":"a lighthouse","seed":%d}'):format(started)
    assert(handle:job("flux-kontext-pro", json, opts))
  end
  handle:wait(1)
  local id, what, value = handle:take()
  while id do
    assert(what ~= "error", type(value) == "table" and value.message)
    finished = finished + (what == "done" and 1 or 0)
    id, what, value = handle:take()
  end
end
print(("jobs=%d cpu_us=%.0f"):format(jobs, os.clock() * 1e6))
handle:close()
