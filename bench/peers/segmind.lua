--- Jobs by our own client, in Lua. Prints the processor time that they took, as name=value.
---
---     lua5.4 bench/peers/segmind.lua URL JOBS AT_A_TIME [inline|thread [CA]]

local now = require("segmind.core").now
local segmind = require("segmind")

local url, jobs, at_a_time, how, ca = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4], arg[5]
local sm = assert(segmind.new({ base_url = url, api_key = "SG_0123456789abcdef", poll = 0.001,
  inline = how == "inline" or nil, ca_file = ca }))

local started, finished = 0, 0

local function on_error(err)
  error(tostring(err))
end

local function on_done()
  finished = finished + 1
end

local function start()
  started = started + 1
  local job = assert(sm:submit("flux-kontext-pro", { prompt = "a lighthouse", seed = started }))
  job:on("done", on_done):on("error", on_error)
end

local function run(count)
  local goal, last = finished + count, started + count
  while finished < goal do
    while started < last and started - finished < at_a_time do
      start()
    end
    if sm:step() == 0 then
      sm:poll(1)
    end
  end
end

run(100)
local cpu, wall = os.clock(), now()
run(jobs)
print(("jobs=%d cpu_us=%.0f wall_us=%.0f"):format(jobs, (os.clock() - cpu) * 1e6,
  (now() - wall) * 1e6))
sm:close()
