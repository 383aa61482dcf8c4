--- What a host's loop adds to a graph of jobs, and the graph to the loop.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/loop.lua [BUILD] [--rounds N]

A graph of fifty jobs, five layers of ten, on a service that takes 0.2 s each:
what the whole takes above that (submits, polls every 5 ms, results, the next
submits), what of it is the loop's doing and not there in a plain blocking wait,
and the gaps of a 1 ms ticker on the same loop.
]], 5)

local LATENCY = 0.2
local FIGURES = { "added_ms", "loop_ms", "p99_ms", "worst_ms" }
local cases = {}
for _, lua in ipairs({ "lua5.4", "luajit" }) do
  for _, manner in ipairs({ "wait", "cqueues", "luv" }) do
    local module = manner == "wait" and "math" or manner
    local asked = ("%s -e 'print((pcall(require, %q)))'"):format(lua, module)
    if trial.is_built_for(setup, lua) and trial.output(asked):find("true") then
      local case = { lua = lua, manner = manner }
      for _, name in ipairs(FIGURES) do
        case[name] = {}
      end
      cases[#cases + 1] = case
    end
  end
end

local waited -- what the plain wait of this Lua took in this round
for _ = 1, setup.rounds do
  for _, case in ipairs(cases) do
    local server = service.emulator(setup, ("--plain --latency %g --variation 0"):format(LATENCY))
    local figures = trial.run(setup, ("%s bench/peers/segmind_graph.lua %s %g %s"):format(case.lua,
      server.url, LATENCY, case.manner))
    server:stop()
    waited = case.manner == "wait" and figures.added_ms or waited
    figures.loop_ms = figures.added_ms - waited
    for _, name in ipairs(FIGURES) do
      table.insert(case[name], figures[name])
    end
  end
end

local function is_loop(case)
  return case.manner ~= "wait"
end

local rows = {}
for i, case in ipairs(cases) do
  rows[i] = { case.lua, case.manner, trial.show(case.added_ms, 1),
    is_loop(case) and trial.show(case.loop_ms, 1) or "–",
    is_loop(case) and trial.show(case.p99_ms, 1) or "–",
    is_loop(case) and trial.show(case.worst_ms, 1) or "–" }
end
print("### Fifty jobs on a host's loop\n")
trial.table({ "Lua", "loop", "added in total, ms", "of that by the loop",
  "ticker: 99 in 100, ms", "worst" }, rows)
for _, case in ipairs(cases) do
  if is_loop(case) then
    trial.goal(("%s, %s: added by the loop, ms"):format(case.lua, case.manner),
      trial.middle(case.loop_ms), 10)
  end
end
print()
