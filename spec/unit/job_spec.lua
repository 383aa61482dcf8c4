local fake = require("spec.support.fake_core")
local files = require("spec.support.files")

describe("a job", function()
  local segmind, core, sm

  before_each(function()
    sm, segmind, core = fake.client({ api_key = "SG_0123456789abcdef" })
  end)

  after_each(fake.close)

  local function pro(params, opts)
    params.prompt = params.prompt or "x"
    return assert(sm:submit("flux-kontext-pro", params, opts))
  end

  local function answer_error(kind, fields)
    return function()
      return { { 1, "error", fake.error(kind, "it went wrong", fields) } }
    end
  end

  it("draws its seed when none is given, or -1, the service's word for a random one", function()
    for _, seed in ipairs({ false, -1 }) do
      local job = pro({ aspect_ratio = "1:1", seed = seed or nil })
      assert.is_true(job.seed > 0)
      assert(job:wait())
      local call = core.calls_of("job")[#core.calls_of("job")]
      assert.truthy(call.body:find(('"seed":%d'):format(job.seed), 1, true))
      assert.same({ job.seed, job.seed }, { job.params.seed, job:result().seed })
    end
    assert.equal(0, pro({ aspect_ratio = "1:1", seed = 0 }):wait().seed)
  end)

  it("tells when it began and ended, and how far it is", function()
    local job = pro({ aspect_ratio = "1:1" })
    assert.near(os.time(), job.started, 2)
    job:wait(4)
    local seconds, expected = job:progress()
    assert.same({ 4, 22.16 }, { seconds, expected })
    assert(job:wait())
    core.clock = core.clock + 100
    assert.near(job.ended - job.started, (job:progress()), 1e-6)
    assert.near(10, (job:progress()), 0.01)
    local waits = pro({ input_image = pro({ aspect_ratio = "1:1" }) })
    assert.same({ 0 }, { (waits:progress()) })
    assert.is_nil(waits.started)
    assert(waits:wait())
    local other = assert(sm:submit("some-model", { prompt = "x" }))
    assert.is_nil(select(2, other:progress()))
    assert(other:wait())
  end)

  it("that a wait left says that it is running", function()
    local job = pro({ aspect_ratio = "1:1" })
    local result, err = job:wait(0.01)
    assert.is_nil(result)
    assert.same({ "timeout", true }, { err.kind, err.running })
    assert(job:wait())
    core.answers.job = answer_error("timeout")
    local _, late = pro({ aspect_ratio = "1:1" }):wait()
    assert.same({ "timeout" }, { late.kind, late.running })
  end)

  it("goes through the states and ends with a result", function()
    local seen = {}
    local job = pro({ input_image = segmind.bytes(fake.picture()) })
    assert.equal("uploading", job.state)
    job:on("state", function(state)
      seen[#seen + 1] = state
    end)
    local result = assert(job:wait())
    assert.same({ "submitting", "QUEUED", "PROCESSING", "COMPLETED" }, seen)
    assert.is_true(job:is_over())
    assert.equal(result, job:result())
    assert.equal("request-3", job.request_id)
    assert.near(10.51, job.ended - job.started, 0.01)
  end)

  it("notes all in the sixteen fields for which its table has room", function()
    local job = pro({ aspect_ratio = "1:1" })
    local seen, count = {}, 0
    local function look()
      for name in next, job do
        count = count + (seen[name] and 0 or 1)
        seen[name] = true
      end
    end
    job:on("state", look):on("done", look)
    look()
    while not job:is_over() do
      sm:poll(1)
      sm:step()
    end
    look()
    assert.is_true(seen._request and seen._result and seen.ended)
    assert.equal(16, count)
  end)

  it("is sent as checked JSON with keys in order, and the published latency", function()
    pro({ aspect_ratio = "1:1", seed = 5.0 }, { poll = "relaxed", timeout = 30 }):wait()
    local call = core.calls_of("job")[1]
    assert.equal('{"aspect_ratio":"1:1","prompt":"x","seed":5}', call.body)
    assert.equal(22.16, call.opts.latency)
    assert.equal("relaxed", call.opts.poll)
    assert.equal(30, call.opts.timeout)
  end)

  it("draws a seed where the caller gives none, a new one for each", function()
    local one, two = pro({}), pro({})
    local given = pro({ seed = 7 })
    local null = pro({ seed = segmind.null })
    assert(one:wait() and two:wait() and given:wait() and null:wait())
    assert.equal(1001, one.seed)
    assert.equal(1002, two.seed)
    assert.equal(1001, one.params.seed)
    assert.equal(1001, one:result().seed)
    assert.equal(7, given.seed)
    assert.is_nil(null.seed)
    assert.truthy(core.calls_of("job")[4].body:find('"seed":null', 1, true))
  end)

  it("has lists that a caller cannot fill for other jobs", function()
    local one = pro({ aspect_ratio = "1:1" })
    for _, name in ipairs({ "inputs", "warnings" }) do
      local ok, why = pcall(function()
        one[name][1] = "x"
      end)
      assert.is_false(ok)
      assert.truthy(why:find(("job.%s is for reading"):format(name), 1, true))
    end
    local two = pro({ aspect_ratio = "1:1" })
    assert.same({ {}, {} }, { two.inputs, two.warnings })
    assert.same({}, assert(two:wait()):data().inputs)
  end)

  it("has nothing of what table.insert, unasked on LuaJIT, puts into lists of others", function()
    local one, told = pro({ aspect_ratio = "1:1" }), {}
    for _, name in ipairs({ "inputs", "warnings" }) do
      pcall(table.insert, one[name], "x")
    end
    sm._on_event = function(event)
      told[#told + 1] = event.what == "warning" and event.message or nil
    end
    local two = pro({ aspect_ratio = "1:1" })
    sm._on_event = nil
    assert.same({ {}, {}, {} }, { two.inputs, two.warnings, told })
    assert(one:wait() and two:wait())
  end)

  it("leaves the caller's table as it was", function()
    local params = { prompt = "x" }
    pro(params):wait()
    assert.same({ prompt = "x" }, params)
  end)

  it("as a parameter is an edge: what needs it starts when it is done", function()
    local base = pro({})
    local night = pro({ input_image = base })
    local noon = pro({ input_image = base })
    local duo = assert(sm:submit("multi-image-kontext-pro",
      { prompt = "x", input_image_1 = night, input_image_2 = noon }))
    assert.equal("waiting", duo.state)
    assert(duo:wait())
    local calls = core.calls_of("job")
    assert.same({ 1000, 1010, 1010, 1020 },
      { calls[1].at, calls[2].at, calls[3].at, calls[4].at })
    assert.equal(base:result().url, night.params.input_image)
    assert.equal(night:result().url, duo.params.input_image_1)
    assert.equal(noon:result().url, duo.params.input_image_2)
    assert.same({ param = "input_image_1", kind = "job", job = night.id }, duo.inputs[1])
  end)

  it("that waits for others is two tables, and has its inputs when they are asked for", function()
    local function both(one, two)
      return assert(sm:submit("multi-image-kontext-pro",
        { prompt = "x", input_image_1 = one, input_image_2 = two }))
    end
    local base, url = pro({}), "https://images.segmind.com/a.png"
    local one, two, third = both(base, base), both(base, base), both(base, url)
    local rest = { _client = true, params = true, _request = true }
    for name, value in pairs(one) do
      assert.is_true(type(value) ~= "table" or rest[name], tostring(name))
    end
    assert.equal(two._request, one._request)
    assert.same({ one, two, third }, { base[1], base[2], base[3], base[4] })
    assert.equal(("segmind.Job %d multi-image-kontext-pro waiting"):format(one.id), tostring(one))
    assert.is_false(one:is_over())
    assert.same({ { param = "input_image_1", kind = "job", job = base.id },
      { param = "input_image_2", kind = "url", url = url } }, third.inputs)
    local asked = third.inputs
    assert(both(one, third):wait())
    assert.is_nil(base[1])
    assert.equal(asked, third.inputs)
    assert.same({ param = "input_image_2", kind = "job", job = base.id }, two.inputs[2])
    assert.equal(base:result().url, two.params.input_image_2)
  end)

  it("that waits for others tells what it was to take when one of them fails", function()
    local base = pro({})
    local one = assert(sm:submit("flux-2-pro", { prompt = "x", image_urls = { base, base } }))
    base:cancel()
    assert.equal("upstream", one:error().kind)
    assert.same({ { param = "image_urls", kind = "job", job = base.id },
      { param = "image_urls", kind = "job", job = base.id } }, one.inputs)
  end)

  it("takes a job that is over, a result, and the same job twice", function()
    local base = pro({})
    local result = assert(base:wait())
    local a, b = pro({ input_image = base }), pro({ input_image = result })
    local c = assert(sm:submit("multi-image-kontext-pro",
      { prompt = "x", input_image_1 = base, input_image_2 = base }))
    assert(a:wait() and b:wait() and c:wait())
    for _, call in ipairs({ 2, 3, 4 }) do
      assert.truthy(core.calls_of("job")[call].body:find(result.url, 1, true))
    end
  end)

  it("that fails takes those that need it along, with the cause", function()
    core.answers.job = answer_error("failed")
    local base = pro({}, { name = "base" })
    local next_one = pro({ input_image = base })
    local last = pro({ input_image = next_one })
    local result, err = last:wait()
    assert.is_nil(result)
    assert.equal("upstream", err.kind)
    assert.equal("no", err.charged)
    assert.equal("failed", err.cause.cause.kind)
    assert.equal(base:error(), next_one:error().cause)
    assert.truthy(next_one:error().message:find('job 1 (flux-kontext-pro, "base")', 1, true))
    assert.equal(1, #core.calls)
    assert.equal("FAILED", last.state)
    local late = pro({ input_image = base })
    assert.equal("upstream", late:error().kind)
  end)

  it("that fails is quoted once by all that hang on it, however long the chain", function()
    core.answers.job = answer_error("failed")
    local jobs = { pro({}, { name = "base" }) }
    for i = 2, 500 do
      jobs[i] = pro({ input_image = jobs[i - 1] })
    end
    jobs[500]:wait()
    for _, i in ipairs({ 3, 50, 500 }) do
      local err = jobs[i]:error()
      local label = ("needs job %d (flux-kontext-pro), which"):format(i - 1)
      assert.truthy(err.message:find(label, 1, true), err.message)
      assert.truthy(err.message:find("job 1 failed: " .. jobs[1]:error().message, 1, true))
      assert.equal(jobs[i - 1]:error(), err.cause)
      assert.is_true(#err.message < 200)
    end
  end)

  it("that fails leaves the others alone", function()
    local ok = core.answers.job
    core.answers.job = function(call)
      return call.body:find("bad") and answer_error("failed")() or ok(call)
    end
    local bad, good = pro({ prompt = "bad" }), pro({ prompt = "good" })
    assert.is_nil(bad:wait())
    assert(good:wait())
  end)

  it("whose parameters were changed to what cannot be sent fails alone", function()
    local cycle = {}
    cycle.cycle = cycle
    for _, value in ipairs({ print, 0 / 0, cycle }) do
      local first = pro({ aspect_ratio = "1:1" })
      local second, third = pro({ input_image = first }), pro({ aspect_ratio = "1:1" })
      first:on("done", function()
        second.params.note = value
      end)
      local _, err = second:wait()
      assert.same({ "invalid", "no" }, { err.kind, err.charged })
      assert.truthy(err.message:find("its parameters were changed", 1, true), err.message)
      assert.truthy(first:wait())
      assert.truthy(third:wait())
    end
  end)

  it("of which the same error comes again can be cancelled, and the others go on", function()
    local first, other = pro({ aspect_ratio = "1:1" }), pro({ aspect_ratio = "1:1" })
    local second = pro({ input_image = first })
    second.params = nil
    assert.has_error(function()
      first:wait()
    end)
    assert.is_false(pcall(sm.step, sm))
    pcall(second.cancel, second)
    assert(first:wait())
    assert(other:wait())
    assert.equal("FAILED", second.state)
  end)

  it("of which the same error comes again keeps no client from closing", function()
    local first = pro({ aspect_ratio = "1:1" })
    local second = pro({ input_image = first })
    second.params = nil
    assert.is_false(pcall(first.wait, first))
    pcall(sm.close, sm)
    sm:close()
    assert.equal("FAILED", second.state)
  end)

  it("can be cancelled before it is sent, with those that need it", function()
    local base = pro({})
    local waiting = pro({ input_image = base })
    local last = pro({ input_image = waiting })
    assert.is_true(waiting:cancel())
    assert.is_false(waiting:cancel())
    assert.equal("cancelled", waiting:error().kind)
    assert.equal("no", waiting:error().charged)
    assert.equal("upstream", last:error().kind)
    assert(base:wait())
    assert.equal(1, #core.calls_of("job"))
  end)

  it("cancelled under way is let go of and says that it may be paid", function()
    local sent, accepted = pro({}), pro({})
    sent:cancel()
    assert.equal("unknown", sent:error().charged)
    while accepted.state ~= "QUEUED" do
      sm:poll(1)
      accepted:poll()
    end
    accepted:cancel()
    assert.equal("yes", accepted:error().charged)
    assert.equal("request-2", accepted:error().request_id)
    assert.same({ 1, 2 }, core.cancelled)
  end)

  it("cancelled while its picture goes up is not submitted", function()
    local job = pro({ input_image = segmind.bytes(fake.picture()) })
    job:cancel()
    assert.equal("no", job:error().charged)
    assert(pro({ input_image = segmind.bytes(fake.picture()) }):wait())
    assert.equal(1, #core.calls_of("upload"))
    assert.equal(1, #core.calls_of("job"))
  end)

  it("waits for a place when max_active_jobs are under way", function()
    sm:close()
    sm = assert(segmind.new({ max_active_jobs = 2 }))
    local jobs = {}
    for i = 1, 5 do
      jobs[i] = pro({})
    end
    assert.equal("waiting", jobs[3].state)
    assert.equal(3, sm:stats().ready)
    for _, job in ipairs(jobs) do
      assert(job:wait())
    end
    local at = {}
    for i, call in ipairs(core.calls_of("job")) do
      at[i] = call.at
    end
    assert.same({ 1000, 1000, 1010, 1010, 1020 }, at)
  end)

  it("has its deadline from its start, less what the upload took", function()
    local base = pro({}, { timeout = 50 })
    local dependent = pro({ input_image = base }, { timeout = 20 })
    local uploading = pro({ input_image = segmind.bytes(fake.picture()) }, { timeout = 5 })
    assert(uploading:wait() and dependent:wait())
    local by_prompt = core.calls_of("job")
    assert.equal(50, by_prompt[1].opts.timeout)
    assert.near(4.49, by_prompt[2].opts.timeout, 0.001)
    assert.equal(20, by_prompt[3].opts.timeout)
  end)

  it("goes on when a wait ends early", function()
    local job = pro({})
    local result, err = job:wait(2)
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.equal("yes", err.charged)
    assert.equal("request-1", err.request_id)
    assert.is_false(job:is_over())
    assert.is_nil(job:wait(0))
    assert(job:wait())
  end)

  it("uploads the same content once, whatever it is called and whoever asks", function()
    local path = files.new(fake.picture("same"))
    local jobs = {}
    for i = 1, 3 do
      jobs[i] = pro({ input_image = path })
    end
    jobs[4] = pro({ input_image = segmind.bytes(fake.picture("same")) })
    for _, job in ipairs(jobs) do
      assert(job:wait())
    end
    assert(pro({ input_image = path }):wait())
    os.remove(path)
    assert.equal(1, #core.calls_of("upload"))
    assert.equal("image/png", core.calls_of("upload")[1].source.media_type)
    assert.equal(path, jobs[1].inputs[1].path)
  end)

  it("begins an upload again that ran out of somebody else's time", function()
    local ok, count = core.answers.upload, 0
    core.answers.upload = function(call)
      count = count + 1
      return count == 1 and { { 1, "error", fake.error("timeout") } } or ok(call)
    end
    local hasty = pro({ input_image = segmind.bytes(fake.picture()) }, { timeout = 1 })
    local patient = pro({ input_image = segmind.bytes(fake.picture()) }, { timeout = 60 })
    assert(patient:wait())
    assert.equal("timeout", hasty:error().kind)
    assert.equal("no", hasty:error().charged)
    assert.equal(2, count)
  end)

  it("saves its picture as part of the work", function()
    local job = pro({}, { save = "out/night", timeout = 30 })
    local result = assert(job:wait())
    assert.equal("out/night.png", result.path)
    assert.near(20, core.calls_of("download")[1].opts.timeout, 0.001)
    assert.same({ format = "png", width = 64, height = 48 }, result:info())
  end)

  it("that cannot save keeps its paid result, also for those that need it", function()
    core.answers.download = answer_error("io")
    local job = pro({}, { save = "/nowhere/night" })
    local result, err = job:wait()
    assert.is_nil(result)
    assert.equal("io", err.kind)
    assert.equal("yes", err.charged)
    assert.truthy(err.message:find(job:result().url, 1, true))
    assert(pro({ input_image = job }):wait())
  end)

  it("of another client is refused as an input", function()
    local other = assert(segmind.new({}))
    local job = pro({})
    local refused, err = other:submit("flux-kontext-pro", { prompt = "x", input_image = job })
    assert.is_nil(refused)
    assert.truthy(err.message:find("another client", 1, true))
    assert(job:wait())
    other:close()
  end)

  it("drops its inputs when it is over", function()
    local held = setmetatable({}, { __mode = "v" })
    -- Many of them, since LuaJIT may take a slot left over on its stack for a living reference.
    for i = 1, 20 do
      held[i] = pro({})
      assert(pro({ input_image = held[i] }):wait())
    end
    collectgarbage()
    collectgarbage()
    local alive = 0
    for i = 1, 20 do
      alive = alive + (held[i] and 1 or 0)
    end
    assert.is_true(alive <= 2)
  end)

  describe("that waits", function()
    local other

    before_each(function()
      other = assert(segmind.new({ api_key = "SG_0123456789abcdef", max_active_jobs = 1 }))
    end)

    after_each(function()
      other:close()
    end)

    --- KiB for each of the next thousand jobs.
    local function cost_of(submit)
      local function count(from, to)
        for i = from, to do
          submit(i)
        end
        collectgarbage()
        collectgarbage()
        return collectgarbage("count")
      end
      local before = count(1, 24) -- the tables of a client grow by doubling
      return (count(25, 1024) - before) / 1000
    end

    it("for its place keeps less than a kibibyte of the call it came from", function()
      local cost = cost_of(function(i)
        assert(other:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1", seed = i }))
          :on("done", print)
      end)
      assert.is_true(cost < 0.9, cost)
    end)

    it("for two pictures keeps less than two", function()
      local jobs = {}
      local cost = cost_of(function(i)
        jobs[i] = assert(other:submit("multi-image-kontext-pro", { prompt = "x", seed = i,
          input_image_1 = jobs[i - 1] or "https://images.segmind.com/1.png",
          input_image_2 = jobs[i - 2] or "https://images.segmind.com/2.png" }))
      end)
      assert.is_true(cost < 2, cost)
    end)
  end)

  it("prints what it is", function()
    local job = pro({}, { name = "night" })
    job:wait()
    assert.equal('segmind.Job 1 "night" flux-kontext-pro COMPLETED [request-1]', tostring(job))
  end)

  it("refuses a wrong event, function or timeout by raising", function()
    local job = pro({})
    local hints = { don = 'did you mean "done"?', finish = '"state", "done" and "error"' }
    for event, hint in pairs(hints) do
      local _, message = pcall(job.on, job, event, print)
      assert.truthy(message:find(hint, 1, true), message)
    end
    assert.has_error(function()
      job:on("done", 1)
    end)
    assert.has_error(function()
      job:wait("1")
    end)
    job:wait()
  end)

  it("is driven though nobody holds it", function()
    pro({}, { save = "out/kept" })
    collectgarbage()
    while sm:stats().pending > 0 do
      sm:poll(1)
      sm:step()
    end
    assert.equal(1, #core.calls_of("download"))
  end)

  it("runs in graphs of any depth", function()
    local job = pro({})
    for _ = 1, 3000 do
      job = pro({ input_image = job })
    end
    core.answers.job = answer_error("failed")
    assert.is_nil(job:wait())
    assert.equal("upstream", job:error().kind)
  end)
end)
