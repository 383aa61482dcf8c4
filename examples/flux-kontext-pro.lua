--- The sample of https://www.segmind.com/models/flux-kontext-pro/api, as Lua.
---   SEGMIND_API_KEY=... lua examples/flux-kontext-pro.lua [folder]

local segmind = require("segmind")

local result, err = segmind.run("flux-kontext-pro", {
  prompt = "make this a real photograph",
  input_image = "https://segmind-resources.s3.amazonaws.com/input/"
    .. "e9150752-b054-445c-a988-c13c6038dfa9-kontext-pro-ip.webp",
  aspect_ratio = "match_input_image",
  output_format = "png",
  safety_tolerance = 6,
}, { save = (arg[1] or ".") .. "/flux-kontext-pro" })

print(result and result.path or err)
os.exit(result ~= nil, true)
