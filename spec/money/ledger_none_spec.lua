--- A build without the libraries of a ledger: whoever asks for one is told what is missing, and all
--- else works.

local child = require("spec.support.child")
local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local paths = require("spec.support.paths")
local session = require("spec.support.session")

local abi = _VERSION:match("%d+%.%d+")

describe("a build without SQLite and libpq", function()
  local service = session.fixture()

  --- What a script prints, with the module of that build.
  local function run(script)
    local code, output = child.run(("package.cpath = %q .. package.cpath\n"):format(paths.build
      .. "/without-ledger/lib/lua/" .. abi .. "/?.so;")
      .. "for name in pairs(package.loaded) do\n" -- the other build's
      .. "  package.loaded[name] = not name:find('^segmind') and package.loaded[name] or nil\n"
      .. "end\n"
      .. "segmind = require('segmind')\n"
      .. "local options = { api_key = os.getenv('KEY'), base_url = os.getenv('URL') }\n"
      .. script, { KEY = emulator.KEY, URL = service.url })
    assert.equal(0, code, output)
    return output
  end

  local function refusal(target)
    return run(("options.ledger = %q\n"):format(target) .. [[
      local sm, err = segmind.new(options)
      print(sm, err.kind, err.charged, err.message)
    ]])
  end

  it("says in one sentence what a ledger in a file needs, and makes no file", function()
    local path = files.unused()
    local text = refusal(path)
    assert.truthy(text:find("^nil\tledger\tno\tthe ledger [^\n]*no SQLite; install[^\n]*\n$"), text)
    assert.is_nil(io.open(path))
    assert.is_nil(io.open(path .. ".files"))
  end)

  it("says in one sentence what a ledger on a server needs, without the password", function()
    local text = refusal("postgresql://me:secret@localhost/db")
    assert.truthy(text:find("^nil\tledger\tno\tthe ledger [^\n]*install libpq[^\n]*\n$"), text)
    assert.is_nil(text:find("secret", 1, true))
  end)

  it("edits, saves, counts a budget and looks into the history as ever", function()
    assert.equal("well\n", run([[
      local core = require("segmind.core")
      options.budget = 0.07
      options.poll = 0.01
      local sm, path = assert(segmind.new(options)), os.tmpname() .. ".png"
      local result = assert(sm:run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" },
        { save = path }))
      assert(os.remove(path))
      local none, err = sm:run("flux-kontext-pro", { prompt = "y", aspect_ratio = "1:1" })
      assert(not none and err.kind == "budget", err)
      assert(#assert(sm:history()) == 1 and sm:spent() == result.cost)
      print(core.SQLITE and "it has SQLite" or "well")
    ]]))
  end)
end)
