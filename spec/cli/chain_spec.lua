--- `segmind chain`: a chain file from the command line.

local files = require("spec.support.files")
local program = require("spec.support.program")

local FILE = [[{
  "vars": { "place": "a harbour", "photo": "a.png" },
  "input": "{photo}",
  "steps": [
    { "name": "night", "model": "flux-kontext-dev", "params": { "prompt": "{place} at night" } },
    { "name": "noon", "model": "flux-kontext-pro",
      "params": { "prompt": "noon", "input_image": { "step": "night" } } },
    { "name": "duo", "model": "multi-image-kontext-pro", "save": "both/duo", "params": { "prompt":
      "both", "input_image_1": { "step": "night" }, "input_image_2": { "step": "noon" } } },
    { "name": "rain", "model": "flux-kontext-pro",
      "params": { "prompt": "rain", "input_image": { "step": "night" } } }
  ]
}]]

describe("segmind chain", function()
  local segmind = program.fixture()

  local function fine(run)
    assert.equal(0, run.code, run.err)
    return run
  end

  before_each(function()
    files.make_folder(segmind.folder .. "/flow")
    files.write(segmind.folder .. "/flow/f.json", FILE)
    files.write(segmind.folder .. "/flow/a.png", files.read(segmind.folder .. "/a.png"))
  end)

  it("makes all steps, prints the paths of what is saved, and pays nothing the second time",
    function()
    for _ = 1, 2 do
      local run = fine(segmind("chain flow/f.json -o out"))
      assert.equal(segmind.folder .. "/out/both/duo.png\n" .. segmind.folder .. "/out/rain.png\n",
        run.out)
      assert.equal(4, segmind:accepted())
    end
    os.remove(segmind.folder .. "/out/rain.png")
    fine(segmind("chain flow/f.json -o out"))
    assert.truthy(files.read(segmind.folder .. "/out/rain.png"))
    assert.equal(4, segmind:accepted())
  end)

  it("makes one step and what it needs with --until, beside the file without -o", function()
    local run = fine(segmind("chain flow/f.json --until noon"))
    assert.equal(segmind.folder .. "/flow/noon.png\n", run.out)
    assert.equal(2, segmind:accepted())
  end)

  it("sets variables, whose paths are of the current folder", function()
    fine(segmind("chain flow/f.json --until night --set place='$(touch pwn) `touch pwn`' "
      .. "--set photo=b.png"))
    local run = segmind("chain flow/f.json --until night --set photo=none.png")
    assert.equal(2, run.code)
    assert.truthy(run.err:find("flow/f.json:3:12: ", 1, true), run.err)
    assert.truthy(run.err:find("none.png", 1, true))
    run = segmind("chain flow/f.json --set plaze=x")
    assert.equal(2, run.code)
    assert.truthy(run.err:find('did you mean "place"?', 1, true), run.err)
    assert.equal(2, segmind("chain flow/f.json --set place").code)
    assert.is_nil(files.read(segmind.folder .. "/pwn"))
    assert.equal(1, segmind:accepted())
  end)

  it("prices the file without sending anything", function()
    local run = fine(segmind("chain flow/f.json --dry-run"))
    assert.truthy(run.out:find("$0.19", 1, true), run.out)
    assert.equal(0, segmind:accepted())
    run = segmind("chain flow/f.json --budget 0.18")
    assert.equal(3, run.code, run.err)
    assert.equal(0, segmind:accepted())
  end)

  it("goes on where it was interrupted", function()
    segmind.service:faults({ { match = { path = "status", count = "always" },
      ["then"] = { status = 503 } } })
    local run = segmind:interrupted("chain flow/f.json -o out", 1)
    assert.equal(130, run.code, run.err)
    segmind.service:clear_faults()
    fine(segmind("chain flow/f.json -o out"))
    assert.equal(4, segmind:accepted())
  end)

  it("tells which step has failed, and what became of the others", function()
    segmind.service:faults({ { match = { path = "submit", nth = 2 }, mode = "before",
      ["then"] = { status = 400, body = '{"error":"no"}' } } })
    local run = segmind("chain flow/f.json -o out")
    assert.equal(1, run.code, run.err)
    assert.truthy(run.err:find("segmind: flow/f.json: step %w+: rejected"), run.err)
  end)

  for words, text in pairs({
    ["none.json"] = "none.json: No such file or directory",
    ["bad.json"] = "bad.json:1:13: no comma may stand before ]",
    ["two.json"] = 'two.json:1:72: step 1: promt is not a parameter of flux-kontext-pro; did you '
      .. 'mean "prompt"?',
    ["out.json"] = "save stays below the folder",
    ["os.lua"] = "os.lua:1: attempt to index ",
    ["flow/f.json --until nigth"] = 'there is no step "nigth"; did you mean "night"?',
  }) do
    it("refuses " .. words .. " with code 2, in a sentence, and sends nothing", function()
      for name, content in pairs({ bad = '{"steps": [1,]}', two = '{ "steps": [ { "model": '
        .. '"flux-kontext-pro", "params": { "prompt": "x", "promt": "y" } } ] }', out =
        '{ "steps": [ { "model": "flux-kontext-pro", "save": "../x", "params": { "prompt": "x" } } '
        .. "] }" }) do
        files.write(segmind.folder .. "/" .. name .. ".json", content)
      end
      files.write(segmind.folder .. "/os.lua", "os.execute('touch pwn')")
      local run = segmind("chain " .. words)
      assert.equal(2, run.code, run.err)
      assert.equal("", run.out)
      assert.truthy(run.err:find(text, 1, true), run.err)
      assert.is_nil(files.read(segmind.folder .. "/pwn"))
      assert.equal(0, segmind:accepted())
    end)
  end

  it("runs a file in Lua, as a function of its variables", function()
    files.write(segmind.folder .. "/flow/f.lua", [[
      local steps = {}
      for i = 1, tonumber(vars.count) do
        steps[i] = { name = "house" .. i, model = "flux-kontext-pro", params = {
          prompt = "house " .. i, aspect_ratio = "1:1", input_image = null } }
      end
      return { steps = steps }]])
    local run = fine(segmind("chain flow/f.lua --set count=3 -o out"))
    local _, lines = run.out:gsub("\n", "")
    assert.equal(3, lines)
    assert.equal(3, segmind:accepted())
  end)
end)
