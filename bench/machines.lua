--- Workers that share a ledger on a server: what each adds, and what the number of rows costs.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/support/?.lua;" .. here .. "/../?.lua;" .. package.path
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/machines.lua [BUILD] [--rounds N]

Steps a second of 1, 2, 4 and 8 workers on one PostgreSQL ledger, each a
`segmind work` with 4 steps at a time, of jobs that take 0.2 s; and what a pick
and a claim take in a ledger of 100,000 rows against one of 100, in turn.
]], 1)

local WORKERS, STEPS, ROWS, COUNT = { 1, 2, 4, 8 }, setup.jobs or 240, setup.jobs or 100000, 100

--- Runs one count of workers in a process of its own, as everything here is measured.
local function steps_a_second(workers)
  return trial.run(setup, ("lua5.4 bench/peers/segmind_workers.lua %s %d %d"):format(
    trial.quote(setup.build), workers, STEPS)).steps_s
end

local function rows()
  local words = ('psql -q "$SEGMIND_POSTGRES" -c "CREATE SCHEMA few" -c "CREATE SCHEMA many" && '
    .. 'SEGMIND_DRIVER=%s/lib/segmind %s/bench/c_queue '
    .. '"$SEGMIND_POSTGRES&options=-csearch_path%%3Dfew" '
    .. '"$SEGMIND_POSTGRES&options=-csearch_path%%3Dmany" %d %d'):format(trial.quote(setup.build),
    trial.quote(setup.build), ROWS, COUNT)
  return trial.run(setup, "spec/support/with_postgres sh -c " .. trial.quote(words))
end

local made, costs = {}, {}
for _ = 1, setup.rounds do
  for _, workers in ipairs(WORKERS) do
    made[workers] = made[workers] or {}
    table.insert(made[workers], steps_a_second(workers))
  end
  for name, value in pairs(rows()) do
    costs[name] = costs[name] or {}
    table.insert(costs[name], value)
  end
end

local lines = {}
for i, workers in ipairs(WORKERS) do
  lines[i] = { tostring(workers), trial.show(made[workers], 1) }
end
print("### Workers on one ledger\n")
trial.table({ "workers", "steps a second" }, lines)
lines = {}
for i, one in ipairs({ { "pick", "a pick" }, { "claim", "a claim" },
  { "budget", "a claim under a budget" } }) do
  lines[i] = { one[2], trial.show(costs[one[1] .. "_few"]), trial.show(costs[one[1] .. "_many"]) }
end
trial.table({ "", "of 100 rows, µs", "of 100,000, µs" }, lines)
for _, name in ipairs({ "pick", "claim" }) do
  trial.goal(("a %s of 100,000 rows, over one of 100"):format(name),
    trial.middle(costs[name .. "_many"]) / trial.middle(costs[name .. "_few"]), 1.25)
end
print()
