--- A long life: many jobs in one process over a healthy wire, whose memory and descriptors stay as
--- they are, then chains over a wire that breaks at random. SOAK_JOBS and SOAK_CHAINS say how many,
--- SOAK_SEED repeats the wire.

local emulator = require("spec.support.emulator")
local oracle = require("spec.support.oracle")
local random_wire = require("spec.support.random_wire")
local segmind = require("segmind")

local function number(name, default)
  return tonumber(os.getenv(name)) or default
end

local JOBS, CHAINS = number("SOAK_JOBS", 100000), number("SOAK_CHAINS", 10000)
local SEED = number("SOAK_SEED", os.time() % 1000000)
-- Jobs at a time; a sample of memory comes after each so many batches.
local BATCH, SAMPLES = 250, 20
local GROWTH = 1.2

local total = { runs = 0, double = 0, lost = 0, silent = 0, crashes = 0, leaks = 0 }
local seed = 0

local function note(...)
  print("# " .. string.format(...))
  io.stdout:flush()
end

local function next_seed()
  seed = seed + 1
  return seed
end

--- Resident memory of this process in KiB.
local function resident()
  collectgarbage()
  collectgarbage()
  local file = assert(io.open("/proc/self/status"))
  local text = file:read("*a")
  file:close()
  return tonumber(text:match("VmRSS:%s*(%d+)"))
end

local function descriptors()
  local pipe = assert(io.popen("ls /proc/$PPID/fd | wc -l"))
  local count = tonumber(pipe:read("*a"))
  pipe:close()
  return count
end

--- Adds what the oracle says of these jobs; forgets them at the service.
local function judge(service, jobs)
  local sums = oracle.judge(service, jobs)
  for _, name in ipairs({ "runs", "double", "lost", "silent" }) do
    total[name] = total[name] + sums[name]
  end
  return sums
end

local function start(options)
  options.plain, options.speed, options.credits = true, 1000, 1000000
  options.expire = 3600
  return emulator.start(options)
end

--- Keeps the first sample after the warm-up, and the largest since.
local function watch(sizes, size)
  sizes.first = sizes.first or size
  sizes.most = math.max(sizes.most or 0, size)
end

local function batch(sm, service, count)
  local jobs = {}
  for i = 1, count do
    jobs[i] = assert(sm:submit("flux-kontext-pro",
      { prompt = "x", seed = next_seed(), aspect_ratio = "1:1" }))
  end
  for _, job in ipairs(jobs) do
    local _, err = job:wait(120)
    if err then
      total.lost = total.lost + 1
      note("a job over a healthy wire fails: %s %s", err.kind, err.message)
    end
  end
  local sums = judge(service, jobs)
  if sums.accepted ~= count then
    total.crashes = total.crashes + 1
    note("%d jobs, %d accepted", count, sums.accepted)
  end
  service:reset()
end

local function soak_jobs()
  local service = start({ latency = 1 })
  local sm = assert(segmind.new({ api_key = emulator.KEY, base_url = service.url, poll = 0.01 }))
  local memory, files = {}, {}
  local each = math.max(BATCH, JOBS // SAMPLES // BATCH * BATCH)
  local began = os.time()
  local done = 0
  while done < JOBS do
    local count = math.min(BATCH, JOBS - done)
    batch(sm, service, count)
    done = done + count
    if done % each == 0 or done == JOBS then
      local size, open = resident(), descriptors()
      -- The first tenth, and at least 1000 jobs, warm up.
      if done >= math.max(1000, JOBS // 10) then
        watch(memory, size)
        watch(files, open)
      end
      note("%d jobs, %d s: %d KiB resident, %d KiB of Lua, %d descriptors", done, os.time() - began,
        size, collectgarbage("count") // 1, open)
    end
  end
  sm:close()
  service:stop()
  if memory.first and memory.most > memory.first * GROWTH then
    total.leaks = total.leaks + 1
    note("memory grows from %d to %d KiB", memory.first, memory.most)
  end
  -- A connection more or less may be kept.
  if files.first and files.most > files.first + 8 then
    total.leaks = total.leaks + 1
    note("descriptors grow from %d to %d", files.first, files.most)
  end
end

local function soak_chains()
  local service = start({ wire = true, seed = SEED, latency = 0.02 })
  local sm = assert(segmind.new({ api_key = emulator.KEY, base_url = service.wire_url,
    poll = 0.01, max_transfers = 48 }))
  local function step(input)
    return assert(sm:submit(input and "flux-kontext-dev" or "flux-kontext-pro",
      { prompt = "x", input_image = input, seed = next_seed(), aspect_ratio = "1:1" }))
  end
  local done, unknown, faults = 0, 0, 0
  while done < CHAINS do
    -- A thousand at once, and then the service forgets: a history of all would be long to search.
    local count = math.min(1000, CHAINS - done)
    service:wire(random_wire(SEED))
    local jobs = {}
    for _ = 1, count do
      local first = step()
      local second = step(first)
      local third = step(second)
      for _, job in ipairs({ first, second, third }) do
        jobs[#jobs + 1] = job
      end
    end
    for _, job in ipairs(jobs) do
      job:wait(400)
      local err = job:error()
      if not job:is_over() then
        total.crashes = total.crashes + 1
        note("a job hangs")
      elseif err and err.kind ~= "unknown" and err.kind ~= "upstream" then
        total.lost = total.lost + 1
        note("a job ends as %s: %s", err.kind, err.message)
      end
    end
    unknown = unknown + judge(service, jobs).unknown
    faults = faults + service:wire_log(1e9).faults
    done = done + count
    note("%d chains, %d faults, %d reported as unknown; %d KiB resident", done, faults, unknown,
      resident())
    service:reset()
    -- Other breaks at other places.
    SEED = SEED + 1
  end
  sm:close()
  service:stop()
end

note("wire seed %d", SEED)
for _, part in ipairs({ soak_jobs, soak_chains }) do
  local ok, why = xpcall(part, debug.traceback)
  if not ok then
    total.crashes = total.crashes + 1
    note("%s", why)
  end
end
local bad = total.double + total.lost + total.silent + total.crashes + total.leaks
print(("soak: %d runs, %d double, %d lost, %d silent, %d crashes, %d leaks"):format(total.runs,
  total.double, total.lost, total.silent, total.crashes, total.leaks))
os.exit(total.runs > 0 and bad == 0, true)
