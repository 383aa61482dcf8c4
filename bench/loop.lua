--- What a host's loop adds to a graph of jobs, and the graph to the loop.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/loop.lua [BUILD] [--rounds N]

A graph of fifty jobs, five layers of ten, on a service that takes 0.2 s each:
what a layer takes above that (submit, polls every 5 ms, result, the next
submit), and the gaps of a 1 ms ticker on the same loop.
]], 3)

local LATENCY = 0.2
local cases = {}
for _, lua in ipairs({ "lua5.4", "luajit" }) do
  for _, manner in ipairs({ "wait", "cqueues", "luv" }) do
    local module = manner == "wait" and "math" or manner
    if trial.output(("%s -e 'print((pcall(require, %q)))'"):format(lua, module)):find("true") then
      cases[#cases + 1] = { lua = lua, manner = manner, added_ms = {}, p99_ms = {}, worst_ms = {} }
    end
  end
end

for _ = 1, setup.rounds do
  for _, case in ipairs(cases) do
    local server = service.emulator(setup, ("--plain --latency %g --variation 0"):format(LATENCY))
    local figures = trial.run(setup, ("%s bench/peers/segmind_graph.lua %s %g %s"):format(case.lua,
      server.url, LATENCY, case.manner))
    server:stop()
    for _, name in ipairs({ "added_ms", "p99_ms", "worst_ms" }) do
      table.insert(case[name], figures[name])
    end
  end
end

local rows = {}
for i, case in ipairs(cases) do
  local has_ticker = case.manner ~= "wait"
  rows[i] = { case.lua, case.manner, trial.show(case.added_ms, 1),
    has_ticker and trial.show(case.p99_ms, 1) or "–",
    has_ticker and trial.show(case.worst_ms, 1) or "–" }
end
print("### Fifty jobs on a host's loop\n")
trial.table({ "Lua", "loop", "added to a layer, ms", "ticker: 99 in 100, ms", "worst" }, rows)
for _, case in ipairs(cases) do
  trial.goal(("%s, %s: added, ms"):format(case.lua, case.manner), trial.middle(case.added_ms), 10)
end
print()
