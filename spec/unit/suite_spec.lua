--- The suite itself: it runs, and counts, wherever the clone, its build and temporary files lie.

if _VERSION ~= "Lua 5.4" then
  return
end

local files = require("spec.support.files")
local paths = require("spec.support.paths")
local shell = require("spec.support.shell")

local quote = shell.quote

-- What starts programs with the paths of the clone, of the build and of the fixtures.
local SMALL = [[
local child = require("spec.support.child")
local ledger = require("spec.support.ledger")
local processes = require("spec.support.processes")
local shell = require("spec.support.shell")

describe("a program", function()
  it("finds the library, and one to be loaded before all others", function()
    local code, output = child.run("print(segmind.VERSION)", { NAME = "a 'b' \"c\"" },
      "libstuck_lookup.so")
    assert.equal(0, code)
    assert.truthy(output:find("^%d+%.%d+%.%d+\n$"), output)
  end)

  local service = ledger.fixture()

  it("works on a ledger", function()
    assert.equal("ok", (processes.start(service.url, { what = "one" }):join()))
  end)
end)
]]

describe("the suite", function()
  local folder = files.fixture()
  local place

  before_each(function()
    place = folder .. "/ünï 'cödé' dir $HOME `x`"
    assert(os.execute(("mkdir -p %s; ln -s \"$(cd %s && pwd)\" %s; ln -s \"$(cd %s && pwd)\" %s")
      :format(quote(place), quote(paths.root), quote(place .. "/clone"), quote(paths.build),
        quote(place .. "/build"))))
    files.write(place .. "/small_spec.lua", SMALL)
  end)

  --- What a suite of that one file prints.
  local function run(variable)
    local pipe = assert(io.popen(("cd / && umask 077 && env -u HOME TMPDIR=%s %s "
      .. "%s/clone/spec/suite.sh %s/build 5.4 %s/small_spec.lua 2>&1"):format(quote(place),
      variable or "", quote(place), quote(place), quote(place))))
    local text = pipe:read("*a")
    pipe:close()
    return text
  end

  it("runs in a folder of any name", function()
    require("spec.support.sqlite")
    local text = run()
    assert.truthy(text:find("\n2 passed, 0 failed\n$"), text)
  end)

  it("counts what runs no test as a failure", function()
    local text = run("LUA54=true")
    assert.truthy(text:find("\n0 passed, 1 failed\n$"), text)
  end)
end)
