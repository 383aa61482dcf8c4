--- The edits that the host runs: one picture, edited two ways at the same time, both put together.
--- It only begins them. The host's loop does the rest, a step a frame, and asks `is_over`.

local segmind = require("segmind")

local folder = ...
local client = assert(segmind.new({ poll = tonumber(os.getenv("HOST_POLL")) or "eager" }))
local jobs = {}

local function edit(name, model, params)
  local job = assert(client:submit(model, params, { name = name, save = folder .. "/" .. name }))
  job:on("state", function(state)
    print(("%-7s %-24s %s"):format(name, model, state))
  end)
  jobs[#jobs + 1] = job
  return job
end

local house = edit("house", "flux-kontext-pro", { prompt = "a red house by the sea" })
local night = edit("night", "flux-kontext-dev",
  { prompt = "the same at night", input_image = house })
local snow = edit("snow", "flux-kontext-pro",
  { prompt = "the same in snow", input_image = house })
edit("both", "multi-image-kontext-pro",
  { prompt = "the two side by side", input_image_1 = night, input_image_2 = snow })

local function is_over()
  for _, job in ipairs(jobs) do
    if not job:is_over() then
      return false
    end
  end
  return true
end

local function succeeded()
  local all_well = true
  for _, job in ipairs(jobs) do
    local err = job:error()
    if err then
      io.stderr:write(job.name, ": ", tostring(err), "\n")
      all_well = false
    else
      print(job:result().path)
    end
  end
  return all_well
end

return client, is_over, succeeded
