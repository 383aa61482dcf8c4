--- Every kind of error, each by a fault that brings it about, with what an error carries.

local Error = require("segmind.error")
local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local ledger = require("spec.support.ledger")
local segmind = require("segmind")
local session = require("spec.support.session")

local PARAMS = { prompt = "x", aspect_ratio = "1:1" }
local ID = "[%w][%w._-]*"

describe("the error kind", function()
  local service = ledger.fixture()

  local function fault(path, effect, mode)
    service:faults({ { match = { path = path, count = "always" }, ["then"] = effect,
      mode = mode } })
  end

  local function client(options)
    options = options or {}
    options.ledger = options.ledger or false
    return ledger.client(options)
  end

  local function run(options, opts, params)
    return select(2, client(options):run("flux-kontext-pro", params or PARAMS, opts))
  end

  -- Each returns an error; `charged` and `id` are what it must say.
  local cases = {
    invalid = { charged = "no", make = function()
      return run(nil, nil, { promt = "x" })
    end },
    not_sent = { charged = "no", retryable = true, make = function()
      return run({ base_url = "http://127.0.0.1:1", timeout = 3 })
    end },
    rejected = { charged = "no", make = function()
      fault("submit", { status = 422 })
      return run()
    end },
    auth = { charged = "no", make = function()
      fault("submit", { status = 401 })
      return run()
    end },
    no_credits = { charged = "no", make = function()
      fault("submit", { status = 402 })
      return run()
    end },
    throttled = { charged = "no", retryable = true, make = function()
      fault("submit", { status = 429, headers = { ["Retry-After"] = "60" } })
      return run({ timeout = 0.5 })
    end },
    unknown = { charged = "unknown", make = function()
      service:faults({ { match = { path = "submit" }, ["then"] = { status = 500 } },
        { match = { path = "history", count = "always" }, ["then"] = { status = 403 } } })
      return run()
    end },
    failed = { charged = "no", id = true, make = function()
      fault("submit", { states = { "FAILED" } })
      return run()
    end },
    expired = { charged = "unknown", id = true, make = function()
      service:faults({ { match = { path = "history_entry", count = "always" },
        ["then"] = { status = 404 } } })
      local job = assert(client():attach("no-such-request", "flux-kontext-pro"))
      return select(2, job:wait())
    end },
    timeout = { charged = "yes", id = true, make = function()
      fault("status", { status = 503 })
      return run({ timeout = 0.5 })
    end },
    protocol = { charged = "yes", id = true, make = function()
      fault("v1", { status = 200, body = '{"status":"COMPLETED","request_id":"r-1"}' })
      return select(2, client():run_sync("flux-kontext-pro", PARAMS))
    end },
    security = { charged = "no", make = function()
      local _, err = client():attach("../etc/passwd", "flux-kontext-pro")
      return err
    end },
    ledger = { charged = "no", make = function()
      return select(2, segmind.new({ api_key = emulator.KEY, base_url = service.url,
        ledger = "/no/such/folder/edits.db" }))
    end },
    io = { charged = "yes", id = true, make = function()
      local folder = files.make_folder(files.unused())
      local job = assert(client():submit("flux-kontext-pro", PARAMS, { save = folder .. "/x" }))
      os.execute(("rmdir %s; touch %s"):format(folder, folder))
      local _, err = job:wait()
      os.remove(folder)
      return err
    end },
    cancelled = { charged = "unknown", make = function()
      local job = assert(client():submit("flux-kontext-pro", PARAMS))
      job:cancel()
      return job:error()
    end },
    budget = { charged = "no", make = function()
      return run({ budget = 0.01 })
    end },
    upstream = { charged = "no", make = function()
      fault("submit", { status = 400 })
      local sm = client()
      local base = assert(sm:submit("flux-kontext-pro", PARAMS))
      local job = assert(sm:submit("flux-kontext-dev", { prompt = "y", input_image = base }))
      return select(2, job:wait())
    end },
  }

  -- These are raised by a call that makes no job.
  local jobless = { invalid = true, ledger = true, security = true }

  for kind in pairs(Error.kinds) do
    it(kind .. " is told by a fault of its own, with all that an error carries", function()
      local case = assert(cases[kind], "no case brings this kind about")
      local err = case.make()
      assert.is_true(segmind.is_error(err))
      assert.equal(kind, err.kind)
      assert.equal(case.charged, err.charged)
      assert.is_boolean(err.retryable)
      assert.equal(case.retryable or err.retryable, err.retryable)
      assert.equal(not jobless[kind], err.job ~= nil)
      assert.is_nil(err.step)
      if case.id then
        assert.truthy(err.request_id:find("^" .. ID .. "$"))
      end
      assert.truthy(tostring(err):find("segmind: " .. kind, 1, true))
    end)
  end

  it("failed says whether the content was blocked", function()
    local _, err = client():run("flux-kontext-pro", { prompt = "nsfw", aspect_ratio = "1:1" })
    assert.same({ "failed", true }, { err.kind, err.blocked })
    assert.is_nil(cases.failed.make().blocked)
  end)

  it("is named by no case that does not exist", function()
    for kind in pairs(cases) do
      assert.truthy(Error.kinds[kind])
    end
  end)

  it("not_sent names at the deadline where the last try went, and why it failed", function()
    local given = { base_url = "http://127.0.0.1:1", timeout = 0.3 }
    local picture = { prompt = "x", input_image = segmind.bytes(session.PIXEL) }
    for _, params in ipairs({ PARAMS, picture }) do
      local err = run(given, nil, params)
      assert.equal("not_sent", err.kind)
      assert.truthy(err.message:find("deadline", 1, true), err.message)
      assert.truthy(err.message:find("127.0.0.1 port 1", 1, true), err.message)
    end
  end)

  for kind, status in pairs({ auth = 401, no_credits = 402 }) do
    it(kind .. " stops the run: what has not been sent fails alike, and is not sent", function()
      fault("submit", { status = status })
      local sm, jobs = client({ max_active_jobs = 1 }), {}
      for i = 1, 5 do
        jobs[i] = assert(sm:submit("flux-kontext-pro", PARAMS))
      end
      jobs[6] = assert(sm:submit("flux-kontext-dev", { prompt = "y", input_image = jobs[5] }))
      for i, job in ipairs(jobs) do
        local _, err = job:wait()
        assert.equal(kind, err.kind)
        assert.equal("no", err.charged)
        assert.equal(i > 1 and jobs[1]:error() or nil, err.cause)
      end
      assert.equal(1, service:stats().requests.submit)
      service:clear_faults()
      assert(sm:run("flux-kontext-pro", PARAMS))
    end)
  end

  it("a 403 stops the steps of its model alone, and is not told as a bad key", function()
    service:faults({ { match = { path = "submit" },
      ["then"] = { status = 403, body = '{"detail":"Your team has no access"}' } } })
    local sm = client({ max_active_jobs = 1 })
    local first = assert(sm:submit("flux-kontext-pro", PARAMS))
    local same = assert(sm:submit("flux-kontext-pro", PARAMS))
    local other = assert(sm:submit("flux-kontext-max", PARAMS))
    local _, err = first:wait()
    assert.same({ "auth", 403, "no" }, { err.kind, err.status, err.charged })
    assert.truthy(err.message:find("this key may not use this model", 1, true))
    assert.truthy(err.message:find("Your team has no access", 1, true))
    assert.equal(err, select(2, same:wait()).cause)
    assert(other:wait())
    assert.equal(2, service:stats().requests.submit)
  end)

  it("failed of a job that nobody knows to be free is asked for again by its id", function()
    fault("status", { status = 200, body = '{"status":"CANCELLED"}' })
    local sm = ledger.client()
    local _, err = sm:run("flux-kontext-pro", PARAMS)
    assert.same({ "failed", "unknown" }, { err.kind, err.charged })
    service:clear_faults()
    assert.equal(err.request_id, assert(sm:run("flux-kontext-pro", PARAMS)).request_id)
    assert.equal(1, ledger.accepted())
  end)

  it("failed of the synchronous way with an odd word may be charged", function()
    fault("v1", { status = 200, body = '{"status":"CANCELLED"}' })
    local err = select(2, client():run_sync("flux-kontext-pro", PARAMS))
    assert.same({ "failed", "unknown" }, { err.kind, err.charged })
    service:clear_faults()
    fault("v1", { status = 200, body = '{"status":"FAILED","error":"no"}' })
    err = select(2, client():run_sync("flux-kontext-pro", PARAMS))
    assert.same({ "failed", "no" }, { err.kind, err.charged })
  end)

  it("timeout of an attached id is charged once the service has shown that it knows it", function()
    fault("status", { status = 200, body = '{"status":"PROCESSING"}' })
    local sm = client()
    local known = assert(sm:attach("abc123", "flux-kontext-pro"))
    repeat
      local _, err = known:wait(0.02)
      assert.equal(known.state == "PROCESSING" and "yes" or "unknown", err.charged)
    until known.state == "PROCESSING"
    service:clear_faults()
    local unknown = assert(sm:attach("no-such-request", "flux-kontext-pro"))
    assert.equal("unknown", select(2, unknown:wait(0.05)).charged)
    unknown:cancel()
    assert.equal("unknown", unknown:error().charged)
  end)

  it("timeout of polls that refuse the key leaves what was accepted to be attached", function()
    fault("status", { status = 401 })
    local sm = client({ timeout = 2 })
    local a, b = sm:submit("flux-kontext-pro", PARAMS), sm:submit("flux-kontext-pro", PARAMS)
    for _, job in ipairs({ a, b }) do
      local _, err = job:wait()
      assert.same({ "timeout", 401, "yes" }, { err.kind, err.status, err.charged })
      assert.truthy(err.message:find("does not accept the API key", 1, true))
      assert.equal(job.request_id, err.request_id)
    end
    service:clear_faults()
    for _, job in ipairs({ a, b }) do
      assert(assert(sm:attach(job.request_id, job.model)):wait())
    end
    assert.equal(2, ledger.accepted())
  end)
end)
