-- A script of its own process, over a ledger: a chain of three steps, or one step. Started by
-- spec/support/processes.lua; writes what happens to its log, a line at a time.
--
--   lua ledger_child.lua URL LEDGER WHAT LOG ON_UNKNOWN TIMEOUT FOLDER

local url, path, what, log, on_unknown, timeout = arg[1], arg[2], arg[3], arg[4], arg[5], arg[6]

local segmind = require("segmind")

local out = assert(io.open(log, "a"))
out:setvbuf("no")

local function say(...)
  out:write(table.concat({ ... }, " "):gsub("\n", " "), "\n")
end

local function show(event)
  local job = event.job and tostring(event.job.id) or "-"
  say(event.what, job, event.state or event.error and event.error.kind or event.message or "")
end

local sm, refused = segmind.new({ api_key = "SG_0123456789abcdef", base_url = url, ledger = path,
  ledger_files = arg[7] ~= "" and arg[7] or nil, poll = 0.01, on_unknown = on_unknown,
  timeout = tonumber(timeout), rpm = what == "slow" and 6 or nil, on_event = show })
if not sm then
  say("end", refused.kind, refused.message)
  os.exit(1, true)
end

local runs = {}

function runs.chain()
  return sm:chain()
    :step("flux-kontext-pro", { prompt = "one", aspect_ratio = "1:1" })
    :step("flux-kontext-dev", { prompt = "two" })
    :step("flux-kontext-max", { prompt = "three" }):run()
end

function runs.one()
  return sm:run("flux-kontext-pro", { prompt = "one", aspect_ratio = "1:1" })
end

--- Twenty steps at once, under a pace of six requests a minute.
function runs.slow()
  local jobs = {}
  for i = 1, 20 do
    jobs[i] = assert(sm:submit("flux-kontext-pro", { prompt = "p" .. i, aspect_ratio = "1:1" }))
  end
  return jobs[20]:wait()
end

--- 120 steps at once.
function runs.crowd()
  local jobs = {}
  for i = 1, 120 do
    jobs[i] = assert(sm:submit("flux-kontext-pro", { prompt = "p" .. i, aspect_ratio = "1:1" }))
  end
  for i = 1, 120 do
    local result, err = jobs[i]:wait()
    if not result then
      return nil, err
    end
  end
  return true
end

--- Twenty steps, one after the other, until the ledger can take no more.
function runs.many()
  for i = 1, 20 do
    local result, err = sm:run("flux-kontext-pro",
      { prompt = i .. ("x"):rep(2000), aspect_ratio = "1:1" })
    if not result then
      return nil, err
    end
    say("made", tostring(i), result.request_id)
  end
  return true
end

local result, err = runs[what]()
say("end", result and "ok" or err.kind, err and err.message or "", err and err.request_id or "")
os.exit(result and 0 or 1, true)
