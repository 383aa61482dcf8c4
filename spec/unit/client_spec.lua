--- What the service and the caller do wrong, over real sockets against the emulator.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local segmind = require("segmind")
local session = require("spec.support.session")

describe("a client", function()
  local service = session.fixture()
  local sm

  before_each(function()
    sm = session.client({ timeout = 20 })
  end)

  local function run(opts)
    return sm:run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }, opts)
  end

  --- Nothing has reached the service.
  local function nothing_sent()
    assert.equal(0, service:ledger().totals.accepted)
    assert.equal(0, service:stats().requests.submit or 0)
  end

  local function answer(path, status, body, more)
    local rule = { match = { path = path, count = "always" },
      ["then"] = { status = status, body = body } }
    for key, value in pairs(more or {}) do
      rule[key] = value
    end
    service:faults({ rule })
  end

  describe("before it sends", function()
    local bad = {
      ["a missing parameter"] = { { prompt = "x" }, "input_image is required" },
      ["a mistyped parameter"] = { { promt = "x", input_image = "http://127.0.0.1/a" },
        'did you mean "prompt"?' },
      ["a wrong type"] = { { prompt = "x", input_image = "http://127.0.0.1/a", seed = "1" },
        "seed must be an integer" },
      ["a missing file"] = { { prompt = "x", input_image = "/no/such/file.png" }, "/no/such/file" },
      ["a folder as a file"] = { { prompt = "x", input_image = "/tmp" }, "/tmp" },
    }
    for name, case in pairs(bad) do
      it("refuses " .. name, function()
        local result, err = sm:run("flux-kontext-dev", case[1])
        assert.is_nil(result)
        assert.equal("invalid", err.kind)
        assert.equal("no", err.charged)
        assert.truthy(tostring(err):find(case[2], 1, true))
        nothing_sent()
      end)
    end

    it("refuses a file that is empty, unreadable or no picture", function()
      for _, content in ipairs({ "", "hello, world", "<svg></svg>" }) do
        local path = files.new(content)
        local _, err = sm:run("flux-kontext-dev", { prompt = "x", input_image = path })
        os.remove(path)
        assert.equal("invalid", err.kind)
        assert.truthy(err.message:find(path, 1, true))
      end
      local _, err = sm:run("flux-kontext-dev", { prompt = "x", input_image = "/proc/self/mem" })
      assert.equal("invalid", err.kind)
      nothing_sent()
    end)

    it("tells of the nearest name where the service knows no such model", function()
      local _, err = sm:run("flux-kontex-pro", { prompt = "x" })
      assert.equal("rejected", err.kind)
      assert.equal(404, err.status)
      assert.truthy(err.message:find('did you mean "flux-kontext-pro"?', 1, true))
    end)

    it("says so when a verb is called with a dot", function()
      local ok, why = pcall(sm.run, "flux-kontext-pro", { prompt = "x" })
      assert.is_false(ok)
      assert.truthy(why:find("client:run(...)", 1, true))
      nothing_sent()
    end)

    it("refuses a model's name with a slash", function()
      local _, err = sm:run("segmind/flux-kontext-pro", { prompt = "x" })
      assert.equal("invalid", err.kind)
      assert.truthy(err.message:find('did you mean "flux-kontext-pro"?', 1, true))
      nothing_sent()
    end)

    it("refuses a request id that is none", function()
      for _, id in ipairs({ "", "../x", "a/b", "a b", ("x"):rep(200) }) do
        local job, err = sm:attach(id, "flux-kontext-pro")
        assert.is_nil(job)
        assert.equal("security", err.kind)
      end
    end)
  end)

  it("is not told of its key where a picture's address is refused", function()
    local result = assert(run())
    for _, status in ipairs({ 401, 403 }) do
      answer("media", status, '{"error":"expired"}')
      local path, err = result:save("/tmp/never.png")
      assert.is_nil(path)
      assert.same({ "io", status, "yes" }, { err.kind, err.status, err.charged })
      assert.truthy(err.message:find(("the picture's address is refused (HTTP %d)"):format(status),
        1, true), err.message)
      assert.is_nil(err.message:find("key", 1, true))
      service:clear_faults()
    end
  end)

  it("is told which option bounds an answer that is too large", function()
    session.close()
    sm = session.client({ max_json_bytes = 1024, max_image_bytes = 1024 })
    answer("credits", 200, '{"credits":1,"pad":"' .. ("x"):rep(2000) .. '"}')
    local _, err = sm:credits()
    assert.truthy(err.message:find("max_json_bytes", 1, true), err.message)
    answer("media", 200, ("x"):rep(2000))
    local _, large = assert(run()):save("/tmp/never.png")
    assert.truthy(large.message:find("max_image_bytes", 1, true), large.message)
    local json = require("segmind.json")
    assert.truthy(select(2, json.decode("[1,2,3]", 3)):find("max_json_bytes", 1, true))
  end)

  describe("is not opened", function()
    it("with http to a host that is not loopback", function()
      local none, err = segmind.new({ api_key = emulator.KEY, base_url = "http://api.segmind.com" })
      assert.is_nil(none)
      assert.equal("invalid", err.kind)
      assert.truthy(err.message:find("https", 1, true))
    end)

    it("at an address that is none, and says which line asked for it", function()
      local none, err = segmind.new({ api_key = emulator.KEY, base_url = "ftp://x" })
      assert.is_nil(none)
      assert.equal("invalid", err.kind)
      assert.truthy(err.where:find("client_spec.lua:%d+$"))
    end)

    it("without a key or with a malformed one, and says where keys are made", function()
      for _, key in ipairs({ "", "SG_ 0123", "SG_\r\nx: y", ("x"):rep(300) }) do
        local none, err = segmind.new({ api_key = key, base_url = service.url })
        assert.is_nil(none)
        assert.equal("auth", err.kind)
        assert.truthy(err.message:find("https://cloud.segmind.com", 1, true))
        assert.truthy(err.message:find("segmind-emulator", 1, true))
      end
    end)
  end)

  describe("told by the service", function()
    local cases = {
      { 400, '{"error":"bad"}', "rejected" },
      { 401, '{"error":"Unauthorized. API key is invalid or may have expired..."}', "auth" },
      { 403, '{"error":"Forbidden"}', "auth" },
      { 402, '{"error":"Insufficient credits. You have 0.0 credits."}', "no_credits" },
      { 404, '{"error":"Model not found"}', "rejected" },
      { 406, '{"error":"Insufficient credits"}', "no_credits" },
      { 406, '{"error":"Content-Type is not acceptable"}', "rejected" },
      { 410, '{"error":"This model is retired"}', "rejected" },
      { 422, '{"error":"Unprocessable"}', "rejected" },
    }
    for _, case in ipairs(cases) do
      local name = ("%d %s gives %s, unpaid and not repeated"):format(case[1], case[2], case[3])
      it(name, function()
        answer("submit", case[1], case[2])
        local result, err = run()
        assert.is_nil(result)
        assert.equal(case[3], err.kind)
        assert.equal(case[1], err.status)
        assert.equal("no", err.charged)
        assert.equal(1, service:faults()[1].used)
        assert.is_nil(tostring(err):find("\n", 1, true))
      end)
    end

    for status, body in pairs({ [200] = "<html>hello</html>", [500] = '{"error":"oops"}',
      [502] = "Bad Gateway", [504] = "" }) do
      it(("%d without an id gives unknown, and no second submit"):format(status), function()
        answer("submit", status, body)
        -- A history that cannot be asked: waiting for an absence is money_faults_spec's.
        service:faults({ { match = { path = "history" }, ["then"] = { status = 404 } } })
        local result, err = run({ timeout = 5 })
        assert.is_nil(result)
        assert.equal("unknown", err.kind)
        assert.equal("unknown", err.charged)
        assert.equal(1, service:faults()[1].used)
      end)
    end

    it("429 waits as long as it is told and is repeated", function()
      service:faults({ { match = { path = "submit", count = 1 }, ["then"] = { status = 429,
        body = '{"error":"slow down"}', headers = { ["Retry-After"] = "0" } } } })
      assert(run())
      assert.equal(1, service:ledger().totals.accepted)
    end)

    it("FAILED after queueing gives failed, unpaid, and dependents give upstream", function()
      local base = assert(sm:submit("flux-kontext-pro", { prompt = "x", magic = 1,
        aspect_ratio = "7:7" }, { allow_unknown = true }))
      local night = assert(sm:submit("flux-kontext-pro", { prompt = "x", input_image = base }))
      local _, err = night:wait()
      assert.equal("upstream", err.kind)
      assert.equal("failed", err.cause.kind)
      assert.equal("no", err.cause.charged)
      assert.equal(1, service:ledger().totals.accepted)
    end)
  end)

  it("of a server that is not there says not_sent", function()
    local gone = assert(segmind.new({ api_key = emulator.KEY, base_url = "http://127.0.0.1:9" }))
    local result, err = gone:run("flux-kontext-pro", { prompt = "x" }, { timeout = 1 })
    assert.is_nil(result)
    assert.equal("not_sent", err.kind)
    assert.equal("no", err.charged)
    assert.is_true(err.retryable)
    gone:close()
  end)

  it("gives up at the deadline and leaves the job attachable", function()
    service:faults({ { match = { path = "submit" }, mode = "after",
      ["then"] = { states = { "QUEUED", "PROCESSING", "PROCESSING", "PROCESSING", "PROCESSING",
        "PROCESSING", "PROCESSING", "PROCESSING", "PROCESSING", "PROCESSING" } } } })
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x" },
      { timeout = 0.4, poll = 0.1 }))
    local _, err = job:wait()
    assert.equal("timeout", err.kind)
    assert.equal(job.request_id, err.request_id)
    service:clear_faults()
    assert(assert(sm:attach(err.request_id, "flux-kontext-pro")):wait())
    assert.equal(1, service:ledger().totals.accepted)
  end)

  it("cancelled lets go of the transfer", function()
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x" }))
    assert.is_true(job:cancel())
    assert.equal("cancelled", job:error().kind)
  end)

  -- Opens clients with jobs under way and leaves every other one to the collector.
  local function open_and_leave(count)
    for i = 1, count do
      local other = assert(segmind.new({ api_key = emulator.KEY, base_url = service.url }))
      for _ = 1, 4 do
        assert(other:submit("flux-kontext-pro", { prompt = "x" }))
      end
      if i % 2 == 0 then
        other:close()
      end
    end
    collectgarbage()
    collectgarbage()
    return session.descriptors()
  end

  it("closed or forgotten with jobs under way leaves nothing that adds up", function()
    local some = open_and_leave(2)
    open_and_leave(30)
    -- The workers take themselves down in their own time.
    local left
    for _ = 1, 200 do
      left = session.descriptors()
      if left <= some + 8 then
        break
      end
      os.execute("sleep 0.05")
    end
    assert.is_true(left <= some + 8, left .. " descriptors after " .. some)
  end)

  it("has a descriptor, unless it is inline, and poll waits until step has something", function()
    assert.equal(session.INLINE and "nil" or "number", type(sm:fd()))
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x" }))
    assert.is_true(sm:poll(5))
    assert.is_true(sm:step() > 0)
    assert(job:wait())
    assert.is_false(sm:poll(0))
  end)

  it("works without a thread", function()
    local alone = assert(segmind.new({ api_key = emulator.KEY, base_url = service.url,
      inline = true }))
    assert(alone:run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }):bytes())
    alone:close()
  end)
end)
