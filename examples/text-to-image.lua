--- A picture from words alone: flux-kontext-pro and -max draw one when no input_image is given.
---   SEGMIND_API_KEY=... lua examples/text-to-image.lua [folder]

local segmind = require("segmind")

local folder = arg[1] or "."

local result, err = segmind.run("flux-kontext-pro", {
  prompt = "a red wooden house by a lake, early morning, fog over the water",
  aspect_ratio = "1:1", -- there is no picture to match
})
local path
if result then
  path, err = result:save(folder .. "/text-to-image")
end
if not path then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
local info = result:info()
print(("%s, %dx%d, seed %d -> %s"):format(info.format, info.width, info.height, result.seed, path))
