local fake = require("spec.support.fake_core")

describe("a client", function()
  local segmind, core, sm, events

  before_each(function()
    events = {}
    sm, segmind, core = fake.client({ on_event = function(event)
      events[#events + 1] = event
    end })
  end)

  after_each(fake.close)

  local function pro(params)
    return assert(sm:submit("flux-kontext-pro", params or { prompt = "x", aspect_ratio = "1:1" }))
  end

  local function kinds()
    local out = {}
    for i, event in ipairs(events) do
      out[i] = event.what .. (event.state and " " .. event.state or "")
    end
    return out
  end

  it("tells on_event everything in order", function()
    local job = pro({ prompt = "x", input_image = "http://x/a.png", safety_tolerance = 6 })
    job:wait()
    assert.same({ "warning", "state submitting", "state QUEUED", "state PROCESSING",
      "state COMPLETED", "done" }, kinds())
    assert.equal(job, events[1].job)
    assert.truthy(events[1].message:find("safety_tolerance", 1, true))
    assert.equal(events[1].message, job.warnings[1])
    assert.equal(job:result(), events[6].result)
  end)

  it("passes the core's notes on", function()
    core.answers.job = function()
      return { { 0, "note", "slowing down" }, { 1, "error", fake.error("failed") } }
    end
    pro():wait()
    assert.equal("slowing down", events[2].message)
    assert.equal("error", events[#events].what)
    assert.equal("failed", events[#events].error.kind)
  end)

  it("are taken within bounds that are numbers of 0 or more", function()
    for _, bounds in ipairs({ { "32" }, { -1 }, { nil, {} }, { 1, 1, 0 / 0 } }) do
      local ok, message = pcall(function()
        return sm:step(bounds[1], bounds[2], bounds[3])
      end)
      assert.is_false(ok)
      assert.truthy(message:find("client:step takes bounds of 0 or more", 1, true), message)
    end
  end)

  it("are taken before a deadline ends their job, however long the host has paused", function()
    local first, second = pro(), pro()
    core.clock = core.clock + 86400
    for _ = 1, 9 do
      sm:step(1)
    end
    assert.same({ "COMPLETED", "COMPLETED" }, { first.state, second.state })
    assert.is_nil(first:error())
  end)

  it("leave a result over for the next step, which no deadline overtakes", function()
    local job = pro()
    core.clock = core.clock + 10
    repeat
      sm:step(nil, nil, 0)
    until sm._left_over
    assert.equal("PROCESSING", job.state)
    core.clock = core.clock + 86400
    sm:step()
    assert.equal("COMPLETED", job.state)
  end)

  it("that never come end a job at its deadline, beside those of others that do", function()
    core.answers.job = function(call)
      return call.id > 1 and { { 1, "done", { status = 200, request_id = "r",
        body = '{"status":"COMPLETED","output":"https://x/a.png"}' } } } or {}
    end
    local lost, other = pro(), pro()
    core.clock = core.clock + 86400
    repeat
      sm:step(1)
    until not (sm._handle:has_news() or sm._left_over)
    assert.equal("COMPLETED", other.state)
    assert.equal("timeout", lost:error().kind)
  end)

  it("step takes what is there and never waits", function()
    local job = pro()
    assert.equal(0, sm:step())
    core.clock = core.clock + 100
    assert.equal(1, sm:step(1))
    assert.equal("QUEUED", job.state)
    assert.equal(1, sm:step(nil, 50))
    assert.equal("PROCESSING", job.state)
    assert.equal(1, sm:step())
    assert.equal("COMPLETED", job.state)
  end)

  it("step begins no piece of work that would take longer than the time it has left", function()
    local told = 0
    for _ = 1, 6 do
      pro():on("done", function()
        told, core.clock = told + 1, core.clock + 0.03
      end)
    end
    core.clock = core.clock + 100
    local function most_of(seconds)
      local before = told
      sm:step(nil, nil, seconds)
      return told - before
    end
    assert.equal(1, most_of(0.05)) -- a second one would end after 0.06 s
    assert.equal(3, most_of(0.1))
    assert.equal(2, most_of(10))
  end)

  it("poll waits for events or the time", function()
    assert.is_false(sm:poll(0.01))
    pro()
    assert.is_true(sm:poll(5))
    assert.has_error(function()
      sm:poll("1")
    end)
    sm:close()
  end)

  it("catches an error in a callback and tells it, once, beside the result", function()
    local other = pro()
    local job = pro()
    local after = 0
    job:on("state", function()
      error("boom")
    end)
    job:on("done", function()
      after = after + 1
    end)
    local result, err = job:wait()
    assert.truthy(result)
    assert.truthy(err.message:find("boom", 1, true))
    assert.equal(1, after)
    assert.equal(1, select("#", job:wait()))
    assert(other:wait())
    local told
    for _, event in ipairs(events) do
      told = told or event.what == "callback" and event
    end
    assert.equal(job, told.job)
    assert.truthy(told.error.message:find("boom", 1, true))
  end)

  it("survives an error in on_event without telling it to itself", function()
    local count = 0
    sm:close()
    sm = assert(segmind.new({ on_event = function()
      count = count + 1
      error("bang")
    end }))
    local result, err = pro():wait()
    assert.truthy(result)
    assert.truthy(err.message:find("bang", 1, true))
    assert.equal(5, count)
  end)

  it("does not wait inside a callback, which would never end", function()
    local message
    local job = pro()
    job:on("done", function(result)
      local verbs = { function() pro():wait() end, function() sm:run("flux-kontext-pro", {}) end,
        function() result:bytes() end, function() sm:credits() end }
      for _, verb in ipairs(verbs) do
        local ok, why = pcall(verb)
        assert(not ok)
        message = why
      end
      assert(sm:step() == 0)
    end)
    assert.equal(1, select("#", job:wait()))
    assert.truthy(message:find("inside a callback", 1, true))
    assert.truthy(message:find("events_spec.lua", 1, true))
    sm:close() -- two jobs that nobody waits for
  end)

  it("lets a callback submit, cancel and close", function()
    local second
    local first = pro()
    first:on("done", function(result)
      second = pro({ prompt = "again", input_image = result })
    end)
    assert(first:wait())
    assert(second:wait())
    local third = pro()
    third:on("state", function(_, job)
      job:cancel()
    end)
    local _, err = third:wait()
    assert.equal("cancelled", err.kind)
    local fourth, fifth = pro(), pro()
    fourth:on("state", function()
      sm:close()
    end)
    _, err = fifth:wait()
    assert.equal("cancelled", err.kind)
    assert.is_true(fourth:is_over())
  end)

  it("calls back at once when a job is over already", function()
    local job = pro()
    job:wait()
    local got
    job:on("done", function(result)
      got = result
    end):on("error", function()
      got = "wrong"
    end)
    assert.equal(job:result(), got)
  end)

  it("closes once, ends its jobs and starts no other", function()
    sm:close()
    sm = assert(segmind.new({ max_active_jobs = 1 }))
    local jobs = { pro(), pro() }
    jobs[3] = pro({ prompt = "x", input_image = jobs[1] })
    sm:close()
    sm:close()
    for _, job in ipairs(jobs) do
      local result, err = job:wait()
      assert.is_nil(result)
      assert.truthy(err.kind == "cancelled" or err.kind == "upstream")
    end
    assert.equal("unknown", jobs[1]:error().charged)
    assert.equal("no", jobs[2]:error().charged)
    assert.equal(1, #core.calls_of("job"))
    assert.equal(0, sm:step())
    assert.is_false(sm:poll(1))
    for _, verb in ipairs({ "run", "submit", "chain", "upload", "credits", "fd", "stats" }) do
      local ok, message = pcall(function()
        sm[verb](sm, "flux-kontext-pro", { prompt = "x" })
      end)
      assert.is_false(ok)
      assert.truthy(message:find("events_spec.lua:%d+: segmind: the client is closed"), verb)
    end
    assert.truthy(tostring(sm):find("closed", 1, true))
  end)

  it("takes a job up again by its id", function()
    local job = assert(sm:attach("abc-123", "flux-kontext-pro", { save = "out/again" }))
    assert.equal("abc-123", job.request_id)
    assert.equal(core.absolute("out/again.png"), assert(job:wait()).path)
    local none, err = sm:attach("../etc", "flux-kontext-pro")
    assert.is_nil(none)
    assert.equal("security", err.kind)
    assert.has_error(function()
      sm:attach("abc")
    end)
  end)

  it("asks of the file of a job that is taken up what it asks of any", function()
    assert(sm:attach("abc-123", "flux-kontext-pro", { save = "out/again.png" }))
    local none, err = sm:attach("abc-124", "flux-kontext-pro", { save = "out/again.png" })
    assert.is_nil(none)
    assert.equal("invalid", err.kind)
    assert.truthy(err.message:find("is about to write", 1, true), err.message)
    none, err = sm:attach("abc-124", "flux-kontext-pro", { save = "~/again.png" })
    assert.is_nil(none)
    assert.equal("invalid", err.kind)
    none, err = sm:attach("../etc", "flux-kontext-pro", { save = "out/other.png" })
    assert.equal("security", err.kind)
    assert.is_nil(none)
    assert(sm:attach("abc-124", "flux-kontext-pro", { save = "out/other.png" }))
    sm:close()
  end)

  it("says when the id and the model of a job to take up are swapped", function()
    local ok, message = pcall(sm.attach, sm, "flux-kontext-pro", "abc-123")
    assert.is_false(ok)
    assert.truthy(message:find("the request id first, then the model", 1, true), message)
    ok, message = pcall(sm.attach, sm, "abc-123", "flux-kontext-pro", { fresh = true })
    assert.is_false(ok)
    assert.truthy(message:find("attach has no option \"fresh\"", 1, true), message)
  end)

  it("asks for the credits", function()
    assert.same({ credits = 12.5, free = 1 }, sm:credits())
    local call = core.calls_of("get")[1]
    assert.equal("api", call.service)
    assert.equal("/v1/get-user-credits", call.target)
    core.answers.get = function()
      return { { 0, "done", { status = 200, body = '{"credits":null}' } } }
    end
    local none, err = sm:credits()
    assert.is_nil(none)
    assert.equal("protocol", err.kind)
  end)

  it("does not even try to take anything while nothing is there", function()
    sm._handle.take = function()
      error("asked for nothing")
    end
    assert.equal(0, sm:step())
    sm._handle.take = nil
  end)

  it("ends a step when its time is over, but not before its first event", function()
    local job = pro()
    for _ = 1, 3 do
      assert.is_true(sm:poll(100))
      assert.equal(1, sm:step(nil, nil, 0))
    end
    assert.is_false(job:is_over())
    -- The result has been read, and what is left to do keeps the descriptor readable.
    assert.is_true(sm._handle:has_news())
    assert.is_true(sm:poll(0))
    assert.equal(0, sm:step(nil, nil, 0))
    assert.equal("COMPLETED", job.state)
    sm:step()
    assert.is_false(sm._handle:has_news())
    assert.is_false(sm:poll(0))
  end)

  it("tells of every end when a callback closes the client in a step that is late", function()
    local told = 0
    local function over()
      told = told + 1
      sm:close()
    end
    for _ = 1, 6 do
      pro():on("done", over):on("error", over)
    end
    for _ = 1, 100 do
      if sm._closed then
        break
      end
      sm:poll(100)
      sm:step(nil, nil, 0)
    end
    assert.equal(6, told)
  end)

  it("drops what is left of a result when its job is cancelled", function()
    local job = pro()
    for _ = 1, 3 do
      sm:poll(100)
      sm:step(nil, nil, 0)
    end
    assert.is_true(job:cancel())
    sm:step(nil, nil, 0)
    assert.equal("cancelled", job:error().kind)
  end)

  it("serves the callbacks after one that yielded or raised", function()
    local calls = {}
    local job = pro()
    for i, fn in ipairs({ coroutine.yield, error, function() end }) do
      job:on("done", function(result)
        calls[i] = coroutine.running()
        fn(result.url)
      end)
    end
    job:wait()
    assert.equal(3, #calls)
    assert.not_equal(calls[1], calls[2])
    assert.equal(calls[2], calls[3])
    assert.equal("suspended", coroutine.status(calls[1]))
  end)

  it("tells of a chain that failed in as many steps as their bounds ask for", function()
    core.answers.job = function()
      return { { 1, "error", fake.error("failed") } }
    end
    local last = pro()
    for _ = 2, 50 do
      last = pro({ prompt = "x", input_image = last })
    end
    local now = core.now
    core.now = function() -- each look at the clock takes a millisecond
      core.clock = core.clock + 0.001
      return now()
    end
    core.clock = core.clock + 1
    local steps = 0
    while not last:is_over() do
      assert.is_true(sm:poll(0) or steps > 0)
      sm:step(16, 1024, 0.005)
      steps = steps + 1
    end
    core.now = now
    assert.is_true(steps > 5, steps .. " steps")
    sm:step()
  end)

  it("goes on after an error from below, such as Ctrl-C", function()
    local job = pro()
    local peek = sm._handle.peek
    sm._handle.peek = function()
      error("interrupted!", 0)
    end
    local ok, message = pcall(job.wait, job)
    assert.is_false(ok)
    assert.truthy(tostring(message):find("events_spec.lua:%d+: interrupted!$"))
    sm._handle.peek = peek
    assert(job:wait())
  end)

  it("starts further jobs after an error in the midst of starting one", function()
    local first, second = pro(), pro()
    local broken = pro({ prompt = "broken", input_image = first })
    local later = pro({ prompt = "later", input_image = second })
    local start = sm._handle.job
    sm._handle.job = function()
      sm._handle.job = start
      error("interrupted!", 0)
    end
    local ok, message = pcall(broken.wait, broken)
    assert.is_false(ok)
    assert.truthy(tostring(message):find("interrupted!$"))
    assert(later:wait())
    broken:cancel()
  end)

  it("raises for wrong options and arguments, at the caller's line", function()
    local calls = {
      function() segmind.new({ ledgr = "x" }) end,
      function() segmind.new({ timeout = "x" }) end,
      function() sm:run("flux-kontext-pro", { prompt = "x" }, { timout = 1 }) end,
      function() sm:run(5, {}) end,
      function() sm:submit("flux-kontext-pro", "x") end,
      function() sm:submit("flux-kontext-pro") end,
      function() sm:submit("flux-kontext-pro", {}, 5) end,
      function() segmind.run("flux-kontext-pro", {}, { savee = "x" }) end,
    }
    for _, call in ipairs(calls) do
      local ok, message = pcall(call)
      assert.is_false(ok)
      assert.truthy(("/" .. message):find("/spec/unit/events_spec.lua:%d+: segmind: "), message)
    end
    assert.equal(0, #core.calls)
  end)
end)

describe("opening a client", function()
  local segmind, core

  before_each(function()
    segmind, core = fake.install()
  end)

  after_each(fake.restore)

  it("hands the core its options, and the rest stays here", function()
    local sm = assert(segmind.new({ api_key = "SG_0123456789abcdef",
      base_url = "http://127.0.0.1:1", max_transfers = 4, timeout = 5, max_active_jobs = 3,
      media_hosts = { "x.org" } }))
    local given = core.opened[1]
    assert.equal("SG_0123456789abcdef", given.api_key)
    assert.equal(4, given.max_transfers)
    assert.is_nil(given.timeout)
    assert.truthy(given.user_agent:find("^segmind%-lua/"))
    local function search(value, seen)
      assert.are_not.equal("SG_0123456789abcdef", value)
      if type(value) == "table" and not seen[value] and value ~= core then
        seen[value] = true
        for key, item in pairs(value) do
          search(key, seen)
          search(item, seen)
        end
      end
    end
    sm._handle.core = nil
    search(sm, {})
    sm:close()
  end)

  it("that the core refuses is an error, also for the verbs of the module", function()
    core.refuse = fake.error("auth", "there is no API key")
    for _, open in ipairs({ segmind.new, function()
      return segmind.run("flux-kontext-pro", { prompt = "x" })
    end }) do
      local sm, err = open()
      assert.is_nil(sm)
      assert.equal("auth", err.kind)
      core.refuse = fake.error("auth", "there is no API key")
    end
  end)

  it("happens once for the verbs of the module, on first use", function()
    assert.equal(0, #core.opened)
    assert(segmind.run("flux-kontext-pro", { prompt = "x" }))
    assert(segmind.submit("flux-kontext-pro", { prompt = "x" })):wait()
    assert(segmind.upload(segmind.bytes(fake.picture())))
    assert(segmind.chain())
    assert(segmind.run_sync("flux-kontext-pro", { prompt = "x" }))
    assert.equal(1, #core.opened)
  end)

  it("defines no globals", function()
    local before = {}
    for name in pairs(_G) do
      before[name] = true
    end
    fake.restore()
    segmind = fake.install()
    for name in pairs(_G) do
      assert.is_true(before[name], name)
    end
    assert.is_string(segmind.VERSION)
  end)
end)
