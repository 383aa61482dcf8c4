--- What five steps, one on the other, take over the service's own time.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/chains.lua [BUILD] [--rounds N]

Wall time of a chain of five steps over TLS less the time that the service had
the jobs, on loopback and with a round trip of 10 and 40 ms (by bench/relay,
which delays a connection's handshake, too). What grows with the distance are
the round trips, a whole number of them; the rest is computing: a handshake's
keys, above all. A client that keeps its connections for submits as well is
faster and can be made to pay twice.
]], 7)

local STEPS, NEAR, FAR = 5, 10, 40
local bench = trial.quote(setup.build) .. "/bench/"
local folder = trial.output("mktemp -d"):match("[^\n]+")
local ca, key = service.certificate(folder)

local emulator = service.emulator(setup,
  ("--plain --latency 0 --tls-cert %s --tls-key %s"):format(ca, key))
local port = emulator.url:match(":(%d+)$")

local function away(ms)
  local relay = service.begin(("%srelay %s %d %%s"):format(bench, port, ms))
  return { name = ms .. " ms away", url = "https://127.0.0.1:" .. relay.url, relay = relay }
end

local ways = { { name = "loopback", url = emulator.url }, away(NEAR), away(FAR) }
local c = ("%sc_multi --chain --warm 1 --jobs %d --at-a-time 1 --poll 0.001 --ca %s"):format(bench,
  STEPS, ca)
local ours = " bench/peers/segmind_chain.lua URL " .. ca .. " " .. STEPS
local clients = trial.built(setup, {
  { name = "C multi, kept connections", run = c .. " URL" },
  { name = "C multi, fresh connection a submit", run = c .. " --fresh URL" },
  { name = "ours, Lua 5.4", run = "lua5.4" .. ours },
  { name = "ours, LuaJIT", run = "luajit" .. ours },
})

-- Of the last jobs: ms between submit and completion, summed.
local function own_time()
  local times, sum = {}, 0
  for from, to in emulator:control("GET", "stats"):gmatch(
    '"submitted":([%d.]+),"started":[%d.]+,"completed":([%d.]+)') do
    times[#times + 1] = to - from
  end
  for i = #times - STEPS + 1, #times do
    sum = sum + times[i] * 1000
  end
  return sum
end

for _ = 1, setup.rounds do
  for i, way in ipairs(ways) do
    for _, client in ipairs(clients) do
      client[i] = client[i] or {}
      emulator:control("POST", "reset")
      local figures = trial.run(setup, (client.run:gsub("URL", way.url)))
      table.insert(client[i], figures.wall_us / 1000 - own_time())
    end
  end
end
ways[2].relay:stop()
ways[3].relay:stop()
emulator:stop()
os.execute("rm -r " .. trial.quote(folder))

local function round_trips(client)
  return (trial.middle(client[3]) - trial.middle(client[2])) / (FAR - NEAR)
end

local rows = {}
for i, client in ipairs(clients) do
  rows[i] = { client.name, trial.show(client[1], 1), trial.show(client[2]), trial.show(client[3]),
    ("%.1f"):format(round_trips(client)) }
end
print("### Overhead of a chain of five steps over TLS, ms\n")
trial.table({ "client", ways[1].name, ways[2].name, ways[3].name, "round trips" }, rows)
trial.goal("a chain of five over TLS, Lua 5.4, loopback, ms", trial.middle(clients[3][1]), 15)
local added = round_trips(clients[3]) - round_trips(clients[1])
trial.goal("its round trips a step above kept connections", math.floor(added + 0.5) / STEPS, 2)
print()
