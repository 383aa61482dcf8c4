--- Three edits one after the other, checked and priced before the first is sent.
---   SEGMIND_API_KEY=... lua examples/chain.lua [folder]
--- Pictures to edit are taken from SEGMIND_PICTURES, or the folder's own pictures/.

local segmind = require("segmind")

local folder = arg[1] or "out"
local pictures = os.getenv("SEGMIND_PICTURES") or folder .. "/pictures"

local function stop(err)
  io.stderr:write(tostring(err), "\n")
  os.exit(1, true)
end

local chain, err = segmind.chain(pictures .. "/portrait.webp")
if not chain then
  stop(err)
end
chain
  :step("flux-kontext-dev", { prompt = "a bokeh background" })
  :step("flux-kontext-pro", { prompt = "make this a real photograph" })
  :step("multi-image-kontext-max", {
    prompt = "put the green dress on the woman",
    input_image_2 = pictures .. "/dress.webp",
  })

local estimate, bad = chain:estimate()
if not estimate then
  stop(bad)
end
print(estimate)

local results, failed = chain:run({ save = folder .. "/chain" })
if not results then
  for n, result in pairs(failed.results) do
    io.stderr:write(("step %d is done and paid: %s\n"):format(n, tostring(result)))
  end
  stop(failed)
end
for n, result in ipairs(results) do
  print(("step %d: seed %d -> %s"):format(n, result.seed, result.path))
end
