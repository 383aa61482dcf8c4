--- The core's way of a usual call, and the Lua way of every call, agree: what the core takes passes
--- schema.check, with the same copy and the same warnings.

local core = require("segmind.core")
local fake = require("spec.support.fake_core")
local input = require("segmind.input")
local json = require("segmind.json")
local models = require("segmind.models")
local schema = require("segmind.schema")

local ROUNDS = 1500
local number_type = rawget(math, "type") or type

local checks = { null = json.null, scalar = json.problem, other = json.problem,
  image = function(value, param)
    return (input.problem(value, param.formats))
  end }

local function draw(list)
  return list[math.random(#list)]
end

local odd = { 0, -0.0, 1, -1, 2, 3.0, 6, 7.5, 100, 101, -1e-7, 1 / 3, 2 ^ 31, 2 ^ 53 - 1, 2 ^ 53,
  -2 ^ 53, 2 ^ 53 + 2, 1e300, 1 / 0, -1 / 0, 0 / 0, "", " \t", "7", "a", "\0", "a\0b", "\255",
  "\237\160\128", "h\195\169", "\226\130\172 \240\159\152\128", '"\\/\b\f\n\r\t\127\1', true, false,
  json.null, json.empty_array, {}, { 1 }, print,
  ("long \"text\" \n"):rep(300), "match_input_image", "1:1", "png" }
local urls = { "http://127.0.0.1/a.png", "https://x", "HTTPS://X/\"y\"", "hTtP://\195\169" }
local no_urls = { "http:/x", "httpss://x", "ftp://x", "data:image/png,x", "file:///a", "http://\0",
  "https://\255", "/no/such/file.png", "", 5, {}, input.bytes("no picture"), json.null }

local greatest = rawget(math, "maxinteger")
if greatest then
  odd[#odd + 1], odd[#odd + 2] = greatest, -greatest
end

local good = {}

function good.string(param)
  return param.one_of and draw(param.one_of) or draw({ "a", "a red house", "x\n\"y\"", "\195\169" })
end

function good.integer(param)
  local least, most = param.min or -5, param.max or 2 ^ 31
  return draw({ math.random(least, most), math.random(least, most) + 0.0 })
end

function good.number(param)
  return (param.min or 0) + math.random() * ((param.max or 9) - (param.min or 0))
end

function good.boolean()
  return math.random(2) == 1
end

function good.image()
  return draw(urls)
end

local function spoilt(list)
  local ways = { function()
    list[#list + 2] = draw(urls)
  end, function()
    list[math.random(#list)] = draw(no_urls)
  end, function()
    list.name = draw(urls)
  end, function()
    setmetatable(list, {})
  end, function()
    list[0] = draw(urls)
  end }
  draw(ways)()
  return list
end

function good.images()
  local list = {}
  for i = 1, math.random(4) do
    list[i] = draw(urls)
  end
  return draw({ list, list, list[1], math.random(4) == 1 and spoilt(list) or list })
end

-- Most of a call is good, so that many a call is good as a whole.
local function random_params(spec)
  local params = {}
  for _, param in ipairs(spec.params) do
    local chance = math.random(20)
    if chance == 1 then
      params[param[1]] = draw(param[2]:find("image") and no_urls or odd)
    elseif param.required and chance > 2 or chance > 12 then
      params[param[1]] = good[param[2]](param)
    end
  end
  if math.random(30) == 1 then
    params[draw({ "promt", "n", "Seed", 1, 2.5, true })] = draw(odd)
  end
  return params
end

local function drawn_for(params)
  return (params.seed == nil or params.seed == -1) and math.random(0, 2 ^ 31 - 1) or nil
end

--- Whether a copy is one, down to which numbers are integers.
local function is_copy(value, copy)
  if type(value) ~= "table" or type(copy) ~= "table" then
    return value == copy and number_type(value) == number_type(copy)
  end
  local names = {}
  for name, item in pairs(value) do
    names[name] = true
    if not is_copy(item, copy[name]) then
      return false
    end
  end
  for name in pairs(copy) do
    if not names[name] then
      return false
    end
  end
  return value ~= copy
end

local function has_picture(spec, params)
  for _, param in ipairs(spec.params) do
    if param[2]:find("image") and params[param[1]] ~= nil then
      return true
    end
  end
  return false
end

-- The core leaves objects that may be pictures to Lua: here URLs stand for them.
local function without_objects(value)
  if type(value) ~= "table" then
    return value
  elseif getmetatable(value) then
    return urls[1]
  end
  local copy = {}
  for name, item in pairs(value) do
    copy[name] = without_objects(item)
  end
  return copy
end

--- One call both ways; whether the core took it.
local function compare(spec, check, params)
  local seed = drawn_for(params)
  local copy, has_pictures, has_objects, warnings = check(params, seed)
  if not copy then
    return false
  elseif has_objects then
    params, copy = without_objects(params), without_objects(copy)
  end
  local checked, found = schema.check(spec, params, checks)
  local text = checked and json.encode({ checked, copy, found, warnings })
  if not checked then
    error("Lua refuses it: " .. table.concat(found, "; "))
  end
  checked.seed = seed or checked.seed
  assert(is_copy(checked, copy), text)
  assert(json.encode(checked) == json.encode(copy), text)
  assert(has_picture(spec, params) == has_pictures, text)
  assert(table.concat(found, "\n") == table.concat(warnings or {}, "\n"), text)
  return true
end

describe("a usual call", function()
  local fixed = os.time()

  setup(function()
    math.randomseed(fixed)
  end)

  for _, name in ipairs(models.names) do
    local spec = models[name]

    it("of " .. name .. " is checked by the core as by Lua", function()
      local check, taken = assert(core.checker(spec.params)), 0
      for _ = 1, ROUNDS do
        local ok, err = pcall(compare, spec, check, random_params(spec))
        if not ok then
          error(("with the seed %d: %s"):format(fixed, tostring(err)), 0)
        end
        taken = taken + (err and 1 or 0)
      end
      assert.is_true(taken > ROUNDS / 5, taken .. " calls were usual")
    end)
  end

  it("is what a caller without a picture, or with the URL of one, makes", function()
    local check = core.checker(models["flux-kontext-pro"].params)
    local copy, has_pictures, has_objects, warnings = check({ prompt = "a \"red\" house" }, 7)
    assert.same({ prompt = "a \"red\" house", seed = 7 }, copy)
    assert.is_false(has_pictures or has_objects)
    assert.truthy(warnings[1]:find("aspect_ratio is left out", 1, true))
    copy, has_pictures, has_objects, warnings =
      check({ prompt = "x", input_image = urls[1], seed = 5.0 })
    assert.same({ prompt = "x", input_image = urls[1], seed = 5 }, copy)
    assert.is_true(has_pictures)
    assert.is_false(has_objects)
    assert.is_nil(warnings)
  end)

  it("is none with a metatable, an unknown name, a value to warn of, or a path", function()
    local check = core.checker(models["flux-kontext-pro"].params)
    for _, params in ipairs({ setmetatable({ prompt = "x" }, {}), { prompt = "x", promt = "y" },
      { prompt = "x", aspect_ratio = "match_input_image" }, { prompt = "x", [1] = "y" },
      { prompt = "x", safety_tolerance = 5, input_image = urls[1] }, {},
      { prompt = "x", input_image = {} }, { prompt = "x", input_image = "a.png" },
      { prompt = "x", seed = json.null } }) do
      assert.equal(0, select("#", check(params)))
    end
    assert.equal(0, select("#", check("a prompt")))
  end)

  it("is none of a table that holds what the core does not know", function()
    for _, param in ipairs({ { "a", "colour" }, { "a", "string", pattern = "x" }, { "a" },
      { "a", "string", min = 1, max = 2 }, { "a", "number", min = 1 }, { 1, "string" }, "a",
      { "a", "string", one_of = { 1 } }, { "a", "string", warn = { equals = "x" } },
      { "seed", "string" }, { "a", "number", warn = { above = 1, with = "b", say = "c" } } }) do
      assert.is_nil(core.checker({ param }))
    end
    assert.is_nil(core.checker({}))
    assert.is_nil(core.checker({ { "a", "string" }, { "a", "number" } }))
  end)
end)

describe("the request of a usual call", function()
  local sm, faked

  before_each(function()
    local _
    sm, _, faked = fake.client()
  end)

  after_each(function()
    fake.close()
  end)

  it("is what the caller gave, whatever becomes of that table", function()
    local params = { prompt = "a red house", aspect_ratio = "1:1", seed = 3 }
    local job = assert(sm:submit("flux-kontext-pro", params))
    params.prompt = "a green house"
    assert.equal("a red house", job.params.prompt)
    assert(job:wait())
    assert.equal('{"aspect_ratio":"1:1","prompt":"a red house","seed":3}', faked.calls[1].body)
  end)

  it("is refused with a metatable, of which nothing is called", function()
    local function call()
      error("called", 0)
    end
    for _, params in ipairs({ {}, { prompt = "x" } }) do
      setmetatable(params, { __index = call, __pairs = call, __len = call })
      local ok, why = pcall(sm.submit, sm, "flux-kontext-pro", params)
      assert.is_false(ok)
      assert.truthy(tostring(why):find("the parameters are a plain table", 1, true), why)
    end
  end)

  it("may take a job and a result, not those of which Lua has something to say", function()
    local request = require("segmind.request")
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    local result = assert(job:wait())
    local function prepare(picture)
      return request.prepare(sm, "flux-2-pro", { prompt = "x", seed = 1, image_urls = picture }, {})
    end
    local one, two = assert(prepare(job)), assert(prepare({ result, urls[1], job }))
    assert.same({ { param = "image_urls", kind = "job", job = job.id } }, one.inputs)
    assert.same({ result.url, urls[1], job }, two.params.image_urls)
    assert.same({ "url", "url", "job" }, { two.slots[1].kind, two.slots[2].kind,
      two.slots[3].kind })
    for picture, words in pairs({ [setmetatable({}, {})] = "an image is a path",
      [sm:chain():step("flux-kontext-pro", { prompt = "x" }):output(1)] = "another chain",
      [input.bytes("")] = "image_urls" }) do
      local prepared, err = prepare({ urls[1], picture })
      assert.is_nil(prepared)
      assert.truthy(err.message:find(words, 1, true), err.message)
    end
  end)

  it("has the pictures, and in a ledger the key, that the Lua way gives it", function()
    local request, key = require("segmind.request"), require("segmind.step_key")
    for name, calls in pairs({
      ["flux-kontext-pro"] = { { prompt = "x" }, { prompt = "x", seed = 5.0 },
        { prompt = "x", input_image = urls[1], seed = -1 } },
      ["multi-image-kontext-max"] = { { prompt = "x", input_image_2 = urls[2],
        input_image_1 = urls[1], seed = 1 } },
      ["flux-2-pro"] = { { prompt = "x", image_urls = { urls[1], urls[2], urls[1] } },
        { prompt = "x", image_urls = urls[1] } },
    }) do
      for _, params in ipairs(calls) do
        local texts, prepared = {}, {}
        for i, opts in ipairs({ {}, { allow_unknown = true } }) do
          prepared[i] = assert(request.prepare(sm, name, params, opts))
          texts[i] = select(2, key.compute(core, prepared[i], {}))
        end
        assert.equal(texts[2], texts[1])
        assert.same(prepared[2].inputs, prepared[1].inputs)
        for i, slot in ipairs(prepared[2].slots) do
          local usual = prepared[1].slots[i]
          assert.same({ slot.key, slot.param, slot.value, slot.kind },
            { usual.key, usual.param, usual.value, usual.kind })
          assert.equal(slot.value, usual.holder[usual.key])
          assert.is_true(usual.holder == prepared[1].params
            or usual.holder == prepared[1].params[slot.param])
        end
        assert.equal(#prepared[2].slots, #prepared[1].slots)
      end
    end
  end)
end)
