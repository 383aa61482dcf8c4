--- What a ledger costs a host: side by side with none, and on a disk that is slow to sync.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/ledger.lua [BUILD] [--rounds N]

Jobs a second of 1000 jobs that the server answers at once (of 20 on the slow
disk), commits a job, the processor time of the host's own thread a job, and the
longest client:step after 50 jobs ended while the
host slept: with a ledger, without one, and with each sync of the disk slowed to
200 ms. Then the ledger's thread alone, without network and pictures, beside one
written by hand.
]], 5)

local kinds = {
  { name = "no ledger", jobs = 1000 },
  { name = "ledger", jobs = 1000, has_ledger = true },
  { name = "ledger, a sync takes 200 ms", jobs = 20, has_ledger = true,
    preload = ("LD_LIBRARY_PATH=%s LD_PRELOAD=libslow_disk.so "):format(
      trial.quote(setup.build .. "/spec")) },
}

-- Three writes a job, 16 jobs at a time, by bench/ledger_thread.c.
local threads = {
  { name = "ours", option = "" },
  { name = "by hand: no checks, leases, budget", option = "--bare" },
}

local function measure(list, names, figures)
  for _, name in ipairs(names) do
    list[name] = list[name] or {}
    table.insert(list[name], figures[name])
  end
end

local function run_threads()
  for _, one in ipairs(threads) do
    local folder = trial.output("mktemp -d"):match("[^\n]*")
    measure(one, { "jobs_s", "host_us", "cpu_us" }, trial.run(setup,
      ("%s --jobs 3000 %s %s"):format(trial.quote(setup.build .. "/bench/ledger_thread"),
        one.option, trial.quote(folder .. "/l.db"))))
    os.execute("rm -rf " .. trial.quote(folder))
  end
end

for _ = 1, setup.rounds do
  for _, kind in ipairs(kinds) do
    local folder = trial.output("mktemp -d"):match("[^\n]*")
    local server = service.emulator(setup, "--plain --latency 0.001 --variation 0 --speed 1000")
    local figures = trial.run(setup, ("%slua5.4 bench/peers/segmind_ledger.lua %s %d %s"):format(
      kind.preload or "", server.url, kind.jobs, kind.has_ledger and trial.quote(folder) or "-"))
    server:stop()
    os.execute("rm -rf " .. trial.quote(folder))
    measure(kind, { "jobs_s", "commits", "host_us", "step_ms" }, figures)
  end
  run_threads()
end

local rows = {}
for i, kind in ipairs(kinds) do
  rows[i] = { kind.name, trial.show(kind.jobs_s), trial.show(kind.commits, 2),
    trial.show(kind.host_us), trial.show(kind.step_ms, 2) }
end
print("### A ledger, and jobs that are answered at once\n")
trial.table({ "", "jobs a second", "commits a job", "host's thread, µs a job",
  "longest step, ms" }, rows)
trial.goal("what a ledger adds to the host's thread, Lua 5.4",
  (trial.middle(kinds[2].host_us) - trial.middle(kinds[1].host_us)) / 1000, 0.05, " ms a job")
trial.least("jobs a second with a ledger, Lua 5.4, 64 at a time",
  trial.middle(kinds[2].jobs_s), 800)
local _, without = trial.middle(kinds[1].step_ms)
for i = 2, #kinds do
  local _, with = trial.middle(kinds[i].step_ms)
  trial.goal(kinds[i].name .. ", longest step, best round, over none", with / without, 1.5)
  trial.goal(kinds[i].name .. ", longest step, best round", with, 5, " ms")
end
print()

rows = {}
for i, one in ipairs(threads) do
  rows[i] = { one.name, trial.show(one.jobs_s), trial.show(one.host_us, 1), trial.show(one.cpu_us) }
end
print("### The ledger's thread alone, three writes a job, 16 jobs at a time\n")
trial.table({ "", "jobs a second", "host's thread, µs a job", "processor, µs a job" }, rows)
