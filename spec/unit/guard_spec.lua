--- A dot for a colon, a colon for a dot, an option among the parameters: each is told, with the
--- sentence that says what to write.

local fake = require("spec.support.fake_core")

describe("what is called wrongly", function()
  local segmind, sm, job, result, chain, task

  before_each(function()
    sm, segmind = fake.client({ api_key = "SG_0123456789abcdef" })
    job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    result = assert(job:wait())
    chain = sm:chain()
    task = segmind.async(function() end)
  end)

  after_each(fake.close)

  local function raises(text, fn, ...)
    local ok, message = pcall(fn, ...)
    assert.is_false(ok)
    assert.truthy(message:find(text, 1, true), message)
    assert.truthy(message:find("^[^\n]*guard_spec.lua:%d+: segmind: "), message)
  end

  it("with a dot for a colon says so, in every public method", function()
    for noun, object in pairs({ client = sm, job = job, result = result, chain = chain,
      task = task }) do
      local count, static = 0, { new = true, complete = true, read = true,
        use = true, whole = true }
      for name, method in pairs(getmetatable(object)) do
        if type(method) == "function" and name:find("^%a") and not static[name] then
          count = count + 1
          local text = ("%s is called with a colon: %s:%s(...)"):format(name, noun, name)
          raises(text, function()
            local _ = method() -- not a tail call, which has no line in Lua 5.4
          end)
          raises(text, function()
            local _ = method("x.png", {})
          end)
        end
      end
      assert.is_true(count >= 3, noun)
    end
  end)

  it("with a colon for a dot says so, in every function of the module", function()
    local count = 0
    for name, fn in pairs(segmind) do
      if type(fn) == "function" then
        count = count + 1
        raises(("%s is called with a dot: segmind.%s(...)"):format(name, name), function()
          local _ = fn(segmind, "flux-kontext-pro", { prompt = "x" })
        end)
      end
    end
    assert.is_true(count >= 12)
  end)

  it("with an option among the parameters is told where options go", function()
    for name, value in pairs({ save = "x.png", timeout = 5, fresh = true, poll = 1 }) do
      local _, err = sm:submit("flux-kontext-pro", { prompt = "x", [name] = value })
      assert.equal("invalid", err.kind)
      assert.truthy(err.message:find(name .. " is an option, not a parameter: ", 1, true))
      assert.truthy(err.where:find("guard_spec.lua:%d+$"))
    end
  end)

  it("with two jobs in place of a table of jobs is told of the table", function()
    for _, verb in ipairs({ "all", "race" }) do
      raises(("segmind.%s{ a, b }"):format(verb), function()
        local _ = segmind[verb](job, job)
      end)
    end
  end)

  it("works when it is called as it should be", function()
    assert.equal(0, sm:step(1, 2, 3))
    assert.is_true(job:is_over())
    assert.equal(chain, chain:step("flux-kontext-pro", { prompt = "x" }, { name = "y" }))
    assert.equal(result, job:wait())
  end)
end)
