--- The examples run as they are printed, each as a program of its own. The five that are samples of
--- the service's pages send exactly what the pages show.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local paths = require("spec.support.paths")
local samples = require("spec.support.samples")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

describe("the example", function()
  local service, folder = session.fixture(), files.fixture()

  before_each(function()
    files.make_folder(folder .. "/pictures")
    for _, name in ipairs({ "portrait.webp", "woman.webp", "dress.webp" }) do
      files.write(folder .. "/pictures/" .. name, session.PIXEL)
    end
  end)

  --- Runs an example; what it printed, and whether it ended well.
  local function run(name, key)
    local words = { "env", "LUA_INIT=", "SEGMIND_BASE_URL=" .. shell.quote(service.url),
      "SEGMIND_API_KEY=" .. shell.quote(key or emulator.KEY),
      "SEGMIND_PICTURES=" .. shell.quote(folder .. "/pictures") }
    for _, kind in ipairs({ "PATH", "CPATH" }) do
      local path = shell.quote(package[kind:lower()])
      local versioned = "LUA_" .. kind .. "_" .. _VERSION:match("%d+%.%d+"):gsub("%.", "_")
      words[#words + 1] = "LUA_" .. kind .. "=" .. path
      words[#words + 1] = versioned .. "=" .. path
    end
    words[#words + 1] = interpreter.command()
    words[#words + 1] = shell.quote(paths.root .. "/examples/" .. name .. ".lua")
    words[#words + 1] = shell.quote(folder) .. " 2>&1; echo status=$?"
    local text = shell.output(table.concat(words, " "))
    return text, text:find("status=0\n", 1, true) ~= nil
  end

  local function holds(name)
    return #files.read(folder .. "/" .. name) > 20
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
    local page = files.read(folder .. "/report.html")
    for _, name in ipairs({ "bokeh.png", "dressed.png", "night.png", "noon.png", "both.png",
      "poster.jpg" }) do
      assert.is_true(holds(name))
      assert.truthy(page:find('src="' .. name .. '"', 1, true))
    end
    assert.equal(6, service:ledger().totals.completed)
  end)

  -- What a shell starts by itself has nothing of what a sanitized module needs.
  if _VERSION == "Lua 5.4" and not interpreter.is_slow() then
    it("demo runs again, and prints commands that run as printed in the clone's folder", function()
      local root, out = shell.quote(paths.root), folder .. "/o'u t"
      local demo = ("cd %s && DEMO_SPEED=300 examples/demo.sh %s %s 2>&1"):format(root,
        shell.quote(paths.build), shell.quote(out))
      shell.output(demo)
      local commands = shell.output(demo):match("One more from a shell[^\n]*\n(.-)\n\n")
      local code, output = shell.run(("cd %s && PATH=/usr/local/bin:/usr/bin:/bin sh -ec %s")
        :format(root, shell.quote(commands)))
      assert.equal(0, code, output)
      assert.truthy(holds("o'u t/pictures.html"), output)
    end)
  end

  it("of any kind ends with the error line when it fails", function()
    for _, name in ipairs({ "flux-kontext-pro", "sync", "chain", "graph" }) do
      local text, ended_well = run(name, "malformed key")
      assert.is_false(ended_well)
      assert.truthy(text:find("segmind: auth: ", 1, true), text)
      assert.is_nil(text:find("stack traceback", 1, true))
    end
  end)
end)
