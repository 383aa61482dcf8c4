--- The examples run as they are printed, each as a program of its own. The five that are samples of
--- the service's pages send exactly what the pages show.

local emulator = require("spec.support.emulator")
local interpreter = require("spec.support.interpreter")
local paths = require("spec.support.paths")
local samples = require("spec.support.samples")
local session = require("spec.support.session")

describe("the example", function()
  local service, folder

  setup(function()
    service = session.service()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. emulator.quote(folder .. "/pictures"))
    for _, name in ipairs({ "portrait.webp", "woman.jpg", "man.png", "dress.png" }) do
      local file = assert(io.open(folder .. "/pictures/" .. name, "wb"))
      file:write(session.PIXEL)
      file:close()
    end
  end)

  teardown(function()
    os.execute("rm -rf " .. emulator.quote(folder))
    assert.is_true(session.stop())
  end)

  before_each(function()
    service:reset()
  end)

  --- Runs an example; what it printed, and whether it ended well.
  local function run(name, key)
    local words = { "env", "LUA_INIT=", "SEGMIND_BASE_URL=" .. emulator.quote(service.url),
      "SEGMIND_API_KEY=" .. emulator.quote(key or emulator.KEY),
      "SEGMIND_PICTURES=" .. emulator.quote(folder .. "/pictures") }
    for _, kind in ipairs({ "PATH", "CPATH" }) do
      local path = emulator.quote(package[kind:lower()])
      local versioned = "LUA_" .. kind .. "_" .. _VERSION:match("%d+%.%d+"):gsub("%.", "_")
      words[#words + 1] = "LUA_" .. kind .. "=" .. path
      words[#words + 1] = versioned .. "=" .. path
    end
    words[#words + 1] = interpreter.command()
    words[#words + 1] = emulator.quote(paths.root .. "/examples/" .. name .. ".lua")
    words[#words + 1] = emulator.quote(folder) .. " 2>&1; echo status=$?"
    local pipe = assert(io.popen(table.concat(words, " ")))
    local text = pipe:read("*a")
    pipe:close()
    return text, text:find("status=0\n", 1, true) ~= nil
  end

  local function holds(name)
    return #session.read(folder .. "/" .. name) > 20
  end

  for name, sample in pairs(samples) do
    it(name .. " sends what the page shows and writes the picture", function()
      local text, ended_well = run(name)
      assert.is_true(ended_well, text)
      local submits = service:ledger().submits
      assert.equal(1, #submits)
      assert.equal(name, submits[1].model)
      assert.equal("COMPLETED", submits[1].state)
      if not sample.seed then
        assert.is_number(submits[1].body.seed) -- drawn, so that the result can be made again
        submits[1].body.seed = nil
      end
      assert.same(sample, submits[1].body)
      assert.is_true(holds(name .. "." .. sample.output_format))
    end)
  end

  it("text-to-image draws without a picture", function()
    local text, ended_well = run("text-to-image")
    assert.is_true(ended_well, text)
    assert.is_true(holds("text-to-image.png"))
  end)

  it("sync gets its picture in the answer", function()
    local text, ended_well = run("sync")
    assert.is_true(ended_well, text)
    assert.is_true(holds("sync.png"))
  end)

  it("chain prints its price and makes every step", function()
    local text, ended_well = run("chain")
    assert.is_true(ended_well, text)
    assert.truthy(text:find("$0.19", 1, true))
    assert.is_true(holds("chain-1.png") and holds("chain-2.png") and holds("chain-3.jpg"))
    assert.equal(3, service:ledger().totals.completed)
  end)

  it("graph tells its progress and leaves pictures and a page", function()
    local text, ended_well = run("graph")
    assert.is_true(ended_well, text)
    assert.truthy(text:find("night%s+flux%-kontext%-pro%s+submitting"))
    local page = session.read(folder .. "/report.html")
    for _, name in ipairs({ "bokeh.png", "dressed.png", "night.png", "noon.png", "both.png",
      "poster.jpg" }) do
      assert.is_true(holds(name))
      assert.truthy(page:find('src="' .. name .. '"', 1, true))
    end
    assert.equal(6, service:ledger().totals.completed)
  end)

  it("of any kind ends with the error line when it fails", function()
    for _, name in ipairs({ "flux-kontext-pro", "sync", "chain", "graph" }) do
      local text, ended_well = run(name, "malformed key")
      assert.is_false(ended_well)
      assert.truthy(text:find("segmind: auth: ", 1, true), text)
      assert.is_nil(text:find("stack traceback", 1, true))
    end
  end)
end)
