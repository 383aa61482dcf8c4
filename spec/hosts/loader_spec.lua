--- The module of another Lua, or none, is told in one clear line.

local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local shell = require("spec.support.shell")

local here = rawget(_G, "jit") and "LuaJIT 2.1" or _VERSION
local abi = _VERSION:match("%d+%.%d+")
local folder = rawget(package, "searchpath")("segmind.core", package.cpath)
  :match("^(.*/)[^/]+/segmind/")
local names = { ["5.1"] = "LuaJIT 2.1", ["5.3"] = "Lua 5.3", ["5.4"] = "Lua 5.4" }

local function exists(path)
  local file = io.open(path, "rb")
  return file and file:close() ~= nil
end

--- What loading the library says with that cpath.
local function load_with(cpath)
  local script = ("package.path, package.cpath = %q, %q\n"):format(package.path, cpath)
    .. "print(select(2, pcall(require, 'segmind')))"
  local path = files.new(script)
  local _, output = shell.run(interpreter.command() .. " " .. path)
  os.remove(path)
  return output
end

describe("the core", function()
  for other, name in pairs(names) do
    local module = folder .. other .. "/segmind/core.so"
    local test = other ~= abi and exists(module) and it or function() end

    test("built for " .. name .. " is refused with both names and what to set", function()
      local text = load_with(folder .. other .. "/?.so")
      assert.equal(1, select(2, text:gsub("\n", "")), text)
      local both = ("segmind: %s is built for %s; this is %s"):format(module, name, here)
      assert.truthy(text:find(both, 1, true), text)
      assert.truthy(text:find("LUA_CPATH", 1, true))
    end)
  end

  it("that is nowhere is told with the way to build it", function()
    local text = load_with("/none/?.so")
    assert.truthy(text:find("there is no segmind/core.so for " .. here, 1, true), text)
    assert.truthy(text:find("make build", 1, true))
  end)

  it("that is right and does not load is told with the reason", function()
    local copy = files.unused()
    files.write(files.make_folder(copy .. "/segmind") .. "/core.so", "no module")
    local text = load_with(copy .. "/?.so")
    files.remove_folder(copy)
    assert.truthy(text:find("core.so does not load: ", 1, true), text)
  end)
end)
