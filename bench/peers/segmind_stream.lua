--- An upload and a download by our own client, in Lua.
---
---     lua5.4 bench/peers/segmind_stream.lua BASE upload PATH
---     lua5.4 bench/peers/segmind_stream.lua BASE hash PATH      what names an upload's content
---     lua5.4 bench/peers/segmind_stream.lua BASE download PATH URL

local core = require("segmind.core")

local base, what, path, url = arg[1], arg[2], arg[3], arg[4]
local handle = assert(core.open({ base_url = base, api_key = "SG_0123456789abcdef" }))

local function kib(field)
  for line in io.lines("/proc/self/status") do
    local value = line:match("^" .. field .. ":%s*(%d+)")
    if value then
      return tonumber(value)
    end
  end
end

local function await(id, refused)
  assert(id, refused and refused.message)
  while true do
    local taken, event, value = handle:take()
    if taken == id then
      assert(event == "done", value.message)
      return value
    elseif not taken then
      handle:wait(1)
    end
  end
end

-- A free call first: the thread, the connection, what libcurl has once.
await(handle:get("api", "/v1/get-user-credits"))
local before = kib("VmRSS")
local forget = assert(io.open("/proc/self/clear_refs", "w"))
forget:write("5")
forget:close()
local cpu = os.clock()
if what == "upload" then
  await(handle:upload({ path = path, media_type = "image/png" }))
elseif what == "hash" then
  await(handle:digest(path))
else
  await(handle:download(url, path))
end
print(("cpu_us=%.0f kib=%d"):format((os.clock() - cpu) * 1e6, kib("VmHWM") - before))
handle:close()
