--- The version stands in lua/segmind/version.lua, and everything that shows it reads it from there.

local emulator = require("spec.support.emulator")
local session = require("spec.support.session")

describe("the version", function()
  local root = debug.getinfo(1, "S").source:match("^@(.*)/spec/[%w_/]*%.lua$") or "."
  local version = require("segmind.version")

  it("is the module's, the core's and the emulator's", function()
    assert.matches("^%d+%.%d+%.%d+$", version)
    assert.equal(version, require("segmind").VERSION)
    assert.equal(version, require("segmind.core").VERSION)
    local pipe = assert(io.popen(emulator.quote(emulator.binary()) .. " --version"))
    assert.equal("segmind-emulator " .. version .. "\n", pipe:read("*a"))
    pipe:close()
  end)

  it("stands in no second place", function()
    for _, name in ipairs({ "CMakeLists.txt", "Makefile", "README.md", "segmind-scm-1.rockspec",
      "csrc/core/CMakeLists.txt", "csrc/emulator/CMakeLists.txt", "csrc/lua/CMakeLists.txt" }) do
      local text = session.read(root .. "/" .. name)
      assert.is_nil(text:find(version, 1, true), name)
    end
  end)
end)
