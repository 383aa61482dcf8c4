local child = require("spec.support.child")
local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local shell = require("spec.support.shell")

describe("in a locale with other numbers and letters", function()
  local service = emulator.fixture({ plain = true, speed = 100 })
  local folder = files.unused()

  setup(function()
    shell.run("mkdir -p " .. folder .. " && localedef -i de_DE -f UTF-8 " .. folder
      .. "/de_DE.UTF-8; localedef -i tr_TR -f ISO-8859-9 " .. folder .. "/tr_TR.ISO-8859-9")
  end)

  teardown(function()
    files.remove_folder(folder)
  end)

  local function run(script)
    local code, output = child.run(script, { LOCPATH = folder, BASE = service.url })
    if output:find("no such locale", 1, true) then
      return pending("localedef makes no de_DE here")
    end
    assert.equal(0, code, output)
    return output
  end

  it("numbers are read and written as before, whenever the host set it", function()
    run([[
      local json = require("segmind.json")
      local core = require("segmind.core")
      assert(json.decode("[0.25]")[1] == 0.25)
      assert(os.setlocale("de_DE.UTF-8", "all"), "no such locale")
      assert(("%.1f"):format(0.5) == "0,5" or jit, "no comma")
      assert(json.decode("[0.25,-1.5e3,7]")[1] == 0.25)
      assert(core.read_json("[0.25,-1.5e3,7]")[1] == 0.25)
      assert(json.encode({ 0.25, 1 / 3, 7 }) == "[0.25,0.33333333333333331,7]")
      assert(json.number("0.05") == 0.05 and not json.number("0,05"))
      require("cjson").new()
      os.setlocale("C", "all")
      assert(json.decode("[0.25]")[1] == 0.25)
    ]])
  end)

  it("a job costs what it costs", function()
    run([[
      assert(os.setlocale("de_DE.UTF-8", "all"), "no such locale")
      local sm = assert(segmind.new({ base_url = os.getenv("BASE"), api_key = "SG_0123456789abcdef",
        budget = 1 }))
      local result = assert(sm:run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1",
        seed = 5 }))
      assert(result.cost == 0.05, result.cost)
      assert(result.seed == 5, result.seed)
      sm:close()
    ]])
  end)

  it("a state is read in whatever letters, also where i has another capital", function()
    run([[
      assert(os.setlocale("tr_TR.ISO-8859-9", "all"), "no such locale")
      assert(("i"):upper() ~= "I" or jit, "no Turkish letters")
      assert(require("segmind.state").of("failed in 2") == "FAILED IN 2")
    ]])
  end)
end)
