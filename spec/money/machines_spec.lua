--- Workers on several machines, of which one is killed again and again, and a server that is
--- started anew: each step is paid once, and none is left. `make machines` does more of it.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local machines = require("spec.support.machines")
local paths = require("spec.support.paths")
local postgres = require("spec.support.postgres")

local has_driver = files.read(paths.build .. "/lib/segmind/postgres.so") ~= nil

describe("workers that share a ledger", function()
  local service = emulator.fixture({ plain = true, speed = 20, credits = 10000 })

  it("make each step once, whichever of them is killed and whenever the server restarts", function()
    local server = has_driver and postgres.start()
    if not server then
      return pending("there is no PostgreSQL here")
    end
    math.randomseed(os.time())
    local sums, run = machines.run({ service = service, server = server, steps = 60, workers = 3,
      jobs = 4, rpm = 300, every_s = 0.7, seconds = interpreter.is_slow() and 300 or 60 })
    local said = run:said()
    run:clean()
    server:stop()
    assert.same({ 60, 60, 0, 0, 0 }, { sums.steps, sums.accepted, sums.double, sums.unfinished,
      sums.queued }, said)
    assert.is_true(sums.kills > 0)
  end)
end)
