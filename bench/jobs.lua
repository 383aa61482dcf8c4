--- What a job costs: processor time of the client for a submit, a status and the result, on a
--- server that answers at once.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/jobs.lua [BUILD] [--rounds N] [--jobs N]

Processor time a job, of our client and its peers, at 1, 32 and 256 jobs at a
time, and at 16 over TLS with nghttpx in front, each client in turn. The peer to
compare with is C multi with a fresh connection a submit, for ours has one too
(a paid request must not be sent twice), and 1 ms before each status. A ratio is
the median of those within a round: what else the machine does falls on both.
]], 5)

local bench, peers = trial.quote(setup.build) .. "/bench/", "bench/peers/"
local levels = {
  { name = "1 at a time", jobs = 500, at_a_time = 1 },
  { name = "32", jobs = 2000, at_a_time = 32 },
  { name = "256", jobs = 2000, at_a_time = 256 },
  { name = "16 over TLS", jobs = 300, at_a_time = 16, is_tls = true },
}

-- `goals` by level. `most`: jobs, where one is costly; `only`: the level where it takes part.
local CORE, LUA54, JIT = { 1.25, 1.15, 1.15, 1.1 }, { 1.5, 1.4, 1.4 }, { 1.5, 1.25, 1.25 }
local FAIR = { name = "C multi, fresh connection a submit",
  run = bench .. "c_multi --fresh --poll 0.001 TRUST --jobs JOBS --at-a-time LEVEL URL" }
local lua = peers .. "segmind.lua URL JOBS LEVEL "
local clients = trial.built(setup, {
  { name = "C multi, kept connections, no wait",
    run = bench .. "c_multi TRUST --jobs JOBS --at-a-time LEVEL URL" },
  FAIR,
  { name = "our core, inline",
    run = bench .. "c_core --inline TRUST --jobs JOBS --at-a-time LEVEL URL" },
  { name = "our core", goals = CORE,
    run = bench .. "c_core TRUST --jobs JOBS --at-a-time LEVEL URL" },
  { name = "Lua 5.4, inline", run = "lua5.4 " .. lua .. "inline CA" },
  { name = "Lua 5.4", goals = LUA54, run = "lua5.4 " .. lua .. "thread CA" },
  { name = "LuaJIT", goals = JIT, run = "luajit " .. lua .. "thread CA" },
  { name = "Lua-cURL and cjson, LuaJIT", run = "luajit " .. peers .. "lua_curl.lua URL JOBS LEVEL",
    needs = "luajit -e 'require(\"curl\")'", only = 1 },
  { name = "Python threads", run = "python3 " .. peers .. "threads.py URL JOBS LEVEL", most = 200,
    needs = "command -v python3", only = 2 },
  { name = "node fetch", run = "node " .. peers .. "fetch.mjs URL JOBS LEVEL", most = 300,
    needs = "command -v node", only = 2 },
  { name = "a curl process a request", run = peers .. "curl.sh URL JOBS LEVEL", most = 15,
    needs = "command -v curl", only = 1 },
})

local folder = trial.output("mktemp -d"):match("[^\n]+")
local certificate, key = service.certificate(folder)
local server = service.emulator(setup, "--plain --latency 0")
local front = trial.has("nghttpx") and service.front(server, certificate, key)
if not front then
  levels[#levels] = nil
end

local function takes_part(client, i)
  if client.absent == nil then
    client.absent = client.needs ~= nil
      and not trial.output(client.needs .. " >/dev/null 2>&1 && echo yes"):find("yes")
  end
  return not client.absent and (client.only or i) == i
end

local function command_of(client, level, jobs)
  local ca, url = "", server.url
  if level.is_tls then
    ca, url = certificate, front.url
  end
  local words = { JOBS = jobs, LEVEL = level.at_a_time, URL = url, CA = ca,
    TRUST = ca ~= "" and "--ca " .. ca or "" }
  return (client.run:gsub("%u[%u]+", words))
end

local function measure(client, i)
  local level = levels[i]
  local jobs = math.min(level.jobs, client.most or math.huge, setup.jobs or math.huge)
  local before = server:cpu_us()
  local figures = trial.run(setup, command_of(client, level, jobs))
  local all = client.most and jobs or jobs + 100 -- those before the counted ones, too
  table.insert(client[i].cpu, figures.cpu_us / figures.jobs)
  table.insert(client[i].server, (server:cpu_us() - before) / all)
end

for _, client in ipairs(clients) do
  for i in ipairs(levels) do
    client[i] = { cpu = {}, server = {} }
  end
end
for _ = 1, setup.rounds do
  for i in ipairs(levels) do
    for _, client in ipairs(clients) do
      if takes_part(client, i) then
        measure(client, i)
      end
    end
  end
  server:control("POST", "reset")
end
if front then
  front:stop()
end
server:stop()
os.execute("rm -r " .. trial.quote(folder))

local function ratio(client, i)
  local ratios = {}
  for round, cpu in ipairs(client[i].cpu) do
    ratios[round] = cpu / FAIR[i].cpu[round]
  end
  return (trial.middle(ratios))
end

local head, rows = { "client" }, {}
for i, level in ipairs(levels) do
  head[2 * i], head[2 * i + 1] = level.name, "×"
end
for _, client in ipairs(clients) do
  local row = { client.name }
  for i in ipairs(levels) do
    local has = #client[i].cpu > 0
    row[#row + 1] = has and trial.show(client[i].cpu) or "–"
    row[#row + 1] = has and ("%.2f"):format(ratio(client, i)) or "–"
  end
  if not client.absent then
    rows[#rows + 1] = row
  end
end

print("### Cost of a job: CPU µs of the client, and × C multi with a fresh connection a submit\n")
trial.table(head, rows)
print(("The server's own share: %.0f µs a job at 32 at a time (C multi's run).\n"):format(
  trial.middle(FAIR[2].server)))
if not front then
  print("Without nghttpx there is no row over TLS.\n")
end
for _, client in ipairs(clients) do
  for i, level in ipairs(levels) do
    local most = client.goals and client.goals[i]
    if most and #client[i].cpu > 0 then
      local name = ("CPU a job, %s, %s"):format(client.name, level.name)
      local peer = ("C multi, %.0f µs; ours %.0f"):format(trial.middle(FAIR[i].cpu),
        trial.middle(client[i].cpu))
      trial.goal(name, ratio(client, i), most, " ×", peer)
    end
  end
end
print()
