local codecs = require("spec.support.json_codecs")
local documents = require("spec.support.json_documents")
local json = require("segmind.json")

local function declare_reading(codec, reader)
  describe("reading JSON by " .. reader, function()
    it("makes null nil, in objects and in lists", function()
      local value = codec.decode('{"error":null,"list":[1,null,2],"deep":{"a":null,"b":1}}')
      assert.same({ list = { 1, 2 }, deep = { b = 1 } }, value)
    end)

    it("makes whole numbers integers where Lua has them", function()
      local value = codec.decode('{"n":42,"f":1.5,"big":1e300}')
      assert.equal("42", tostring(value.n))
      assert.equal(1.5, value.f)
      assert.equal(1e300, value.big)
    end)

    it("refuses what is no JSON", function()
      for _, text in ipairs({ "", "{", "<html>", '{"a":NaN}', '{"a":Infinity}', "[1,]" }) do
        local value, message = codec.decode(text)
        assert.is_nil(value)
        assert.truthy(message:find("no JSON"))
      end
    end)

    it("refuses more than 128 levels, more than the ceiling, and what is no text", function()
      assert.is_table(codec.decode(("["):rep(128) .. ("]"):rep(128)))
      assert.is_nil(codec.decode(("["):rep(129) .. ("]"):rep(129)))
      assert.is_nil(codec.decode('{"a":"0123456789"}', 10))
      assert.is_nil(codec.decode(nil))
    end)

    it("reads every form that JSON has", function()
      for text, value in pairs({ ["true"] = true, ["false"] = false, ["-0.5e+2"] = -50, ["[]"] = {},
        ["{}"] = {}, [' { "a" : [ 1 , "b" ] } '] = { a = { 1, "b" } },
        ['"\\b\\f\\n\\r\\t\\"\\\\\\/"'] = "\b\f\n\r\t\"\\/",
        ['"\\u00e9\\u20AC\\ud83d\\uDE00\\u0041x"'] = "é€😀Ax",
        ['{"":1,"a":2,"a":3}'] = { [""] = 1, a = 3 }, ['{"a":2,"a":null}'] = {} }) do
        assert.same(value, codec.decode(text), text)
      end
    end)

    it("keeps a zero character, in a text and in a name", function()
      assert.same({ ["a\0b"] = "\0c" }, codec.decode('{"a\\u0000b":"\\u0000c"}'))
    end)

    it("keeps long texts, with escapes and without", function()
      local long = ("0123456789"):rep(20000)
      assert.equal(long, codec.decode('"' .. long .. '"'))
      assert.equal(long .. "\n" .. long, codec.decode('"' .. long .. "\\n" .. long .. '"'))
    end)

    it("refuses half a character, an escape that is none, an open text, a second value", function()
      for _, text in ipairs({ '"\\ud83d"', '"\\ud83dx"', '"\\ude00"', '"\\ud83d\\u0041"',
        '"\\u12g4"', '"\\x41"', '"abc', '"abc\\', '"\\u', "1 2", "{} x", "01", "-", "1e", "+1",
        ".5", "nul", "tru", "'a'", "[1 2]", '{"a" 1}', '{"a":}', "{a:1}", '{"a":1,}', "[,1]",
        "\0", '"a\0b"', "[1", '{"a"', '{"a":' }) do
        local value, message = codec.decode(text)
        assert.is_nil(value, text)
        assert.truthy(message:find("^no JSON: "), text)
      end
    end)

    it("leaves an id that is a text as it is, however many digits it has", function()
      assert.equal("12345678901234567890", codec.decode('{"id":"12345678901234567890"}').id)
    end)

    it("keeps whole numbers of 64 bits, where Lua has them, and else the nearest", function()
      local texts = { "9007199254740993", "9223372036854775807", "-9223372036854775808",
        "123456789012345678" }
      local value = codec.decode("[" .. table.concat(texts, ",") .. ",18446744073709551616]")
      for i, text in ipairs(texts) do
        assert.equal(tonumber(text), value[i])
        if rawget(math, "type") then
          assert.equal(text, tostring(value[i]))
          assert.equal(text, codec.encode(value[i]))
        end
      end
      assert.equal(2 ^ 64, value[5])
    end)

    it("lets Ctrl-C through, wherever it comes", function()
      local sethook, decode, count = debug.sethook, codec.decode, 0
      local is_inside
      local function read()
        is_inside = true
        local value = decode('{"a":[1,2]}')
        is_inside = false
        return value
      end
      repeat
        local n, left = count + 1, count + 1
        is_inside = false
        sethook(function()
          left = is_inside and left - 1 or left
          if left == 0 then
            sethook()
            error("interrupted!", 0)
          end
        end, "c")
        local ok, why = pcall(read)
        sethook()
        count = left == 0 and n or count
        assert.same(left == 0 and { false, "interrupted!" } or { true, { a = { 1, 2 } } },
          { ok, why })
      until ok
      assert.is_true(count >= 2)
    end)

    it("reads back what is written, as the values of 500 random documents", function()
      for _ = 1, 500 do
        local text = codec.encode(documents.value())
        assert.equal(text, codec.encode(codec.decode(text)))
      end
    end)
  end)
end

codecs.each(declare_reading)

describe("JSON", function()
  it("leaves the host's lua-cjson as it was", function()
    local cjson = require("cjson")
    assert.equal(cjson.null, cjson.decode("[null]")[1])
  end)

  it("is read alike with lua-cjson and without it, whole documents and spoilt ones", function()
    local own = codecs.without_cjson()
    for _ = 1, 2000 do
      local text = json.encode(documents.value())
      for _, variant in ipairs({ text, documents.spoil(text) }) do
        local value, problem = json.decode(variant)
        local other, other_problem = own.decode(variant)
        assert.same(value, other, variant)
        assert.equal(problem == nil, other_problem == nil, variant)
      end
    end
  end)
end)

describe("a number of an answer", function()
  it("is finite, and may be a text", function()
    for text, number in pairs({ ["42"] = 42, [" 0.05 "] = 0.05, ["-1e3"] = -1000, ["+7"] = 7,
      [".5"] = 0.5, ["00042"] = 42 }) do
      assert.equal(number, json.number(text))
    end
    assert.equal("42", tostring(json.number("42")))
    assert.equal(1.5, json.number(1.5))
  end)

  it("is nothing else", function()
    for _, value in ipairs({ "nan", "inf", "-inf", "0x10", "1e400", "1,5", "", " ", "abc", "1 2",
      "1e", 0 / 0, 1 / 0, true, {} }) do
      assert.is_nil(json.number(value))
    end
    assert.is_nil(json.number(nil))
  end)
end)

describe("writing JSON", function()
  it("orders keys by bytes", function()
    assert.equal('{"A":1,"_":2,"a":3}', json.encode({ a = 3, _ = 2, A = 1 }))
  end)

  it("writes whole floats as integers and fractions in full", function()
    assert.equal('{"a":3,"b":0.1,"c":0,"d":-2}',
      json.encode({ a = 3.0, b = 0.1, c = -0.0, d = -2 }))
    local third = 1 / 3
    assert.equal(third, json.decode(json.encode({ third }))[1])
  end)

  it("writes whole numbers of every length", function()
    for _, value in ipairs({ 0, 7, 10, 99, 2 ^ 31, 2 ^ 53 - 1, 2 ^ 53, 2 ^ 53 + 2, 1e22, 1e300 }) do
      assert.equal(("%.0f"):format(value), json.encode(value))
      assert.equal(("%.0f"):format(-value):gsub("^%-0$", "0"), json.encode(-value))
    end
  end)

  it("writes an empty table as an object, null as null, slashes as they are", function()
    assert.equal('{"a":{},"b":null,"c":"https://x/\\\\/\\n"}',
      json.encode({ a = {}, b = json.null, c = "https://x/\\/\n" }))
  end)

  it("has one text for a value, by which a ledger knows a step", function()
    for text, value in pairs({
      ['{"inputs":["sha256:0a","step:9f"],"model":"flux-kontext-pro","params":{'
        .. '"aspect_ratio":"1:1","input_image":{"input":1},"prompt":"'
        .. 'caf\195\169 \\"x\\" \\\\ / \\t\\u001f\\u007f","seed":0}}'] = {
        model = "flux-kontext-pro", inputs = { "sha256:0a", "step:9f" }, params = { seed = -0.0,
          prompt = 'café "x" \\ / \t\31\127', aspect_ratio = "1:1",
          input_image = { input = 1 } } },
      ["[0.1,1e-07,2.5,0.33333333333333331,99999999999999,-3]"] =
        { 0.1, 1e-7, 2.5, 1 / 3, 99999999999999, -3 },
      ['{"":1,"A":true,"a":null,"a\\u0000":false,"aa":{},"\195\169":[[],[1]]}'] = {
        [""] = 1, A = true, a = json.null, ["a\0"] = false, aa = {},
        ["é"] = { json.empty_array, { 1 } } },
    }) do
      assert.equal(text, json.encode(value))
    end
  end)

  it("sorts the names of a large object", function()
    local object, names = {}, {}
    for i = 1, 300 do
      names[i] = ("%q:%d"):format("name " .. 1000 + i, i)
      object["name " .. 1000 + i] = i
    end
    assert.equal("{" .. table.concat(names, ",") .. "}", json.encode(object))
  end)

  it("raises for what JSON does not have", function()
    local loop = {}
    loop.loop = loop
    for _, value in ipairs({ 0 / 0, 1 / 0, print, io.stdout, coroutine.create(print), loop,
      { [true] = 1 }, { [1.5] = 1 } }) do
      assert.is_false(pcall(json.encode, { value }))
    end
  end)

  it("reads back what it wrote", function()
    local value = { list = { 1, 2, { x = "\"\\é€😀" } }, flag = true }
    assert.same(value, json.decode(json.encode(value)))
  end)
end)

describe("a value for the wire", function()
  it("is valid UTF-8", function()
    for _, text in ipairs({ "plain", "person’s", "é", "€", "😀", "\0", "" }) do
      assert.is_nil(json.find_bad_utf8(text))
    end
    for _, text in ipairs({ "\128", "\192\175", "\224\128\128", "\237\160\128", "\244\144\128\128",
      "\255", "abc\195", "\226\130", "\240\159\152" }) do
      assert.truthy(json.find_bad_utf8(text))
      assert.truthy(json.problem({ text }))
    end
  end)

  it("is finite and, unless it is an integer, no greater than a double is exact", function()
    assert.is_nil(json.problem(2 ^ 53))
    assert.truthy(json.problem(2 ^ 54):find("beyond 2^53", 1, true))
    assert.truthy(json.problem(-1e300))
    assert.is_nil(json.problem(rawget(math, "maxinteger") or 0))
    assert.truthy(json.problem(0 / 0))
    assert.truthy(json.problem(1 / 0))
    assert.is_nil(json.problem(0.25))
  end)

  it("is a list or an object, not both, without holes or loops", function()
    for _, list in ipairs({ { 1, nil, 3 }, { 1, 2, nil, 4 }, { nil, 2 } }) do
      assert.truthy(json.problem(list):find("without holes", 1, true))
    end
    assert.is_nil(json.problem({ 1, 2, { a = {} } }))
    assert.truthy(json.problem({ 1, a = 2 }))
    assert.truthy(json.problem({ [1] = 1, [3] = 3, [100] = 1 }))
    assert.truthy(json.problem({ [true] = 1 }))
    local loop = {}
    loop.loop = loop
    assert.truthy(json.problem(loop))
  end)

  it("is no function, thread or foreign userdata", function()
    assert.truthy(json.problem(print))
    assert.truthy(json.problem(io.stdout))
    assert.truthy(json.problem(coroutine.create(print)))
    assert.is_nil(json.problem(json.null))
  end)
end)
