--- A graph whose first layer is under way: what a `submit` takes while the graph grows.
---
---     lua5.4 bench/peers/segmind_many.lua URL JOBS [mode of the collector]

if arg[3] then
  collectgarbage(arg[3])
end
local segmind = require("segmind")

local WIDTH = 100
local url, count = arg[1], tonumber(arg[2])
local sm = assert(segmind.new({ base_url = url, api_key = "SG_0123456789abcdef", poll = 1e4 }))

local jobs = {}

--- Each needs two of the layer before.
local function submit(i)
  if i <= WIDTH then
    return sm:submit("flux-kontext-pro", { prompt = "first " .. i, aspect_ratio = "1:1" })
  end
  local first, place = i - WIDTH - (i - 1) % WIDTH, (i - 1) % WIDTH
  return sm:submit("multi-image-kontext-pro", { prompt = "both " .. i,
    input_image_1 = jobs[first + place], input_image_2 = jobs[first + (place + 1) % WIDTH] })
end

local accepted = 0
local function on_state(state)
  accepted = accepted + (state == "QUEUED" and 1 or 0)
end

for i = 1, WIDTH do
  jobs[i] = assert(submit(i)):on("state", on_state)
end
while accepted < WIDTH do -- from then on the core's thread sleeps, and the processor's time is ours
  sm:poll(1)
  sm:step()
end

local longest, began = 0, os.clock()
for i = WIDTH + 1, count do
  local before = os.clock()
  jobs[i] = assert(submit(i))
  longest = math.max(longest, os.clock() - before)
end
print(("jobs=%d each_us=%.2f longest_ms=%.2f"):format(count,
  (os.clock() - began) / (count - WIDTH) * 1e6, longest * 1e3))
sm:close() -- the jobs are not waited for
