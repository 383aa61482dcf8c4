--- Loads the C core, `segmind.core`, or says why that cannot be: there is one file for each Lua,
--- all of one name, and a package.cpath easily leads to another Lua's. The files carry the name of
--- the Lua that they were built for as text, which is looked for when one does not load. A file
--- that is no library, another library's, of another version or build, or lacks a library is told
--- with what to do.

local guard = require("segmind.guard")
local interface = require("segmind.interface")
local lazy = require("segmind.lazy")
local version = require("segmind.version")

local MARK = "segmind%.core is built for ([^;%c]+);"

-- Not in the oldest of Lua 5.1, which we do not serve.
local search = rawget(package, "searchpath")

-- What was the matter may be mended before the next one.
local function refuse(why)
  lazy.forget_failures()
  error(why, 0)
end

local jit = rawget(_G, "jit")
local running = jit and jit.version:match("^LuaJIT %d+%.%d+") or _VERSION
if running == "Lua 5.1" then
  refuse("segmind: plain Lua 5.1 is not served: run LuaJIT 2.1, which loads the same files, or Lua "
    .. "5.3 or 5.4")
end
local variable = jit and "LUA_CPATH" or "LUA_CPATH_" .. _VERSION:match("%d+%.%d+"):gsub("%.", "_")

local function built_for(path)
  local file = io.open(path, "rb")
  local bytes = file and file:read("*a") or ""
  if file then
    file:close()
  end
  return bytes:match(MARK)
end

-- Where Debian has the libraries that the core is linked to.
local DEBIAN = { libcurl = "libcurl4", libjansson = "libjansson4", libcrypto = "libssl3",
  libsqlite3 = "libsqlite3-0" }

-- What to do, by what the system's loader or the core says.
local function remedy(reason)
  local missing = reason:match("(lib[%w_-]+)%.so[%d.]*: cannot open")
    or reason:match("shared library (lib[%w_-]+)%.so")
  local old = reason:match("(libcurl) %S+ is loaded")
    or reason:find("curl_%w+") and "libcurl" -- a function that it does not have
  local library = missing or old
  if not library then
    return "remove it, or build it again (make build)"
  end
  local package = DEBIAN[library] and (" (Debian: %s)"):format(DEBIAN[library]) or ""
  return ("install %s%s%s, or build again (make build)"):format(old and "a newer " or "", library,
    package)
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
  -- The last of its lines; what Lua puts before it names the file once more.
  local reason = tostring(why):match("([^\n]*)%s*$"):gsub("^%s+", "")
  if reason:sub(1, #path + 2) == path .. ": " then
    reason = reason:sub(#path + 3)
  end
  return ("segmind: %s does not load: %s: %s"):format(path, reason, remedy(reason))
end

-- nil, or what is wrong with what was loaded.
local function mismatch(core)
  local theirs = type(core) == "table" and core.VERSION
  if theirs == version and core.INTERFACE == interface then
    return nil
  end
  local path = not package.preload["segmind.core"] and search
    and search("segmind.core", package.cpath) or "this segmind.core"
  if theirs == version then
    return ("segmind: %s and the Lua files are of different builds of segmind %s: build the core "
      .. "again (make build; for Neovim make nvim), and install both from one build"):format(path,
      version)
  end
  return ("segmind: %s is %s, and the Lua files are of segmind %s: install both from one build, or "
    .. "put that of these files first, in %s or package.cpath"):format(path,
    theirs and "of segmind " .. tostring(theirs) or "not segmind's", version, variable)
end

local ok, core = pcall(require, "segmind.core")
local wrong = ok and mismatch(core)
if not ok then
  refuse(guard.is_interruption(core) and core or explain(core))
elseif wrong then
  refuse(wrong)
end
return core
