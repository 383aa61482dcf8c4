--- A picture from words alone: flux-kontext-pro and -max draw one when no input_image is given.
---   SEGMIND_API_KEY=... lua examples/text-to-image.lua [folder]

local segmind = require("segmind")

local result, err = segmind.run("flux-kontext-pro", {
  prompt = "a red wooden house by a lake, early morning, fog over the water",
  aspect_ratio = "1:1", -- there is no picture to match
}, { save = (arg[1] or ".") .. "/text-to-image" })

print(result and ("seed %d -> %s"):format(result.seed, result.path) or err)
os.exit(result ~= nil, true)
