--- What a ledger holds, as client:jobs tells it.

local ledger = require("spec.support.ledger")

describe("client:jobs", function()
  local service = ledger.fixture()

  local function run(sm, model, seed, opts)
    return sm:run(model, { prompt = "x", aspect_ratio = "1:1", seed = seed }, opts)
  end

  it("lists steps in the order of their submits, with what was sent and what it cost", function()
    local sm = ledger.client()
    local first = assert(run(sm, "flux-kontext-pro", 7, { name = "one" }))
    local second = assert(run(sm, "flux-kontext-max", 8))
    local list = assert(sm:jobs())
    assert.equal(2, #list)
    local one = list[1].request_id == first.request_id and list[1] or list[2]
    assert.equal("one", one.name)
    assert.equal("completed", one.state)
    assert.equal(first.request_id, one.request_id)
    assert.equal(first.job.key, one.key)
    assert.equal(first.url, one.url)
    assert.equal("x", one.params.prompt)
    assert.equal(7, one.seed)
    assert.equal(0.05, one.cost)
    assert.equal(0.05, one.usd)
    assert.is_false(one.is_held)
    if ledger.is_file then
      assert.equal(first.kept, one.kept)
    end
    assert.is_true(list[1].submitted <= list[2].submitted)
    local others = assert(sm:jobs({ model = "flux-kontext-max" }))
    assert.equal(1, #others)
    assert.equal(second.request_id, others[1].request_id)
  end)

  it("counts as client:spent does", function()
    service:faults({ { match = { path = "submit", nth = 2 }, ["then"] = { status = 400 } },
      { match = { path = "submit", nth = 3 }, mode = "after", ["then"] = { status = 502 } },
      { match = { path = "history", count = "always" }, ["then"] = { status = 403 } },
      { match = { path = "history_entry", count = "always" }, ["then"] = { status = 403 } } })
    local sm = ledger.client()
    for seed = 1, 3 do
      run(sm, "flux-kontext-pro", seed)
    end
    service:clear_faults()
    local sum, states = 0, {}
    for i, one in ipairs(assert(sm:jobs())) do
      sum, states[i] = sum + one.usd, one.state
    end
    table.sort(states)
    assert.same({ "completed", "failed", "unknown" }, states)
    assert.is_true(math.abs(sum - assert(sm:spent())) < 1e-9)
    assert.equal(1, #assert(sm:jobs({ state = "unknown" })))
  end)

  it("takes nothing over, and tells of a row that cannot be relied on", function()
    local sm = ledger.client()
    assert(run(sm, "flux-kontext-pro", 1))
    assert(run(sm, "flux-kontext-pro", 2))
    ledger.sql("UPDATE segmind_steps SET state = 'odd' WHERE seed = ?", 1)
    local list = assert(sm:jobs())
    assert.equal(2, #list)
    local damaged = list[1].damage and list[1] or list[2]
    assert.truthy(damaged.damage:find("state", 1, true), damaged.damage)
    assert.equal(0, damaged.usd)
  end)

  it("raises without a ledger", function()
    local sm = ledger.client({ ledger = false })
    assert.has_error(function()
      sm:jobs()
    end)
  end)
end)
