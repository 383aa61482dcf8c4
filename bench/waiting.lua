--- What a waiting job costs: memory, connections, processor time, and how late its polls are.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/waiting.lua [BUILD] [--rounds N]

Ten thousand jobs whose pictures take longer than the measurement, each polled
once a second: memory a job (growth of the resident set, and of what malloc has
given out), connections opened, processor time; and how long after its due time
each poll of the engine went. With a ledger some thousand jobs go before, which
fill the database's cache.
]], 3)

local JOBS, SECONDS = 10000, 6
local bench = trial.quote(setup.build) .. "/bench/"

local clients = trial.built(setup, {
  { name = "C multi, 16 slots", run = bench .. "c_multi --fresh --poll 1 --waiting %d --jobs %d" },
  { name = "our core", run = bench .. "c_core --poll 1 --waiting %d --jobs %d" },
  { name = "our core, with a ledger", has_ledger = true,
    run = bench .. "c_core --poll 1 --waiting %d --jobs %d --warm 4000 --ledger FILE" },
  { name = "ours, Lua 5.4",
    run = "lua5.4 bench/peers/segmind_waiting.lua URL %2$d %1$d" },
  { name = "ours, LuaJIT",
    run = "luajit bench/peers/segmind_waiting.lua URL %2$d %1$d" },
})

-- string.format of 5.4 has no positions.
local function command_of(client, url)
  local text = client.run
  if text:find("URL") then
    return (text:gsub("URL", url):gsub("%%2%$d", JOBS):gsub("%%1%$d", SECONDS))
  end
  return text:format(SECONDS, JOBS):gsub("FILE", "\"$folder\"/ledger.db") .. " " .. url
end

-- In a folder of its own, which goes with it.
local function run_client(client, url)
  local command = command_of(client, url)
  if client.has_ledger then
    command = ("folder=$(mktemp -d)\n%s\nrm -r \"$folder\""):format(command)
  end
  return trial.run(setup, command)
end

local function each(run)
  local server = service.emulator(setup, "--plain --latency 300 --variation 0 --expire 3600")
  local before = server:cpu_us()
  local figures = run(server)
  figures.server = (server:cpu_us() - before) / 1e6
  local stats = server:control("GET", "stats")
  figures.connections = tonumber(stats:match('"connections":(%d+)'))
  server:stop()
  return figures
end

local function note(into, figures)
  for name, value in pairs(figures) do
    into[name] = into[name] or {}
    table.insert(into[name], value)
  end
end

local late = {}
for _ = 1, setup.rounds do
  for _, client in ipairs(clients) do
    client.figures = client.figures or {}
    note(client.figures, each(function(server)
      local figures = run_client(client, server.url)
      figures.each = figures.kib / figures.jobs
      figures.heap_each = figures.heap and figures.heap / 1024 / figures.jobs
      figures.lua_each = figures.lua_kib and figures.lua_kib / figures.jobs
      figures.late_ms = figures.late_us and figures.late_us / 1000
      figures.busy = figures.cpu_us / figures.wall_us * 100
      return figures
    end))
  end
  note(late, each(function(server)
    return trial.run(setup, ("%spoll_lateness %s %d %d"):format(bench, server.url, JOBS, SECONDS))
  end))
end

local rows = {}
for i, client in ipairs(clients) do
  local f = client.figures
  rows[i] = { client.name, trial.show(f.each, 2), f.heap_each and trial.show(f.heap_each, 2) or "–",
    f.lua_each and trial.show(f.lua_each, 2) or "–", trial.show(f.busy),
    trial.show(f.connections) }
end
print(("### %d jobs waiting, each polled once a second\n"):format(JOBS))
trial.table({ "client", "KiB a job", "by malloc", "of that in Lua", "CPU %",
  "connections opened" }, rows)
print("Connections opened count one for each submit, as it has to be.\n")
trial.table({ "polls", "a second", "late by, median ms", "99 in 100", "at the most" },
  { { "ours", trial.show({ trial.middle(late.polls) / SECONDS }),
    trial.show(late.late50_ms), trial.show(late.late99_ms), trial.show(late.latest_ms) },
    { "C multi, for comparison", trial.show({ trial.middle(clients[1].figures.polls) / SECONDS }),
      "–", "–", trial.show(clients[1].figures.late_ms) } })
local function memory(what, value, most)
  trial.goal("a waiting job, " .. what, trial.middle(value), most, " KiB",
    ("C multi, %.2f KiB"):format(trial.middle(clients[1].figures.each)))
end
memory("our core, by malloc", clients[2].figures.heap_each, 0.85)
memory("our core with a ledger, by malloc", clients[3].figures.heap_each, 1)
for i = 4, #clients do
  memory(clients[i].name:match("ours, (.*)"), clients[i].figures.each, 2.1)
end
-- A bound on the worst is judged by the worst round.
trial.goal("the latest poll of all rounds, ms", (select(3, trial.middle(late.latest_ms))), 50)
print()
