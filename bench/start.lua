--- What a program pays before its first call, and for a submit among very many.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/start.lua [BUILD] [--rounds N]

Processor time to load the library and open a client, in ten programs one after
the other: for the core with the libraries that it needs, and for the Lua files.
And of a single submit, the longest, while a graph grows to forty thousand jobs.
The interpreter of 5.4 sets the collector to its generational mode, in which a
whole collection is one piece; a program may choose the incremental one.
]], 3)

local JOBS, STARTS = 40000, 10

local clients = trial.built(setup, {
  { name = "Lua 5.4", run = "lua5.4" },
  { name = "Lua 5.4, incremental", run = "lua5.4", mode = "incremental" },
  { name = "LuaJIT", run = "luajit" },
})

local function note(client, figures)
  for name, value in pairs(figures) do
    client[name] = client[name] or {}
    table.insert(client[name], value)
  end
end

for _ = 1, setup.rounds do
  for _, client in ipairs(clients) do
    for _ = 1, client.mode and 0 or STARTS do
      note(client, trial.run(setup, client.run .. " bench/peers/segmind_start.lua"))
    end
    local server = service.emulator(setup, "--plain --latency 3000 --variation 0 --expire 3600")
    note(client, trial.run(setup, ("%s bench/peers/segmind_many.lua %s %d %s"):format(client.run,
      server.url, JOBS, client.mode or "")))
    server:stop()
  end
end

local starts, submits = {}, {}
for _, client in ipairs(clients) do
  starts[#starts + 1] = client.files and { client.name, trial.show(client.core_ms, 1),
    trial.show(client.lua_ms, 1), trial.show(client.files) }
  submits[#submits + 1] = { client.name, trial.show(client.each_us), trial.show(client.longest_ms,
    1) }
end
print("### Loading the library and opening a client\n")
trial.table({ "Lua", "the core, ms", "the Lua files, ms", "files" }, starts)
print(("### A submit while a graph grows to %d jobs\n"):format(JOBS))
trial.table({ "Lua", "each, µs", "the longest, ms" }, submits)
for _, client in ipairs(clients) do
  if client.files then
    trial.goal("cold start, " .. client.name .. ": the Lua files", trial.middle(client.lua_ms), 5,
      " ms")
  end
  trial.goal("the longest submit of " .. JOBS .. ", " .. client.name .. ", ms",
    trial.middle(client.longest_ms), 20)
end
print()
