--- The version stands in lua/segmind/version.lua, and everything that shows it reads it from there.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local paths = require("spec.support.paths")
local shell = require("spec.support.shell")

describe("the version", function()
  local version = require("segmind.version")

  it("is the module's, the core's and the emulator's", function()
    assert.matches("^%d+%.%d+%.%d+$", version)
    assert.equal(version, require("segmind").VERSION)
    assert.equal(version, require("segmind.core").VERSION)
    assert.equal("segmind-emulator " .. version .. "\n",
      shell.output(shell.quote(emulator.binary()) .. " --version"))
  end)

  it("is that of the Debian packages", function()
    assert.equal(version, files.read(paths.root .. "/debian/changelog"):match("^segmind %((.-)%)"))
  end)

  it("stands in no second place", function()
    for _, name in ipairs({ "CMakeLists.txt", "Makefile", "README.md", "segmind-scm-1.rockspec",
      "csrc/core/CMakeLists.txt", "csrc/emulator/CMakeLists.txt", "csrc/lua/CMakeLists.txt" }) do
      local text = files.read(paths.root .. "/" .. name)
      assert.is_nil(text:find(version, 1, true), name)
    end
  end)
end)
