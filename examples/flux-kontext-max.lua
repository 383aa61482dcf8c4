--- The sample of https://www.segmind.com/models/flux-kontext-max/api, as Lua.
---   SEGMIND_API_KEY=... lua examples/flux-kontext-max.lua [folder]

local segmind = require("segmind")

local folder = arg[1] or "."

local result, err = segmind.run("flux-kontext-max", {
  seed = 30699,
  prompt = "Make her take a selfie in the streets of Freiburg, it's a lovely day out",
  input_image = "https://segmind-resources.s3.amazonaws.com/input/"
    .. "a1adf47e-bfba-45c4-a11f-ae2b732102ad-kontext-max-ip.webp",
  aspect_ratio = "16:9",
  output_format = "png",
  safety_tolerance = 6,
})
local path
if result then
  path, err = result:save(folder .. "/flux-kontext-max")
end
if not path then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
print(("%s: %s -> %s"):format(result.job.model, result.url, path))
