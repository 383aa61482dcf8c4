--- What an idle step costs a game's frame.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/step.lua [BUILD] [--rounds N]

The time that client:step takes, with budgets, while ten thousand jobs wait and
none is ready.
]], 3)

local JOBS = 10000
local clients = trial.built(setup, {
  { name = "Lua 5.4", run = "lua5.4" },
  { name = "Lua 5.3", run = "lua5.3" },
  { name = "LuaJIT", run = "luajit" },
})

for _ = 1, setup.rounds do
  for _, client in ipairs(clients) do
    local server = service.emulator(setup, "--plain --latency 3000 --variation 0 --expire 3600")
    local figures = trial.run(setup, ("%s bench/peers/segmind_step.lua %s %d"):format(client.run,
      server.url, JOBS))
    server:stop()
    for _, name in ipairs({ "median_us", "p99_us", "most_us" }) do
      client[name] = client[name] or {}
      table.insert(client[name], figures[name])
    end
  end
end

local rows = {}
for i, client in ipairs(clients) do
  rows[i] = { client.name, trial.show(client.median_us, 2), trial.show(client.p99_us, 2),
    trial.show(client.most_us, 1) }
end
print(("### client:step with %d jobs waiting, none ready\n"):format(JOBS))
trial.table({ "Lua", "median µs", "99 in 100", "at the most" }, rows)
for _, client in ipairs(clients) do
  trial.goal("an idle step, " .. client.name .. ", median µs", trial.middle(client.median_us), 2)
end
print()
