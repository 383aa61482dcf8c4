--- Loads the C core, `segmind.core`, or says why that cannot be: there is one file for each Lua,
--- all of one name, and a package.cpath easily leads to another Lua's. The files carry the name of
--- the Lua that they were built for as text, which is looked for when one does not load.

local guard = require("segmind.guard")

local MARK = "segmind%.core is built for ([^;%c]+);"

-- Not in the oldest of Lua 5.1, which we do not serve.
local search = rawget(package, "searchpath")

local jit = rawget(_G, "jit")
local running = jit and jit.version:match("^LuaJIT %d+%.%d+") or _VERSION
local variable = jit and "LUA_CPATH" or "LUA_CPATH_" .. _VERSION:match("%d+%.%d+"):gsub("%.", "_")

local function built_for(path)
  local file = io.open(path, "rb")
  local bytes = file and file:read("*a") or ""
  if file then
    file:close()
  end
  return bytes:match(MARK)
end

local function explain(why)
  local path = search and search("segmind.core", package.cpath)
  if not path then
    return ("segmind: there is no segmind/core.so for %s on package.cpath; build it (make build), "
      .. "then install it or set %s (make env prints how)"):format(running, variable)
  end
  local lua = built_for(path)
  if lua and lua ~= running then
    return ("segmind: %s is built for %s; this is %s: put the folder of its own build first, in %s "
      .. "or package.cpath"):format(path, lua, running, variable)
  end
  return ("segmind: %s does not load: %s"):format(path, tostring(why))
end

local ok, core = pcall(require, "segmind.core")
if not ok then
  error(guard.is_interruption(core) and core or explain(core), 0)
end
return core
