local fake = require("spec.support.fake_core")
local files = require("spec.support.files")

-- Steps that are well in every respect but the one of the test.
local function file_of(steps, before)
  return ('{ %s"steps": [\n%s\n] }'):format(before or "", table.concat(steps, ",\n"))
end

local DRAW = '{ "name": "house", "model": "flux-kontext-pro", "params": '
  .. '{ "prompt": "a house", "aspect_ratio": "1:1" } }'
local NIGHT = '{ "name": "night", "model": "flux-kontext-pro", "params": { "prompt": "at night" } }'

describe("a chain file", function()
  local folder = files.fixture()
  local sm, chain_file, segmind, core

  before_each(function()
    sm, segmind, core = fake.client()
    chain_file = require("segmind.chain_file")
    files.write(folder .. "/a.png", fake.picture())
  end)

  after_each(fake.close)

  local function read(text, opts, name)
    return chain_file.read(files.write(folder .. "/" .. (name or "f.json"), text), opts)
  end

  -- What is told of a file, without its folder.
  local function problems(text, opts, name)
    local file, err = read(text, opts, name)
    assert.is_nil(file)
    assert.equal("invalid", err.kind)
    local list = {}
    for i, problem in ipairs(err.problems) do
      list[i] = problem:gsub(folder .. "/", "", 1)
    end
    return list
  end

  local function says(expected, text, opts, name)
    local list = problems(text, opts, name)
    assert.equal(expected, list[1])
    assert.equal(1, #list, list[2])
  end

  it("is run as the chain that it describes, branches and all", function()
    local file = assert(read(file_of({ NIGHT,
      [[{ "name": "duo", "model": "multi-image-kontext-pro", "params": { "prompt": "both",
          "input_image_1": { "step": "noon" }, "input_image_2": { "step": 1 } } }]],
      [[{ "name": "noon", "model": "flux-kontext-dev", "params": { "prompt": "at noon",
          "input_image": "a.png", "guidance": 5 } }]] }, '"input": "a.png", ')))
    local chain = assert(file:chain(sm))
    assert.near(0.14, assert(chain:estimate()).usd, 1e-9)
    local results = assert(chain:run())
    local names = {}
    for n, result in ipairs(results) do
      names[n] = result.job.name
    end
    assert.same({ "night", "noon", "duo" }, names)
    local body = core.calls_of("job")[3].body
    assert.truthy(body:find('"input_image_1":"' .. results[2].url, 1, true))
    assert.truthy(body:find('"input_image_2":"' .. results[1].url, 1, true))
  end)

  it("gives a step the picture of the step before, and none where null stands", function()
    local alone = NIGHT:gsub('"night"', '"alone"', 1):gsub(' } }$', ', "input_image": null } }')
    local chain = assert(sm:chain_file(files.write(folder .. "/f.json",
      file_of({ DRAW, NIGHT, alone }))))
    local results = assert(chain:run())
    local calls = core.calls_of("job")
    local with, without = calls[2].body, calls[3].body
    if not with:find("input_image", 1, true) then
      with, without = without, with
    end
    assert.truthy(with:find('"input_image":"' .. results[1].url, 1, true))
    assert.is_nil(without:find("input_image", 1, true))
  end)

  it("fills variables in, with the type that they or the model have", function()
    local text = file_of({ [[{ "model": "flux-kontext-dev", "params": {
      "prompt": "{who} at {{night}}", "input_image": "a.png", "guidance": "{g}",
      "seed": "{seed}" } }]] },
      '"vars": { "who": null, "g": 2.5, "seed": 1 }, ')
    local params = assert(read(text, { set = { who = 'a "cat"', seed = "17" } })).steps[1].params
    assert.same({ 'a "cat" at {night}', 2.5, 17 }, { params.prompt, params.guidance, params.seed })
    says('f.json:1:13: the variable "who" has no value; set it (--set who=…)', text)
    says('f.json:1:3: there is no variable "sead" to set; did you mean "seed"?', text,
      { set = { who = "x", sead = 1 } })
  end)

  it("leaves braces that hold no name as they are", function()
    local prompt = [[a sign: { \"a\": 1 } and {} and {1}]]
    local file = assert(read(file_of({ (DRAW:gsub("a house", function()
      return prompt
    end)) })))
    assert.equal('a sign: { "a": 1 } and {} and {1}', file.steps[1].params.prompt)
  end)

  it("makes only what a step needs when one is named", function()
    local file = assert(read(file_of({ DRAW, NIGHT, (NIGHT:gsub('"night"', '"last"', 1)) }),
      { upto = "night", out = folder }))
    assert.equal(2, #file.steps)
    assert.is_nil(file.steps[1].save)
    assert.equal(folder .. "/night", file.steps[2].save)
    says('f.json:1:3: there is no step "nigth"; did you mean "night"?', file_of({ DRAW, NIGHT }),
      { upto = "nigth" })
  end)

  it("has its paths beside the file, but those that are set where the caller is", function()
    local text = file_of({ (NIGHT:gsub('"params"', '"save": "out/x.png", "params"')) },
      '"input": "{photo}", "vars": { "photo": "a.png" }, ')
    local step = assert(read(text)).steps[1]
    assert.equal(folder .. "/a.png", step.params.input_image)
    assert.equal(folder .. "/out/x.png", step.save)
    step = assert(read(text, { set = { photo = "b.png" }, out = "/elsewhere" })).steps[1]
    assert.is_nil(step.params.input_image:find(folder, 1, true))
    assert.equal("/elsewhere/out/x.png", step.save)
  end)

  it("saves below its folder only", function()
    for _, save in ipairs({ "../x", "/x", "~/x", "a/../../x", "{v}" }) do
      local step = DRAW:gsub('"params"', '"save": "' .. save .. '", "params"')
      local list = problems(file_of({ step }, '"vars": { "v": "a/../../b" }, '))
      assert.truthy(list[1]:find("save stays below the folder", 1, true), save)
    end
  end)

  it("takes a model that is not declared with its price and its pictures as files", function()
    local step = [[{ "model": "some-upscaler", "price": 0.01, "params":
      { "image": { "file": "a.png" }, "scale": "{s}" } }]]
    local file = assert(read(file_of({ step }, '"vars": { "s": 2 }, ')))
    assert.truthy(segmind.models and file.steps[1].params.image.data == fake.picture())
    assert.equal(2, file.steps[1].params.scale)
    assert.near(0.01, assert(file:chain(sm)):estimate().usd, 1e-9)
    says('f.json:2:12: step 1: the model "flux-kontext-por" is not declared; did you mean '
      .. '"flux-kontext-pro"? If it is one of the service\'s, give its "price" in dollars',
      file_of({ '{ "model": "flux-kontext-por", "params": { "prompt": "x" } }' }))
  end)

  describe("that is wrong is told with line and column:", function()
    for text, expected in pairs({
      ['{ "steps": [\n  {},\n ] }'] = "f.json:2:5: no comma may stand before ]",
      ['{\n  "é": "x" "b": 1 }'] = "f.json:2:12: a comma or } is missing before '\"'",
      ['{ "a": "x\n" }'] = 'f.json:1:8: the text that begins here has no closing " in its line; '
        .. "a line break is written \\n",
      ["{ 'a': 1 }"] = "f.json:1:3: a name in quotes \" is expected, got '''",
      ['{ "a": True }'] = "f.json:1:8: True is written true",
      ['// chain\n{}'] = "f.json:1:1: JSON has no comments",
      ['{ "a": 1,\n "a": 2 }'] = 'f.json:2:2: "a" stands twice in one object',
      ['{ "a": "\\ud83d" }'] = "f.json:1:9: \\ud83d is half a character; its other half must stand "
        .. "beside it",
      ['{ "a": 1. }'] = 'f.json:1:8: "1." is not a number of JSON',
      ['{ "a": "\255" }'] = "f.json:1:9: the text is not UTF-8 from here on; save the file as "
        .. "UTF-8",
      ['{ "a": ['] = "f.json:1:9: a value is expected, got the end of the text",
      ['{} x'] = 'f.json:1:4: the text goes on after its end, with "x"',
      [""] = "f.json:1:1: a value is expected, got the end of the text",
      ["[]"] = "f.json:1:1: a chain file is an object with steps, got a list",
      ["\n 3"] = "f.json:2:2: a chain file is an object with steps, got 3",
      ["\n{}"] = "f.json:2:1: steps is a list of at least one step, got nothing",
      ['{ "steps": [] }'] = "f.json:1:12: steps is a list of at least one step, got an empty one",
    }) do
      it(expected, function()
        says(expected, text)
      end)
    end

    for expected, steps in pairs({
      ['f.json:2:99: step "night": promt is not a parameter of flux-kontext-pro; did you mean '
        .. '"prompt"?'] = { '{ "name": "night", "model": "flux-kontext-pro",'
          .. ' "params": { "prompt": "x", "aspect_ratio": "1:1", "promt": "y" } }' },
      ['f.json:2:1: step "ink": prompt is required: what to draw, or what to change in the picture']
        = { '{ "name": "ink", "model": "flux-kontext-pro" }' },
      ["f.json:2:32: step 1: prompt is required: what to draw, or what to change in the picture"] =
        { '{ "model": "flux-kontext-pro", "params": null }' },
      ["f.json:3:1: step 2: model is a name, got nothing"] = { DRAW, '{ "params": {} }' },
      ['f.json:3:11: two steps are called "house"; the other is step 1 (line 2)'] =
        { DRAW, DRAW },
      ['f.json:3:86: step "night": there is no step "hause"; did you mean "house"?'] =
        { DRAW, '{ "name": "night", "model": "flux-kontext-pro", "params": { "input_image": '
          .. '{ "step": "hause" }, "prompt": "x" } }' },
      ['f.json:3:93: step "night": a picture is a path, an address, { "step": … } or { "file": '
        .. '… }, got the field "stp"; did you mean "step"?'] = { DRAW,
          '{ "name": "night", "model": "flux-kontext-pro", "params": { "prompt": "x", '
          .. '"input_image": { "stp": 1 } } }' },
      ["f.json:2:12: step 1: model is a name, got 7"] = { '{ "model": 7, "params": {} }' },
      ["f.json:2:1: step 1 is an object, got a list"] = { "[]" },
      ["f.json:2:75: step 1: aspect_ratio must be one of "] = { '{ "model": "flux-kontext-pro",'
        .. ' "params": { "prompt": "x", "aspect_ratio": "7:1" } }' },
    }) do
      it(expected, function()
        local list = problems(file_of(steps))
        assert.equal(expected, list[1]:sub(1, #expected))
        assert.equal(1, #list, list[2])
      end)
    end

    it("a picture's field that is misspelt beside other mistakes", function()
      local list = problems(file_of({ DRAW, '{ "name": "both", "model": "multi-image-kontext-pro", '
        .. '"params": { "prompt": "x", "input_image_1": { "stp": "house" }, "input_image_2": '
        .. '{ "step": "hause" }, "promt": "y" } }' }))
      assert.equal(3, #list)
      local all = table.concat(list, "\n")
      assert.truthy(all:find('got the field "stp"; did you mean "step"?', 1, true), all)
    end)

    it("a circle, with the lines of its steps", function()
      local function step(name, other)
        return ('{ "name": "%s", "model": "flux-kontext-pro", "params": { "prompt": "x", '
          .. '"input_image": { "step": "%s" } } }'):format(name, other)
      end
      local list = problems(file_of({ step("a", "b"), step("b", "c"), step("c", "a") }))
      assert.equal('f.json:4:97: a circle: step "a" (line 2) takes the picture of step "b" (line 3)'
        .. ', which takes that of step "c" (line 4), which takes that of step "a"', list[1])
      list = problems(file_of({ step("a", "a") }))
      assert.truthy(list[1]:find('step "a" (line 2) takes the picture of step "a"', 1, true))
    end)

    it("a picture that is not there, before anything is sent", function()
      local file = assert(read(file_of({ NIGHT }, '"input": "none.png", ')))
      local chain, err = file:chain(sm)
      assert.is_nil(chain)
      assert.truthy(err.problems[1]:find("f.json:1:12: ", 1, true), err.problems[1])
      assert.truthy(err.problems[1]:find("none.png", 1, true))
      assert.equal(0, #core.calls)
    end)

    it("two steps that write one file", function()
      local saved = NIGHT:gsub('"params"', '"save": "house", "params"')
      local list = problems(file_of({ (DRAW:gsub('"params"', '"save": true, "params"')), saved }))
      local both = 'step "night" and step "house" (line 2) would both write '
      assert.truthy(list[1]:find(both, 1, true))
    end)
  end)

  it("says which file is missing", function()
    local _, err = chain_file.read(folder .. "/none.json")
    assert.equal(folder .. "/none.json: No such file or directory", err.message)
  end)

  describe("in Lua", function()
    it("returns the same table, and asks for variables by their names", function()
      local file = assert(read([[
        local steps = {}
        for i, word in ipairs({ "night", "noon" }) do
          steps[i] = { name = word, model = "flux-kontext-pro",
            params = { prompt = vars.who .. " at " .. word, input_image = null,
              aspect_ratio = "1:1" } }
        end
        return { steps = steps }]], { set = { who = "a cat" } }, "f.lua"))
      assert.equal("a cat at noon", file.steps[2].params.prompt)
      assert.is_true(file.steps[1].is_final)
      says('f.lua: there is no variable "whom" to set', 'return { steps = { { model = '
        .. '"flux-kontext-pro", params = { prompt = "x", aspect_ratio = "1:1" } } } }',
        { set = { whom = "x" } }, "f.lua")
    end)

    it("reaches neither the system nor what belongs to the host", function()
      for _, code in ipairs({ "os.exit(9)", "io.open('x')", "require('os')", "_G.os.exit(9)",
        "load('return 1')()", "getmetatable('')", "debug.getinfo(1)", "string.dump(print)",
        "package.loaded.os.exit(9)", "print('x')" }) do
        local list = problems(code .. "\nreturn { steps = {} }", nil, "f.lua")
        assert.truthy(list[1]:find("f.lua:1: ", 1, true), code .. ": " .. list[1])
      end
      read("string.rep, table.insert, math.max = nil return {}", nil, "f.lua")
      assert.equal("aa", string.rep("a", 2) .. (table.insert and math.max and "" or "?"))
    end)

    it("may return a table within itself, which is refused", function()
      local list = problems("local t = {} t.t = t return { steps = { { model = 'x', price = 1, "
        .. "params = { t = t } } } }", nil, "f.lua")
      assert.equal("f.lua: step 1: params has a table within itself, more than 32 levels, or more "
        .. "than 10000 values", list[1])
      list = problems("local t = {} for _ = 1, 30 do t = { a = t, b = t } end return { steps = { { "
        .. "model = 'x', price = 1, params = { t = t } } } }", nil, "f.lua")
      assert.equal(1, #list)
    end)

    it("is text: compiled code is refused", function()
      says("f.lua: a chain file in Lua is text; this one is compiled",
        string.dump(load(function() end)), nil, "f.lua")
    end)
  end)

  it("may be a table of the host, with jobs in it", function()
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    local chain = assert(sm:chain_file({ input = job, steps = {
      { model = "flux-kontext-dev", params = { prompt = "y" } } } }))
    assert(chain:run())
    assert.truthy(core.calls_of("job")[2].body:find(job:result().url, 1, true))
  end)
end)
