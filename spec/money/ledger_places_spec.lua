--- Submits that wait for their turn: what was not sent is in doubt for nobody.

local ledger = require("spec.support.ledger")
local processes = require("spec.support.processes")

describe("with a ledger", function()
  local service = ledger.fixture()

  local function submit(sm, count, opts)
    local jobs = {}
    for i = 1, count do
      jobs[i] = assert(sm:submit("flux-kontext-pro", { prompt = "p" .. i, aspect_ratio = "1:1" },
        opts))
    end
    return jobs
  end

  local function slow_submits(seconds)
    service:faults({ { match = { path = "submit", count = "always" }, mode = "after",
      ["then"] = { delay = seconds } } })
  end

  it("no more intents are written than submits can be on their way", function()
    slow_submits(0.1)
    local sm = ledger.client({ max_transfers = 2 })
    local jobs = submit(sm, 5)
    ledger.until_so(sm, function()
      return jobs[2].state == "submitting"
    end)
    assert.equal(2, #ledger.rows())
    assert.same({ "submitting", "waiting" }, { jobs[2].state, jobs[3].state })
    local most = 0
    for _, job in ipairs(jobs) do
      while not job:poll() do
        local intents = 0
        for _, row in ipairs(ledger.rows()) do
          intents = intents + (row.state == "intent" and 1 or 0)
        end
        most = math.max(most, intents)
        sm:poll(0.05)
      end
      assert(job:result())
    end
    assert.equal(2, most)
    assert.equal(5, ledger.accepted())
  end)

  it("the pace of the account keeps intents back, too", function()
    local sm = ledger.client({ rpm = 6 })
    local jobs = submit(sm, 20)
    for _ = 1, 20 do
      sm:poll(0.02)
      sm:step()
    end
    assert.is_true(#ledger.rows() <= 2)
    assert.is_true(jobs[20]:cancel())
    assert.equal("no", jobs[20]:error().charged)
    sm:close()
    assert.same({ "cancelled", "no" }, { jobs[19]:error().kind, jobs[19]:error().charged })
    assert.is_true(#ledger.rows() <= 2)
  end)

  it("a kill under a slow pace leaves hardly anything in doubt", function()
    local process = processes.start(service.url, { what = "slow" })
    assert.is_true(process:wait_for("state 1 QUEUED"))
    process:kill()
    service:faults({ { match = { path = "history", count = "always" },
      ["then"] = { status = 403 } } })
    local jobs = submit(ledger.client(), 20)
    local kinds = {}
    for _, job in ipairs(jobs) do
      local _, err = job:wait()
      kinds[err and err.kind or "ok"] = (kinds[err and err.kind or "ok"] or 0) + 1
    end
    assert.is_true(kinds.ok >= 19)
    assert.is_true((kinds.unknown or 0) <= 1)
  end)

  it("who waits for a turn has a deadline", function()
    slow_submits(2)
    local sm = ledger.client({ max_transfers = 1 })
    local first = submit(sm, 1)[1]
    ledger.until_so(sm, function()
      return first.state == "submitting"
    end)
    local late = assert(sm:submit("flux-kontext-pro", { prompt = "late", aspect_ratio = "1:1" },
      { timeout = 0.1 }))
    local _, err = late:wait()
    assert.same({ "timeout", "no" }, { err.kind, err.charged })
    assert.same({ "submitting", 1 }, { first.state, #ledger.rows() })
    first:cancel()
  end)

  it("a job that was accepted keeps no turn while it runs", function()
    local states = {}
    for i = 1, 500 do
      states[i] = "QUEUED"
    end
    service:faults({ { match = { path = "submit" }, ["then"] = { states = states } } })
    local jobs = submit(ledger.client({ max_transfers = 1 }), 2)
    assert(jobs[2]:wait())
    assert.is_false(jobs[1]:is_over())
    jobs[1]:cancel()
  end)

  it("a turn comes back from each way that a job can end", function()
    service:faults({
      { match = { path = "submit" }, ["then"] = { status = 400 } },
      { match = { path = "submit" }, ["then"] = { states = { "FAILED" } } },
      { match = { path = "submit" }, ["then"] = { status = 502 } },
      { match = { path = "history", count = "always" }, ["then"] = { status = 403 } },
    })
    local jobs = submit(ledger.client({ max_transfers = 1 }), 5)
    for _, job in ipairs(jobs) do
      job:wait()
    end
    assert.same({ "rejected", "failed", "unknown" }, { jobs[1]:error().kind, jobs[2]:error().kind,
      jobs[3]:error().kind })
    assert(jobs[4]:result() and jobs[5]:result())
  end)

  it("who waits for a turn learns that the key was refused, and is not sent", function()
    service:faults({ { match = { path = "submit" }, ["then"] = { status = 401 } } })
    local jobs = submit(ledger.client({ max_transfers = 1 }), 3)
    for _, job in ipairs(jobs) do
      assert.equal("auth", select(2, job:wait()).kind)
    end
    assert.equal(1, service:stats().requests.submit)
    assert.equal(1, #ledger.rows())
  end)
end)
