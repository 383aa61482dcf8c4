--- A graph of a hundred jobs with fan-out and fan-in, against the time of its longest path.
---
---   lua5.4 bench/graph.lua [depth [width [seconds a job]]]
---
--- Needs SEGMIND_BASE_URL and SEGMIND_API_KEY to point at an emulator that was started with
--- --plain and --latency of as many seconds. Each job of a layer needs two of the layer before.

local segmind = require("segmind")

local depth, width = tonumber(arg[1]) or 10, tonumber(arg[2]) or 10
local seconds = tonumber(arg[3]) or 1

local sm = assert(segmind.new({ poll = 0.02 }))

local function job(layer, i)
  if not layer then
    return assert(sm:submit("flux-kontext-pro", { prompt = "first " .. i, aspect_ratio = "1:1" }))
  end
  return assert(sm:submit("multi-image-kontext-pro", { prompt = "both " .. i,
    input_image_1 = layer[i], input_image_2 = layer[i % width + 1] }))
end

local function now()
  return require("segmind.core").now()
end

local began, layer = now(), nil
for _ = 1, depth do
  local above = {}
  for i = 1, width do
    above[i] = job(layer, i)
  end
  layer = above
end
for i = 1, width do
  assert(layer[i]:wait())
end
local took, longest = now() - began, depth * seconds
sm:close()
print(("%d jobs in %d layers of %d: %.2f s, the longest path %.2f s, ratio %.2f; one by one %d s")
  :format(depth * width, depth, width, took, longest, took / longest, depth * width * seconds))
