--- Many machines, the long way: workers of which one is killed each second, a server that is
--- started again once and stopped once, one of three hosts that is cut off for a while. What must
--- come of it: as many accepted submits as steps, no row unfinished, none paid twice, the rate kept
--- and used. MACHINES_STEPS, MACHINES_WORKERS, MACHINES_RPM, MACHINES_STOP_S and MACHINES_CUT_S say
--- how much of it.

local emulator = require("spec.support.emulator")
local machines = require("spec.support.machines")
local postgres = require("spec.support.postgres")

local function number(name, default)
  return tonumber(os.getenv(name)) or default
end

local STEPS, WORKERS = number("MACHINES_STEPS", 1000), number("MACHINES_WORKERS", 8)
local CUT_S = number("MACHINES_CUT_S", 30)
local RPM, STOP_S = number("MACHINES_RPM", 300), number("MACHINES_STOP_S", 20)

local server = assert(postgres.start(), "there is no PostgreSQL here")
local service = emulator.start({ plain = true, speed = 20, credits = 1e6 })
math.randomseed(os.time())
local sums, run = machines.run({ service = service, server = server, steps = STEPS,
  workers = WORKERS, jobs = 4, rpm = RPM, every_s = 1, stop_s = STOP_S,
  seconds = STEPS / RPM * 180 + 300, hosts = os.getenv("MACHINES_HOSTS"), cut_s = CUT_S })
local said = run:said()
run:clean()
service:stop()
server:stop()

local where = os.getenv("MACHINES_HOSTS")
  and (" on three hosts, one cut off for %d s"):format(CUT_S) or ""
print(("%d steps by %d workers%s, of which %d were killed: %d accepted, %d double, "
  .. "%d unfinished, %d in the queue"):format(STEPS, WORKERS, where, sums.kills, sums.accepted,
  sums.double, sums.unfinished, sums.queued or -1))
print(("%.0f s, of which the server was away %.0f: %.0f submits a minute of %d that the rate "
  .. "allows (%.2f), %d at the most within 60 s"):format(sums.seconds, sums.away, sums.per_minute,
  RPM, sums.per_minute / RPM, sums.most))

local is_well = sums.accepted == STEPS and sums.double == 0 and sums.unfinished == 0
  and sums.queued == 0 and sums.per_minute >= 0.9 * RPM and sums.most <= RPM + RPM / 12 + 1
if not is_well then
  print(said)
end
print("machines: " .. (is_well and "well" or "failed"))
os.exit(is_well and 0 or 1, true)
