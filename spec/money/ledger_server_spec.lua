--- A ledger on a PostgreSQL server: what a ledger in a file does, and what can happen to a server
--- and to those who share it.

local files = require("spec.support.files")
local ledger = require("spec.support.ledger")
local paths = require("spec.support.paths")
local postgres = require("spec.support.postgres")
local processes = require("spec.support.processes")
local support = require("spec.support.interpreter")

local has_driver = files.read(paths.build .. "/lib/segmind/postgres.so") ~= nil

-- The soak has the time for more.
local STOPPED_S = tonumber(os.getenv("SEGMIND_STOPPED_SECONDS")) or 2

describe("a ledger on a server", function()
  local service = ledger.fixture({ latency = 0.2, speed = 1 })
  local server

  setup(function()
    server = has_driver and postgres.start()
    ledger.use_server(server and server.url)
  end)

  teardown(function()
    ledger.use_server(nil)
    if server then
      server:stop()
    end
  end)

  --- A test that needs a server.
  local function on_server(name, fn)
    it(name, function()
      if not server then
        return pending(has_driver and "there is no PostgreSQL here" or "this build has no libpq")
      end
      fn()
    end)
  end

  local function start(options)
    return processes.start(service.url, options)
  end

  --- Accepted submits: how many steps there are, and the most of one.
  local function count_steps()
    local counts, steps, most = {}, 0, 0
    for _, submit in ipairs(service:ledger().submits) do
      local prompt = submit.body.prompt
      steps = steps + (counts[prompt] and 0 or 1)
      counts[prompt] = (counts[prompt] or 0) + 1
      most = math.max(most, counts[prompt])
    end
    return steps, most
  end

  local function submit(sm, count)
    local jobs = {}
    for i = 1, count do
      jobs[i] = assert(sm:submit("flux-kontext-pro", { prompt = "p" .. i, aspect_ratio = "1:1" }))
    end
    return jobs
  end

  --- Turns a client until so many submits were accepted; the longest step in seconds.
  local function step_until_accepted(sm, count)
    local longest = 0
    ledger.until_so(sm, function()
      local at = sm._core.now()
      sm:step()
      longest = math.max(longest, sm._core.now() - at)
      return ledger.accepted() >= count
    end)
    return longest
  end

  local function all_end_well(jobs)
    for _, job in ipairs(jobs) do
      assert(job:wait())
    end
    assert.equal(#jobs, ledger.accepted())
    for _, row in ipairs(ledger.rows()) do
      assert.equal("completed", row.state)
      assert.truthy(row.file)
    end
  end

  on_server("behaves as one in a file", function()
    local specs = "ledger ledger_broken ledger_check ledger_processes resume budget "
      .. "unknown queue"
    local pipe = assert(io.popen(("unset SEGMIND_TALLY; SEGMIND_LEDGER='%s' %s "
      .. "$(readlink /proc/$PPID/exe) spec/run.lua %s 2>&1 && echo well"):format(server.url,
      support.preload(), specs)))
    local said = pipe:read("*a")
    pipe:close()
    assert(said:find("well\n$"), said)
  end)

  on_server("has each of 120 steps paid once by four processes of which five are killed", function()
    local running, killed = {}, 0
    math.randomseed(os.time())
    for i = 1, 4 do
      running[i] = start({ what = "crowd", log = "log" .. i, on_unknown = "resubmit" })
    end
    while killed < 5 do
      os.execute(("sleep %.3f"):format(0.05 + math.random() * 0.3))
      killed = killed + 1
      local i = math.random(4)
      running[i]:kill()
      running[i] = start({ what = "crowd", log = "later" .. killed, on_unknown = "resubmit" })
    end
    for _, process in ipairs(running) do
      assert.equal("ok", (process:join()))
    end
    assert.same({ 120, 1 }, { count_steps() })
    assert.equal(120, ledger.sql("SELECT COUNT(*) AS n FROM segmind_steps "
      .. "WHERE state = 'completed' AND file IS NOT NULL")[1].n)
  end)

  on_server("that is started again in the middle ends no job", function()
    local sm = ledger.client()
    local jobs = submit(sm, 20)
    step_until_accepted(sm, 5)
    server:control("restart -m fast")
    all_end_well(jobs)
  end)

  on_server("whose connections are cut in the middle ends no job", function()
    local sm = ledger.client()
    local jobs = submit(sm, 20)
    for _ = 1, 3 do
      step_until_accepted(sm, 5)
      ledger.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        .. "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
    end
    all_end_well(jobs)
  end)

  on_server("that stops for a while ends no accepted job and holds up no step", function()
    local sm = ledger.client({ timeout = STOPPED_S + 60 })
    local jobs = submit(sm, 8)
    step_until_accepted(sm, 8)
    server:signal("STOP")
    local longest, until_s = 0, sm._core.now() + STOPPED_S
    while sm._core.now() < until_s do
      local at = sm._core.now()
      sm:step()
      longest = math.max(longest, sm._core.now() - at)
      sm:poll(0.05)
    end
    server:signal("CONT")
    -- One that waited for the server would have waited to the end; a busy machine takes some ms.
    assert.is_true(longest < STOPPED_S / 4, longest .. " s")
    all_end_well(jobs)
  end)

  --- A process on a machine of its own: its folder, which holds the user's cache.
  local function on_machine(name)
    local folder = ledger.path(name)
    os.execute("mkdir " .. folder)
    local process = start({ what = "one", log = name .. ".log", files = false,
      before = "XDG_CACHE_HOME=" .. folder })
    assert.equal("ok", (process:join()))
    local pipe = io.popen("cat " .. folder .. "/segmind/ledger-*/*")
    local bytes = pipe:read("*a")
    pipe:close()
    return bytes
  end

  on_server("brings a picture to a machine that has not got it", function()
    local bytes = on_machine("first")
    assert.truthy(bytes:find("^\137PNG"))
    service:faults({ { match = { path = "/images/" }, ["then"] = { status = 404 } } })
    assert.equal(bytes, on_machine("second"))
    assert.equal(1, ledger.accepted())
  end)

  on_server("knows the folder that its machines share", function()
    assert(ledger.client())
    local ok, err = pcall(ledger.client, { ledger_files = ledger.path("another") })
    local why = tostring(err)
    assert.is_false(ok)
    assert.truthy(why:find("edits.db.files", 1, true) and why:find("/another", 1, true), why)
  end)
end)
