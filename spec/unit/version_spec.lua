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

describe("the interface of the core", function()
  local interface = require("segmind.interface")

  -- Functions, methods, options, and the fields of what is handed over: quoted names.
  local function names()
    local found, list = {}, {}
    local sources = io.popen("cat " .. shell.quote(paths.root) .. "/csrc/lua/lsm*.[ch]")
    local text = sources:read("*a"):gsub("/%*.-%*/", ""):gsub("#include[^\n]*", "")
    for name in text:gmatch('"([%a_][%w_]*)"') do
      if not found[name] then
        found[name] = true
        list[#list + 1] = name
      end
    end
    sources:close()
    table.sort(list)
    return table.concat(list, "\n")
  end

  it("is the loaded core's, and the sum of its names", function()
    local core = require("segmind.core")
    assert.equal(interface, core.INTERFACE)
    local sum = core.sha256(names()):sub(1, 8)
    assert.equal(interface:match("^%d+%-") .. sum, interface, "lua/segmind/interface.lua: names of "
      .. "csrc/lua have come, gone or changed")
  end)
end)
