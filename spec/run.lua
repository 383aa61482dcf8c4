-- Runs the specs with busted on the Lua that runs this file:
--
--   lua5.4 spec/run.lua [busted's options] [spec files or folders]
--   lua5.4 spec/run.lua budget                  spec/money/budget_spec.lua
--
-- The `busted` command of a system belongs to one Lua; this belongs to all. It may be started from
-- any folder, and finds the library and the module built for this Lua without LUA_PATH:
-- SEGMIND_BUILD names the build folder, "build" at the repository's root if it is not set.
-- The exit status is 0 only if every test passed; `-o junit` and the like work as ever.

local root = arg[0]:match("^(.*)[/\\]spec[/\\][^/\\]*$") or (arg[0]:match("^spec[/\\]") and ".")
assert(root, "run.lua is started by its path, spec/run.lua")

local build = os.getenv("SEGMIND_BUILD") or (root .. "/build")
local abi = _VERSION:match("%d+%.%d+")

-- A tree of LuaRocks is laid out like a build folder, and holds the library's Lua too.
local installed = io.open(build .. "/share/lua/" .. abi .. "/segmind/init.lua")
local lua = installed and build .. "/share/lua/" .. abi or root .. "/lua"
if installed then
  installed:close()
end

-- The specs need the emulator of the same build, too; an installed rock may have none.
local core = io.open(build .. "/lib/lua/" .. abi .. "/segmind/core.so")
if not core then
  io.stderr:write("nothing is built for ", _VERSION, " in ", build, ": run `make build` first\n")
  os.exit(2)
end
core:close()

package.path = table.concat({
  lua .. "/?.lua",
  lua .. "/?/init.lua",
  root .. "/?.lua",
  package.path,
}, ";")
package.cpath = build .. "/lib/lua/" .. abi .. "/?.so;" .. package.cpath

local has_busted, runner = pcall(require, "busted.runner")
if not has_busted then
  io.stderr:write("busted is not installed for ", _VERSION, ":\n", runner, "\n")
  os.exit(2)
end

-- rawget: only LuaJIT has `jit`.
local jit = rawget(_G, "jit")
print("-- specs on " .. (jit and jit.version or _VERSION))

--- The file of a spec that is given by its name alone, or the word itself.
local function file_of(word)
  local name = word:match("^([%w_]+)$") or word:match("^([%w_]+)_spec%.lua$")
  for _, folder in ipairs(name and { "unit", "money", "hosts", "cli", "emulator" } or {}) do
    local path = ("spec/%s/%s_spec.lua"):format(folder, name:gsub("_spec$", ""))
    local file = io.open(root .. "/" .. path)
    if file then
      file:close()
      return path
    end
  end
  return word
end

-- Ours first, so that what was given on the command line wins.
local given = arg
arg = {
  [0] = given[0],
  "--directory=" .. root,
  "--output=spec/support/tally.lua",
}
for place, word in ipairs(given) do
  -- Behind an option it may be the option's value.
  local is_value = place > 1 and given[place - 1]:find("^%-")
  arg[#arg + 1] = is_value and word or file_of(word)
end

-- The library as it is where lua-cjson is missing; the specs' own helpers may use that.
if os.getenv("SEGMIND_SPEC_CORE_JSON") then
  package.preload["segmind.json"] = require("spec.support.json_codecs").without_cjson
end

-- With standalone = false busted returns when all is well, and exits by itself otherwise.
runner({ standalone = false })

-- Closing the state collects what the specs left behind, which the leak check wants.
os.exit(true, true)
