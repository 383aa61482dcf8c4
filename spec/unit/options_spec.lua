local options = require("segmind.options")

local declared = { timeout = "seconds", poll = "poll", name = "text", flag = "flag", n = "count",
  fn = "callback", hosts = "list", api_key = "key" }

local function read(given)
  return options.read(given, declared, "the spec")
end

describe("options", function()
  it("are copied", function()
    local given = { timeout = 1.5, poll = "eager", name = "a", flag = false, n = 3, fn = print,
      hosts = { "a" } }
    local got = read(given)
    assert.same(given, got)
    assert.are_not.equal(given, got)
    assert.same({}, read(nil))
  end)

  it("raise when unknown, naming the nearest, at the caller's line", function()
    local ok, message = pcall(read, { timout = 1 })
    assert.is_false(ok)
    assert.truthy(message:find('options_spec.lua:%d+: segmind: the spec has no option "timout"; '
      .. 'did you mean "timeout"?'))
  end)

  it("raise with a value of the wrong type", function()
    for name, values in pairs({ timeout = { 0, -1, "1", 0 / 0, 1 / 0 }, poll = { "fast", 0, true },
      name = { "", 1 }, flag = { 0 }, n = { 0, 1.5, "1" }, fn = { {} }, hosts = { "a", { 1 },
      { a = "b" } } }) do
      for _, value in ipairs(values) do
        local ok, message = pcall(read, { [name] = value })
        assert.is_false(ok)
        assert.truthy(message:find("option " .. name, 1, true))
      end
    end
    assert.is_false((pcall(read, 5)))
  end)

  it("that are one of some words raise with any other", function()
    local words = { state = { "open", "closed" } }
    assert.same({ state = "open" }, options.read({ state = "open" }, words, "the spec"))
    local ok, message = pcall(options.read, { state = "close" }, words, "the spec")
    assert.is_false(ok)
    assert.truthy(message:find('the spec is one of "open", "closed", got "close"', 1, true))
  end)

  it("never show a key", function()
    local ok, message = pcall(read, { api_key = 123456789 })
    assert.is_false(ok)
    assert.is_nil(message:find("123456789", 1, true))
  end)
end)

describe("the core's job", function()
  it("takes three of its options as arguments, within the same bounds", function()
    local core = require("segmind.core")
    local handle = assert(core.open({ api_key = "SG_0123456789abcdef",
      base_url = "http://127.0.0.1:1", inline = true }))
    local function refusal(timeout, latency, poll)
      local ok, why = pcall(handle.job, handle, "flux", "{}", timeout, latency, nil, nil, poll)
      return not ok and why
    end
    assert.matches("option timeout: .* is not within", refusal(-1))
    assert.matches("option latency: .* is not within", refusal(1, -1))
    assert.matches("option latency: expected a number", refusal(1, "x"))
    assert.matches('option poll: expected "eager"', refusal(1, 1, "often"))
    assert.is_false(refusal(1, 1, "eager"))
    assert.is_false(refusal(1))
    handle:close()
  end)
end)
