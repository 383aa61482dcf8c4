--- SIGKILL at the Nth of a set of system calls, for every N until the child ends by itself. A call
--- at which a process is killed has not happened; what it did is left by the kill at the next one.
---
---   lua kill.lua FIRST EACH THREAD CALLS      N = FIRST, FIRST + EACH, …; TORTURE_STEP times that
---
--- strace counts by thread. With THREAD "inline" the child has one thread only, so that no call is
--- behind another's.

local steps = require("spec.torture.steps")

local first, each, thread, calls = tonumber(arg[1]), tonumber(arg[2]), arg[3], arg[4]
each = each * (tonumber(os.getenv("TORTURE_STEP")) or 1)

local world = steps.open("kill", { inline = thread == "inline" })

local function kill_at(n)
  world:begin()
  local ending = world:run(("strace -f -o /dev/null -e trace=%s -e inject=%s:signal=KILL:when=%d"
    .. " env ASAN_OPTIONS=detect_leaks=0"):format(calls, calls, n))
  local killed = ending.status == 137 or ending.status == 9
  if killed then
    world.hurt = world.hurt + 1
  elseif ending.kind ~= "ok" then
    world:blame("crashes", ("neither killed nor well: status %s, %s"):format(ending.status,
      ending.kind))
  end
  world:recover(("%s %d, %s"):format(calls, n, thread))
  return killed
end

while kill_at(first) do
  first = first + each
end
os.exit(world:close(), true)
