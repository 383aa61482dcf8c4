--- The sample of https://www.segmind.com/models/flux-kontext-dev/api, as Lua.
---   SEGMIND_API_KEY=... lua examples/flux-kontext-dev.lua [folder]

local segmind = require("segmind")

local result, err = segmind.run("flux-kontext-dev", {
  seed = 42,
  prompt = "Replace the background with a bokeh light effect, zooming in on the subject, keeping "
    .. "the person’s pose, position, scale, and camera angle identical. Only change the "
    .. "surrounding environment. ",
  guidance = 7,
  input_image = "https://images.segmind.com/generations/901b78cd-381a-4284-8391-306d4c7409e1/"
    .. "6852c6602b5db2d623cc373cfa699b55.webp",
  aspect_ratio = "match_input_image",
  output_format = "png",
  output_quality = 90,
  num_inference_steps = 35,
  disable_safety_checker = false,
}, { save = (arg[1] or ".") .. "/flux-kontext-dev" })

print(result and result.path or err)
os.exit(result ~= nil, true)
