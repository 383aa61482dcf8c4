--- What the service says is used, whatever is odd beside it: answers that a strict reader refuses,
--- that are cut, or that come under another status.

local session = require("spec.support.session")

local MODEL = "flux-kontext-pro"
local PARAMS = { prompt = "x", aspect_ratio = "1:1" }
local URL = "https://images.segmind.com/p.png"

describe("an answer", function()
  local service = session.fixture({ wire = true })
  local sm

  before_each(function()
    sm = session.client({ base_url = service.wire_url, timeout = 20, poll = 0.05 })
  end)

  local function fault(path, effect, mode)
    return { match = { path = path, count = "always" }, ["then"] = effect, mode = mode }
  end

  local function http(status, body, headers)
    return ("HTTP/1.1 %s X\r\nContent-Length: %d\r\n%s\r\n%s"):format(status, #body, headers or "",
      body)
  end

  local function in_place_of(kind, bytes)
    return { match = { kind = kind }, direction = "response", at = 0, action = "replace",
      bytes = bytes }
  end

  local results = {
    ["a 64-bit seed"] = '"seed":18446744073709551615,',
    ["numbers that no double holds"] = '"a":1e400,"b":NaN,"c":-Infinity,',
    ["half a surrogate pair and a zero"] = '"prompt":"cat \\ud83d \\u0000",',
    ["five hundred levels"] = '"timings":' .. ("["):rep(500) .. ("]"):rep(500) .. ",",
    ["a backslash that escapes nothing"] = '"prompt":"C:\\dir",',
    ["a comma too many"] = '"list":[1,2,],',
  }
  for name, member in pairs(results) do
    it("with " .. name .. " is a result", function()
      service:faults({ fault("result", { status = 200, body = '{"status":"COMPLETED",' .. member
        .. '"output":"' .. URL .. '","metrics":{"cost":0.05}}' }) })
      local result = assert(sm:run(MODEL, PARAMS))
      assert.equal(URL, result.url)
      assert.equal(0.05, result.cost)
      assert.equal(name:find("seed") and "18446744073709551615" or result.job.seed, result.seed)
    end)
  end

  it("of the synchronous way is read alike", function()
    service:faults({ fault("v1", { status = 200, body = '\239\187\191{"a":1e400,'
      .. '"seed":18446744073709551615,"images":[{"url":"' .. URL .. '"}]}\n<!-- -->' }) })
    local result = assert(sm:run_sync(MODEL, PARAMS))
    assert.equal(URL, result.url)
    assert.equal("18446744073709551615", result.seed)
  end)

  it("of the synchronous way that says FAILED keeps the reason", function()
    service:faults({ fault("v1", { status = 200,
      body = '{"status":"FAILED","error":{"code":"nsfw","message":"blocked by the filter"}}' }) })
    local _, err = sm:run_sync(MODEL, PARAMS)
    assert.same({ "failed", "no" }, { err.kind, err.charged })
    assert.truthy(err.message:find("blocked by the filter", 1, true))
  end)

  it("to a submit whose frame is cut holds the id, and the history is not asked", function()
    service:faults({ fault("history", { status = 503 }) })
    service:wire({ { match = { kind = "submit" }, direction = "response", at = -1,
      action = "close" } })
    assert(sm:run(MODEL, PARAMS))
    assert.equal(0, service:stats().requests.history)
    assert.equal(1, service:ledger().totals.accepted)
  end)

  it("to a submit that is the result itself is the result", function()
    service:faults({ fault("submit", { status = 200, body = '{"status":"COMPLETED","output":"'
      .. URL .. '","metrics":{"cost":0.05}}' }, "before") })
    local result = assert(sm:run(MODEL, PARAMS))
    assert.same({ URL, 0.05 }, { result.url, result.cost })
  end)

  local ids = {
    ["in an address"] = { status = 200,
      body = '{"status_url":"https://api.segmind.com/v2/requests/told-1/status"}' },
    ["under another name"] = { status = 200, body = '{"id":"told-1"}' },
    ["in Location"] = { status = 202, body = "", headers = { Location = "/v2/requests/told-1" } },
  }
  for where, effect in pairs(ids) do
    it("to a submit that holds an id " .. where .. " is believed", function()
      service:faults({ fault("submit", effect, "before"),
        fault("status", { status = 200, body = '{"status":"SUCCEEDED"}' }),
        fault("result", { status = 200, body = '{"output":"' .. URL .. '"}' }) })
      assert.equal("told-1", assert(sm:run(MODEL, PARAMS)).request_id)
    end)
  end

  it("of the synchronous way that only names a request tells its id", function()
    service:faults({ fault("v1", { status = 200,
      body = '{"request_id":"queued-7","status":"QUEUED"}' }) })
    local _, err = sm:run_sync(MODEL, PARAMS)
    assert.same({ "protocol", "yes", "queued-7" }, { err.kind, err.charged, err.request_id })
  end)

  it("to a submit that holds an id is believed under a 502, too", function()
    local job = assert(sm:submit(MODEL, PARAMS))
    assert(job:wait())
    service:faults({ fault("submit", { status = 502,
      body = '{"error":"bad gateway","request_id":"known-by-nobody-1"}' }, "before"),
      fault("status", { status = 200, body = '{"status":"COMPLETED"}' }),
      fault("result", { status = 200, body = '{"output":"' .. URL .. '"}' }) })
    local result = assert(sm:run(MODEL, PARAMS))
    assert.equal("known-by-nobody-1", result.request_id)
  end)

  it("to a submit of unknown outcome is in its error, not the history's", function()
    service:faults({ fault("submit", { status = 502, body = "<html>of the submit</html>" }),
      fault("history", { status = 400, body = '{"error":"of the history"}' }) })
    local _, err = sm:run(MODEL, PARAMS)
    assert.same({ "unknown", 502 }, { err.kind, err.status })
    assert.equal("<html>of the submit</html>", err.body)
  end)

  local garbage = {
    ["text that is no HTTP"] = "no HTTP at all\r\n",
    ["status 000"] = http("000", "{}"),
    ["a status under HTTP/9.9"] = (http("200", "{}"):gsub("HTTP/1.1", "HTTP/9.9")),
    ["headers over 64 KiB"] = http("200", "{}", ("X-Long: %s\r\n"):format(("y"):rep(900)):rep(80)),
    ["a firewall's page"] = http("403", "<html>Attention Required!</html>"),
    ["JSON that refuses the key"] = http("401", '{"error":"Unauthorized"}'),
    ["an error of a gateway"] = http("200", '{"status":"error","message":"try again"}'),
  }
  for name, bytes in pairs(garbage) do
    it("to one poll that is " .. name .. " does not end the job, nor another", function()
      service:wire({ in_place_of("status", bytes) })
      local a, b = assert(sm:submit(MODEL, PARAMS)), assert(sm:submit(MODEL, PARAMS))
      assert(a:wait())
      assert(b:wait())
    end)
  end

  it("to a download that is a firewall's page is asked for again", function()
    local result = assert(sm:run(MODEL, PARAMS))
    service:faults({ { match = { path = "media" }, ["then"] = { status = 403,
      body = "<html>Attention Required!</html>" } } })
    assert.truthy(result:bytes())
  end)

  it("that says CANCELLED again and again ends the job, and nobody knows of the bill", function()
    service:faults({ fault("status", { status = 200, body = '{"status":"Cancelled"}' }) })
    local _, err = sm:run(MODEL, PARAMS)
    assert.same({ "failed", "unknown" }, { err.kind, err.charged })
    assert.truthy(err.message:find("Cancelled", 1, true))
  end)

  it("that was of no use is told at the deadline, with its body", function()
    for body, words in pairs({ ['{"status":"DANCING"}'] = "DANCING",
      ["<html>oops</html>"] = "no JSON",
      ['{"metrics":{},"status":"PROC'] = "names no state" }) do
      service:reset()
      service:faults({ fault("status", { status = 200, body = body }) })
      local _, err = sm:run(MODEL, PARAMS, { timeout = 0.6 })
      assert.same({ "timeout", "yes" }, { err.kind, err.charged })
      assert.truthy(err.message:find(words, 1, true), err.message)
      assert.equal(body, err.body)
    end
  end)
end)
