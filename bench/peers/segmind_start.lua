--- What a program pays before its first call.
---
---     lua5.4 bench/peers/segmind_start.lua

local began = os.clock()
require("segmind.core")
local core = os.clock() - began
local segmind = require("segmind")
local sm = assert(segmind.new({ base_url = "http://127.0.0.1:1", api_key = "SG_0123456789abcdef" }))
local all, files = os.clock() - began, 0
for name in pairs(package.loaded) do
  files = files + (name:find("^segmind") and 1 or 0)
end
print(("core_ms=%.2f lua_ms=%.2f files=%d"):format(core * 1e3, (all - core) * 1e3, files - 1))
sm:close()
