--- The synchronous v1 way: one request, and its answer is the picture. The service means it for
--- requests under a minute; a lost answer cannot be fetched again, so `run` is the better choice.
---   SEGMIND_API_KEY=... lua examples/sync.lua [folder]

local segmind = require("segmind")

local folder = arg[1] or "."

local result, err = segmind.run_sync("flux-kontext-pro", {
  prompt = "a paper boat on a puddle, seen from above",
  aspect_ratio = "3:2",
})
local path
if result then
  path, err = result:save(folder .. "/sync")
end
if not path then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
print(("%d bytes -> %s"):format(#assert(result:bytes()), path))
