-- The emulator's faulty wire and its foreign host, asked by the curl program. Whether a submit was
-- accepted is told by the ledger, past the wire.

local curl = require("spec.support.curl")
local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local shell = require("spec.support.shell")

local BODY = { prompt = "a quiet harbour", aspect_ratio = "1:1" }

-- What curl says of it.
local OK, CUT, TIMED_OUT, EMPTY, RESET = 0, 18, 28, 52, 56

describe("the faulty wire", function()
  local service = emulator.fixture({ plain = true, latency = 0.01, seed = 5, wire = true,
    foreign = true })
  local http

  setup(function()
    http = curl.new(service.wire_url, { key = emulator.KEY })
  end)

  local function rule(kind, direction, at, action, more)
    local made = { match = { kind = kind }, direction = direction, at = at, action = action }
    for name, value in pairs(more or {}) do
      made[name] = value
    end
    return service:wire({ made })
  end

  local function accepted()
    return service:ledger().totals.accepted
  end

  -- What curl makes of it.
  local function told(path, words)
    local out = os.tmpname()
    local status, code, seconds, size = shell.output(("curl -s --max-time 10 -H %s %s -o %s -w "
      .. "'%%{http_code} %%{exitcode} %%{time_total} %%{size_download}' %s"):format(
      shell.quote("x-api-key: " .. emulator.KEY), words or "", out,
      shell.quote(service.wire_url .. path))):match("(%d+) (%d+) ([%d.]+) (%d+)")
    local body = files.read(out)
    os.remove(out)
    return { status = tonumber(status), exit = tonumber(code), seconds = tonumber(seconds),
      size = tonumber(size), body = body }
  end

  local SUBMIT = "-H 'Content-Type: application/json' -d '{\"prompt\":\"a quiet harbour\"}'"

  local function submit(words)
    return told("/v2/flux-kontext-pro", SUBMIT .. " " .. (words or ""))
  end

  it("passes everything on when it has no rules, and answers name it", function()
    local answer = http:post("/v2/flux-kontext-pro", BODY)
    assert.equal(200, answer.status)
    local id = answer:json().request_id
    assert.equal(service.wire_url .. "/v2/requests/" .. id .. "/status", answer:json().status_url)
    http:await(id)
    local output = http:get("/v2/requests/" .. id):json().output
    assert.equal(service.wire_url, output:sub(1, #service.wire_url))
    assert.equal("\137PNG", http:get(output).body:sub(1, 4))
    assert.equal(200, http:post("/v1/flux-kontext-pro", BODY).status)
    assert.equal(2, accepted())
    assert.same({}, service:wire_log().log)
  end)

  it("breaks an answer after the request was accepted", function()
    for at, expected in pairs({
      [0] = { close = EMPTY, reset = RESET },
      [60] = { close = OK, reset = RESET }, -- in the head: curl is content with what it has
      [-1] = { close = CUT, reset = RESET },
    }) do
      for action, exit in pairs(expected) do
        service:reset()
        rule("submit", "response", at, action)
        local answer = submit()
        assert.equal(exit, answer.exit, action .. " at " .. at)
        assert.equal(1, accepted())
        local deed = service:wire_log().log[1]
        assert.equal(at < 0 and deed.total + at or at, deed.byte)
        assert.equal(action, deed.action)
        assert.equal("submit", deed.kind)
        assert.equal(OK, submit().exit)
        assert.equal(2, accepted())
      end
    end
  end)

  it("breaks a request that then never arrives", function()
    for _, at in ipairs({ 0, 1, 60, -1 }) do
      for action, exit in pairs({ close = EMPTY, reset = RESET }) do
        service:reset()
        rule("submit", "request", at, action)
        assert.equal(exit, submit().exit, action .. " at " .. at)
        assert.equal(0, accepted())
        assert.equal(1, service:wire()[1].done)
      end
    end
  end)

  it("stalls, then closes", function()
    for direction, count in pairs({ request = 0, response = 1 }) do
      service:reset()
      rule("submit", direction, 50, "stall", { seconds = 0.2 })
      local answer = submit()
      assert.is_true(answer.seconds >= 0.2)
      assert.is_true(answer.exit ~= OK or answer.body == "")
      assert.equal(count, accepted())
    end
    rule("submit", "response", 0, "stall", { seconds = 60 })
    assert.equal(TIMED_OUT, submit("--max-time 0.2").exit)
  end)

  it("delays and trickles without harm", function()
    for _, direction in ipairs({ "request", "response" }) do
      service:reset()
      rule("submit", direction, 20, "delay", { seconds = 0.15 })
      local answer = submit()
      assert.equal(OK, answer.exit)
      assert.is_true(answer.seconds >= 0.15)
      assert.equal(323, answer.size)
      rule("submit", direction, -40, "trickle", { rate = 200 })
      answer = submit()
      assert.equal(OK, answer.exit)
      assert.equal(323, answer.size)
      assert.is_true(answer.seconds >= 0.15 and answer.seconds < 5)
      assert.equal(2, accepted())
    end
  end)

  it("puts garbage in place of bytes, the same from the same seed", function()
    local bodies = {}
    for i = 1, 3 do
      service:reset()
      rule("credits", "response", -6, "garbage", { length = 4, seed = i == 3 and 2 or 1 })
      bodies[i] = told("/v1/get-user-credits").body
      assert.equal(#'{"credits":100,"free-credits":0}', #bodies[i])
      assert.equal("0}", bodies[i]:sub(-2))
      assert.equal('{"credits":100,"free-credi', bodies[i]:sub(1, 26))
    end
    assert.equal(bodies[1], bodies[2])
    assert.not_equal(bodies[1], bodies[3])
    -- A request whose JSON is garbled arrives, and is refused.
    rule("submit", "request", -12, "garbage", { length = 12 })
    assert.is_true(submit().status >= 400)
    assert.equal(0, accepted())
  end)

  it("answers in the service's place, before or after the request took effect", function()
    for direction, count in pairs({ request = 0, response = 1 }) do
      service:reset()
      rule("submit", direction, 0, "replace",
        { bytes = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\n<htm>" })
      local answer = submit()
      assert.equal(502, answer.status)
      assert.equal("<htm>", answer.body)
      assert.equal(count, accepted())
    end
  end)

  it("sends what no proper server would: hostile heads, lengths and chunks", function()
    local function hostile(bytes, more, words)
      service:clear_wire()
      more = more or {}
      more.bytes = bytes
      rule("credits", "response", more.at or 0, "replace", more)
      return told("/v1/get-user-credits", words)
    end
    local head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    assert.equal(CUT, hostile(head .. "Content-Length: 10\r\n\r\n{}").exit)
    assert.equal("{}", hostile(head .. "Content-Length: 2\r\n\r\n{}{}{}").body)
    assert.equal(CUT, hostile(head .. "Transfer-Encoding: chunked\r\n\r\n5\r\n{}").exit)
    assert.equal("{}", hostile(head .. "\r\n{}").body)
    -- More than 64 KiB of headers after the service's own status line.
    local long = hostile("X-Pad: " .. ("a"):rep(100) .. "\r\n", { at = 17, ["repeat"] = 700 })
    assert.is_true(long.status == 200 or long.exit ~= OK)
    local endless = hostile(head .. "\r\n" .. ("x"):rep(1000), { ["repeat"] = "endless" },
      "--max-time 0.3 --limit-rate 20M")
    assert.equal(TIMED_OUT, endless.exit)
    assert.is_true(endless.size > 200000)
    local slow = hostile(head .. "Content-Length: 2\r\n\r\n{}", { rate = 400 })
    assert.equal("{}", slow.body)
    assert.is_true(slow.seconds > 0.1)
  end)

  it("counts exchanges of one kept connection, each for itself", function()
    service:wire({
      { match = { kind = "credits", nth = 3 }, at = -1, action = "delay", seconds = 0.01 },
      { match = { kind = "*credits", from = 5, count = 2 }, at = 10, action = "delay",
        seconds = 0.01 },
      { match = { kind = "models" }, at = 0, action = "close" },
    })
    local url = shell.quote(service.wire_url .. "/v1/get-user-credits")
    local pipe = assert(io.popen(("curl -s -H %s"):format(
      shell.quote("x-api-key: " .. emulator.KEY)) .. (" " .. url):rep(7), "r"))
    assert.equal(('{"credits":100,"free-credits":0}'):rep(7), pipe:read("*a"))
    pipe:close()
    local log = service:wire_log()
    assert.equal(7, log.exchanges)
    local seen = {}
    for i, deed in ipairs(log.log) do
      seen[i] = deed.exchange
      assert.equal(log.log[1].connection, deed.connection)
    end
    assert.same({ 3, 5, 6 }, seen)
    local rules = service:wire()
    assert.same({ 7, 1, 1 }, { rules[1].seen, rules[1].used, rules[1].done })
    assert.equal(0, rules[3].seen)
  end)

  it("finds the end of chunked answers, of answers without length, and of a HEAD's", function()
    for _, framing in ipairs({ "chunked", "close" }) do
      service:faults({ { match = { path = "credits", count = 2 },
        ["then"] = { body = ("0123456789"):rep(9000), framing = framing } } })
      local whole = told("/v1/get-user-credits")
      assert.equal(OK, whole.exit)
      assert.equal(90000, whole.size)
      rule("credits", "response", -2, "close")
      local cut = told("/v1/get-user-credits")
      if framing == "chunked" then
        assert.equal(CUT, cut.exit)
        local deed = service:wire_log().log[1]
        assert.equal(deed.total - 2, deed.byte)
      end
      service:clear_wire()
    end
    assert.equal(200, told("/v1/get-user-credits", "-I").status)
    assert.equal(OK, told("/v1/get-user-credits").exit)
  end)

  it("carries large bodies both ways, with and without Expect", function()
    local path = files.new('{"prompt":"large","note":"' .. ("a"):rep(3000000) .. '"}')
    local send = "-H 'Content-Type: application/json' --data-binary @" .. path
    for i, expect in ipairs({ "-H Expect:", "", "-H 'Transfer-Encoding: chunked'" }) do
      local answer = told("/v2/flux-kontext-pro", send .. " " .. expect)
      assert.equal(200, answer.status, expect)
      assert.equal(i, accepted())
    end
    -- An interim answer does not count: 0 is where the answer proper begins.
    rule("submit", "response", 0, "close")
    assert.equal(EMPTY, told("/v2/flux-kontext-pro", send).exit)
    assert.equal(4, accepted())
    for _, at in ipairs({ 100000, 2999999, -1 }) do
      rule("submit", "request", at, "close")
      assert.equal(EMPTY, told("/v2/flux-kontext-pro", send).exit)
    end
    rule("submit", "request", -1, "close")
    assert.equal(EMPTY, told("/v2/flux-kontext-pro", send
      .. " -H 'Transfer-Encoding: chunked'").exit)
    assert.equal(4, accepted())
    os.remove(path)
    service:faults({ { match = { path = "credits" },
      ["then"] = { body = "0123456789", ["repeat"] = 2000000 } } })
    assert.equal(20000000, told("/v1/get-user-credits").size)
  end)

  it("cuts at any byte of an answer and of a request", function()
    local total = { request = 0, response = 0 }
    for direction in pairs(total) do
      for at = 0, 1000, 11 do
        service:clear_wire()
        rule("submit", direction, at, at % 2 == 0 and "close" or "reset")
        local before = accepted()
        submit()
        local deeds = service:wire_log(total.request + total.response).log
        assert.equal((direction == "response" or not deeds[1]) and 1 or 0, accepted() - before)
        if not deeds[1] then
          assert.equal(0, service:wire()[1].done)
          break
        end
        assert.equal(at, deeds[1].byte)
        total[direction] = total[direction] + 1
        assert.is_true(at < deeds[1].total)
      end
    end
    assert.is_true(total.request > 15 and total.response > 30)
  end)

  describe("by chance", function()
    local function run_through(count, paths)
      for i = 1, count do
        told(paths[(i - 1) % #paths + 1], "--max-time 2")
      end
      local deeds = {}
      for i, deed in ipairs(service:wire_log().log) do
        deeds[i] = ("%s %s %d %s"):format(deed.kind, deed.direction, deed.byte, deed.action)
      end
      return deeds
    end

    local RULES = { {
      match = { probability = 0.4 }, seed = 99,
      direction = { "request", "response" }, at = "random",
      action = { "close", "reset", "stall", "garbage" }, seconds = 0.01,
    } }

    it("repeats from a seed, whatever of another kind comes between", function()
      service:wire(RULES)
      local first = run_through(40, { "/v1/get-user-credits" })
      assert.is_true(#first > 8 and #first < 32, #first)
      service:reset()
      service:wire(RULES)
      assert.same(first, run_through(40, { "/v1/get-user-credits" }))
      service:reset()
      service:wire(RULES)
      local mixed = {}
      for _, deed in ipairs(run_through(80, { "/v1/get-user-credits", "/models" })) do
        if deed:match("^credits") then
          mixed[#mixed + 1] = deed
        end
      end
      assert.same(first, mixed)
    end)

    it("uses the emulator's seed, and tells it", function()
      assert.equal("5", service:wire_log().seed)
      local rules = { { match = { probability = 0.5 }, at = "random", action = "close" } }
      service:wire(rules)
      local first = run_through(10, { "/models" })
      service:reset()
      service:wire(rules)
      assert.same(first, run_through(10, { "/models" }))
    end)
  end)

  it("is refused rules with a clear message", function()
    local wrong = {
      { {}, "action must be close, reset" },
      { { action = "cut" }, "action must be close, reset" },
      { { action = { "close", "cut" } }, "action must be close, reset" },
      { { action = "stall" }, "need seconds" },
      { { action = { "close", "delay" } }, "need seconds" },
      { { action = "trickle" }, "needs a rate" },
      { { action = "replace" }, "needs bytes" },
      { { action = "replace", bytes_base64 = "***" }, "not base64" },
      { { action = "close", at = "middle" }, "at must be" },
      { { action = "close", at = 1.5 }, "at must be" },
      { { action = "close", direction = "back" }, "direction must be" },
      { { action = "close", match = { kind = "sumbit" } }, "match.kind is neither" },
      { { action = "close", match = { path = "submit" } }, "match.path is not known" },
      { { action = "close", match = { nth = 1, count = 2 } }, "nth stands alone" },
      { { action = "close", match = { probability = 2 } }, "0 to 1" },
      { { action = "close", match = "submit" }, "match must be an object" },
      { { action = "close", when = 1 }, "when is not known" },
    }
    local direct = curl.new(service.url, {})
    for _, case in ipairs(wrong) do
      local answer = direct:post("/_emulator/wire", { case[1] })
      assert.equal(400, answer.status)
      assert.truthy(answer:json().error:find(case[2], 1, true), answer.body)
    end
    assert.equal(400, direct:post("/_emulator/wire", "{").status)
    assert.same({}, service:wire())
  end)

  it("never touches the control port, even through itself", function()
    service:wire({ { match = { count = "always" }, action = "close" } })
    assert.equal(200, told("/_emulator/ledger").status)
    assert.equal(0, service:wire_log().exchanges)
    assert.equal(EMPTY, told("/v1/get-user-credits").exit)
  end)

  it("is not there unless it was asked for", function()
    local plain = emulator.start({ plain = true })
    local direct = curl.new(plain.url, {})
    for _, path in ipairs({ "wire", "wire/log", "foreign" }) do
      local answer = direct:get("/_emulator/" .. path)
      assert.equal(409, answer.status)
      assert.matches("was started without %-%-", answer:json().error)
    end
    assert.is_true(plain:stop())
  end)

  it("lets go of the service when a client went, or its request was broken", function()
    for at, action in pairs({ [-20] = "garbage", [50] = "close", [60] = "reset" }) do
      rule("submit", "request", at, action)
      submit("--max-time 0.2") -- of a head without end, the service awaits the rest
    end
    local open
    for _ = 1, 100 do
      open = service:stats().open
      if open == 1 then -- the one that asks
        break
      end
      os.execute("sleep 0.02")
    end
    assert.equal(1, open)
  end)

  it("ends well with connections stalled, trickling and half open", function()
    local other = emulator.start({ plain = true, wire = true, foreign = true })
    other:wire({
      { match = { kind = "credits" }, action = "stall", seconds = 60 },
      { match = { kind = "models" }, action = "trickle", rate = 1 },
      { match = { kind = "status" }, direction = "request", action = "stall", seconds = 60 },
    })
    for _, path in ipairs({ "/v1/get-user-credits", "/models", "/v2/requests/x/status" }) do
      os.execute("curl -s --max-time 30 -H 'x-api-key: " .. emulator.KEY .. "' '"
        .. other.wire_url .. path .. "' >/dev/null 2>&1 </dev/null &")
    end
    for _ = 1, 100 do
      if other:wire_log().faults == 3 then
        break
      end
      os.execute("sleep 0.01")
    end
    assert.equal(3, other:wire_log().faults)
    assert.is_true(other:stop())
  end)

  describe("and the foreign host", function()
    local function visit(words, path)
      return curl.new(service.foreign_url, {}):request(words, path)
    end

    it("answers a picture and remembers every byte", function()
      local answer = visit("-H 'X-Api-Key: SG_secret' -d hello", "/any?thing=1")
      assert.equal(200, answer.status)
      assert.equal("image/png", answer.headers["content-type"])
      assert.equal("\137PNG", answer.body:sub(1, 4))
      local seen = service:foreign()
      assert.equal(1, #seen)
      assert.equal("POST", seen[1].method)
      assert.equal("/any?thing=1", seen[1].path)
      assert.equal("SG_secret", seen[1].headers["x-api-key"])
      assert.equal(5, seen[1].body_size)
      assert.truthy(seen[1].bytes:find("\r\n\r\nhello", 1, true))
      service:reset()
      assert.same({}, service:foreign())
    end)

    it("answers what it was told to", function()
      service:foreign({ status = 302, headers = { Location = service.url .. "/models" },
        body = "over there" })
      local answer = visit("", "/")
      assert.equal(302, answer.status)
      assert.equal(service.url .. "/models", answer.headers.location)
      assert.equal("over there", answer.body)
      assert.equal(400,
        curl.new(service.url, {}):post("/_emulator/foreign", { statsu = 1 }).status)
    end)

    it("remembers requests that are cut or no HTTP", function()
      -- Gopher sends a line and no more.
      os.execute("curl -s --max-time 0.1 gopher://" .. service.foreign_url:match("//(.*)")
        .. "/1GET%20/half >/dev/null 2>&1")
      os.execute("curl -sk --max-time 1 https://" .. service.foreign_url:match("//(.*)")
        .. "/ >/dev/null 2>&1")
      local seen
      for _ = 1, 100 do
        seen = service:foreign()
        if #seen == 2 then
          break
        end
        os.execute("sleep 0.01")
      end
      assert.equal("GET /half\r\n", seen[1].bytes)
      assert.is_nil(seen[1].method)
      assert.equal(22, seen[2].bytes:byte(1)) -- a TLS handshake
    end)
  end)

  it("carries https as it is, a connection for an exchange", function()
    local safe = emulator.start({ plain = true, tls = true, wire = true })
    assert.matches("^https://", safe.wire_url)
    local client = curl.new(safe.wire_url,
      { key = emulator.KEY, words = "--cacert " .. safe.cert })
    assert.equal(200, client:get("/v1/get-user-credits").status)
    safe:wire({ { at = 700, action = "reset" } })
    assert.equal(0, client:get("/v1/get-user-credits").status)
    assert.equal(200, client:get("/v1/get-user-credits").status)
    assert.is_true(safe:stop())
  end)
end)
