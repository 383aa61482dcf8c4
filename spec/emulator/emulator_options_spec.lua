-- The emulator's command line: what changes the service it plays.

local files = require("spec.support.files")
local curl = require("spec.support.curl")
local emulator = require("spec.support.emulator")
local shell = require("spec.support.shell")

local BODY = { prompt = "a harbour", aspect_ratio = "1:1" }

local function with(options, fn)
  local service = emulator.start(options)
  local http = curl.new(service.url, { key = options.key or emulator.KEY })
  local ok, problem = pcall(fn, http, service)
  local ended = service:stop()
  assert(ok, problem)
  assert.is_true(ended)
end

local function run_program(words)
  return shell.output(shell.quote(emulator.binary()) .. " " .. words
    .. " 2>&1 </dev/null; echo \"exit $?\"")
end

describe("segmind-emulator", function()
  it("explains itself and complains clearly", function()
    local help = run_program("--help")
    assert.matches("No model runs", help)
    assert.matches("%-%-speed=N", help)
    assert.matches("exit 0", help)
    assert.matches("^segmind%-emulator %d+%.%d+", run_program("--version"))
    for _, words in ipairs({ "--sped 3", "--speed", "--speed 0", "--speed x", "--port 70000",
      "--plain=1", "words", "--tls-cert a.pem", "--history-zone 2", "--reset-spelling x" }) do
      local text = run_program(words)
      assert.matches("exit 2", text)
      assert.matches("^segmind%-emulator: ", text)
    end
    assert.matches("0 is not a valid value of %-%-speed: divide", run_program("--speed 0"))
  end)

  it("says in its banner that no model runs, and ends with its standard input", function()
    local text = run_program("--exit-with-stdin")
    assert.matches("emulator", text)
    assert.matches("No model runs", text)
    assert.matches("Base URL: http://127%.0%.0%.1:%d+", text)
    assert.matches("exit 0", text)
  end)

  it("forgets a request after its time, while the history and the picture stay", function()
    with({ plain = true, latency = 0, expire = 0.3 }, function(http)
      local id = http:post("/v2/flux-kontext-pro", BODY):json().request_id
      local status
      for _ = 1, 1000 do
        status = http:get("/v2/requests/" .. id .. "/status").status
        if status == 404 then
          break
        end
        os.execute("sleep 0.02")
      end
      assert.equal(404, status)
      assert.equal(404, http:get("/v2/requests/" .. id).status)
      local entry = http:get("/inference-request/request-history/" .. id):json()
      assert.equal("COMPLETED", entry.model_status)
      assert.equal(200, http:get(entry.generation_url).status)
    end)
  end)

  it("keeps jobs queued for a while, then on a worker", function()
    for state, options in pairs({
      QUEUED = { plain = true, queue = 100, latency = 0 },
      PROCESSING = { plain = true, latency = 100 },
    }) do
      with(options, function(http)
        local answer = http:post("/v2/flux-kontext-pro", BODY):json()
        assert.equal("QUEUED", answer.status)
        local status = http:get("/v2/requests/" .. answer.request_id .. "/status")
        assert.equal(state, status:json().status)
        assert.same({}, status:json().metrics)
        local early = http:get("/v2/requests/" .. answer.request_id)
        assert.equal(200, early.status)
        assert.equal(state, early:json().status)
      end)
    end
  end)

  it("takes no job that cannot be paid", function()
    with({ plain = true, latency = 0, credits = 0.05 }, function(http, service)
      http:await(http:post("/v2/flux-kontext-pro", BODY):json().request_id)
      local refused = http:post("/v2/flux-kontext-pro", BODY)
      assert.equal(402, refused.status)
      assert.equal("Insufficient credits. You have 0.0 credits.", refused:json().error)
      local v1 = http:post("/v1/flux-kontext-pro", BODY)
      assert.equal(406, v1.status)
      assert.equal("Insufficient credits. You have 0.0 credits, this request needs 0.05.",
        v1:json().error)
      assert.equal(1, service:ledger().totals.accepted)
    end)
  end)

  it("limits the rate, and says until when", function()
    with({ plain = true, latency = 0, rpm = 2 }, function(http, service)
      for _ = 1, 2 do
        assert.equal(200, http:post("/v2/flux-kontext-pro", BODY).status)
      end
      local refused = http:post("/v2/flux-kontext-pro", BODY)
      assert.equal(429, refused.status)
      assert.equal("rate_limit_exceeded", refused:json().error)
      assert.is_nil(refused.headers["retry-after"])
      assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+%.%d+Z$",
        refused.headers["x-rate-limit-reset-at-utc"])
      assert.equal(2, service:ledger().totals.accepted)
    end)
  end)

  it("tells the reset time on every v1 answer, without a limit too", function()
    with({ plain = true, latency = 0, reset_spelling = "epoch" }, function(http, service)
      for _, body in ipairs({ BODY, { prompt = "" }, { prompt = "x", aspect_ratio = "5:1" } }) do
        local reset = http:post("/v1/flux-kontext-pro", body).headers["x-rate-limit-reset-at-utc"]
        local ahead = tonumber(reset) - os.time()
        assert.is_true(ahead >= 0 and ahead <= 61, reset)
      end
      service:faults({ { match = { path = "submit" }, ["then"] = { status = 429 } } })
      local faulty = http:post("/v2/flux-kontext-pro", BODY)
      assert.matches("^%d+$", faulty.headers["x-rate-limit-reset-at-utc"])
    end)
  end)

  -- What the service does not publish, each spelling as the epoch that it means.
  local DATE, TIME = "(%d+)%-(%d+)%-(%d+)", "(%d+):(%d+):(%d+)"
  local SPELLINGS = {
    { "iso", "^" .. DATE .. "T" .. TIME .. "%.%d%d%dZ$" },
    { "iso-seconds", "^" .. DATE .. "T" .. TIME .. "Z$" },
    { "iso-offset", "^" .. DATE .. "T" .. TIME .. "%.%d%d%d%+05:30$", 19800 },
    { "iso-bare", "^" .. DATE .. "T" .. TIME .. "%.%d%d%d000$", 19800 },
    { "blank", "^" .. DATE .. " " .. TIME .. "$", 19800 },
    { "blank-offset", "^" .. DATE .. " " .. TIME .. "%.%d%d%d000%+05:30$", 19800 },
  }
  local NUMBERS = { epoch = 1, ["epoch-fraction"] = 1, ["epoch-ms"] = 1000 }

  -- os.time reads local time: the difference to UTC is taken out.
  local function epoch(year, month, day, hour, min, sec)
    local at = { year = year, month = month, day = day, hour = hour, min = min, sec = sec }
    local seconds = os.time(at)
    return seconds + os.difftime(seconds, os.time(os.date("!*t", seconds)))
  end

  -- Of a job that goes on, so that both ways of asking find it in the same state.
  local function history_time(options)
    local at
    options.plain, options.latency, options.history_zone = true, 60, "+05:30"
    with(options, function(http)
      local id = http:post("/v2/flux-kontext-pro", BODY):json().request_id
      local row = http:get("/inference-request/request-history/" .. id):json()
      at = row[options.history_time or "model_created"]
      assert.same(row, http:get("/inference-request/request-history"):json().data[1])
    end)
    return at
  end

  for _, spelling in ipairs(SPELLINGS) do
    it("spells the history's time as " .. spelling[1], function()
      local text = history_time({ history_spelling = spelling[1] })
      assert.matches(spelling[2], text)
      local ahead = epoch(text:match(DATE .. "[T ]" .. TIME)) - os.time()
      assert.is_true(math.abs(ahead - (spelling[3] or 0)) < 10, text)
    end)
  end

  it("spells it as a number, and as a date of HTTP, under any name", function()
    for name, unit in pairs(NUMBERS) do
      local at = history_time({ history_spelling = name, history_time = "created" })
      assert.is_number(at)
      assert.is_true(math.abs(at / unit - os.time()) < 10)
    end
    assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$",
      history_time({ history_spelling = "http" }))
  end)

  it("has a clock of its own, in Date, the history and the reset", function()
    with({ plain = true, latency = 0, rpm = 1, clock_ahead = -7200, reset_spelling = "epoch",
      history_spelling = "epoch" }, function(http)
      local accepted = http:post("/v2/flux-kontext-pro", BODY)
      local refused = http:post("/v2/flux-kontext-pro", BODY)
      local now = os.time() - 7200
      assert.equal(os.date("!%a, %d %b %Y %H", now), accepted.headers.date:match("^(.-):"))
      assert.matches("GMT$", refused.headers.date)
      assert.is_true(math.abs(refused.headers["x-rate-limit-reset-at-utc"] - now - 60) < 10)
      local row = http:get("/inference-request/request-history"):json().data[1]
      assert.is_true(math.abs(row.model_created - now) < 10)
    end)
  end)

  it("tells its Date on every answer", function()
    with({ plain = true, latency = 0 }, function(http, service)
      local id = http:post("/v2/flux-kontext-pro", BODY):json().request_id
      http:await(id)
      local anonymous = curl.new(service.url, {})
      service:faults({ { match = { path = "credits" }, ["then"] = { status = 502 } } })
      for status, answer in pairs({
        [200] = http:get(http:get("/v2/requests/" .. id):json().output),
        [401] = anonymous:get("/models"),
        [404] = http:get("/nowhere"),
        [405] = http:get("/v2/flux-kontext-pro"),
        [502] = http:get("/v1/get-user-credits"),
      }) do
        assert.equal(status, answer.status)
        assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", answer.headers.date)
      end
    end)
  end)

  it("answers v1 with JSON where that is asked for", function()
    with({ plain = true, latency = 0, v1_json = true }, function(http)
      local answer = http:post("/v1/flux-kontext-pro", BODY)
      assert.equal(200, answer.status)
      assert.equal("COMPLETED", answer:json().status)
      assert.equal(0.05, tonumber(answer.headers["x-cost"]))
      assert.equal("image/png", http:get(answer:json().output).headers["content-type"])
    end)
  end)

  it("repeats ids and latencies from a seed, and makes UUIDs", function()
    local ids = {}
    for i = 1, 2 do
      with({ plain = true, seed = 7, uuid = true }, function(http)
        ids[i] = http:post("/v2/flux-kontext-pro", BODY):json().request_id
      end)
    end
    assert.equal(ids[1], ids[2])
    assert.matches("^%x+%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x+$", ids[1])
  end)

  it("accepts only the key it was given", function()
    with({ plain = true, key = "SG_only" }, function(http, service)
      assert.equal(200, http:get("/v1/get-user-credits").status)
      local other = curl.new(service.url, { key = emulator.KEY })
      assert.equal(401, other:get("/v1/get-user-credits").status)
    end)
  end)

  it("reads model tables from a file", function()
    local path = files.new('[{"name":"other","latency_s":1,"price_usd":2,"params":[]}]')
    with({ plain = true, models = path, latency = 0 }, function(http)
      local answer = http:await(http:post("/v2/other", "{}"):json().request_id)
      assert.equal(2, answer:json().metrics.cost)
      assert.equal(404, http:post("/v2/flux-kontext-pro", BODY).status)
    end)
    os.remove(path)
    assert.matches("cannot read /none", run_program("--models /none"))
  end)

  it("serves https", function()
    with({ plain = true, latency = 0, tls = true }, function(http, service)
      http.words = "--cacert " .. service.cert
      assert.matches("^https://", service.url)
      local id = http:post("/v2/flux-kontext-pro", BODY):json().request_id
      http:await(id)
      local result = http:get("/v2/requests/" .. id):json()
      assert.matches("^https://", result.output)
      assert.equal(result.images[1].file_size, tostring(#http:get(result.output).body))
    end)
  end)

  it("ends well in the middle of everything", function()
    with({ plain = true, latency = 30 }, function(http, service)
      for _ = 1, 3 do
        assert.equal(200, http:post("/v2/flux-kontext-pro", BODY).status)
      end
      os.execute("curl -s -H 'x-api-key: " .. emulator.KEY
        .. "' -H 'Content-Type: application/json' -d '{\"prompt\":\"x\"}' " .. service.url
        .. "/v1/flux-kontext-pro >/dev/null 2>&1 </dev/null &")
      for _ = 1, 100 do
        if service:ledger().totals.accepted == 4 then
          break
        end
      end
      assert.equal(4, service:ledger().totals.accepted)
    end)
  end)
end)
