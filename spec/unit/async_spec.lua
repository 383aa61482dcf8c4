--- Coroutines that wait, over a scripted core in virtual time.

local fake = require("spec.support.fake_core")

describe("a coroutine", function()
  local segmind, core, sm, events

  before_each(function()
    events = {}
    sm, segmind, core = fake.client({ on_event = function(event)
      events[#events + 1] = event
    end })
  end)

  after_each(fake.close)

  local function pro(params)
    return assert(sm:submit("flux-kontext-pro", params or { prompt = "x" }))
  end

  --- Lets virtual time pass until the next event and takes it.
  local function turn(times)
    for _ = 1, times or 1 do
      sm:poll(1000)
      sm:step()
    end
  end

  local function raises(text, fn)
    local ok, why = pcall(fn)
    assert.is_false(ok)
    assert.truthy(tostring(why):find(text, 1, true), tostring(why))
    assert.truthy(tostring(why):find("async_spec.lua:%d+: segmind: "), tostring(why))
  end

  describe("by job:await", function()
    it("is resumed by step when the job is over, whoever resumes it otherwise", function()
      local job, got = pro(), nil
      local co = coroutine.create(function(...)
        assert.same({ "first" }, { ... })
        got = { job:await() }
        return coroutine.yield("for the host")
      end)
      assert(coroutine.resume(co, "first"))
      turn(2)
      assert.is_nil(got)
      assert(coroutine.resume(co, "a foreign resume"))
      assert(coroutine.resume(co))
      assert.is_nil(got)
      turn()
      assert.equal(job:result(), got[1])
      assert.equal("suspended", coroutine.status(co))
      assert.same({ true, 7 }, { coroutine.resume(co, 7) })
    end)

    it("goes on at a foreign resume once the job is over, and is not resumed again", function()
      local job, steps = pro(), {}
      local co = coroutine.create(function()
        job:await()
        steps[#steps + 1] = "over"
        steps[#steps + 1] = coroutine.yield("for the host")
      end)
      assert(coroutine.resume(co))
      job:on("done", function()
        assert(coroutine.resume(co))
      end)
      turn(3)
      assert.same({ "over" }, steps)
      assert(coroutine.resume(co, "the host's"))
      assert.same({ "over", "the host's" }, steps)
    end)

    it("is wait on the main thread, and at once when the job is over", function()
      local job = pro()
      assert.equal(assert(job:await()), job:result())
      assert.equal(job:result(), coroutine.wrap(function()
        return (job:await())
      end)())
    end)

    it("works within pcall, and gives the error", function()
      core.answers.job = function()
        return { { 1, "error", fake.error("failed", "no") } }
      end
      local job, got = pro(), nil
      coroutine.wrap(function()
        got = { pcall(job.await, job) }
      end)()
      turn()
      assert.is_true(got[1])
      assert.is_nil(got[2])
      assert.equal("failed", got[3].kind)
    end)

    it("with a timeout ends at the step after it", function()
      local job, got = pro(), nil
      coroutine.wrap(function()
        got = { job:await(3) }
      end)()
      assert.near(3, sm:timeout(), 0.001)
      core.clock = core.clock + 2
      sm:step()
      assert.is_nil(got)
      core.clock = core.clock + 1.5
      sm:step()
      assert.equal("timeout", got[2].kind)
      assert.is_true(sm:timeout() > 500) -- the job's own deadline
      assert(job:wait())
    end)

    it("that dies of an error tells on_event and the next wait, with its traceback", function()
      local first, second = pro(), pro()
      coroutine.wrap(function()
        first:await()
        error("boom")
      end)()
      local result, err = second:wait()
      assert.truthy(result)
      assert.truthy(err.message:find("boom", 1, true))
      assert.truthy(err.message:find("traceback", 1, true))
      assert.equal("callback", events[#events].what)
    end)

    it("that is dropped leaves its job alive", function()
      local job = pro()
      coroutine.wrap(function()
        job:await()
      end)()
      collectgarbage()
      collectgarbage()
      turn(3)
      assert.equal("COMPLETED", job.state)
    end)

    it("raises where no yield is possible", function()
      local job = pro()
      coroutine.wrap(function()
        raises("cannot yield", function()
          table.sort({ 1, 2, 3 }, function(a, b)
            job:await()
            return a < b
          end)
        end)
      end)()
      assert(job:wait())
    end)

    it("raises within a callback, but not in a coroutine that is started there", function()
      local first, second, got = pro(), pro(), nil
      first:on("done", function()
        raises("inside a callback", function()
          second:await()
        end)
        segmind.async(function()
          got = second:wait()
        end)
      end)
      assert.equal(1, select("#", first:wait()))
      coroutine.wrap(function()
        assert(second:wait())
      end)()
      assert.equal(got, second:result())
    end)

    it("may block once it is resumed, and others go on meanwhile", function()
      local job, values = pro(), nil
      local co = coroutine.create(function()
        job:await()
        local second = pro()
        assert(second:wait())
        values = { segmind.async(function()
          return assert(sm:run("flux-kontext-pro", { prompt = "y" })), sm:credits()
        end):wait() }
      end)
      assert(coroutine.resume(co))
      assert(job:wait())
      assert.equal("dead", coroutine.status(co))
      assert.equal(12.5, values[2].credits)
    end)

    it("is resumed after the job's callbacks, in a step and without one", function()
      for _, finish in ipairs({ "wait", "cancel" }) do
        local job, order = pro(), {}
        coroutine.wrap(function()
          job:await()
          order[#order + 1] = "coroutine"
        end)()
        local function note(_, same)
          assert.equal(job, same)
          if same:is_over() then
            order[#order + 1] = "callback"
          end
        end
        job:on("state", note):on("done", note):on("error", note)
        job[finish](job)
        assert.same({ "callback", "callback", "coroutine" }, order)
      end
    end)

    it("is resumed by cancel, also from within a callback", function()
      local first, second, got = pro(), pro(), {}
      for i, job in ipairs({ first, second }) do
        coroutine.wrap(function()
          got[i] = { job:await() }
        end)()
      end
      first:cancel()
      assert.equal("cancelled", got[1][2].kind)
      first:on("error", function()
        second:cancel()
      end)
      assert.equal("cancelled", got[2][2].kind)
    end)

    it("raises within a callback that a coroutine's own step has called", function()
      local first, second = pro(), pro()
      local called = false
      first:on("done", function()
        raises("inside a callback", function()
          second:await()
        end)
        called = true
      end)
      coroutine.wrap(function()
        while not first:poll() do
          sm:poll(100)
        end
      end)()
      assert.is_true(called)
      assert.equal(1, select("#", second:wait()))
    end)

    it("ends with the client", function()
      local job, got = pro(), nil
      coroutine.wrap(function()
        got = { job:await() }
      end)()
      local task = segmind.async(function()
        return sm:credits()
      end)
      sm:close()
      assert.equal("cancelled", got[2].kind)
      assert.equal("cancelled", select(2, task:wait()).kind)
      raises("the client is closed", function()
        sm:run("flux-kontext-pro", { prompt = "x" })
      end)
      assert.equal(0, sm:step())
    end)
  end)

  describe("of segmind.async", function()
    it("waits by every verb without standing in anybody's way", function()
      local polled = sm.poll
      local task = segmind.async(function(prompt)
        local result = assert(sm:run("flux-kontext-pro", { prompt = prompt }))
        assert(result:bytes())
        assert(sm:upload(segmind.bytes(fake.picture())))
        assert(sm:credits())
        local results = assert(sm:chain(result):step("flux-kontext-dev", { prompt = "a" })
          :step("flux-kontext-pro", { prompt = "b" }):run())
        assert(results.final:save("/tmp/x.png"))
        return prompt, nil, 3
      end, "x")
      sm.poll = function()
        error("it blocks")
      end
      while not task:is_over() do
        core.clock = core.clock + 0.1
        sm:step()
      end
      sm.poll = polled
      local values = { n = select("#", task:wait()), task:wait() }
      assert.same({ n = 3, [1] = "x", [3] = 3 }, values)
      assert.is_nil(task:error())
      assert.truthy(tostring(task):find("done", 1, true))
    end)

    it("runs at the same time as others", function()
      local began, tasks = core.clock, {}
      for i = 1, 300 do
        tasks[i] = segmind.async(function()
          return (sm:run("flux-kontext-pro", { prompt = "number " .. i }))
        end)
      end
      local results = assert(segmind.all(tasks))
      assert.equal(300, #results)
      assert.is_true(core.clock - began < 11)
    end)

    it("hands its error on with the traceback", function()
      local function deep()
        error("boom")
      end
      local task = segmind.async(function()
        sm:run("flux-kontext-pro", { prompt = "x" })
        deep()
      end)
      local result, err = task:wait()
      assert.is_nil(result)
      assert.truthy(err.message:find("boom", 1, true))
      assert.truthy(err.traceback:find("deep", 1, true))
      assert.equal("unknown", err.charged) -- its run was paid
      assert.equal(err, task:error())
      local other = segmind.async(function()
        assert(sm:run("flux-kontext-pro", { promt = "x" }))
      end)
      assert.equal("invalid", select(2, other:wait()).kind)
      assert.truthy(other:error().traceback)
    end)

    it("tells on_event of an error that nobody waits for", function()
      segmind.async(function()
        sm:run("flux-kontext-pro", { prompt = "x" })
        error("boom")
      end)
      turn(3)
      assert.equal("callback", events[#events].what)
      assert.truthy(events[#events].error.message:find("boom", 1, true))
    end)

    it("waits for others, in a row of any length", function()
      local last = segmind.async(function()
        return (sm:run("flux-kontext-pro", { prompt = "x" }))
      end)
      local first = last
      for _ = 1, 2000 do
        local before = last
        last = segmind.async(function()
          return before:wait()
        end)
      end
      assert.equal(first:wait(), last:wait())
    end)

    it("may yield for a host that resumes it", function()
      local host
      local task = segmind.async(function()
        assert(sm:run("flux-kontext-pro", { prompt = "x" }))
        host = coroutine.running()
        return coroutine.yield()
      end)
      raises("nothing here resumes it", function()
        task:wait()
      end)
      assert(coroutine.resume(host, "from the host"))
      assert.equal("from the host", task:wait())
    end)

    it("cannot wait for itself, nor two for each other", function()
      local a, b
      a = segmind.async(function()
        raises("for itself", function()
          a = a or segmind.async(function() end)
          return a._co and a:wait()
        end)
      end)
      a = segmind.async(function()
        sm:run("flux-kontext-pro", { prompt = "x" })
        raises("for itself", function()
          a:wait()
        end)
        return b:wait()
      end)
      b = segmind.async(function()
        return a:wait()
      end)
      raises("nothing here resumes it", function()
        b:wait()
      end)
    end)

    it("ends when it is cancelled, and its job goes on", function()
      local job, went_on = pro(), false
      local task = segmind.async(function()
        job:wait()
        went_on = true
      end)
      assert.is_true(task:cancel())
      assert.is_false(task:cancel())
      assert.equal("cancelled", select(2, task:wait()).kind)
      assert(job:wait())
      assert.is_false(went_on)
    end)

    it("takes what a job has left of its time", function()
      local job = pro()
      local task = segmind.async(function()
        return job:wait(2)
      end)
      assert.equal("timeout", select(2, task:wait(5)).kind)
      local slow = segmind.async(function()
        return job:wait()
      end)
      local _, err = slow:wait(1)
      assert.same({ "timeout", "unknown" }, { err.kind, err.charged })
      assert.equal(job:result() or job:wait(), slow:wait())
      local dropped = segmind.async(function()
        return pro():wait()
      end)
      dropped:cancel()
      assert.same({ "cancelled", "unknown" }, { dropped:error().kind, dropped:error().charged })
      sm:close() -- the job that was dropped goes on
    end)

    it("is driven with clients of its own", function()
      local task = segmind.async(function()
        local own = assert(segmind.new({}))
        local result = assert(own:run("flux-kontext-pro", { prompt = "x" }))
        assert(sm:run("flux-kontext-pro", { prompt = "x" }))
        own:close()
        return result
      end)
      assert(task:wait())
    end)

    it("takes a function", function()
      raises("takes a function", function()
        segmind.async("x")
      end)
    end)
  end)

  describe("segmind.all", function()
    it("gives the results under their keys", function()
      local night = pro()
      local got = assert(segmind.all({ night = night, noon = pro(), poster = function()
        return (sm:run("flux-kontext-max", { prompt = "x" }))
      end, done = segmind.async(function()
        return 5, 6
      end) }))
      assert.equal(night:result(), got.night)
      assert.truthy(got.noon.url and got.poster.url)
      assert.equal(5, got.done)
    end)

    it("gives up at the first failure, says whose, and submits nothing more", function()
      core.answers.job = function(call)
        if call.body:find("bad", 1, true) then
          return { { 1, "error", fake.error("failed", "no") } }
        end
        return { { 5, "done", { status = 200, request_id = "r", content_type = "application/json",
          body = '{"status":"COMPLETED","output":"https://images.segmind.com/1.png"}' } } }
      end
      local good = pro()
      local function twice()
        sm:run("flux-kontext-pro", { prompt = "one" })
        sm:run("flux-kontext-pro", { prompt = "two" })
      end
      local bad = pro({ prompt = "bad" })
      local got, err, key = segmind.all({ good = good, bad = bad, twice = twice })
      assert.is_nil(got)
      assert.equal("failed", err.kind)
      assert.equal("bad", key)
      assert(good:wait())
      turn(5)
      assert.equal(3, #core.calls_of("job"))
    end)

    it("waits so long and no longer, in a task and outside", function()
      local job = pro()
      local _, err = segmind.all({ job }, 1)
      assert.same({ "timeout", "unknown" }, { err.kind, err.charged }) -- the job goes on
      local task = segmind.async(function()
        return segmind.all({ job }, 1)
      end)
      assert.equal("timeout", select(2, task:wait()).kind)
      assert(segmind.all({ job }))
    end)

    it("has nothing to wait for in an empty table", function()
      assert.same({}, segmind.all({}))
    end)

    it("gives up when a function returns nil and why", function()
      local got, err, key = segmind.all({ good = pro(), bad = function()
        return nil, "no such file"
      end })
      assert.is_nil(got)
      assert.equal("bad", key)
      assert.truthy(err.message:find("no such file", 1, true))
      sm:close() -- the other job goes on
    end)

    it("raises for what cannot be waited for", function()
      for _, items in ipairs({ { 5 }, { "x" } }) do
        raises("segmind.all takes", function()
          segmind.all(items)
        end)
      end
      raises("got an empty table", function()
        segmind.race({})
      end)
      raises("segmind.all takes", segmind.all)
    end)
  end)

  local function fail_bad()
    local answer = core.answers.job
    core.answers.job = function(call)
      return call.body:find("bad", 1, true) and { { 1, "error", fake.error("failed", "no") } }
        or answer(call)
    end
  end

  it("segmind.settled gives results and errors alike, under their keys", function()
    fail_bad()
    local outcomes = segmind.settled({ good = pro(), bad = pro({ prompt = "bad" }), fn = function()
      return sm:run("flux-kontext-pro", { prompt = "bad too" })
    end, task = segmind.async(function()
      return 5
    end) })
    assert.truthy(outcomes.good.result.url)
    assert.is_nil(outcomes.good.error)
    assert.same({ "failed", "failed" }, { outcomes.bad.error.kind, outcomes.fn.error.kind })
    assert.is_nil(outcomes.bad.result)
    assert.same({ result = 5 }, outcomes.task)
    assert.same({}, segmind.settled({}))
  end)

  it("segmind.settled says which jobs go on when its time is over", function()
    local done = pro()
    assert(done:wait())
    local running = pro()
    local outcomes = segmind.settled({ done, running }, 1)
    local err = outcomes[2].error
    assert.truthy(outcomes[1].result)
    assert.same({ "timeout", true }, { err.kind, err.running })
    assert.truthy(running.request_id)
    assert.same({ running.request_id, "yes" }, { err.request_id, err.charged })
    assert(running:wait())
  end)

  describe("in client:map", function()
    it("has its job's outcome in its place, and so many are under way", function()
      fail_bad()
      local running, most = 0, 0
      local outcomes = sm:map({ "a", "bad", "c", "d", "e" }, function(prompt, i)
        if prompt == "c" then
          return nil, "no such row"
        elseif prompt == "d" then
          error({ message = "a bug in row " .. i })
        end
        running = running + 1
        most = math.max(most, running)
        return pro({ prompt = prompt }):on("done", function()
          running = running - 1
        end):on("error", function()
          running = running - 1
        end)
      end, { concurrency = 2 })
      assert.equal(5, #outcomes)
      assert.equal("a", outcomes[1].result.job.params.prompt)
      assert.equal("failed", outcomes[2].error.kind)
      assert.equal("no such row", outcomes[3].error)
      assert.truthy(outcomes[4].error.message:find("a bug in row 4", 1, true))
      assert.equal("e", outcomes[5].result.job.params.prompt)
      assert.equal(2, most)
    end)

    it("may wait itself, and the map may run in a task", function()
      local outcomes
      local task = segmind.async(function()
        outcomes = sm:map({ 1, 2, 3 }, function(i)
          return sm:run("flux-kontext-pro", { prompt = "x" .. i })
        end)
      end)
      assert.is_false(task:is_over())
      task:wait()
      assert.equal(3, #outcomes)
      assert.truthy(outcomes[3].result.url)
      assert.same({}, sm:map({}, print))
    end)

    it("says that its function returned nothing, and takes nil for an item passed by", function()
      local outcomes = sm:map({ "a", "b" }, function(prompt)
        if prompt == "b" then
          return nil
        end
      end)
      assert.truthy(outcomes[1].error.message:find('write "return" before the call', 1, true))
      assert.same({}, outcomes[2])
    end)

    it("takes a list and a function", function()
      raises("map takes a list and a function", function()
        local _ = sm:map("a", print)
      end)
      raises('map has no option "concurency"; did you mean "concurrency"?', function()
        local _ = sm:map({}, print, { concurency = 2 })
      end)
    end)
  end)

  it("segmind.race gives the first to end, and the losers' functions end", function()
    local slow, went_on = pro(), false
    local result, err, key = segmind.race({ slow = slow, quick = function()
      return sm:run_sync("flux-kontext-pro", { prompt = "quick" })
    end, other = function()
      sm:run("flux-kontext-pro", { prompt = "other" })
      went_on = true
    end })
    assert.is_nil(err)
    assert.equal("quick", key)
    assert.equal("sync-1", result.request_id)
    assert(slow:wait())
    turn(5)
    assert.is_false(went_on)
  end)
end)
