--- Every fault by name, in both variants: the submit was accepted and its answer lost, and the
--- submit never arrived. Nothing is paid twice, nothing paid is lost, nothing unknown goes unsaid
--- (M3, M4, M8).

local files = require("spec.support.files")
local oracle = require("spec.support.oracle")
local session = require("spec.support.session")

local MODEL = "flux-kontext-pro"

describe("when the wire breaks,", function()
  local service = session.fixture({ wire = true, foreign = true })
  local sm
  local seed = 0

  before_each(function()
    sm = session.client({ base_url = service.wire_url })
  end)

  local function submit(opts)
    seed = seed + 1
    return assert(sm:submit(MODEL, { prompt = "x", aspect_ratio = "1:1", seed = seed }, opts))
  end

  local function check(jobs)
    oracle.check("named faults", oracle.judge(service, jobs))
  end

  local function wire(kind, direction, at, action, more)
    local rule = { match = { kind = kind }, direction = direction, at = at, action = action }
    for name, value in pairs(more or {}) do
      rule[name] = value
    end
    return rule
  end

  describe("a submit that was accepted is found again after", function()
    local broken = {
      ["an answer closed before its first byte"] = { "close", 0 },
      ["an answer reset before its first byte"] = { "reset", 0 },
      ["an answer cut in its head"] = { "close", 40 },
      ["an answer cut in its body"] = { "close", -30 },
      ["an answer without its last byte"] = { "reset", -1 },
      ["a stall and a close"] = { "stall", 0, { seconds = 0.2 } },
      ["a garbled body"] = { "garbage", -120 },
      ["an answer of something else"] = { "replace", 0, { bytes = "HTTP/1.1 200 OK\r\n"
        .. "Content-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>" } },
      ["an empty 200"] = { "replace", 0,
        { bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" } },
    }
    for name, fault in pairs(broken) do
      it(name, function()
        service:wire({ wire("submit", "response", fault[2], fault[1], fault[3]) })
        local job = submit()
        assert(job:wait(20))
        assert.equal(1, service:ledger().totals.accepted)
        check({ job })
      end)
    end

    for _, status in ipairs({ 301, 302, 307, 308, 408, 500, 502, 503, 504 }) do
      it("a " .. status .. " in place of the answer", function()
        service:faults({ { match = { path = "submit" }, mode = "after",
          ["then"] = { status = status, body = "<html>",
            headers = { Location = service.foreign_url .. "/v2/x" } } } })
        local job = submit()
        assert(job:wait(20))
        assert.equal(1, service:ledger().totals.accepted)
        assert.same({}, service:foreign())
        check({ job })
      end)
    end

    it("the deadline, when the answer does not come", function()
      service:wire({ wire("submit", "response", 0, "stall", { seconds = 5 }) })
      local job = submit({ timeout = 0.5 })
      local _, err = job:wait(20)
      -- Found, it has no time left; but it has an id.
      assert.equal("timeout", err.kind)
      assert.equal("yes", err.charged)
      assert.equal(service:ledger().submits[1].request_id, err.request_id)
      check({ job })
    end)
  end)

  it("a connection that was kept and dies under a submit does not make two of it", function()
    for _, action in ipairs({ "close", "reset" }) do
      assert(sm:credits()) -- leaves a connection behind, on which libcurl would send again
      service:clear_wire()
      service:wire({ wire("submit", "response", 0, action) })
      local job = submit()
      assert(job:wait(20))
      check({ job })
    end
    assert.equal(2, service:ledger().totals.accepted)
  end)

  --- One submit for each fault of a request on its way; their jobs.
  local function lose_requests(faults)
    local rules, jobs = {}, {}
    for i, fault in ipairs(faults) do
      rules[i] = wire("submit", "request", fault[2], fault[1], fault[3])
      rules[i].match.nth = i
    end
    service:wire(rules)
    for i = 1, #rules do
      jobs[i] = submit()
    end
    return jobs
  end

  local function is_unknown(err)
    assert.equal("unknown", err.kind)
    assert.equal("unknown", err.charged)
    assert.equal("absent", err.history)
  end

  it("submits that never arrived whole are reported as unknown and not repeated", function()
    local jobs = lose_requests({ { "close", -1 }, { "reset", -1 }, { "close", -10 },
      { "reset", -20 }, { "stall", -1, { seconds = 0.3 } } })
    for _, job in ipairs(jobs) do
      local _, err = job:wait(40)
      is_unknown(err)
    end
    assert.equal(0, service:ledger().totals.accepted)
    check(jobs)
  end)

  -- The head goes out before the body is asked for. Where the end of the connection is seen in
  -- between, that is the proof that the submit did not leave, and it is sent again.
  it("submits that were cut in their heads are unknown, or proved unsent and repeated", function()
    local jobs = lose_requests({ { "close", 10 }, { "reset", 100 }, { "close", 0 } })
    local repeated = 0
    for _, job in ipairs(jobs) do
      local result, err = job:wait(40)
      if result then
        repeated = repeated + 1
      else
        is_unknown(err)
      end
    end
    assert.equal(#jobs + repeated, sm:stats().submits)
    assert.equal(repeated, service:ledger().totals.accepted)
    check(jobs)
  end)

  describe("a job that was accepted comes to its end through", function()
    for _, kind in ipairs({ "status", "result", "media" }) do
      for name, fault in pairs({
        ["a close before the first byte"] = { "close", 0 },
        ["a reset in the head"] = { "reset", 30 },
        ["a cut body"] = { "close", -20 },
        ["a short stall"] = { "stall", 0, { seconds = 0.2 } },
        ["a trickle"] = { "trickle", -50, { rate = 200 } },
      }) do
        it(name .. " of a " .. kind, function()
          service:wire({ wire(kind, "response", fault[2], fault[1], fault[3]) })
          local job = submit()
          local result = assert(job:wait(30))
          assert.equal("png", result:info().format)
          assert.equal(1, service:ledger().totals.accepted)
          check({ job })
        end)
      end
    end

    for _, status in ipairs({ 500, 502, 504, 429, 408, 302, 400 }) do
      it("a " .. status .. " to a status and to a result", function()
        for _, path in ipairs({ "status", "result" }) do
          service:faults({ { match = { path = path, count = 1 },
            ["then"] = { status = status, body = "<html>",
              headers = { Location = service.foreign_url .. "/x", ["Retry-After"] = "1" } } } })
        end
        local job = submit()
        assert(job:wait(30))
        assert.same({}, service:foreign())
        check({ job })
      end)
    end
  end)

  it("an upload is repeated, since that is free", function()
    service:wire({ wire("upload", "response", 0, "reset"),
      wire("upload", "request", 100, "close") })
    local path = files.new(session.PIXEL)
    seed = seed + 1
    local job = assert(sm:submit(MODEL, { prompt = "x", input_image = path, seed = seed }))
    assert(job:wait(30))
    os.remove(path)
    check({ job })
  end)
end)
