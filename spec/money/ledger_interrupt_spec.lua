--- An error raised in the midst of the library (Ctrl-C, a watchdog) over a ledger: whatever line it
--- meets, every job ends with its picture, and nothing is paid twice.

local ledger = require("spec.support.ledger")
local segmind = require("segmind")
local session = require("spec.support.session")

describe("with a ledger, an error in the midst of our work", function()
  local service = ledger.fixture({ speed = 2000 })
  local stderr

  setup(function()
    stderr = io.stderr
    rawset(io, "stderr", { write = function() end }) -- each wait tells what goes on
  end)

  teardown(function()
    rawset(io, "stderr", stderr)
  end)

  --- Runs `fn` and raises an error in it at an instruction; whether it came to its end.
  local function interrupted(fn, at)
    local ok, err = pcall(function()
      debug.sethook(function()
        debug.sethook()
        error("interrupted!", 0)
      end, "", at)
      fn()
      debug.sethook()
    end)
    assert(ok or tostring(err):find("interrupted!", 1, true), err)
    return ok
  end

  --- Waits for all that goes on.
  local function finish(sm)
    local jobs = {}
    for _, job in pairs(sm._jobs) do
      jobs[#jobs + 1] = job
    end
    for _, job in ipairs(jobs) do
      assert(job:wait(10))
    end
  end

  --- Three steps: one of a picture in memory, asked for twice; one on it; one from text.
  local function begin(sm)
    local given = { prompt = "a", input_image = segmind.bytes(session.PIXEL) }
    local base = assert(sm:submit("flux-kontext-dev", given, { save = ledger.path("a") }))
    return { base, assert(sm:submit("flux-kontext-dev", given)),
      assert(sm:submit("flux-kontext-pro", { prompt = "b", input_image = base })),
      assert(sm:submit("flux-kontext-pro", { prompt = "c", aspect_ratio = "1:1" })) }
  end

  local function wait_all(jobs)
    for _, job in ipairs(jobs) do
      local result = assert(job:wait())
      assert.same({ job.seed, job.seed }, { job.params.seed, result.seed })
      assert.truthy(result.kept)
    end
  end

  --- Tries `round(at)` at more and more instructions, until it comes to its end.
  local function sweep(round)
    local at = 97
    while not round(at) do
      at = at + 701
      ledger.close()
      ledger.open()
      service:reset()
    end
  end

  it("loses no job and pays no step twice", function()
    sweep(function(at)
      local sm = ledger.client({ max_active_jobs = 3 })
      local ok = interrupted(function()
        wait_all(begin(sm))
      end, at)
      finish(sm)
      wait_all(begin(sm))
      assert.same({ 3, 0 }, { ledger.accepted(), sm._active }, "at instruction " .. at)
      return ok
    end)
  end)

  it("adopts the id that it was told, and does not submit again", function()
    local params = { prompt = "x", aspect_ratio = "1:1" }
    sweep(function(at)
      local refuse = { status = 403 }
      service:faults({
        { match = { path = "submit" }, mode = "after", ["then"] = { status = 502 } },
        { match = { path = "history", count = "always" }, ["then"] = refuse },
        { match = { path = "history_entry", count = "always" }, ["then"] = refuse } })
      local sm = ledger.client({ on_unknown = function()
        return service:ledger().submits[1].request_id
      end })
      local ok = interrupted(function()
        assert(sm:run("flux-kontext-pro", params))
      end, at)
      finish(sm)
      assert(sm:run("flux-kontext-pro", params))
      assert.equal(1, ledger.accepted(), "at instruction " .. at)
      return ok
    end)
  end)
end)
