--- Over TLS: certificates are verified, and where the server speaks HTTP/2 polls and downloads
--- share a connection, while each submit goes out over HTTP/1.1 on a fresh one.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local segmind = require("segmind")
local session = require("spec.support.session")

local PARAMS = { prompt = "a red house", aspect_ratio = "1:1" }
local MODEL = "flux-kontext-pro"

local function succeeds(command)
  local ok = os.execute(command)
  return ok == true or ok == 0
end

local function await(command)
  for _ = 1, 200 do
    if succeeds(command) then
      return true
    end
    os.execute("sleep 0.02")
  end
  return false
end

-- Debian has it in a folder that is on root's PATH alone.
local SEARCH = "PATH=$PATH:/usr/local/sbin:/usr/sbin; "

--- nghttpx in front of the emulator, speaking HTTP/2; ends when the pipe is closed.
local function http2_proxy(service, log)
  assert(succeeds(SEARCH .. "command -v nghttpx >/dev/null"), "there is no nghttpx")
  -- Suites run side by side: their ports must not be drawn alike.
  local random = assert(io.open("/dev/urandom", "rb"))
  local a, b, c = random:read(3):byte(1, 3)
  random:close()
  math.randomseed(a * 65536 + b * 256 + c)
  for _ = 1, 20 do
    local port = math.random(20000, 60000)
    local url = "https://127.0.0.1:" .. port
    local pipe = assert(io.popen((SEARCH .. "nghttpx --single-process --workers=1 -k --no-ocsp "
      .. "--frontend=127.0.0.1,%d --backend='127.0.0.1,%s;;tls' --accesslog-file=%s "
      .. "--accesslog-format='$remote_port $alpn $request' --errorlog-file=/dev/null "
      .. "--pid-file=/dev/null %s %s >/dev/null 2>&1 & "
      .. "child=$!; cat >/dev/null; kill $child 2>/dev/null"):format(port,
      service.url:match(":(%d+)$"), log, service.cert_key, service.cert), "w"))
    if await(("curl -s -k -o /dev/null --max-time 2 %s/models"):format(url)) then
      return url, pipe
    end
    pipe:close()
  end
  error("nghttpx did not start")
end

describe("over TLS", function()
  local service = session.fixture({ tls = true })

  it("a job runs with a certificate that is trusted", function()
    local sm = session.client({ ca_file = service.cert })
    local result = assert(sm:run(MODEL, PARAMS))
    assert.truthy(result.url:find("^https://"))
    assert.equal("png", result:info().format)
  end)

  it("a certificate that is not trusted stops the job before anything is sent", function()
    local sm = session.client()
    local result, err = sm:run(MODEL, PARAMS)
    assert.is_nil(result)
    assert.equal("security", err.kind)
    assert.equal("no", err.charged)
    assert.equal(0, service:ledger().totals.accepted)
  end)

  it("a CA file that is not there is told when the client is made", function()
    local sm, err = segmind.new({ api_key = emulator.KEY, base_url = service.url,
      ca_file = "/none.pem" })
    assert.is_nil(sm)
    assert.equal("invalid", err.kind)
    session.client({ ca_file = service.cert })
  end)

  it("polls share an HTTP/2 connection and submits take a fresh one each", function()
    local log = os.tmpname()
    local url, pipe = http2_proxy(service, log)
    local sm = session.client({ ca_file = service.cert, base_url = url })
    local jobs = {}
    for i = 1, 30 do
      jobs[i] = assert(sm:submit(MODEL, PARAMS))
    end
    for i = 1, 30 do
      assert(jobs[i]:wait(20))
    end
    assert(jobs[1]:result():info())
    local stats = sm:stats()
    sm:close()
    pipe:close()
    local lines, http2, submits = files.read(log), 0, 0
    for line in lines:gmatch("[^\n]+") do
      http2 = http2 + (line:find("^%d+ h2 GET /v2/requests") and 1 or 0)
      submits = submits + (line:find("^%d+ http/1.1 POST /v2/") and 1 or 0)
    end
    os.remove(log)
    assert.equal(30, submits)
    -- The first polls may go out while no connection is known to speak HTTP/2 yet.
    assert.is_true(http2 > 0, ("%d of %d polls over HTTP/2"):format(http2, stats.polls))
    assert.is_true(stats.connections < 30 + 20, stats.connections .. " connections")
  end)

  -- libcurl 7.88 puts polls on a submit's HTTP/1.1 connection while its answer is awaited, and
  -- hands out their answers crosswise, unless the connections differ.
  it("no poll is put on the connection of a submit that is answered late", function()
    local log = os.tmpname()
    local url, pipe = http2_proxy(service, log)
    service:faults({ { match = { path = "submit", count = "always" }, mode = "after",
      ["then"] = { delay = 0.2 } } })
    local heard = {}
    local sm = session.client({ ca_file = service.cert, base_url = url, on_event = function(event)
      heard[#heard + 1] = event.what == "note" and event.message or nil
    end })
    local before = service:ledger().totals.accepted
    local jobs, ids = {}, {}
    for i = 1, 60 do
      jobs[i] = assert(sm:submit(MODEL, PARAMS))
    end
    for i = 1, 60 do
      local id = assert(jobs[i]:wait(20)).request_id
      assert.is_nil(ids[id])
      ids[id] = true
    end
    service:clear_faults()
    sm:close()
    pipe:close()
    local requests, paid = {}, 0
    for port, what in files.read(log):gmatch("(%d+) (%S+ POST /v2/%S+)") do
      paid = paid + (what:find("^http/1.1") and 1 or 0)
      requests[port] = 0
    end
    for port in files.read(log):gmatch("(%d+) %S+ %u+ /") do
      requests[port] = requests[port] and requests[port] + 1
    end
    os.remove(log)
    for port, count in pairs(requests) do
      assert.equal(1, count, "requests from port " .. port)
    end
    assert.equal(60, paid)
    assert.equal(60, service:ledger().totals.accepted - before)
    assert.same({}, heard)
  end)
end)
