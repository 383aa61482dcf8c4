--- The sample of https://www.segmind.com/models/multi-image-kontext-max/api, as Lua.
---   SEGMIND_API_KEY=... lua examples/multi-image-kontext-max.lua [folder]

local segmind = require("segmind")

local result, err = segmind.run("multi-image-kontext-max", {
  seed = 42,
  prompt = "put the green dress on the woman while maintaining the pose of the woman as it is",
  aspect_ratio = "1:1",
  input_image_1 = "https://segmind-resources.s3.amazonaws.com/output/"
    .. "9cb479d3-5c5f-4d5d-a782-972acbc42598-c1.jpg",
  input_image_2 = "https://segmind-resources.s3.amazonaws.com/output/"
    .. "79feee7b-d09f-4bde-bec3-c8e8a8703f04-d2.png",
  output_format = "jpg",
  safety_tolerance = 1,
}, { save = (arg[1] or ".") .. "/multi-image-kontext-max" })

print(result and result.path or err)
os.exit(result ~= nil, true)
