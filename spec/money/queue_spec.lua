--- Steps that wait in a ledger: put there by one process, made by another.

local Error = require("segmind.error")
local ledger = require("spec.support.ledger")
local queued = require("segmind.queued")
local session = require("spec.support.session")

describe("a ledger's queue", function()
  local service = ledger.fixture({ speed = 400, latency = 0.2 })

  local function enqueue(sm, prompt, more)
    local params = { prompt = prompt, aspect_ratio = "1:1" }
    for name, value in pairs(more or {}) do
      params[name] = value
    end
    return assert(sm:enqueue("flux-kontext-pro", params))
  end

  --- A chain of three steps, of which the last takes two pictures.
  local function chain_of(sm, picture)
    local chain = sm:chain(picture):step("flux-kontext-dev", { prompt = "one" })
      :step("flux-kontext-pro", { prompt = "two" }, { name = "second" })
    return chain:step("multi-image-kontext-max", { prompt = "three",
      input_image_2 = chain:output(1) })
  end

  local function states(sm)
    local list = {}
    for i, one in ipairs(assert(sm:jobs())) do
      list[i] = one.state
    end
    return list
  end

  local function work(sm, options)
    local given = { until_empty = true }
    for name, value in pairs(options or {}) do
      given[name] = value
    end
    return sm:work(given)
  end

  it("is made by another client, each step once, behind its inputs", function()
    local picture = ledger.write("a.png", session.PIXEL)
    local steps = assert(chain_of(ledger.client(), picture):enqueue())
    assert.equal("waiting", steps[3].state)
    os.remove(picture) -- it is in the ledger
    assert.same({ done = 3, failed = 0, returned = 0, is_stopped = false },
      work(ledger.client({ budget = 5 })))
    assert.equal(3, ledger.accepted())
    assert.same({ "completed", "completed", "completed" }, states(ledger.client()))
  end)

  it("gives the pictures to the same call without it, free", function()
    local picture = ledger.write("a.png", session.PIXEL)
    local sm = ledger.client()
    assert(chain_of(sm, picture):enqueue())
    assert(work(ledger.client()))
    local results = assert(chain_of(sm, picture):run())
    assert.is_true(results.final.job.replayed)
    assert.equal(3, ledger.accepted())
    assert.equal("completed", assert(chain_of(sm, picture):enqueue())[1].state)
    assert.equal(0, work(ledger.client()).done)
  end)

  it("is listed as waiting, and costs nothing yet", function()
    local sm = ledger.client()
    enqueue(sm, "a house", { seed = 7 })
    local one = assert(sm:jobs({ state = "waiting" }))[1]
    assert.same({ "a house", 0, 0, false }, { one.params.prompt, one.usd, one.generation,
      one.is_held })
    assert.equal(0, sm:spent())
    assert.equal(0, ledger.accepted())
  end)

  it("blocks what hangs on a failed step until that is enqueued again", function()
    service:faults({ { match = { path = "submit", count = "always" }, ["then"] = { status = 422,
      body = '{"detail": "no"}' } } })
    local sm = ledger.client()
    local picture = ledger.write("a.png", session.PIXEL)
    assert(chain_of(sm, picture):enqueue())
    local made = work(ledger.client())
    assert.same({ 0, 1 }, { made.done, made.failed })
    assert.equal(2, #assert(sm:jobs({ state = "blocked" })))
    assert.truthy(assert(sm:jobs({ state = "blocked" }))[1].error:find("has failed", 1, true))
    service:clear_faults()
    assert(chain_of(sm, picture):enqueue())
    assert.equal(3, work(ledger.client()).done)
    assert.equal(3, ledger.accepted())
  end)

  it("refuses what another machine could not make, before anything is written", function()
    local sm = ledger.client()
    local _, err = sm:enqueue("flux-kontext-pro", { prompt = "x" }, { fresh = true })
    assert.truthy(err.message:find("another seed", 1, true))
    _, err = sm:enqueue("flux-kontext-pro", { prompt = "x", aspect_ratio = "99:1" })
    assert.equal("invalid", err.kind)
    _, err = sm:enqueue("flux-kontext-pro", { prompt = "x" }, { on_unknown = function() end })
    assert.equal("invalid", err.kind)
    assert.same({}, states(sm))
  end)

  it("ends the worker when the budget of all is reached, and keeps the rest waiting", function()
    local sm = ledger.client()
    for i = 1, 4 do
      enqueue(sm, "p" .. i)
    end
    local made, err = work(ledger.client(), { budget = 0.11, jobs = 1 })
    assert.is_nil(made)
    assert.equal("budget", err.kind)
    assert.equal(2, ledger.accepted())
    assert.equal(2, #assert(sm:jobs({ state = "waiting" })))
    local _, again = work(ledger.client(), { budget = 9 })
    assert.equal("budget", again.kind) -- the smaller one rules
    assert(work(ledger.client(), { budget = 9, replace_limits = true }))
    assert.equal(4, ledger.accepted())
  end)

  it("says once that a rate of 0 keeps all waiting, and goes on when that is changed", function()
    local sm, ask, asked, told = ledger.client(), queued.ask, 0, {}
    enqueue(sm, "a house")
    assert.equal(0, work(ledger.client(), { jobs = 1, stop = function()
      return true
    end }).done) -- has made the tables
    ledger.sql("UPDATE segmind_limits SET rpm = 0")
    queued.ask = function(...)
      asked = asked + 1
      if asked == 3 then
        ledger.sql("UPDATE segmind_limits SET rpm = NULL")
      end
      return ask(...)
    end
    local made = work(ledger.client(), { on_step = function(event)
      table.insert(told, event.error and event.error.message or event.what)
    end })
    queued.ask = ask
    assert.equal(1, made.done)
    assert.same({ "picked", "done" }, { told[2], told[3] })
    assert.truthy(told[1]:find("rpm of this ledger's queue is 0", 1, true))
  end)

  it("gets back at once what a worker that is told to end has not submitted", function()
    local sm, worker = ledger.client(), ledger.client({ max_active_jobs = 1 })
    for i = 1, 4 do
      enqueue(sm, "p" .. i)
    end
    local made = assert(worker:work({ jobs = 4, stop = function()
      return ledger.accepted() >= 1
    end }))
    assert.is_true(made.is_stopped)
    assert.is_true(made.returned >= 3)
    worker:close()
    assert(work(ledger.client()))
    assert.equal(4, ledger.accepted())
  end)

  it("gets back what a ledger that was away could not claim", function()
    local sm, given, submit = ledger.client(), nil, queued.submit
    enqueue(sm, "a house")
    queued.submit = function()
      return nil, Error.new("upstream", "no input", { charged = "no", cause =
        Error.new("ledger", "away", { charged = "no", retryable = true }) })
    end
    local made = work(ledger.client(), { stop = function()
      return given
    end, on_step = function(event)
      given = given or event.what == "returned"
    end })
    queued.submit = submit
    assert.same({ 0, 1 }, { made.failed, made.returned })
    assert.same({ "waiting" }, states(sm))
  end)

  it("fails a step whose input was made anew since it was enqueued, and pays nothing", function()
    local sm = ledger.client()
    local first = { "flux-kontext-pro", { prompt = "base", aspect_ratio = "1:1", seed = 1 } }
    local base = sm:submit(first[1], first[2])
    assert(base:wait())
    assert(sm:enqueue("flux-kontext-dev", { prompt = "night", input_image = base }))
    assert(sm:run(first[1], first[2], { fresh = true }))
    local told
    local made = work(ledger.client(), { on_step = function(event)
      told = event.error or told
    end })
    assert.same({ 0, 1 }, { made.done, made.failed })
    assert.truthy(told.message:find("enqueue", 1, true))
    assert.equal(2, ledger.accepted())
  end)

  it("fails a step whose row was changed, and pays nothing", function()
    local sm = ledger.client()
    enqueue(sm, "a house")
    ledger.sql("UPDATE segmind_queue SET params = REPLACE(params, 'house', 'horse')")
    assert.equal(1, work(ledger.client()).failed)
    assert.equal(0, ledger.accepted())
  end)

  for column, text in pairs({
    params = [['{"inputs":[],"params":null}', '{"inputs":[],"params":5}',
      '{"inputs":["url:/etc/hosts"],"params":{"input_image":{"input":1}}}']],
    options = [['{"timeout":"x"}', '{"price":-5}', '{"on_unknown":"as a later version would"}']],
    name = "''",
  }) do
    it("fails a step whose " .. column .. " no call may have, and goes on with the rest", function()
      for value in text:gmatch("'[^']*'") do
        local sm = ledger.client()
        enqueue(sm, column .. value)
        ledger.sql(("UPDATE segmind_queue SET %s = %s WHERE state = 'waiting'"):format(column,
          value))
        enqueue(sm, "after " .. column .. value)
        local before, told = ledger.accepted(), nil
        local made = work(ledger.client(), { on_step = function(event)
          told = told or event.error
        end, stop = function()
          return told and told.kind == "ledger"
        end })
        assert.same({ 1, 1 }, { made.done, made.failed }, value)
        assert.equal("invalid", told.kind)
        assert.truthy(told.message:find("row of the queue is damaged", 1, true), told.message)
        assert.equal(before + 1, ledger.accepted())
      end
    end)
  end

  -- What SQLite takes in a column whatever its type; a server takes none of it.
  for what, change in pairs(ledger.is_file and {
    ["a key of bytes"] = "step_key = CAST('k' AS BLOB)",
    ["no key"] = "step_key = NULL",
    ["a key with a zero"] = "step_key = CAST(x'6b006b' AS TEXT)",
    ["parameters of bytes"] = "params = x'00ff'",
    ["a lease that is a text"] = "lease_until = 'never', lease_owner = 'x', options = x'00'",
    ["a state of bytes"] = "state = CAST('waiting' AS BLOB)",
    ["a number of inputs that is a text"] = "inputs_left = 'none'",
    ["a state that there is not"] = "state = 'ready'",
    ["fewer than no inputs"] = "inputs_left = -1",
  } or { ["a state that there is not"] = "state = 'ready'",
    ["fewer than no inputs"] = "inputs_left = -1" }) do
    it("fails a row with " .. what .. ", goes on with the rest, and lists it", function()
      local sm = ledger.client()
      enqueue(sm, "a house")
      ledger.sql("UPDATE segmind_queue SET " .. change)
      enqueue(sm, "another")
      assert.equal(2, #assert(sm:jobs()))
      local told
      local made = work(ledger.client(), { on_step = function(event)
        told = told or event.error
      end, stop = function()
        return told and told.kind == "ledger"
      end })
      assert.same({ 1, 1 }, { made.done, made.failed })
      assert.equal("invalid", told.kind)
      assert.truthy(told.message:find("row of the queue is damaged", 1, true), told.message)
      local failed = assert(sm:jobs({ state = "failed" }))
      assert.truthy(failed[1].error:find("row of the queue is damaged", 1, true))
      assert.equal("string", type(failed[1].key))
      assert.equal(0, work(ledger.client()).failed)
      assert.equal(1, ledger.accepted())
    end)
  end

  it("that loses its limits while a worker is at it ends the worker, which pays no more", function()
    local sm = ledger.client()
    for i = 1, 3 do
      enqueue(sm, "p" .. i)
    end
    local picked, turns = 0, 0
    local made, err = work(ledger.client(), { jobs = 1, on_step = function(event)
      picked = picked + (event.what == "picked" and 1 or 0)
      if picked == 2 then
        ledger.sql("DROP TABLE IF EXISTS segmind_limits")
      end
    end, stop = function()
      turns = turns + 1
      return turns > 1000
    end })
    assert.is_nil(made)
    assert.equal("ledger", err.kind)
    assert.truthy(err.message:find("segmind_limits", 1, true), err.message)
    assert.equal(1, ledger.accepted())
  end)

  for _, name in ipairs({ "segmind_edges", "segmind_queue", "segmind_limits" }) do
    it("that has lost " .. name .. " ends the worker, which says so and pays nothing", function()
      enqueue(ledger.client(), "a house")
      ledger.sql("DROP TABLE " .. name)
      local turns = 0
      local made, err = work(ledger.client(), { stop = function()
        turns = turns + 1
        return turns > 100
      end })
      assert.is_nil(made)
      assert.equal("ledger", err.kind)
      assert.truthy(err.message:find(name, 1, true), err.message)
      assert.equal(0, ledger.accepted())
    end)
  end

  it("says of a picture that is gone what is wrong, and pays nothing", function()
    local sm = ledger.client()
    local picture = ledger.write("a.png", session.PIXEL)
    assert(sm:enqueue("flux-kontext-pro", { prompt = "x", input_image = picture }))
    os.execute("rm -f " .. ledger.path("edits.db.files") .. "/*")
    local told
    work(ledger.client(), { on_step = function(event)
      told = event.error or told
    end })
    assert.truthy(told.message:find("is not in the ledger", 1, true))
    assert.equal(0, ledger.accepted())
  end)
end)
