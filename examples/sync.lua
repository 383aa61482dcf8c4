--- The synchronous v1 way: one request, and its answer is the picture. The service means it for
--- requests under a minute; a lost answer cannot be fetched again, so `run` is the better choice.
---   SEGMIND_API_KEY=... lua examples/sync.lua [folder]

local segmind = require("segmind")

local result, err = segmind.run_sync("flux-kontext-pro", {
  prompt = "a paper boat on a puddle, seen from above",
  aspect_ratio = "3:2",
}, { save = (arg[1] or ".") .. "/sync" })

print(result and ("%d bytes -> %s"):format(#result:bytes(), result.path) or err)
os.exit(result ~= nil, true)
