local json = require("segmind.json")

describe("reading JSON", function()
  it("makes null nil, in objects and in lists", function()
    local value = json.decode('{"error":null,"list":[1,null,2],"deep":{"a":null,"b":1}}')
    assert.same({ list = { 1, 2 }, deep = { b = 1 } }, value)
  end)

  it("makes whole numbers integers where Lua has them", function()
    local value = json.decode('{"n":42,"f":1.5,"big":1e300}')
    assert.equal("42", tostring(value.n))
    assert.equal(1.5, value.f)
    assert.equal(1e300, value.big)
  end)

  it("refuses what is no JSON", function()
    for _, text in ipairs({ "", "{", "<html>", '{"a":NaN}', '{"a":Infinity}', "[1,]" }) do
      local value, message = json.decode(text)
      assert.is_nil(value)
      assert.truthy(message:find("no JSON"))
    end
  end)

  it("refuses more than 128 levels, more than the ceiling, and what is no text", function()
    assert.is_table(json.decode(("["):rep(128) .. ("]"):rep(128)))
    assert.is_nil(json.decode(("["):rep(129) .. ("]"):rep(129)))
    assert.is_nil(json.decode('{"a":"0123456789"}', 10))
    assert.is_nil(json.decode(nil))
  end)

  it("leaves the host's lua-cjson as it was", function()
    local cjson = require("cjson")
    assert.equal(cjson.null, cjson.decode("[null]")[1])
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

  it("writes an empty table as an object, null as null, slashes as they are", function()
    assert.equal('{"a":{},"b":null,"c":"https://x/\\\\/\\n"}',
      json.encode({ a = {}, b = json.null, c = "https://x/\\/\n" }))
  end)

  it("reads back what it wrote", function()
    local value = { list = { 1, 2, { x = "\"\\é€😀" } }, flag = true }
    assert.same(value, json.decode(json.encode(value)))
  end)
end)

describe("a value for the wire", function()
  it("is valid UTF-8", function()
    for _, text in ipairs({ "plain", "person’s", "é", "€", "😀", "\0", "" }) do
      assert.is_true(json.is_utf8(text))
    end
    for _, text in ipairs({ "\128", "\192\175", "\224\128\128", "\237\160\128", "\244\144\128\128",
      "\255", "abc\195", "\226\130", "\240\159\152" }) do
      assert.is_false(json.is_utf8(text))
      assert.truthy(json.problem({ text }))
    end
  end)

  it("that is being read lets Ctrl-C through, wherever it comes", function()
    local sethook, decode, count = debug.sethook, json.decode, 0
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
    assert.is_true(count >= 5)
  end)

  it("is finite and below 15 digits", function()
    assert.is_nil(json.problem(99999999999999))
    assert.truthy(json.problem(1e14):find("15 digits"))
    assert.truthy(json.problem(-1e14))
    assert.truthy(json.problem(0 / 0))
    assert.truthy(json.problem(1 / 0))
    assert.is_nil(json.problem(0.25))
  end)

  it("is a list or an object, not both, without holes or loops", function()
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
