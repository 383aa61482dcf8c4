local json = require("segmind.json")
local models = require("segmind.models")
local schema = require("segmind.schema")

local function checks(allow_unknown)
  return { allow_unknown = allow_unknown, null = json.null, scalar = json.problem,
    other = function(value)
      return json.problem(value)
    end, image = function(value)
      return type(value) ~= "string" and "not an image" or nil
    end }
end

local function check(name, params, allow_unknown)
  return schema.check(models[name], params, checks(allow_unknown))
end

--- The problems of a call, as one text.
local function problems(name, params, allow_unknown)
  local checked, found = check(name, params, allow_unknown)
  assert.is_nil(checked)
  return table.concat(found, "\n")
end

local function dev(params)
  params.prompt = params.prompt or "x"
  params.input_image = params.input_image or "http://127.0.0.1/a.png"
  return params
end

describe("every declared parameter", function()
  -- A wrong value a type, and what the message must say besides the name.
  local wrong = { string = 5, integer = 1.5, number = "7", boolean = 1, image = 12,
    images = 12 }

  for _, name in ipairs(models.names) do
    for _, param in ipairs(models[name].params) do
      local label = name .. "." .. param[1]

      it(label .. " is refused with a wrong type, by name", function()
        assert.truthy(problems(name, { [param[1]] = wrong[param[2]] }):find(param[1], 1, true))
      end)

      if param.required then
        it(label .. " is required, and null is not enough", function()
          local text = param[1] .. " is required"
          assert.truthy(problems(name, {}):find(text, 1, true))
          assert.truthy(problems(name, { [param[1]] = json.null }):find(text, 1, true))
        end)
      end

      if param.one_of then
        it(label .. " takes each declared value and no other", function()
          for _, value in ipairs(param.one_of) do
            local params = { prompt = "x", input_image = "a", input_image_1 = "a",
              input_image_2 = "a", [param[1]] = value }
            local _, found = check(name, params, true)
            assert.is_nil(table.concat(found, "\n"):find("must be"))
          end
          local text = problems(name, { [param[1]] = "nonsense" })
          assert.truthy(text:find(param[1] .. " must be one of", 1, true))
          assert.truthy(text:find(param.one_of[1], 1, true))
        end)
      end

      if param.min then
        it(label .. " keeps its range", function()
          for _, value in ipairs({ param.min - 1, param.max + 1 }) do
            local text = problems(name, { [param[1]] = value })
            assert.truthy(text:find(("%s must be"):format(param[1]), 1, true))
            assert.truthy(text:find(("from %g to %g"):format(param.min, param.max), 1, true))
          end
          local _, found = check(name, { [param[1]] = param.max })
          assert.is_nil(table.concat(found, "\n"):find(param[1] .. " must be", 1, true))
        end)
      end
    end
  end
end)

describe("a call", function()
  it("goes through as it was, in a new table", function()
    local params = dev({ seed = 42, guidance = 7.5, disable_safety_checker = false })
    local checked, warnings = check("flux-kontext-dev", params)
    assert.same(params, checked)
    assert.are_not.equal(params, checked)
    assert.same({}, warnings)
  end)

  it("is told everything that is wrong at once", function()
    local text = problems("flux-kontext-dev",
      { promt = "x", output_format = "jpeg", guidance = 11, seed = "1" })
    for _, part in ipairs({ "prompt is required", "input_image is required",
      'promt is not a parameter of flux-kontext-dev; did you mean "prompt"?',
      'got "jpeg"; did you mean "jpg"?', "guidance must be a number from 0 to 10, got 11",
      'seed must be an integer, got "1"' }) do
      assert.truthy(text:find(part, 1, true), part)
    end
  end)

  it("names the nearest declared parameter", function()
    for given, meant in pairs({ aspect = "aspect_ratio", input_imge = "input_image",
      output_qualty = "output_quality", Seed = "seed", image = "input_image",
      steps = "num_inference_steps" }) do
      local text = problems("flux-kontext-dev", dev({ [given] = 1 }))
      assert.truthy(text:find(('did you mean "%s"'):format(meant), 1, true), given)
    end
    assert.is_nil(problems("flux-kontext-dev", dev({ zzzzzzzz = 1 })):find("did you mean"))
  end)

  it("takes no short word for another of which half is different", function()
    assert.is_nil(schema.nearest("time", { "file", "name", "n" }))
    for given, meant in pairs({ tiem = "time", tme = "time", stlye = "style" }) do
      assert.equal(meant, schema.nearest(given, { "file", "time", "style" }))
    end
  end)

  it("may pass undeclared names and values knowingly", function()
    local checked = check("flux-kontext-dev", dev({ aspect_ratio = "7:3", magic = { 1, 2 } }), true)
    assert.equal("7:3", checked.aspect_ratio)
    assert.same({ 1, 2 }, checked.magic)
    assert.truthy(problems("flux-kontext-dev", dev({ magic = print }), true):find("magic"))
  end)

  it("may pass values out of their range knowingly, of the right type", function()
    local checked = check("flux-kontext-dev", dev({ guidance = 11, num_inference_steps = 80 }),
      true)
    assert.same({ 11, 80 }, { checked.guidance, checked.num_inference_steps })
    assert.truthy(problems("flux-kontext-dev", dev({ guidance = "11" }), true):find("guidance"))
    assert.truthy(problems("flux-kontext-dev", dev({ guidance = 1 / 0 }), true):find("guidance"))
  end)

  it("takes null where a parameter is optional", function()
    local checked = check("flux-kontext-pro", { prompt = "x", seed = json.null })
    assert.equal(json.null, checked.seed)
  end)

  it("takes 3.0 as the integer 3", function()
    local checked = check("flux-kontext-dev", dev({ num_inference_steps = 4.0 }))
    assert.equal("4", tostring(checked.num_inference_steps))
  end)

  it("refuses NaN, infinity and numbers that are no longer exact", function()
    for _, value in ipairs({ 0 / 0, 1 / 0, -1 / 0, 1e20, -1e300 }) do
      assert.truthy(problems("flux-kontext-dev", dev({ seed = value })):find("seed"))
    end
    assert.truthy(problems("flux-kontext-dev", dev({ guidance = 0 / 0 })):find("guidance"))
    assert.truthy(check("flux-kontext-dev", dev({ seed = 2 ^ 53 })))
  end)

  it("refuses an empty prompt and one that is not UTF-8", function()
    assert.truthy(problems("flux-kontext-pro", { prompt = "" }):find("prompt must not be empty"))
    assert.truthy(problems("flux-kontext-pro", { prompt = " \n" }):find("prompt must not be empty"))
    assert.truthy(problems("flux-kontext-pro", { prompt = "\255" }):find("prompt: .*UTF%-8"))
  end)

  it("refuses names that are no strings", function()
    assert.truthy(problems("flux-kontext-pro", { prompt = "x", "y" }):find("name of a parameter"))
  end)

  it("never prints a long value or a control character", function()
    local text = problems("flux-kontext-dev", dev({ output_format = "\27[31m" .. ("x"):rep(500) }))
    assert.is_nil(text:find("[%z\1-\9\11-\31]"))
    assert.is_nil(text:find(("x"):rep(80), 1, true))
  end)
end)

describe("a warning", function()
  it("comes for safety_tolerance above 2 with an input image only", function()
    local _, with = check("flux-kontext-pro", dev({ safety_tolerance = 6 }))
    local _, without = check("flux-kontext-pro", { prompt = "x", safety_tolerance = 6,
      aspect_ratio = "1:1" })
    local _, low = check("flux-kontext-pro", dev({ safety_tolerance = 2 }))
    assert.truthy(with[1]:find("safety_tolerance = 6", 1, true))
    assert.same({}, without)
    assert.same({}, low)
  end)

  it("comes for a ratio that is left out without an image", function()
    for _, name in ipairs({ "flux-kontext-pro", "flux-kontext-max" }) do
      for _, ratio in ipairs({ false, json.null }) do
        local _, found = check(name, { prompt = "x", aspect_ratio = ratio or nil })
        assert.truthy(found[1]:find("aspect_ratio is left out: there is no input_image", 1, true))
      end
      assert.same({}, select(2, check(name, dev({}))))
      assert.same({}, select(2, check(name, { prompt = "x", aspect_ratio = "1:1" })))
    end
  end)

  it("comes for match_input_image without an image", function()
    local ratio = "match_input_image"
    local _, without = check("flux-kontext-max", { prompt = "x", aspect_ratio = ratio })
    local _, with = check("flux-kontext-max", dev({ aspect_ratio = ratio }))
    assert.truthy(without[1]:find("aspect_ratio", 1, true))
    assert.same({}, with)
  end)
end)

describe("the name of a model", function()
  it("is made of letters, digits, dot, dash and underscore", function()
    for _, name in ipairs({ "flux-kontext-dev", "sdxl1.0-txt2img", "A_b" }) do
      assert.is_nil(schema.model_problem(name, models.names))
    end
    for _, name in ipairs({ "", "..", "a/b", "a b", "a?b", "a%2fb", "a\n", "é", ("x"):rep(200) }) do
      assert.truthy(schema.model_problem(name, models.names), name)
    end
  end)

  it("with a slash is told the name without", function()
    local text = schema.model_problem("segmind/flux-kontext-pro", models.names)
    assert.truthy(text:find('did you mean "flux-kontext-pro"?', 1, true))
  end)
end)
