-- So many workers on a ledger of a server of its own: segmind_workers.lua BUILD WORKERS STEPS
-- -> steps_s, from the start of the workers to the last step.

package.path = "./?.lua;" .. package.path

local emulator = require("spec.support.emulator")
local machines = require("spec.support.machines")
local postgres = require("spec.support.postgres")

local server = assert(postgres.start(), "there is no PostgreSQL here")
local service = emulator.start({ plain = true, latency = 0.2, variation = 0, speed = 1,
  credits = 1e6 })
local sums, run = machines.run({ service = service, server = server, steps = tonumber(arg[3]),
  workers = tonumber(arg[2]), jobs = 4, every_s = 0.05, is_calm = true, seconds = 300 })
run:clean()
service:stop()
server:stop()
assert(sums.unfinished == 0 and sums.double == 0)
print(("steps_s=%.2f"):format(tonumber(arg[3]) / sums.seconds))
