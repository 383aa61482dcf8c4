--- A chain of three steps over a ledger, in a process to which things are done. Its log names every
--- id it learns, and ends with how it went: "end KIND CHARGED STEP ID MESSAGE".
---
---   lua steps_child.lua URL LEDGER LOG ON_UNKNOWN THREAD

local url, path, log, on_unknown, thread = arg[1], arg[2], arg[3], arg[4], arg[5]

local segmind = require("segmind")

local out = assert(io.open(log, "a"))
out:setvbuf("line")

local function say(...)
  out:write((table.concat({ ... }, " "):gsub("\n", " ")), "\n")
end

local function finish(err)
  if err then
    say("end", err.kind, err.charged, tostring(err.step or "-"), err.request_id or "-", err.message)
  else
    say("end ok no - - -")
  end
  os.exit(not err, true)
end

local function show(event)
  local job = event.job
  say(event.what, job and (job.request_id or "-") or "-",
    event.state or event.error and event.error.kind or event.message or "")
end

local sm, refused = segmind.new({ api_key = "SG_0123456789abcdef", base_url = url, ledger = path,
  poll = 0.01, on_unknown = on_unknown, timeout = 20, on_event = show,
  inline = thread == "inline" })
if not sm then
  finish(refused)
end

local _, err = sm:chain()
  :step("flux-kontext-pro", { prompt = "1", aspect_ratio = "1:1" })
  :step("flux-kontext-dev", { prompt = "2" })
  :step("flux-kontext-max", { prompt = "3" }):run()
finish(err)
