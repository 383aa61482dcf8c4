--- The sample of https://www.segmind.com/models/flux-kontext-max/api, as Lua.
---   SEGMIND_API_KEY=... lua examples/flux-kontext-max.lua [folder]

local segmind = require("segmind")

local result, err = segmind.run("flux-kontext-max", {
  seed = 30699,
  prompt = "Make her take a selfie in the streets of Freiburg, it's a lovely day out",
  input_image = "https://segmind-resources.s3.amazonaws.com/input/"
    .. "a1adf47e-bfba-45c4-a11f-ae2b732102ad-kontext-max-ip.webp",
  aspect_ratio = "16:9",
  output_format = "png",
  safety_tolerance = 6,
}, { save = (arg[1] or ".") .. "/flux-kontext-max" })

print(result and result.path or err)
os.exit(result ~= nil, true)
