--- A ceiling on what a client may spend.

local fake = require("spec.support.fake_core")
local instructions_of = require("spec.support.instructions")
local ledger = require("spec.support.ledger")
local session = require("spec.support.session")

describe("a budget", function()
  local segmind, core, sm

  before_each(function()
    segmind, core = fake.install()
  end)

  after_each(function()
    assert.equal(0, sm:stats().pending)
    sm:close()
    fake.restore()
  end)

  local function open(budget, more)
    local options = { budget = budget }
    for key, value in pairs(more or {}) do
      options[key] = value
    end
    sm = assert(segmind.new(options))
  end

  local function pro(opts, prompt)
    return assert(sm:submit("flux-kontext-pro", { prompt = prompt or "x" }, opts))
  end

  it("refuses the submit that could pass it, naming step and sum", function()
    open(0.12)
    local a, b, c = pro(), pro(), pro()
    assert.equal("budget", c:error().kind)
    assert.equal("no", c:error().charged)
    assert.same({ 3 }, { c:error().job, c:error().step })
    assert.truthy(c:error().message:find(
      "job 3 (flux-kontext-pro) costs $0.05, and $0.10 of $0.12", 1, true))
    assert.near(0.10, c:error().spent, 1e-9)
    assert(a:wait() and b:wait())
    assert.equal(2, #core.calls_of("job"))
  end)

  it("is asked by a submit as quickly among a thousand others", function()
    open(1000)
    local first = instructions_of(pro)
    core.answers.job = function()
      return {}
    end
    for _ = 1, 1000 do
      pro()
    end
    assert.near(0.05 * 1001, sm:spent(), 1e-9)
    local last = instructions_of(pro)
    assert.is_true(last < first + 1000, last)
    for _, job in pairs(sm._jobs) do
      job:cancel()
    end
  end)

  for _, limit in ipairs({ 1, false }) do
    it("tells what was spent, " .. (limit and "with a limit" or "without one"), function()
      open(limit or nil)
      assert.equal(0, sm:spent())
      local job = pro()
      assert.near(0.05, sm:spent(), 1e-9)
      assert(job:wait())
      core.answers.job = function()
        return { { 1, "error", fake.error("failed") } }
      end
      assert.is_nil(pro():wait())
      assert.near(0.05, sm:spent(), 1e-9)
      core.answers.job = function()
        return { { 1, "error", fake.error("unknown", "lost", { charged = "unknown" }) } }
      end
      assert.is_nil(pro():wait())
      assert.near(0.10, sm:spent(), 1e-9)
    end)
  end

  it("counts what the service says where no price is declared and no limit is set", function()
    open()
    assert(sm:submit("some-model", { prompt = "x" }):wait())
    assert.near(0.05, sm:spent(), 1e-9)
  end)

  it("refuses a chain whose last step it could not pay before the first is", function()
    open(0.12)
    local chain = sm:chain("https://images.segmind.com/a.png")
      :step("flux-kontext-pro", { prompt = "x" }):step("flux-kontext-max", { prompt = "y" })
    local results, err = chain:run()
    assert.is_nil(results)
    assert.same({ "budget", 2, "no", 0 }, { err.kind, err.step, err.charged, #err.results })
    assert.truthy(err.message:find("step 2 (flux-kontext-max) brings the chain to $0.15, and "
      .. "$0.00 of $0.12", 1, true))
    assert.equal("budget", select(2, chain:submit()).kind)
    assert.equal(0, #core.calls_of("job"))
  end)

  it("allows what it just covers", function()
    open(0.15)
    local jobs = { pro(), pro(), pro() }
    for i = 1, 3 do
      assert(jobs[i]:wait())
    end
    assert.equal("budget", pro():error().kind)
  end)

  it("goes by what a step really cost, once that is told", function()
    local ok = core.answers.job
    core.answers.job = function(call)
      local answers = ok(call)
      answers[3][3].body = answers[3][3].body:gsub('"cost":0.05', '"cost":0.01')
      return answers
    end
    open(0.06)
    assert(pro():wait())
    assert(pro():wait())
    assert.equal("budget", pro():error().kind)
  end)

  it("gives back what a job that was not charged had set aside", function()
    local kinds = { "failed", "rejected", "not_sent" }
    core.answers.job = function(call)
      return { { 1, "error", fake.error(kinds[call.id], "no", { charged = "no" }) } }
    end
    open(0.05)
    for _, kind in ipairs(kinds) do
      assert.equal(kind, select(2, pro():wait()).kind)
    end
  end)

  it("keeps what may have been paid", function()
    core.answers.job = function()
      return { { 1, "error", fake.error("unknown", "lost", { charged = "unknown" }) } }
    end
    open(0.05)
    assert.equal("unknown", select(2, pro():wait()).kind)
    assert.equal("budget", pro():error().kind)
  end)

  it("counts a second submit of a step as a second price", function()
    core.answers.job = function()
      return { { 1, "error", fake.error("unknown", "lost", { charged = "unknown" }) } }
    end
    open(0.12, { on_unknown = "resubmit" })
    local _, err = pro():wait()
    assert.equal("budget", err.kind)
    assert.equal(2, #core.calls_of("job"))
  end)

  it("refuses a model without a price, unless the call tells one", function()
    open(0.10)
    local job = assert(sm:submit("some-upscaler", { image = "https://a.example/x.png" }))
    assert.equal("budget", job:error().kind)
    assert.truthy(job:error().message:find("price", 1, true))
    assert(assert(sm:submit("some-upscaler", {}, { price = 0.02 })):wait())
    assert.equal("budget", select(2, sm:run("some-upscaler", {}, { price = 0.2 })).kind)
  end)

  it("stops a chain at the step that it no longer covers", function()
    open(0.14)
    local jobs = assert(sm:chain("https://images.segmind.com/a.png")
      :step("flux-kontext-pro", { prompt = "one" })
      :step("flux-kontext-pro", { prompt = "two" }):submit())
    assert(pro():wait())
    local _, err = jobs[2]:wait()
    assert.same({ "budget", 2, "no" }, { err.kind, err.step, err.charged })
    assert.truthy(err.message:find("step 2", 1, true))
    assert.truthy(jobs[1]:result())
  end)

  it("is an amount of money", function()
    open(0)
    assert.equal("budget", pro():error().kind)
    for _, bad in ipairs({ -1, "1", 0 / 0 }) do
      assert.has_error(function()
        segmind.new({ budget = bad })
      end)
    end
  end)
end)

describe("what is set aside", function()
  it("counts a cost that makes no sense as the price, and stays a sum", function()
    local Budget = require("segmind.budget")
    for _, cost in ipairs({ 0 / 0, 1 / 0, -1 / 0, -0.01, "nan", "0.01" }) do
      local money = Budget.new(1)
      local job = { id = 1, model = "x", _request = { opts = { price = 0.2 } } }
      assert.is_true(money:reserve(job))
      money:settle(job, { cost = cost })
      assert.near(0.2, money:spent(), 1e-12)
    end
  end)
end)

-- M6.
describe("a budget over a ledger", function()
  local service = ledger.fixture()

  local function run(prompt, opts, options)
    local sm = ledger.client(options or { budget = 0.12 })
    local result, err = sm:run("flux-kontext-pro", { prompt = prompt, aspect_ratio = "1:1" }, opts)
    sm:close()
    return result, err
  end

  it("survives the process; what is finished costs nothing", function()
    assert(run("one"))
    assert(run("two"))
    local _, err = run("three")
    assert.equal("budget", err.kind)
    assert.near(0.10, err.spent, 1e-9)
    assert(run("one"))
    assert.equal(2, ledger.accepted())
    assert.equal(2, #ledger.rows())
  end)

  it("is one for all who use the ledger at once", function()
    local sms, jobs = { ledger.client({ budget = 0.12 }), ledger.client({ budget = 0.12 }) }, {}
    for i = 1, 6 do
      jobs[i] = assert(sms[i % 2 + 1]:submit("flux-kontext-pro", { prompt = "p" .. i }))
    end
    local paid = 0
    for _, job in ipairs(jobs) do
      local result, err = job:wait()
      paid = paid + (result and 1 or 0)
      assert.is_true(result ~= nil or err.kind == "budget")
    end
    assert.same({ 2, 2 }, { paid, ledger.accepted() })
  end)

  it("waits for a step that another process pays, instead of refusing it", function()
    local params = { prompt = "x", input_image = ledger.write("in.png", session.PIXEL) }
    local other = ledger.client({ budget = 0.05 })
    local is_asked
    local sm = ledger.client({ budget = 0.05, on_event = function(event)
      if event.state == "uploading" and not is_asked then
        is_asked = true
        assert(other:run("flux-kontext-pro", params))
      end
    end })
    local result, err = sm:run("flux-kontext-pro", params)
    assert.is_nil(err)
    assert.is_true(is_asked and result ~= nil)
    assert.equal(1, ledger.accepted())
  end)

  it("counts what may have been paid, and not what failed", function()
    service:faults({ { match = { path = "submit" }, ["then"] = { states = { "FAILED" } } } })
    assert.equal("failed", select(2, run("bad")).kind)
    service:faults({
      { match = { path = "submit" }, ["then"] = { status = 502 } },
      { match = { path = "history", count = "always" }, ["then"] = { status = 403 } },
    })
    assert.equal("unknown", select(2, run("lost")).kind)
    assert(run("one"))
    assert.equal("budget", select(2, run("two")).kind)
  end)
end)
