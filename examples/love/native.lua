--- The C core in a game that is one .love file. The file carries a core for each system, as
--- native/<system>/core.so; a system loads libraries from its disk only, so the one that fits is
--- copied into the save folder. A copy that is not the same, byte for byte, is replaced: that of an
--- older game, or half a file. A game that carries none leaves all to `package.cpath`.
---
---     require("native").load()               -- before the first require("segmind")

local native = {}

local CARRIED, COPIES = "native", "core" -- the second is looked up first, so the names differ
local OLD = 60 -- seconds after which what another start was writing is nobody's

local system = jit.os .. "-" .. jit.arch
local carried = ("%s/%s/core.so"):format(CARRIED, system)

local function read(path)
  local file = io.open(path, "rb")
  local bytes = file and file:read("*a")
  if file then
    file:close()
  end
  return bytes
end

local function write(path, bytes)
  local file = assert(io.open(path, "wb"))
  local ok, why = file:write(bytes)
  local closed, later = file:close()
  assert(ok and closed, ("%s cannot be written: %s"):format(path, tostring(why or later)))
end

--- Removes what starts that were killed have left.
local function tidy()
  for _, name in ipairs(love.filesystem.getDirectoryItems(COPIES)) do
    local info = love.filesystem.getInfo(COPIES .. "/" .. name)
    if name:find("%.new$") and info and os.time() - (info.modtime or 0) > OLD then
      love.filesystem.remove(COPIES .. "/" .. name)
    end
  end
end

--- The copy's path. Renaming puts it in place whole, whoever else starts now or has it loaded.
local function copy()
  local bytes = assert(love.filesystem.read(carried))
  assert(love.filesystem.createDirectory(COPIES), "the save folder cannot be written: "
    .. love.filesystem.getSaveDirectory())
  tidy()
  local path = ("%s/%s/%s.so"):format(love.filesystem.getSaveDirectory(), COPIES, system)
  if read(path) ~= bytes then
    local new = ("%s.%d-%s.new"):format(path, os.time(), tostring({}):match("0x(%x+)"))
    write(new, bytes)
    assert(os.rename(new, path))
  end
  return path
end

--- Makes `require("segmind")` work, with the core that the game carries where it carries any.
function native.load()
  if not love.filesystem.getInfo(CARRIED, "directory") or package.loaded["segmind.core"] then
    return
  elseif not love.filesystem.getInfo(carried, "file") then
    error(("this game carries segmind's core for %s, not for %s"):format(
      table.concat(love.filesystem.getDirectoryItems(CARRIED), ", "), system), 0)
  end
  package.preload["segmind.core"] = assert(package.loadlib(copy(), "luaopen_segmind_core"))
end

return native
