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

  it("is joined to text as text is", function()
    local err = Error.new("io", "the disk is full")
    assert.equal("failed: segmind: io: the disk is full (charged: no)", "failed: " .. err)
    assert.equal("segmind: io: the disk is full (charged: no)!", err .. "!")
  end)

  it("of a refused call names the line outside the library, and prints it", function()
    local err = Error.refusal("no such parameter", { problems = { "x" } })
    assert.equal("invalid", err.kind)
    assert.truthy(err.where:find("error_spec.lua:%d+$"))
    assert.truthy(tostring(err):find("(charged: no) at " .. err.where, 1, true))
    assert.is_nil(Error.new("io", "x").where)
  end)

  for text, is_blocked in pairs({
    ["NSFW content detected in the prompt"] = true, ["Request Moderated"] = true,
    ["Content Moderated"] = true, ["blocked by the safety system"] = true,
    ["The input was flagged as sensitive. (E005)"] = true,
    ["your request violates our content policy"] = true,
    ["Content policies forbid this"] = true, ["Inappropriate content"] = true,
    ["The prompt failed moderation"] = true,
    ["Invalid content type"] = false, ["content-length is missing"] = false,
    ["safety_tolerance must be at most 2"] = false, ["Safety tolerance is out of range"] = false,
    ["disable_safety_checker is not a boolean"] = false, ["a moderate load"] = false,
    ["The moderation service is unavailable"] = false, ["unsafe redirect"] = false,
    ["CORS policy"] = false, ["Unable to fetch the image"] = false,
  }) do
    it(("knows %s a content block: %s"):format(is_blocked and "for" or "from", text), function()
      assert.equal(is_blocked or nil, Error.new("failed", text).blocked)
      assert.equal(is_blocked or nil, Error.from({ kind = "failed", message = text }).blocked)
      assert.is_nil(Error.new("io", text).blocked)
    end)
  end

  it("is made of whatever was raised, never of a table's address", function()
    assert.equal("boom", Error.text("boom"))
    assert.equal("no such row", Error.text({ message = "no such row" }))
    assert.equal("a table without a message", Error.text({ code = 5 }))
    assert.equal("it prints", Error.text(setmetatable({}, { __tostring = function()
      return "it prints"
    end })))
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
