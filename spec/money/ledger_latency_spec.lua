--- How long a model takes is kept in the ledger: a second run asks when its first job is likely to
--- be done. Nothing of that is worth a failure.

local ledger = require("spec.support.ledger")

describe("a ledger", function()
  -- 22 s become a third of one, and the first look at a model that is not known is at 1 s.
  local service = ledger.fixture({ speed = 60, variation = 0.05 })

  --- Runs as many jobs at once, in a client of their own. Seconds between the service's
  --- completion of the last and our knowing it, and what the client said meanwhile.
  local function run(count, prompt)
    local notes, jobs = {}, {}
    local sm = ledger.client({ poll = "balanced", on_event = function(event)
      if event.what == "note" then
        notes[#notes + 1] = event.message
      end
    end })
    for i = 1, count do
      jobs[i] = sm:submit("flux-kontext-pro", { prompt = prompt .. i,
        aspect_ratio = "1:1" })
    end
    for i = 1, count do
      assert(jobs[i]:wait())
    end
    sm:close()
    local seen = service:stats().jobs
    return seen[#seen].learned - seen[#seen].completed, notes
  end

  it("keeps how long a model takes for the next run", function()
    local unknown = run(1, "a")
    run(6, "b")
    local known, notes = run(1, "c")
    assert.is_true(known < unknown - 0.1, ("%.3f s late, and %.3f"):format(known, unknown))
    assert.same({}, notes)
    local rows = ledger.sql("SELECT service, model, jobs FROM segmind_latencies")
    assert.equal(1, #rows)
    assert.equal("flux-kontext-pro", rows[1].model)
    assert.equal(service.url, rows[1].service)
  end)

  it("goes on without a word where it cannot keep that", function()
    run(1, "d")
    ledger.sql("DROP TABLE segmind_latencies")
    ledger.sql("CREATE TABLE segmind_latencies (weather TEXT)")
    local _, notes = run(2, "e")
    assert.same({}, notes)
    assert.equal(3, ledger.accepted())
    assert.same({}, ledger.sql("SELECT weather FROM segmind_latencies"))
  end)
end)
