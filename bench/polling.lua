--- When to poll, live: what the emulator saw of our client's polls.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/polling.lua [BUILD] [--rounds N]

300 jobs, 100 at a time, of 11 s on the average: polls a job, and the delay
between the server's completion and the client's knowing it, for the learned
schedule and for asking each second. In real time, all four runs side by side:
some 50 s a round. bench/poll_schedule has the same in virtual time, exactly.
]], 2)

-- Half the published latency of the model that peers/segmind_polling.lua asks for, at speed 2.
local JOBS, AT_A_TIME, LATENCY = 300, 100, 11
-- `best`: polls x mean delay of the best schedule, in units of the spread (bench/poll_schedule).
local runs = {
  { name = "fixed 1 s, variation 0.1", poll = "1", variation = 0.1 },
  { name = "learned (balanced), variation 0.1", poll = "balanced", variation = 0.1, best = 0.94 },
  { name = "fixed 1 s, variation 0.25", poll = "1", variation = 0.25 },
  { name = "learned (balanced), variation 0.25", poll = "balanced", variation = 0.25,
    best = 0.85 },
}

local function begin(run)
  run.server = service.emulator(setup,
    ("--plain --speed 2 --variation %g --expire 3600"):format(run.variation))
  run.pipe = assert(io.popen(("%s\ncd %s && lua5.4 bench/peers/segmind_polling.lua %s %d %d %s %g")
    :format(setup.environment, trial.quote(setup.root), run.server.url, JOBS, AT_A_TIME, run.poll,
      LATENCY)))
end

-- The emulator counts the request for the result among the polls.
local function jobs_of(stats)
  local jobs = {}
  local pattern = '"polls":(%d+),"submitted":([%d.]+),"started":[%d.]+,"completed":([%d.]+),'
    .. '"learned":([%d.]+)'
  for polls, submitted, completed, learned in stats:gmatch(pattern) do
    jobs[#jobs + 1] = { polls = tonumber(polls), submitted = tonumber(submitted),
      completed = tonumber(completed), learned = tonumber(learned) }
  end
  return jobs
end

-- The jobs that were submitted when ten were done.
local function settled(jobs)
  local ends, out = {}, {}
  for i, job in ipairs(jobs) do
    ends[i] = job.learned
  end
  table.sort(ends)
  for _, job in ipairs(jobs) do
    if job.submitted > ends[10] then
      out[#out + 1] = job
    end
  end
  return out
end

local function finish(run)
  local text = run.pipe:read("*a")
  run.pipe:close()
  assert(text:find("jobs="), "a run failed: " .. text)
  local polls, delays = 0, {}
  for i, job in ipairs(settled(jobs_of(run.server:control("GET", "stats")))) do
    polls, delays[i] = polls + job.polls - 1, (job.learned - job.completed) * 1000
  end
  run.server:stop()
  table.sort(delays)
  local sum = 0
  for _, delay in ipairs(delays) do
    sum = sum + delay
  end
  run.polls = run.polls or {}
  run.mean, run.p95 = run.mean or {}, run.p95 or {}
  table.insert(run.polls, polls / #delays)
  table.insert(run.mean, sum / #delays)
  table.insert(run.p95, delays[math.ceil(#delays * 0.95)])
end

for _ = 1, setup.rounds do
  for _, run in ipairs(runs) do
    begin(run)
  end
  for _, run in ipairs(runs) do
    finish(run)
  end
end

local rows = {}
for i, run in ipairs(runs) do
  local polls, mean = trial.middle(run.polls), trial.middle(run.mean)
  local best = run.best and run.best * run.variation * LATENCY / polls * 1000
  rows[i] = { run.name, trial.show(run.polls, 1), trial.show(run.mean), trial.show(run.p95),
    best and ("%.0f (× %.2f)"):format(best, mean / best) or "–" }
  run.worth, run.over = polls * mean, best and mean / best
end
print("### Polling, live: 300 jobs of 11 s, 100 at a time\n")
trial.table({ "schedule", "polls a job", "mean delay, ms", "95 in 100", "about the best possible" },
  rows)
for i = 1, 4, 2 do
  local name = runs[i + 1].name
  trial.goal(name .. ", delay × the best", runs[i + 1].over, 1.2)
  trial.goal(name .. ", polls × delay of fixed 1 s", runs[i + 1].worth / runs[i].worth, 0.5)
end
print()
