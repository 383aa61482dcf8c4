--- The seed of a picture: `job.seed`, `job.params.seed` and `result.seed` are the one that the
--- service was sent, whatever way the job came to its result.

local ledger = require("spec.support.ledger")

describe("the seed", function()
  local service = ledger.fixture({ latency = 0.2, speed = 1 })

  local function submit(sm, opts)
    return assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }, opts))
  end

  --- The seeds that the service was sent, in order.
  local function sent()
    local seeds = {}
    for i, entry in ipairs(service:ledger().submits) do
      seeds[i] = entry.body.seed
    end
    return seeds
  end

  local function agrees(job, seed)
    local result = assert(job:wait())
    assert.same({ seed, seed, seed }, { job.seed, job.params.seed, result.seed })
  end

  --- A step that was accepted by a client which is gone, and its id.
  local function left_behind()
    local sm = ledger.client()
    local job = submit(sm)
    while not job.request_id do
      sm:poll(1)
      sm:step()
    end
    sm:close()
    return job.request_id
  end

  it("agrees in a fresh job", function()
    local job = submit(ledger.client({ ledger = false }))
    assert(job:wait())
    agrees(job, sent()[1])
  end)

  it("agrees in jobs that share a step", function()
    local sm = ledger.client()
    local a, b = submit(sm), submit(sm)
    assert(a:wait() and b:wait())
    agrees(a, sent()[1])
    agrees(b, sent()[1])
    assert.equal(1, #sent())
  end)

  it("agrees in a step that the ledger restores", function()
    assert(submit(ledger.client()):wait())
    agrees(submit(ledger.client()), sent()[1])
    assert.equal(1, #sent())
  end)

  it("agrees in a picture that the ledger restores from its file", function()
    local first = ledger.client()
    local made = assert(first:run_sync("flux-kontext-pro", { prompt = "v1", aspect_ratio = "1:1" }))
    local job = assert(ledger.client():submit("flux-kontext-pro",
      { prompt = "v1", aspect_ratio = "1:1" }))
    agrees(job, made.seed)
    assert.equal(made.seed, made.job.seed)
  end)

  it("agrees in a step that is taken over", function()
    left_behind()
    agrees(submit(ledger.client()), sent()[1])
    assert.equal(1, #sent())
  end)

  it("agrees in a step that is resumed", function()
    left_behind()
    local jobs = assert(ledger.client():resume())
    agrees(jobs[1], sent()[1])
  end)

  it("agrees in a job that is attached, with a ledger and without", function()
    local id = left_behind()
    agrees(assert(ledger.client({ ledger = false }):attach(id, "flux-kontext-pro")), sent()[1])
    agrees(assert(ledger.client():attach(id, "flux-kontext-pro")), sent()[1])
    agrees(assert(ledger.client():attach(id, "flux-kontext-pro")), sent()[1])
  end)
end)
