--- Thousands of chains of three edits over a wire that breaks at random, in either direction, at
--- any byte. The seed is printed with a failure; SEGMIND_RANDOM_SEED repeats it,
--- SEGMIND_RANDOM_CHAINS says how many.

local oracle = require("spec.support.oracle")
local random_wire = require("spec.support.random_wire")
local session = require("spec.support.session")

local chains = tonumber(os.getenv("SEGMIND_RANDOM_CHAINS")) or 2000
local wire_seed = tonumber(os.getenv("SEGMIND_RANDOM_SEED")) or os.time() % 1000000

local describe_once = _VERSION == "Lua 5.4" and describe or pending

describe_once("chains over a wire that breaks at random", function()
  local service = session.fixture({ wire = true, seed = wire_seed, latency = 0.02,
    credits = 100000 })
  local sm
  local seed = 0

  local function step(input)
    seed = seed + 1
    return assert(sm:submit(input and "flux-kontext-dev" or "flux-kontext-pro",
      { prompt = "x", input_image = input, seed = seed, aspect_ratio = "1:1" }))
  end

  --- The jobs of all chains, which run at once: what stalls is waited for only once.
  local function run()
    local jobs = {}
    for _ = 1, chains do
      jobs[#jobs + 1] = step()
      jobs[#jobs + 1] = step(jobs[#jobs])
      jobs[#jobs + 1] = step(jobs[#jobs])
    end
    for _, job in ipairs(jobs) do
      job:wait(400)
    end
    return jobs
  end

  it("pay nothing twice, lose nothing, hide nothing", function()
    service:wire(random_wire(wire_seed))
    sm = session.client({ base_url = service.wire_url, max_transfers = 48 })
    local jobs, kinds = run(), {}
    for _, job in ipairs(jobs) do
      local err = job:error()
      assert.is_true(job:is_over())
      if err then
        kinds[err.kind] = (kinds[err.kind] or 0) + 1
      end
    end
    local sums = oracle.judge(service, jobs)
    local faults = service:wire_log(1e9).faults
    local title = ("%d chains, %d faults, wire seed %d"):format(chains, faults, wire_seed)
    local line = oracle.line(title, sums)
    print("\n" .. line)
    oracle.check(line, sums)
    -- What is left are submits that never arrived, and the steps that needed them.
    for kind in pairs(kinds) do
      assert.truthy(({ unknown = true, upstream = true })[kind], kind)
    end
    assert.is_true(faults > chains / 4)
    session.close()
  end)
end)
