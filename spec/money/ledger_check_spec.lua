--- Rows of a ledger that somebody else has written to, or that have vanished: an error, never a
--- crash and never a second payment (M7).

local ledger = require("spec.support.ledger")

describe("a ledger in which a row", function()
  local service = ledger.fixture({ latency = 0.2, speed = 1 })

  local function submit(sm, opts)
    return assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }, opts))
  end

  local function leave_behind()
    ledger.unfinished(function()
      local sm = ledger.client()
      local job = submit(sm)
      ledger.until_so(sm, function()
        return job.request_id
      end)
      ledger.leave(sm)
    end)
  end

  local damages = { "model = '../x'", "request_id = 'a/b'", "state = 'foo'" }
  if ledger.is_file then
    damages[#damages + 1] = "submitted_at = 'yesterday'"
    damages[#damages + 1] = "lease_until = 'never'"
  end
  for _, damage in ipairs(damages) do
    it("is damaged (" .. damage .. ") pays nothing, and says so", function()
      leave_behind()
      ledger.sql("UPDATE segmind_steps SET " .. damage)
      local sm = ledger.client()
      local result, err = submit(sm):wait()
      assert.is_nil(result)
      assert.equal("ledger", err.kind)
      assert.truthy(err.message:find("damaged", 1, true))
      local jobs = assert(sm:resume())
      assert.equal(1, #jobs)
      assert.same({ "ledger", "unknown" }, { jobs[1]:error().kind, jobs[1]:error().charged })
      assert.equal(1, service:stats().requests.submit)
      assert(sm:run("flux-kontext-pro", { prompt = "another", aspect_ratio = "1:1" }))
    end)
  end

  it("cost less than nothing counts as its price, and stops no other step", function()
    assert(ledger.client():run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    ledger.sql("UPDATE segmind_steps SET cost = -5")
    local sm = ledger.client({ budget = 0.05 })
    assert.near(0.05, sm:spent(), 1e-9)
    assert(sm:run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    local _, err = sm:run("flux-kontext-pro", { prompt = "y", aspect_ratio = "1:1" })
    assert.equal("budget", err.kind)
    assert.equal(1, service:stats().requests.submit)
  end)

  it("has neither a cost nor a price that can be told stops what counts the money", function()
    assert(ledger.client():run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    ledger.sql("UPDATE segmind_steps SET cost = -5, price = -5")
    local another = { prompt = "y", aspect_ratio = "1:1" }
    local _, err = ledger.client({ budget = 1 }):run("flux-kontext-pro", another)
    assert.same({ "ledger", "no" }, { err.kind, err.charged })
    assert.equal(1, service:stats().requests.submit)
    assert(ledger.client():run("flux-kontext-pro", another))
  end)

  it("was told of a seed or a cost that a row cannot hold is used again", function()
    local told = { '"seed":9007199254740993', '"seed":"13246127462783462783"',
      '"metrics":{"cost":-0.01}', '"metrics":{"cost":"nan"}', '"metrics":{"cost":1e400}' }
    for i, text in ipairs(told) do
      service:faults({ { match = { path = "result" }, ["then"] = { status = 200, body = "{"
        .. '"status":"COMPLETED","output":"' .. service.url .. '/x.png",' .. text .. "}" } } })
      local params = { prompt = "odd " .. i, aspect_ratio = "1:1" }
      ledger.client():submit("flux-kontext-pro", params):wait()
      for _, row in ipairs(ledger.rows()) do
        assert.equal("completed", row.state, text)
        assert.is_true((row.cost or 0) >= 0 and math.abs(row.seed or 0) < 2 ^ 53, text)
      end
      service:clear_faults()
      local job = assert(ledger.client({ budget = 1 }):submit("flux-kontext-pro", params))
      job:wait()
      assert.is_nil((job:error() or {}).message and job:error().message:find("damaged"), text)
    end
    assert.equal(#told, service:stats().requests.submit)
  end)

  it("has a body that is no JSON submits nothing in its place", function()
    leave_behind()
    ledger.sql("UPDATE segmind_steps SET state = 'intent', request_id = NULL, body = '{\"pro'")
    local jobs = assert(ledger.client({ on_unknown = "resubmit" }):resume())
    local _, err = jobs[1]:wait()
    assert.equal("ledger", err.kind)
    assert.equal(1, service:stats().requests.submit)
  end)

  it("names a file elsewhere reads nothing there", function()
    assert(submit(ledger.client()):wait())
    ledger.sql("UPDATE segmind_steps SET file = '../stolen.png'")
    local _, err = submit(ledger.client()):wait()
    assert.equal("ledger", err.kind)
    assert.equal(1, ledger.accepted())
  end)

  it("vanishes under a submit still has its id on the disk", function()
    service:faults({ { match = { path = "submit" }, mode = "after", ["then"] = { delay = 1 } } })
    local sm = ledger.client()
    local job = submit(sm)
    ledger.until_so(sm, function()
      return job.state == "submitting"
    end)
    ledger.sql("DELETE FROM segmind_steps")
    local result = assert(job:wait())
    local rows = ledger.rows()
    assert.same({ 1, "completed", result.request_id }, { #rows, rows[1].state, rows[1].request_id })
  end)

  it("vanishes before a second submit is written anew", function()
    service:faults({ { match = { path = "submit" }, ["then"] = { status = 502 } },
      { match = { path = "history", count = "always" }, ["then"] = { status = 403 } } })
    assert(submit(ledger.client({ on_unknown = function()
      ledger.sql("DELETE FROM segmind_steps")
      return "resubmit"
    end })):wait())
    assert.equal("completed", ledger.rows()[1].state)
  end)
end)
