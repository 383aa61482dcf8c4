-- Runs the specs with busted on the Lua that runs this file:
--
--   lua5.4 spec/run.lua [busted's options] [spec files or folders]
--
-- The `busted` command of a system belongs to one Lua; this belongs to all. It may be started from
-- any folder, and finds the library and the module built for this Lua without LUA_PATH:
-- SEGMIND_BUILD names the build folder, "build" at the repository's root if it is not set.
-- The exit status is 0 only if every test passed; `-o junit` and the like work as ever.

local root = arg[0]:match("^(.*)[/\\]spec[/\\][^/\\]*$") or (arg[0]:match("^spec[/\\]") and ".")
assert(root, "run.lua is started by its path, spec/run.lua")

local build = os.getenv("SEGMIND_BUILD") or (root .. "/build")
local abi = _VERSION:match("%d+%.%d+")

package.path = table.concat({
  root .. "/lua/?.lua",
  root .. "/lua/?/init.lua",
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

-- Ours first, so that what was given on the command line wins.
local given = arg
arg = {
  [0] = given[0],
  "--directory=" .. root,
  "--output=spec/support/tally.lua",
}
for _, word in ipairs(given) do
  arg[#arg + 1] = word
end

-- With standalone = false busted returns when all is well, and exits by itself otherwise.
runner({ standalone = false })

-- Closing the state collects what the specs left behind, which the leak check wants.
os.exit(true, true)
