--- A client on a cqueues controller, over real sockets against the emulator.

local has_cqueues, cqueues = pcall(require, "cqueues")
local segmind = require("segmind")
local session = require("spec.support.session")

local MODEL = "flux-kontext-pro"
local PARAMS = { prompt = "x", aspect_ratio = "1:1" }

-- Without a descriptor there is nothing to watch.
local describe_it = has_cqueues and not os.getenv("SEGMIND_SPEC_INLINE") and describe or pending

describe_it("on a cqueues loop", function()
  local service = session.fixture({ speed = 100 })
  local attach, sm, cq, loop

  setup(function()
    attach = require("segmind.loop.cqueues").attach
  end)

  before_each(function()
    sm, cq = session.client(), cqueues.new()
    loop = attach(sm, cq)
  end)

  --- Runs the coroutines and the loop to its end.
  local function run(...)
    local left = select("#", ...)
    for _, fn in ipairs({ ... }) do
      cq:wrap(function()
        fn()
        left = left - 1
        if left == 0 then
          loop:close()
        end
      end)
    end
    for err in cq:errors(20) do
      error(err, 0)
    end
    assert.equal(0, left)
  end

  it("every verb suspends its coroutine and no other", function()
    local polled, results = sm.poll, {}
    sm.poll = function()
      error("it blocks")
    end
    run(function()
      results[1] = assert(sm:run(MODEL, PARAMS))
      assert.equal("png", results[1]:info().format)
      assert(sm:credits())
    end, function()
      results[2] = assert(assert(sm:submit(MODEL, PARAMS)):await())
      assert(sm:upload(segmind.bytes(session.PIXEL)))
    end, function()
      local got = assert(segmind.all({ assert(sm:submit(MODEL, PARAMS)), function()
        return (sm:run(MODEL, PARAMS))
      end }))
      results[3] = got[2]
    end)
    sm.poll = polled
    assert.equal(3, #results)
    assert.equal(4, service:ledger().totals.completed)
  end)

  it("a graph of fifty jobs leaves a ticker its turns", function()
    local last, is_over, ticks, worst = nil, false, 0, 0
    run(function()
      local layer = {}
      for i = 1, 10 do
        layer[i] = assert(sm:submit(MODEL, { prompt = "first " .. i, aspect_ratio = "1:1" }))
      end
      for depth = 2, 5 do
        local before = layer
        layer = {}
        for i = 1, 10 do
          layer[i] = assert(sm:submit("multi-image-kontext-pro",
            { prompt = ("layer %d, %d"):format(depth, i), input_image_1 = before[i],
              input_image_2 = before[i % 10 + 1] }))
        end
      end
      last = assert(segmind.all(layer))
      is_over = true
    end, function()
      local before = cqueues.monotime()
      while not is_over do
        cqueues.sleep(0.001)
        local now = cqueues.monotime()
        ticks, worst, before = ticks + 1, math.max(worst, now - before), now
      end
    end)
    assert.equal(10, #last)
    assert.equal(50, service:ledger().totals.completed)
    assert.is_true(ticks > 100, ticks .. " ticks")
    -- bench/loop.lua measures; this catches a loop that stands still.
    assert.is_true(worst < 0.2, ("%.0f ms between two ticks"):format(worst * 1e3))
  end)

  it("an await with a timeout comes back in time, and the job goes on", function()
    local job = assert(sm:submit(MODEL, PARAMS))
    run(function()
      assert.equal("timeout", select(2, job:await(0.02)).kind)
      local task = segmind.async(function()
        return job:wait(0.02)
      end)
      assert.equal("timeout", select(2, task:wait()).kind)
      assert(job:wait())
    end)
  end)

  it("callbacks are called and coroutines of others are let be", function()
    local called
    local job = assert(sm:submit(MODEL, PARAMS)):on("done", function()
      called = true
    end)
    run(function()
      local inner = coroutine.wrap(function()
        return (job:await())
      end)
      inner()
      assert(job:wait())
    end)
    assert.is_true(called)
  end)

  it("closing the client ends the waits and the loop", function()
    local job, err = assert(sm:submit(MODEL, PARAMS)), nil
    run(function()
      err = select(2, job:wait())
    end, function()
      cqueues.sleep(0.01)
      sm:close()
    end)
    assert.equal("cancelled", err.kind)
  end)

  it("one client is on one loop, and an inline one on none", function()
    assert.has_error(function()
      attach(sm, cq)
    end)
    loop:close()
    loop:close()
    loop = attach(sm, cq)
    local alone = assert(segmind.new({ api_key = "SG_0123456789abcdef", inline = true }))
    assert.has_error(function()
      attach(alone, cq)
    end)
    assert.is_nil(alone:fd())
    alone:close()
    loop:close()
  end)
end)
