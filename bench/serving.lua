--- What the emulator serves: it must never be what a measurement of a client measures.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/serving.lua [BUILD] [--rounds N]

Status requests a second that the emulator answers while wrk loads it from the
same machine.
]], 3)

if not trial.has("wrk") then
  print("Without wrk nothing loads the emulator.\n")
  os.exit(0)
end

local SECONDS = 3
local KEY = "-H 'x-api-key: SG_0123456789abcdef'"
local server = service.emulator(setup, "--latency 0 --expire 3600")
local answer = trial.output(("curl -sS --noproxy '*' %s -H 'Content-Type: application/json' "
  .. "-d '{\"prompt\":\"a lighthouse\"}' %s/v2/flux-kontext-pro"):format(KEY, server.url))
local id = answer:match('"request_id": *"([^"]+)"') or error("no job: " .. answer, 0)
os.execute("sleep 1")

local levels = { { n = 1 }, { n = 32 }, { n = 256 } }
for _ = 1, setup.rounds do
  for _, level in ipairs(levels) do
    local before = server:cpu_us()
    local text = trial.output(("wrk -t1 -c%d -d%ds --latency %s %s/v2/requests/%s/status"):format(
      level.n, SECONDS, KEY, server.url, id))
    assert(not text:find("Non%-2xx"), text)
    local rate = tonumber(text:match("Requests/sec: *([%d.]+)"))
    level.rate, level.cpu, level.p99 = level.rate or {}, level.cpu or {}, text:match("99%% +(%S+)")
    table.insert(level.rate, rate)
    table.insert(level.cpu, (server:cpu_us() - before) / (rate * SECONDS))
  end
end
server:stop()

local rows = {}
for i, level in ipairs(levels) do
  rows[i] = { tostring(level.n), trial.show(level.rate), trial.show(level.cpu), level.p99 }
end
print("### The emulator's own speed: status requests a second\n")
trial.table({ "connections", "a second", "CPU µs each", "99 in 100 within" }, rows)
trial.least("the emulator, status requests a second at 32 connections",
  trial.middle(levels[2].rate), 20000)
print()
