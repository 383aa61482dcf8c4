--- A disk that fails. Each of the system calls on the ledger's files, once at the Nth time and once
--- from the Nth time on, until the child ends well; or a disk that is full, from less and less on.
---
---   lua io.lua fail WHICH…       numbers of the table below
---   lua io.lua full FOLDER       of a small file system
---   lua io.lua limit             the same by a limit on the size of a file

local shell = require("spec.support.shell")
local steps = require("spec.torture.steps")

local FAULTS = {
  { "pwrite64", "ENOSPC" }, { "pwrite64", "EIO" }, { "fsync,fdatasync", "EIO" },
  { "openat", "EIO" }, { "openat", "ENOSPC" }, { "pread64,read", "EIO" },
  { "rename,renameat,renameat2", "EIO" }, { "ftruncate", "EIO" },
}
-- Calls that only the ledger makes; the others are those on its files.
local OURS = { ["pwrite64"] = true, ["fsync,fdatasync"] = true, ["ftruncate"] = true,
  ["rename,renameat,renameat2"] = true }

local stride = tonumber(os.getenv("TORTURE_STEP")) or 4
local world = steps.open("io")

--- An ending with a word for it, and nothing accepted that nobody knows of.
local function judge(ending)
  if not ending.kind then
    world:blame("crashes", "no ending, status " .. tostring(ending.status))
  elseif ending.kind ~= "ok" then
    world.hurt = world.hurt + 1
    if not ending.message:find("%w") then
      world:blame("silent", "an error without a message: " .. ending.kind)
    end
  end
  world:check_known()
end

local function fail_at(calls, fault, n)
  world:begin()
  local paths = OURS[calls] and "" or (" -P %s -P %s-journal -P %s.files"):format(world.path,
    world.path, world.path)
  -- strace tells on its last line whether there was an Nth one.
  local ending = world:run(("strace -f -o %s.trace%s -e trace=%s -e inject=%s:error=%s:when=%s"
    .. " env ASAN_OPTIONS=detect_leaks=0"):format(world.log, paths, calls, calls, fault, n))
  local trace = io.open(world.log .. ".trace")
  local reached = trace and trace:read("*a"):find("(INJECTED)", 1, true)
  if trace then
    trace:close()
  end
  judge(ending)
  world:recover(("%s %s %s (%s)"):format(calls, fault, n, tostring(ending.kind)))
  return reached
end

local function fail(fault)
  for _, suffix in ipairs({ "", "+" }) do
    local n = 1
    while fail_at(fault[1], fault[2], n .. suffix) do
      n = n + stride
    end
  end
end

--- So many KiB are left on the disk.
local function full(place, left)
  world:begin(place)
  local filler = place .. "/filler"
  os.execute(("dd if=/dev/zero of=%s bs=1k count=$(($(df -k --output=avail %s | tail -n 1) - %d))"
    .. " 2>/dev/null"):format(shell.quote(filler), shell.quote(place), left))
  judge(world:run())
  os.remove(filler)
  world:recover(left .. " KiB left")
end

local function limit(left)
  world:begin()
  judge(world:run(("sh -c 'ulimit -f %d; trap \"\" XFSZ; exec \"$@\"' -"):format(2 * left)))
  world:recover("files of " .. left .. " KiB")
end

if arg[1] == "fail" then
  for i = 2, #arg do
    fail(FAULTS[tonumber(arg[i])])
  end
else
  -- The child's own log needs some, where the limit is on every file.
  for left = arg[1] == "limit" and 4 or 0, 100, stride do
    if arg[1] == "full" then
      full(arg[2], left)
    else
      limit(left)
    end
  end
end
os.exit(world:close(), true)
