--- Jobs taken up again: by their id, or all that a ledger knows to be unfinished (M9).

local interpreter = require("spec.support.interpreter")
local ledger = require("spec.support.ledger")
local processes = require("spec.support.processes")

describe("resuming", function()
  local service = ledger.fixture({ latency = 0.2, speed = 1 })

  local function submit(sm, prompt, opts)
    return assert(sm:submit("flux-kontext-pro", { prompt = prompt, aspect_ratio = "1:1" }, opts))
  end

  --- A run that ends when its steps have been accepted.
  local function leave_behind(...)
    local prompts, jobs = { ... }, {}
    ledger.unfinished(function()
      local sm = ledger.client()
      for i, prompt in ipairs(prompts) do
        jobs[i] = submit(sm, prompt, { name = "the " .. prompt })
      end
      for _, job in ipairs(jobs) do
        ledger.until_so(sm, function()
          return job.request_id
        end)
      end
      ledger.leave(sm)
    end)
    for _, job in ipairs(jobs) do
      assert.same({ "cancelled", "yes" }, { job:error().kind, job:error().charged })
    end
  end

  it("takes up every accepted step by its id", function()
    leave_behind("one", "two")
    local sm = ledger.client()
    local jobs = assert(sm:resume())
    assert.equal(2, #jobs)
    local ids = {}
    for _, entry in ipairs(service:ledger().submits) do
      ids[entry.body.prompt] = entry.request_id
    end
    for _, job in ipairs(jobs) do
      local result = assert(job:wait())
      assert.equal(ids[job.params.prompt], result.request_id)
      assert.equal("the " .. job.params.prompt, job.name)
      assert.truthy(result.kept)
    end
    assert.same({}, assert(sm:resume()))
    assert(submit(sm, "one"):wait())
    assert.equal(2, ledger.accepted())
  end)

  it("looks for a submit whose answer was never seen", function()
    service:faults({ { match = { path = "submit" }, mode = "after", ["then"] = { delay = 1 } } })
    local process = processes.start(service.url, { what = "one" })
    assert.is_true(process:wait_for("state 1 submitting"))
    for _ = 1, 200 do
      if ledger.accepted() == 1 then
        break
      end
    end
    process:kill()
    local jobs = assert(ledger.client():resume())
    assert.equal(1, #jobs)
    local result = assert(jobs[1]:wait())
    assert.equal(service:ledger().submits[1].request_id, result.request_id)
    assert.equal(1, ledger.accepted())
  end)

  it("shares what it takes up with a call for the same step", function()
    leave_behind("one")
    local sm = ledger.client()
    local job = assert(sm:resume())[1]
    local same = submit(sm, "one")
    assert.equal(job.request_id, assert(same:wait()).request_id)
    assert(job:wait())
    assert.equal(1, ledger.accepted())
  end)

  it("leaves to another process what that is at", function()
    local other, sm = ledger.client(), ledger.client()
    local job = submit(other, "one")
    while not job.request_id do
      other:poll(1)
      other:step()
    end
    assert.same({}, assert(sm:resume()))
    assert(job:wait())
  end)

  it("waits for a lease of another machine, and takes over when that is over", function()
    leave_behind("one")
    ledger.sql("UPDATE segmind_steps SET lease_owner = 'elsewhere:1:2:3', lease_until = ?",
      os.time() + 60)
    local sm = ledger.client()
    assert.same({}, assert(sm:resume()))
    local _, err = submit(sm, "one", { timeout = 0.1 }):wait()
    assert.same({ "timeout", "no" }, { err.kind, err.charged })
    local job = submit(sm, "one")
    assert.is_nil(job:wait(0.1))
    assert.equal("waiting", job.state)
    ledger.sql("UPDATE segmind_steps SET lease_until = ?", os.time() - 1)
    assert(job:wait())
    assert.equal(1, ledger.accepted())
  end)

  it("loses no id to one who took the step over, with leave, while it seemed dead", function()
    service:faults({ { match = { path = "submit" }, mode = "after", ["then"] = { delay = 1 } } })
    local sm = ledger.client()
    local job = submit(sm, "one")
    ledger.until_so(sm, function()
      return job.state == "submitting"
    end)
    ledger.sql("UPDATE segmind_steps SET state = 'accepted', request_id = 'theirs', "
      .. "lease_owner = 'elsewhere:1:2:3'")
    assert(job:wait())
    local rows = ledger.rows()
    assert.same({ "theirs", job.request_id }, { rows[1].request_id, rows[2].request_id })
    assert.same({ "accepted", "completed" }, { rows[1].state, rows[2].state })
  end)

  it("sends a step again that another, having taken it over, has seen fail", function()
    service:faults({ { match = { path = "submit" }, ["then"] = { status = 502 } },
      { match = { path = "history", count = "always" }, ["then"] = { status = 403 } } })
    assert(submit(ledger.client({ on_unknown = function()
      ledger.sql("UPDATE segmind_steps SET state = 'failed', lease_owner = 'elsewhere:1:2:3', "
        .. "lease_until = 0")
      return "resubmit"
    end }), "one", { timeout = 5 }):wait())
    assert.equal(1, ledger.accepted())
  end)

  it("remembers what a model without a declared price was said to cost", function()
    service:faults({ { match = { path = "submit" }, ["then"] = { status = 502 } },
      { match = { path = "history", count = "always" }, ["then"] = { status = 403 } } })
    local sm = ledger.client()
    local _, err = sm:run("some-upscaler", { image = "https://a.example/x.png" }, { price = 0.02 })
    assert.equal("unknown", err.kind)
    sm:close()
    sm = ledger.client({ budget = 0.10, on_unknown = "resubmit" })
    assert(sm:resume())[1]:wait()
    local row = ledger.rows()[1]
    assert.same({ 2, 0.02 }, { row.submits, row.price })
  end)

  it("makes a picture of a step that timed out here and went on there", function()
    local sm = ledger.client()
    service:faults({ { match = { path = "status", count = "always" },
      ["then"] = { status = 503 } } })
    -- It is to be accepted within this, and over later.
    local job = submit(sm, "one", { timeout = interpreter.is_slow() and 2 or 0.6 })
    local _, err = job:wait()
    assert.equal("timeout", err.kind)
    assert.equal("yes", err.charged)
    assert.equal("accepted", ledger.rows()[1].state)
    service:clear_faults()
    assert.equal(err.request_id, assert(submit(sm, "one"):wait()).request_id)
    assert.equal(1, ledger.accepted())
  end)

  it("by attach writes into the row of the id", function()
    leave_behind("one")
    local sm = ledger.client()
    local id = ledger.rows()[1].request_id
    local result = assert(assert(sm:attach(id, "flux-kontext-pro")):wait())
    assert.equal("completed", ledger.rows()[1].state)
    assert.equal(result.cost, ledger.rows()[1].cost)
    service:faults({ { match = { path = "status", count = "always" },
      ["then"] = { status = 404 } } })
    assert.equal(result.url, assert(assert(sm:attach(id, "flux-kontext-pro")):wait()).url)
  end)

  it("by attach of an id that no row has is as without a ledger", function()
    local plain = ledger.client({ ledger = false })
    local job = submit(plain, "one")
    assert(job:wait())
    local sm = ledger.client()
    local result = assert(assert(sm:attach(job.request_id, "flux-kontext-pro")):wait())
    assert.equal(job:result().url, result.url)
    assert.equal(0, #ledger.rows())
    assert(sm:run("flux-kontext-dev", { prompt = "on it", input_image = result }))
    assert(sm:run("flux-kontext-dev", { prompt = "on it", input_image = result }))
    assert.equal(2, ledger.accepted())
  end)

  it("needs a ledger", function()
    local sm = ledger.client({ ledger = false })
    assert.has_error(function()
      sm:resume()
    end)
  end)
end)
