--- A chain of our own client, in Lua: the time from its start to the last result.
---
---     lua5.4 bench/peers/segmind_chain.lua URL CA STEPS

local segmind = require("segmind")

local url, ca, steps = arg[1], arg[2], tonumber(arg[3])
local sm = assert(segmind.new({ base_url = url, ca_file = ca, api_key = "SG_0123456789abcdef",
  poll = 0.001 }))
-- One job first: the client, its thread, a connection.
assert(sm:run("flux-kontext-pro", { prompt = "a lighthouse" }))

local clock = require("segmind.core").now
local chain = sm:chain():step("flux-kontext-pro", { prompt = "a lighthouse" })
for _ = 2, steps do
  chain:step("flux-kontext-pro", { prompt = "a lighthouse" })
end
local from = clock()
local results = assert(chain:run())
assert(#results == steps)
print(("jobs=%d wall_us=%.0f"):format(steps, (clock() - from) * 1e6))
sm:close()
