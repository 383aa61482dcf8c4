--- A host that does something else, over a ledger: what is paid comes to the disk without it, and a
--- step finds it busy for no longer than without one (M2, M9, M10).

local child = require("spec.support.child")
local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local ledger = require("spec.support.ledger")
local shell = require("spec.support.shell")

describe("with a ledger and a busy host", function()
  local service = ledger.fixture()

  local function env()
    return { URL = service.url, KEY = emulator.KEY, LEDGER = ledger.target(),
      FILES = ledger.path("edits.db.files") }
  end

  --- The row of the only step, once `is_so` is true of it.
  local function row_that(is_so)
    for _ = 1, 500 do
      local is_there, rows = pcall(ledger.rows)
      if is_there and rows[1] and is_so(rows[1]) then
        return rows[1]
      end
      os.execute("sleep 0.01")
    end
    error("the row never became so")
  end

  local OPEN = [[
    local function client(with)
      return assert(segmind.new{ api_key = os.getenv("KEY"), base_url = os.getenv("URL"),
        poll = 0.01, ledger = with and os.getenv("LEDGER") or nil,
        ledger_files = with and os.getenv("FILES") or nil })
    end
  ]]

  --- A child that submits one step and never steps; it is killed when `is_so` is true of its row.
  local function killed_when(is_so)
    local path = child.script(OPEN .. [[
      local sm = client(true)
      assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
      while true do
        os.execute("sleep 0.05")
      end
    ]])
    local _, pid = shell.run(child.command(path, env()) .. " >/dev/null 2>&1 & echo $!")
    local ok, row = pcall(row_that, is_so)
    os.execute("kill -9 " .. pid)
    os.remove(path)
    assert(ok, row)
    return ledger.rows()[1]
  end

  it("the id is on the disk when the host is killed that never took a step", function()
    service:faults({ { match = { path = "status", count = "always" },
      ["then"] = { status = 503 } } })
    local row = killed_when(function(row)
      return row.request_id ~= nil
    end)
    assert.same({ "accepted", service:ledger().submits[1].request_id },
      { row.state, row.request_id })
  end)

  it("so is the picture, and the next run has it without a request", function()
    local row = killed_when(function(row)
      return row.file ~= nil
    end)
    assert.equal("completed", row.state)
    local kept = files.read(ledger.path("edits.db.files/" .. row.file))
    local before = service:stats().requests
    local job = assert(ledger.client():submit("flux-kontext-pro",
      { prompt = "x", aspect_ratio = "1:1" }))
    assert.equal(kept, assert(job:wait()):bytes())
    assert.is_true(job.replayed)
    assert.same(before, service:stats().requests)
  end)

  -- The longest step after which 50 jobs have ended while the host was away, with a ledger and
  -- without one: the best of some rounds, for the machine is not ours alone. `limit`: in seconds.
  local STEPS = OPEN .. [[
    local now = require("segmind.core").now
    local function longest_step(with, round)
      local sm, jobs, longest = client(with), {}, 0
      io.stderr:write("begin\n")
      for i = 1, 50 do
        jobs[i] = assert(sm:submit("flux-kontext-pro",
          { prompt = ("%d of %d"):format(i, round), aspect_ratio = "1:1" }))
      end
      repeat
        os.execute("sleep 0.02")
      until sm:stats().jobs == 0
      repeat
        collectgarbage()
        local at = now()
        local count = sm:step()
        longest = math.max(longest, now() - at)
      until count == 0
      io.stderr:write("end\n")
      for _, job in ipairs(jobs) do
        assert(job:result(), job:error())
      end
      sm:close()
      return longest
    end
    local limit = tonumber(os.getenv("LIMIT"))
    local with, without = math.huge, math.huge
    for round = 1, 8 do
      with = math.min(with, longest_step(true, round))
      without = math.min(without, longest_step(false, round))
      if with < limit and with < 1.5 * without + 0.001 then
        return print("short")
      end
    end
    print(("a step of %g ms, %g without a ledger"):format(with * 1000, without * 1000))
  ]]

  local function check_steps(preload)
    local given = env()
    given.SLOW_DISK_MS, given.LIMIT = 20, interpreter.is_slow() and 0.1 or 0.005
    local code, output = child.run(STEPS, given, preload)
    assert.equal(0, code, output)
    assert.truthy(output:find("short\n$"), output)
    -- Opening a new ledger waits for the disk on the host's thread; nothing else does.
    for waits in output:gmatch("begin\n(.-)end\n") do
      assert.equal("", waits)
    end
  end

  it("50 jobs that end meanwhile make no longer step than without a ledger", function()
    check_steps()
  end)

  it("nor do they when each write takes the disk 20 ms", function()
    check_steps("libslow_disk.so")
  end)
end)
