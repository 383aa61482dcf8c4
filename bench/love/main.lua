--- The time that client:step takes out of a LÖVE frame while jobs are in flight; bench/love.sh
--- starts this once per case, with an emulator that suits it:
---
---     love bench/love CASE [JOBS] [SECONDS]
---
---   idle    all jobs are under way the whole time: they are polled, and none ends
---   busy    each ends within some 22 s, as at the service, and another takes its place
---   saving  as busy, and every picture is saved to disk
---
--- Frames are paced to 60 Hz by sleeping: a virtual display does not.

-- An error ends the program instead of waiting on LÖVE's screen for somebody to read it.
function love.errorhandler(message)
  io.stderr:write(debug.traceback("bench: " .. tostring(message), 2), "\n")
  return function()
    return 1
  end
end

local segmind = require("segmind")
local trial = require("trial")

local case, jobs, seconds
local client, steps, events, ended, slowest = nil, {}, 0, 0, 0
local began, next_frame, open, submitted = nil, 0, 0, 0

local function over()
  ended, open = ended + 1, open - 1
end

local function submit()
  submitted = submitted + 1
  local save = case == "saving" and ("%s/%d"):format(love.filesystem.getSaveDirectory(), submitted)
  local job = assert(client:submit("flux-kontext-pro", { prompt = "a lighthouse" },
    { save = save or nil }))
  open = open + 1
  job:on("done", over):on("error", function(err)
    if err.kind ~= "cancelled" then -- by the end of the program
      io.stderr:write("bench: ", tostring(err), "\n")
      love.event.quit(1)
    end
  end)
end

function love.load(words)
  case, jobs, seconds = words[1] or "idle", tonumber(words[2]) or 100, tonumber(words[3]) or 10
  assert(love.filesystem.createDirectory(""))
  -- The emulator is quicker than the published latencies that polling would go by.
  client = assert(segmind.new({ poll = case == "idle" and 1 or 0.25 }))
  for _ = 1, jobs do
    submit()
  end
end

local function quantile(q)
  return steps[math.max(1, math.ceil(q * #steps))] * 1e6
end

local function report()
  table.sort(steps)
  print(("  %-7s %3d jobs  median %6.1f us   p99 %7.1f us   worst %8.1f us   (%d frames, "
    .. "%.1f events and %.1f results a second)"):format(case, jobs, quantile(0.5), quantile(0.99),
    quantile(1), #steps, events / seconds, ended / seconds))
  trial.goal(("LÖVE: a frame's step, %s, p99"):format(case), quantile(0.99), 100, " µs")
  love.event.quit(0)
end

-- New jobs are begun outside what is measured: submitting is the program's own call.
local function refill()
  while open < jobs do
    submit()
  end
end

function love.update()
  local before = love.timer.getTime()
  local taken = client:step(32, 2e6, 5e-5)
  local spent = love.timer.getTime() - before
  refill()
  -- The first seconds are the submits, all at once, and no frame's usual work; then it takes a
  -- while until the first jobs end.
  began = began or before + (case == "idle" and 3 or 25)
  if before < began then
    ended = 0
  elseif before < began + seconds then
    steps[#steps + 1], events, slowest = spent, events + taken, math.max(slowest, spent)
  elseif #steps > 0 then
    report()
    steps = {}
  end
end

function love.draw()
  love.graphics.print(("%s: %d jobs, %d ended, worst step %.0f us"):format(case, open, ended,
    slowest * 1e6), 20, 20)
  next_frame = math.max(next_frame + 1 / 60, love.timer.getTime())
  love.timer.sleep(next_frame - love.timer.getTime())
end

function love.quit()
  client:close()
end
