--- What a job costs: processor time of the client for a submit, a status and the result, on a
--- server that answers at once.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/jobs.lua [BUILD] [--rounds N]

Processor time a job, of our client and its peers, at 1, 32 and 256 jobs at a
time, each client in turn. The fair peer is C multi with a fresh connection a
submit, for ours has one too: a paid request must not be sent twice.
]], 5)

local KEPT, FAIR = "C multi, kept connections", "C multi, fresh connection a submit"
local bench, peers = setup.build .. "/bench/", "bench/peers/"

-- %d jobs, %d at a time. `most`: jobs, where one is costly; `levels`: where it can take part.
local clients = {
  { name = KEPT, run = bench .. "c_multi --jobs %d --at-a-time %d" },
  { name = FAIR, run = bench .. "c_multi --fresh --jobs %d --at-a-time %d" },
  { name = "the same, 1 ms before each status, as ours",
    run = bench .. "c_multi --fresh --poll 0.001 --jobs %d --at-a-time %d" },
  { name = "our core, inline", run = bench .. "c_core --inline --jobs %d --at-a-time %d" },
  { name = "our core, worker thread", run = bench .. "c_core --jobs %d --at-a-time %d" },
  { name = "ours, Lua 5.4, inline", run = "lua5.4 " .. peers .. "segmind.lua URL %d %d inline" },
  { name = "ours, Lua 5.4", run = "lua5.4 " .. peers .. "segmind.lua URL %d %d" },
  { name = "ours, LuaJIT", run = "luajit " .. peers .. "segmind.lua URL %d %d" },
  { name = "Lua-cURL and cjson, LuaJIT", run = "luajit " .. peers .. "lua_curl.lua URL %d %d",
    needs = "luajit -e 'require(\"curl\")'", levels = { true } },
  { name = "Python threads", run = "python3 " .. peers .. "threads.py URL %d %d", most = 500,
    needs = "command -v python3" },
  { name = "node fetch", run = "node " .. peers .. "fetch.mjs URL %d %d", most = 300,
    needs = "command -v node" },
  { name = "a curl process a request", run = peers .. "curl.sh URL %d %d", most = 15,
    needs = "command -v curl" },
}
local levels = { 1, 32, 256 }
local counted = { 500, 2000, 2000 }

local function takes_part(client, level)
  if client.absent == nil then
    client.absent = client.needs ~= nil
      and not trial.output(client.needs .. " >/dev/null 2>&1 && echo yes"):find("yes")
  end
  return not client.absent and (not client.levels or client.levels[level])
end

local server = service.emulator(setup, "--plain --latency 0")

local function measure(client, level)
  local jobs = math.min(counted[level], client.most or math.huge)
  local command = client.run:format(jobs, levels[level])
  command = command:find("URL") and command:gsub("URL", server.url)
    or command .. " " .. server.url
  local before = server:cpu_us()
  local figures = trial.run(setup, command)
  local all = client.most and jobs or jobs + 100 -- those before the counted ones, too
  table.insert(client[level].cpu, figures.cpu_us / figures.jobs)
  table.insert(client[level].server, (server:cpu_us() - before) / all)
end

for _ = 1, setup.rounds do
  for level = 1, #levels do
    for _, client in ipairs(clients) do
      client[level] = client[level] or { cpu = {}, server = {} }
      if takes_part(client, level) then
        measure(client, level)
      end
    end
  end
  server:control("POST", "reset")
end
server:stop()

local function ratio(client, level, to)
  return trial.middle(client[level].cpu) / trial.middle(clients[to][level].cpu)
end

local rows = {}
for _, client in ipairs(clients) do
  local row = { client.name }
  for level = 1, #levels do
    local has = #client[level].cpu > 0
    row[#row + 1] = has and trial.show(client[level].cpu) or "–"
    row[#row + 1] = has and ("%.2f"):format(ratio(client, level, 2)) or "–"
  end
  if not client.absent then
    rows[#rows + 1] = row
  end
end

print("### Cost of a job: CPU µs of the client, median [least–most]\n")
trial.table({ "client", "1 at a time", "× fair", "32", "× fair", "256", "× fair" }, rows)
print(("The server's own share: %.0f µs a job at 32 at a time (the fair C multi's run).\n"):format(
  trial.middle(clients[2][2].server)))
for i = 4, 8 do
  trial.goal(clients[i].name .. ", × fair C multi at 1", ratio(clients[i], 1, 2), 1.25)
  trial.goal(clients[i].name .. ", × fair C multi at 32", ratio(clients[i], 2, 2), 1.15)
  trial.goal(clients[i].name .. ", × fair C multi at 256", ratio(clients[i], 3, 2), 1.15)
end
print()
