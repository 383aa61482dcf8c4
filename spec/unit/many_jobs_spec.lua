--- With very many jobs alive a call costs no more for each of them than with few.

local fake = require("spec.support.fake_core")
local instructions_of = require("spec.support.instructions")

describe("with very many jobs", function()
  local sm, segmind, core

  before_each(function()
    sm, segmind, core = fake.client({ api_key = "SG_0123456789abcdef", ledger = "/none",
      budget = 1000 })
    core.answers.attach = function()
      return {}
    end
  end)

  after_each(function()
    sm:close()
    fake.close()
  end)

  --- A ledger whose rows were all left behind.
  local function leave_behind(first, count)
    local Handle = getmetatable(sm._handle)
    function Handle.ask(_, _, rows)
      for i = first, first + count - 1 do
        rows[#rows + 1] = { standing = "taken", step_key = "key" .. i, generation = 1, price = 0.05,
          model = "flux-kontext-pro", body = '{"prompt":"x"}', params = "{}", api = "v2",
          request_id = "request-000000000" .. i }
      end
      return rows
    end
    function Handle:take_up(row, opts, _, _, handlers, handler)
      return self:_call("attach", { request_id = row.request_id, opts = opts }, handlers, handler)
    end
  end

  it("resume takes as long for each as with few", function()
    local function resume(first, count)
      leave_behind(first, count)
      return instructions_of(function()
        assert.equal(count, #assert(sm:resume()))
      end) / count
    end
    local few, many = resume(1, 50), resume(51, 800)
    assert.equal(850, sm:stats().pending)
    assert.is_true(many < 1.5 * few, ("%g, %g"):format(few, many))
  end)

  it("a key that is refused to each of them is dealt with as quickly for each", function()
    local other = assert(segmind.new({ api_key = "SG_0123456789abcdef" }))
    core.answers.job = function()
      return { { 1, "error", fake.error("auth", "no such key", { status = 401 }) } }
    end
    local function refuse(count)
      for _ = 1, count do
        assert(other:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
      end
      other:poll(1)
      return instructions_of(function()
        assert.equal(count, other:step())
      end) / count
    end
    local few, many = refuse(50), refuse(800)
    other:close()
    -- The queue of this core is a list, from whose front LuaJIT takes in Lua.
    assert.is_true(many < 5 * few, ("%g, %g"):format(few, many))
  end)

  it("a row is taken up once", function()
    leave_behind(1, 3)
    assert.equal(3, #assert(sm:resume()))
    leave_behind(2, 3)
    assert.equal(1, #assert(sm:resume()))
    assert.equal(4, sm:stats().pending)
  end)
end)
