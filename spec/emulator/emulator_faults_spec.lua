-- The faults that a spec can order from the emulator, and its control port.

local cjson = require("cjson")

local curl = require("spec.support.curl")
local emulator = require("spec.support.emulator")

local BODY = { prompt = "a quiet harbour", aspect_ratio = "1:1" }

describe("the emulator's faults", function()
  local service = emulator.fixture({ plain = true, latency = 0.02 })
  local http = curl.new(service, { key = emulator.KEY })

  local function fault(match, effect, mode)
    return service:faults({ { match = match, ["then"] = effect, mode = mode } })
  end

  local function submit()
    return http:post("/v2/flux-kontext-pro", BODY)
  end

  local function accepted()
    return service:ledger().totals.accepted
  end

  it("replace the answer before the request takes effect", function()
    fault({ path = "submit" }, { status = 502, body = "<html>", content_type = "text/html",
      headers = { ["X-Odd"] = "yes" } })
    local answer = submit()
    assert.equal(502, answer.status)
    assert.equal("<html>", answer.body)
    assert.equal("text/html", answer.headers["content-type"])
    assert.equal("yes", answer.headers["x-odd"])
    assert.equal(0, accepted())
    assert.equal(200, submit().status)
    assert.equal(1, service:faults()[1].used)
  end)

  it("replace the answer after the request took effect", function()
    fault({ path = "submit" }, { status = 500 }, "after")
    local answer = submit()
    assert.equal(500, answer.status)
    assert.is_string(answer:json().error)
    assert.equal(1, accepted())
  end)

  it("drop the connection, before and after", function()
    fault({ path = "submit" }, { close = true })
    assert.equal(0, submit().status)
    assert.equal(0, accepted())
    fault({ path = "submit" }, { close = true }, "after")
    assert.equal(0, submit().status)
    assert.equal(1, accepted())
  end)

  it("cut an answer so that it looks whole", function()
    fault({ path = "submit" }, { truncate = 20 }, "after")
    local answer = submit()
    assert.equal(200, answer.status)
    assert.equal(20, #answer.body)
    assert.equal(1, accepted())
  end)

  it("match by method, path, model and prompt", function()
    service:faults({
      { match = { method = "DELETE" }, ["then"] = { status = 500 } },
      { match = { path = "/v2/*max" }, ["then"] = { status = 501 } },
      { match = { model = "multi-*" }, ["then"] = { status = 502 } },
      { match = { prompt = "quiet", path = "status" }, ["then"] = { status = 503 } },
    })
    local answer = submit()
    assert.equal(200, answer.status)
    assert.equal(503,
      http:get("/v2/requests/" .. answer:json().request_id .. "/status").status)
    assert.equal(501, http:post("/v2/flux-kontext-max", BODY).status)
    assert.equal(502, http:post("/v2/multi-image-kontext-pro", BODY).status)
  end)

  it("count: the nth, so many from one on, always", function()
    service:faults({
      { match = { path = "credits", nth = 2 }, ["then"] = { status = 500 } },
      { match = { path = "credits", from = 3, count = 2 }, ["then"] = { status = 501 } },
      { match = { path = "models", count = "always" }, ["then"] = { status = 502 } },
    })
    local seen = {}
    for i = 1, 5 do
      seen[i] = http:get("/v1/get-user-credits").status
      assert.equal(502, http:get("/models").status)
    end
    assert.same({ 200, 500, 501, 501, 200 }, seen)
    service:clear_faults()
    assert.equal(200, http:get("/models").status)
  end)

  it("use rules one after the other", function()
    service:faults({
      { match = { path = "credits" }, ["then"] = { status = 500 } },
      { match = { path = "credits" }, ["then"] = { status = 429 } },
    })
    assert.equal(500, http:get("/v1/get-user-credits").status)
    local throttled = http:get("/v1/get-user-credits")
    assert.equal(429, throttled.status)
    assert.is_string(throttled.headers["x-rate-limit-reset-at-utc"])
  end)

  it("tell other states than the job's", function()
    fault({ path = "submit" }, { states = { "PROCESSING", "QUEUED", "RESTING", "FAILED" } })
    local id = submit():json().request_id
    local seen = {}
    for i = 1, 4 do
      seen[i] = http:get("/v2/requests/" .. id .. "/status"):json().status
    end
    assert.same({ "PROCESSING", "QUEUED", "RESTING", "FAILED" }, seen)
    assert.equal("COMPLETED", http:await(id):json().status)
  end)

  it("lose a record, and the history too", function()
    fault({ path = "submit" }, { lose_record = true })
    local id = submit():json().request_id
    assert.equal(404, http:get("/v2/requests/" .. id .. "/status").status)
    assert.equal(200, http:get("/inference-request/request-history/" .. id).status)
    fault({ path = "history_entry" }, { lose_history = true })
    assert.equal(404, http:get("/inference-request/request-history/" .. id).status)
    assert.equal(1, accepted())
  end)

  it("delay, and let the rest be as it is", function()
    fault({ path = "credits" }, { delay = 0.15 })
    assert.equal(0, http:request("--max-time 0.1", "/v1/get-user-credits").status)
    fault({ path = "credits" }, { delay = 0.1 })
    assert.equal(100, http:get("/v1/get-user-credits"):json().credits)
  end)

  it("empty the account and change the rate", function()
    fault({ path = "submit" }, { credits = 0 })
    assert.equal(402, submit().status)
    fault({ path = "credits" }, { credits = 5, rate_limit = 1 })
    assert.equal(5, http:get("/v1/get-user-credits"):json().credits)
    assert.equal(200, submit().status)
    assert.equal(429, submit().status)
  end)

  it("send bodies of any bytes and any length", function()
    fault({ path = "credits" }, { body_base64 = "H4sI/w==",
      headers = { ["Content-Encoding"] = "gzip" } })
    local answer = http:get("/v1/get-user-credits")
    assert.equal("\31\139\8\255", answer.body)
    assert.equal("gzip", answer.headers["content-encoding"])
    fault({ path = "credits" }, { body = "0123456789", ["repeat"] = 20000 })
    assert.equal(200000, #http:get("/v1/get-user-credits").body)
    fault({ path = "credits" }, { body = "for ever", ["repeat"] = "endless" })
    local endless = http:request("--max-time 0.3 --limit-rate 4M", "/v1/get-user-credits")
    assert.is_true(#endless.body > 200000)
  end)

  it("tell wrong lengths, or none", function()
    local function answer_to(effect)
      fault({ path = "credits" }, effect)
      return http:get("/v1/get-user-credits")
    end
    local chunked = answer_to({ body = "hello", framing = "chunked" })
    assert.equal("chunked", chunked.headers["transfer-encoding"])
    assert.equal("hello", chunked.body)
    local bare = answer_to({ body = "hello", ["repeat"] = 3, framing = "close" })
    assert.is_nil(bare.headers["transfer-encoding"] or bare.headers["content-length"])
    assert.equal("hellohellohello", bare.body)
    for length, body in pairs({ [3] = "hel", [9] = "hello" }) do
      local lied = answer_to({ body = "hello", content_length = length })
      assert.equal(tostring(length), lied.headers["content-length"])
      assert.equal(body, lied.body)
    end
    fault({ path = "credits" }, { body = "x", ["repeat"] = "endless", framing = "close" })
    assert.is_true(#http:request("--max-time 0.2", "/v1/get-user-credits").body > 100000)
  end)

  it("send gzip that unpacks to far more than was sent", function()
    fault({ path = "credits" }, { body_base64 = emulator.gzip_bomb(8),
      headers = { ["Content-Encoding"] = "gzip" } })
    assert.equal(8 * 1024 * 1024, #http:request("--compressed", "/v1/get-user-credits").body)
  end)

  it("redirect", function()
    fault({ path = "status" }, { status = 302, headers = { Location = "http://127.0.0.1:1/" } })
    local answer = http:get("/v2/requests/x/status")
    assert.equal(302, answer.status)
    assert.equal("http://127.0.0.1:1/", answer.headers.location)
  end)

  it("are refused with a clear message", function()
    local wrong = {
      { {}, "then must be an object" },
      { { ["then"] = { statsu = 1 } }, "then.statsu is not known" },
      { { ["then"] = { status = "x" } }, "then.status must be a whole number" },
      { { ["then"] = { status = 99 } }, "200 to 599" },
      { { match = { path = "sumbit" }, ["then"] = { status = 500 } }, "match.path is neither" },
      { { match = { nth = 1, count = 2 }, ["then"] = { status = 500 } }, "nth stands alone" },
      { { mode = "during", ["then"] = { status = 500 } }, "mode must be" },
      { { ["then"] = { headers = { a = "b\nc" } } }, "then.headers must be" },
      { { ["then"] = { framing = "gzip" } }, "then.framing must be" },
      { { ["then"] = { framing = "close", content_length = 3 } }, "exclude each other" },
      { { ["then"] = { body_base64 = "***" } }, "not base64" },
    }
    for _, case in ipairs(wrong) do
      local answer = http:post("/_emulator/faults", { case[1] })
      assert.equal(400, answer.status)
      assert.truthy(answer:json().error:find(case[2], 1, true), answer.body)
    end
    assert.equal(400, http:post("/_emulator/faults", "{").status)
    assert.same({}, service:faults())
  end)

  describe("and the control port", function()
    it("tells when the client learned of the end", function()
      local id = submit():json().request_id
      http:await(id)
      local stats = service:stats()
      local job = stats.jobs[1]
      assert.equal(id, job.request_id)
      assert.is_true(job.submitted <= job.started and job.started < job.completed)
      assert.is_true(job.completed <= job.learned)
      assert.equal(job.polls, stats.requests.status)
      assert.equal(1, stats.requests.submit)
      assert.equal(stats.exchanges, job.polls + 1)
      assert.is_true(stats.connections >= stats.exchanges)
    end)

    it("does not count an end as learned that a fault took out of the answer", function()
      local id = submit():json().request_id
      service:faults({
        { match = { path = "status", count = 51 }, mode = "after", ["then"] = { status = 502 } },
      })
      for _ = 1, 50 do
        assert.equal(502, http:get("/v2/requests/" .. id .. "/status").status)
        if service:ledger().totals.completed == 1 then
          break
        end
      end
      assert.equal(502, http:get("/v2/requests/" .. id .. "/status").status)
      assert.equal("COMPLETED", service:stats().jobs[1].state)
      assert.equal(cjson.null, service:stats().jobs[1].learned)
      service:clear_faults()
      http:await(id)
      assert.is_number(service:stats().jobs[1].learned)
    end)

    it("keeps the key out of the ledger", function()
      submit()
      local text = http:get("/_emulator/ledger").body
      assert.is_nil(text:find(emulator.KEY, 1, true))
    end)

    it("shuts down", function()
      local other = emulator.start({ plain = true })
      other:control("POST", "shutdown")
      assert.is_true(other:stop())
    end)
  end)
end)
