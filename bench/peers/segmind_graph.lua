--- A graph of fifty jobs, waited for in one of three manners, beside a ticker where there is one.
---
---     lua5.4 bench/peers/segmind_graph.lua URL SECONDS wait|cqueues|luv
---
--- SECONDS is the emulator's latency. Prints what the graph took above it, and the ticker's gaps.

local now = require("segmind.core").now
local segmind = require("segmind")

local url, latency, manner = arg[1], tonumber(arg[2]), arg[3]
local sm = assert(segmind.new({ base_url = url, api_key = "SG_0123456789abcdef", poll = 0.005,
  max_transfers = 32 }))
local DEPTH, WIDTH = 5, 10

-- The connections are not what is measured.
assert(sm:run("flux-kontext-pro", { prompt = "warm up", aspect_ratio = "1:1" }))

local function graph()
  local layer = {}
  for i = 1, WIDTH do
    layer[i] = assert(sm:submit("flux-kontext-pro", { prompt = "first " .. i,
      aspect_ratio = "1:1" }))
  end
  for depth = 2, DEPTH do
    local before = layer
    layer = {}
    for i = 1, WIDTH do
      layer[i] = assert(sm:submit("multi-image-kontext-pro", { prompt = depth .. ", " .. i,
        input_image_1 = before[i], input_image_2 = before[i % WIDTH + 1] }))
    end
  end
  return layer
end

local began, ended, gaps = now(), nil, {}

local function run()
  began = now()
  assert(segmind.all(graph()))
  ended = now()
end

local function tick(from, to)
  gaps[#gaps + 1] = (to - from) * 1e3
end

local manners = { wait = run }

function manners.cqueues()
  local cqueues = require("cqueues")
  local cq = cqueues.new()
  require("segmind.loop.cqueues").attach(sm, cq)
  cq:wrap(function()
    run()
    sm:close()
  end)
  cq:wrap(function()
    while not ended do
      local before = cqueues.monotime()
      cqueues.sleep(0.001)
      tick(before, cqueues.monotime())
    end
  end)
  assert(cq:loop())
end

function manners.luv()
  local uv = require("luv")
  require("segmind.loop.luv").attach(sm)
  local timer, before = uv.new_timer(), uv.hrtime()
  segmind.async(function()
    run()
    timer:close()
    sm:close()
  end)
  timer:start(1, 1, function()
    local at = uv.hrtime()
    tick(before / 1e9, at / 1e9)
    before = at
  end)
  uv.run()
end

manners[manner]()
table.sort(gaps)
print(("added_ms=%.2f ticks=%d p99_ms=%.2f worst_ms=%.2f"):format(
  (ended - began - DEPTH * latency) * 1e3, #gaps, gaps[math.ceil(#gaps * 0.99)] or 0,
  gaps[#gaps] or 0))
