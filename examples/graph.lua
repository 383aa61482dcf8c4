--- A graph of edits: a job put where an image is expected is an edge. What does not hang together
--- runs at the same time; the two branches meet in a model that takes two pictures.
---   SEGMIND_API_KEY=... lua examples/graph.lua [folder]
--- Writes the picture of every step and report.html into the folder. Pictures to edit are taken
--- from SEGMIND_PICTURES, or the folder's own pictures/. With SEGMIND_LEDGER nothing is paid twice.

local segmind = require("segmind")
local report = require("segmind.report")

local folder = arg[1] or "out"
local pictures = os.getenv("SEGMIND_PICTURES") or folder .. "/pictures"
local started = os.time()

local function stop(err)
  io.stderr:write(tostring(err), "\n")
  os.exit(1, true)
end

local function progress(event)
  if event.what == "state" then
    print(("%4d s  %-10s %-24s %s"):format(os.time() - started, event.job.name, event.job.model,
      event.state))
  elseif event.message then
    print(("        %s"):format(event.message))
  end
end

local sm, no_client = segmind.new({ on_event = progress, ledger = os.getenv("SEGMIND_LEDGER") })
if not sm then
  stop(no_client)
end

local jobs = {}

--- Submits a step that is saved under its name.
local function step(name, model, params)
  local job, err = sm:submit(model, params, { name = name, save = folder .. "/" .. name })
  if not job then
    stop(err)
  end
  jobs[#jobs + 1] = job
  return job
end

local portrait = step("bokeh", "flux-kontext-dev",
  { prompt = "a bokeh background", input_image = pictures .. "/portrait.webp" })
local night = step("night", "flux-kontext-pro",
  { prompt = "the same at night", input_image = portrait })
local noon = step("noon", "flux-kontext-max",
  { prompt = "the same at noon", input_image = portrait, aspect_ratio = "match_input_image" })
local both = step("both", "multi-image-kontext-pro",
  { prompt = "the two side by side", input_image_1 = night, input_image_2 = noon })
local dressed = step("dressed", "multi-image-kontext-pro",
  { prompt = "put the green dress on the woman", input_image_1 = pictures .. "/woman.webp",
    input_image_2 = pictures .. "/dress.webp", aspect_ratio = "3:4" })
step("poster", "multi-image-kontext-max",
  { prompt = "all of them on one poster", input_image_1 = both, input_image_2 = dressed })

local failed
for _, job in ipairs(jobs) do
  local result, err = job:wait()
  failed = failed or err
  if result then
    print(("%-8s seed %-11d %s"):format(job.name, result.seed, result.path))
  end
end
local page, not_written = report.write(jobs, folder .. "/report.html",
  { title = "A graph of edits" })
sm:close()
if failed or not page then
  stop(failed or not_written)
end
print("report   " .. page)
