local Error = require("segmind.error")

describe("an error", function()
  after_each(function()
    Error.set_filter(function(text)
      return text
    end)
  end)

  it("prints one line with kind, status, message, request and charge", function()
    local err = Error.new("rejected", "aspect_ratio is not valid",
      { status = 400, request_id = "2c7f59ea", charged = "no" })
    assert.equal("segmind: rejected (400): aspect_ratio is not valid [request 2c7f59ea] "
      .. "(charged: no)", tostring(err))
  end)

  it("passes the filter that the core hands over", function()
    Error.set_filter(function(text)
      return (text:gsub("secret", "..."))
    end)
    assert.equal("segmind: io: a ... (charged: no)", tostring(Error.new("io", "a secret")))
  end)

  it("is known by is_error and by nothing that looks alike", function()
    assert.is_true(Error.is_error(Error.new("io", "x")))
    assert.is_false(Error.is_error({ kind = "io", message = "x" }))
    assert.is_false(Error.is_error("io"))
    assert.is_false(Error.is_error(nil))
  end)

  it("takes over the core's table with everything in it", function()
    local err = Error.from({ kind = "unknown", message = "lost", request_id = "r",
      charged = "unknown", retryable = false, body = "{" })
    assert.is_true(Error.is_error(err))
    assert.equal("{", err.body)
  end)

  it("takes the kinds of the list and no other", function()
    assert.has_error(function()
      Error.new("strange", "x")
    end)
  end)

  it("raises misuse at the line outside the library", function()
    local ok, message = pcall(function()
      Error.misuse("a table belongs here")
    end)
    assert.is_false(ok)
    assert.truthy(message:find("error_spec.lua:%d+: segmind: a table belongs here"))
  end)
end)

describe("the filter before the core is loaded", function()
  it("hides keys and control characters", function()
    package.loaded["segmind.error"] = nil
    local Fresh = require("segmind.error")
    package.loaded["segmind.error"] = Error
    local text = tostring(Fresh.new("io", "SG_0123456789abcdef\27[31m\n" .. ("x"):rep(3000)))
    assert.is_nil(text:find("0123456789abcdef", 1, true))
    assert.is_nil(text:find("%c"))
    assert.is_true(#text <= 2048)
  end)
end)
