local export = require("segmind.models.export")
local files = require("spec.support.files")
local json = require("segmind.json")
local models = require("segmind.models")
local paths = require("spec.support.paths")

describe("the model tables", function()
  it("are well formed", function()
    local types = { string = true, integer = true, number = true, boolean = true, image = true,
      images = true }
    for _, name in ipairs(models.names) do
      local model = models.declared(name)
      assert.equal(name, model.name)
      assert.is_number(model.latency_s)
      assert.is_number(model.price_usd)
      local seen = {}
      for _, param in ipairs(model.params) do
        assert.is_nil(seen[param[1]])
        seen[param[1]] = true
        assert.is_true(types[param[2]])
        assert.is_string(param.about)
        assert.equal(param.min == nil, param.max == nil)
      end
      assert.is_true(seen.prompt and seen.seed)
    end
  end)

  it("have an image parameter for a chain", function()
    assert.equal("input_image", models.first_image(models["flux-kontext-pro"]))
    assert.equal("input_image_1", models.first_image(models["multi-image-kontext-max"]))
    assert.equal("image_urls", models.first_image(models["flux-2-klein-9b"]))
  end)

  it("are not confused with what else the list holds", function()
    local count = 0
    for name, model in pairs(require("segmind").models) do
      count = count + 1
      assert.equal(name, model.name)
    end
    assert.equal(#models.names, count)
    assert.is_nil(models.declared("names"))
    assert.is_nil(models.declared("declared"))
    assert.is_nil(models.declared("sdxl"))
  end)
end)

describe("the export", function()
  it("marks the models that are declared from the documents alone", function()
    assert.truthy(export.markdown():find("/flux%-2%-pro/api%) \\%* |"))
    assert.truthy(export.markdown():find("\n\n\\* Declared from the service's documents", 1, true))
    assert.is_nil(export.markdown():find("/flux%-kontext%-pro/api%) \\%*"))
    assert.truthy(export.types():find("image_urls segmind.Image|segmind.Image[] ", 1, true))
  end)

  it("writes JSON that holds every model in order", function()
    local list = assert(json.decode(export.json()))
    for i, name in ipairs(models.names) do
      assert.equal(name, list[i].name)
      assert.equal(#models[name].params, #list[i].params)
      assert.equal("prompt", list[i].params[1].name)
      assert.is_true(list[i].params[1].required)
    end
  end)

  it("writes C that holds the same bytes", function()
    local bytes = {}
    for byte in export.c():match("{\n(.-)}"):gmatch("%d+") do
      bytes[#bytes + 1] = string.char(tonumber(byte))
    end
    assert.equal(export.json() .. "\0", table.concat(bytes))
    assert.truthy(export.c():find("em_models_json_len = " .. #export.json() .. "UL;", 1, true))
  end)

  it("is what meta/types.lua holds", function()
    local text = files.read(paths.root .. "/lua/segmind/meta/types.lua")
    assert.is_true(export.types() == text, "run: make types")
  end)

  it("is what the README's table holds", function()
    local text = files.read(paths.root .. "/README.md")
    local held = text and text:match("<!%-%- models %-%->\n(.-)<!%-%- /models %-%->")
    if held then
      assert.equal(export.markdown(), held, "run: lua lua/segmind/models/export.lua markdown")
    end
  end)
end)
