--- The sample of https://www.segmind.com/models/multi-image-kontext-pro/api, as Lua.
---   SEGMIND_API_KEY=... lua examples/multi-image-kontext-pro.lua [folder]

local segmind = require("segmind")

local result, err = segmind.run("multi-image-kontext-pro", {
  prompt = "A woman is taking a selfie with the man in front of the Taj Mahal.",
  aspect_ratio = "1:1",
  input_image_1 = "https://segmind-resources.s3.amazonaws.com/output/"
    .. "80b5e919-9150-43eb-a07c-b56f73ea3dcb-image_31.png",
  input_image_2 = "https://segmind-resources.s3.amazonaws.com/output/"
    .. "9c4b025f-dad6-4dae-88ab-d01765f0c2b8-man2.png",
  output_format = "png",
  safety_tolerance = 2,
}, { save = (arg[1] or ".") .. "/multi-image-kontext-pro" })

print(result and result.path or err)
os.exit(result ~= nil, true)
