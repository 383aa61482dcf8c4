--- The key of a run is found nowhere but in requests to the configured origin: not in what Lua can
--- see, not in what is written, not in what a foreign host is sent.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local report = require("segmind.report")
local segmind = require("segmind")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

math.randomseed(os.time() + tonumber((tostring({}):match("0x(%x+)") or "0"):sub(-7), 16))

describe("the key", function()
  local service = emulator.fixture({ plain = true, speed = 400, foreign = true })
  local folder = files.fixture()
  local key, seen

  --- Everything in a value, functions and userdata apart, as strings in `seen`.
  local function collect(value, visited)
    visited = visited or {}
    if type(value) == "string" then
      seen[#seen + 1] = value
    elseif type(value) == "table" and not visited[value] then
      visited[value] = true
      for name, item in pairs(value) do
        collect(name, visited)
        collect(item, visited)
      end
      seen[#seen + 1] = tostring(value)
    end
  end

  setup(function()
    key = ("SG_%08x%08x"):format(math.random(0, 2 ^ 31 - 1), math.random(0, 2 ^ 31 - 1))
  end)

  before_each(function()
    seen = {}
  end)

  local function open(options)
    options = options or {}
    options.api_key, options.base_url, options.poll = key, service.url, 0.01
    options.on_event = collect
    return assert(segmind.new(options))
  end

  local function check(sm)
    collect(sm)
    sm:close()
    assert.is_true(#seen > 20)
    for _, text in ipairs(seen) do
      assert.is_nil(text:find(key, 1, true), "the key is in: " .. text:sub(1, 200))
    end
  end

  local function run(sm, params, opts)
    local result, err = sm:run("flux-kontext-pro", params or { prompt = "x", aspect_ratio = "1:1" },
      opts)
    collect(result)
    collect(err)
    return result, err
  end

  it("is not in jobs, results, events, a ledger, a report or a picture", function()
    require("spec.support.sqlite")
    local sm = open({ ledger = folder .. "/edits.db" })
    local chain = sm:chain(assert(files.new(session.PIXEL)))
      :step("flux-kontext-dev", { prompt = "one" })
      :step("flux-kontext-pro", { prompt = "two" })
    local results = assert(chain:run({ save = folder .. "/chain" }))
    collect(results)
    collect(assert(report.write({ results[1].job, results[2].job }, folder .. "/report.html")))
    check(sm)
    local pipe = assert(io.popen(("grep -rlaF %s %s"):format(key, shell.quote(folder))))
    assert.equal("", pipe:read("*a"))
    pipe:close()
  end)

  it("is masked where a server echoes it", function()
    local sm = open()
    for _, status in ipairs({ 400, 401, 402, 422 }) do
      service:faults({ { match = { path = "submit" }, ["then"] = { status = status,
        body = ('{"error":"the key %s is not liked, x-api-key: %s"}'):format(key, key) } } })
      local _, err = run(sm)
      assert.truthy(err)
    end
    check(sm)
  end)

  it("is nothing that a request id can be", function()
    require("spec.support.sqlite")
    local sm = open({ ledger = folder .. "/id.db" })
    service:faults({ { match = { path = "submit" }, mode = "after", ["then"] = { status = 200,
      body = ('{"request_id":"%s","status":"QUEUED"}'):format(key) } } })
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "id", aspect_ratio = "1:1" }))
    local _, err = job:wait()
    assert.truthy(err)
    assert.not_equal(key, job.request_id)
    collect(job)
    collect(err)
    check(sm)
    local pipe = assert(io.popen(("grep -rlaF %s %s"):format(key, shell.quote(folder))))
    assert.equal("", pipe:read("*a"))
    pipe:close()
  end)

  it("pasted with what stands round it is refused with what to take off", function()
    for given, why in pairs({ ['"' .. key .. '"'] = "quotes", ["'" .. key] = "quotes",
      ["Bearer " .. key] = '"Bearer"', [" " .. key] = "blanks", [key .. "\n"] = "line break",
      ["x-api-key: " .. key] = '"x-api-key"', ["SEGMIND_API_KEY=" .. key] = "variable",
      [key:sub(1, 8) .. " " .. key:sub(9)] = "no spaces" }) do
      local client, err = segmind.new({ api_key = given, base_url = service.url })
      assert.is_nil(client)
      assert.equal("auth", err.kind)
      assert.truthy(err.message:find(why, 1, true), err.message)
      assert.is_nil(err.message:find(key:sub(4), 1, true))
    end
  end)

  it("does not follow a redirect, a status_url or an output to a foreign host", function()
    local sm = open({ media_hosts = { "127.0.0.1" } })
    local away = { Location = service.foreign_url .. "/away" }
    for _, path in ipairs({ "submit", "status", "result" }) do
      service:faults({ { match = { path = path }, mode = path == "submit" and "after" or nil,
        ["then"] = { status = 307, headers = away, body = "" } } })
      assert.truthy(run(sm))
    end
    service:faults({ { match = { path = "credits" }, ["then"] = { status = 302, headers = away,
      body = "" } } })
    collect({ sm:credits() })
    assert.same({}, service:foreign())
    -- A picture may lie elsewhere, when the caller says so; it is fetched without the key.
    service:faults({ { match = { path = "result" }, ["then"] = { status = 200, body =
      ('{"status":"COMPLETED","output":"%s/p.png"}'):format(service.foreign_url) } } })
    local result = run(sm)
    assert.truthy(result:bytes())
    local told = service:foreign()
    assert.equal(1, #told)
    collect(told)
    check(sm)
  end)

  it("does not stand in what a foreign host would get without leave", function()
    local sm = open()
    service:faults({ { match = { path = "result" }, ["then"] = { status = 200, body =
      '{"status":"COMPLETED","output":"https://evil.example/p.png"}' } } })
    local result = run(sm)
    local _, err = result:bytes()
    assert.equal("security", err.kind)
    collect(err)
    check(sm)
  end)
end)
