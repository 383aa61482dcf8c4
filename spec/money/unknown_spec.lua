--- Submits of which nobody knows what became: looked up, reported, and sent again only with leave
--- (M8).

local emulator = require("spec.support.emulator")
local ledger = require("spec.support.ledger")
local segmind = require("segmind")
local session = require("spec.support.session")

describe("a submit of unknown outcome", function()
  local service = ledger.fixture()

  --- `count` submits are accepted (or, "before", are not) and their answers lost.
  local function lose(mode, count, more)
    local rule = { match = { path = "submit", count = count or 1 }, mode = mode,
      ["then"] = { status = 502 } }
    for key, value in pairs(more or {}) do
      rule["then"][key] = value
    end
    service:faults({ rule })
  end

  --- The history cannot be asked, so nobody waits for it.
  local function close_history()
    local refuse = { status = 403 }
    service:faults({ { match = { path = "history", count = "always" }, ["then"] = refuse },
      { match = { path = "history_entry", count = "always" }, ["then"] = refuse } })
  end

  local function submit(sm, opts)
    return assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }, opts))
  end

  local function heard(events, what)
    local found = {}
    for _, event in ipairs(events) do
      if event.what == what then
        found[#found + 1] = event
      end
    end
    return found
  end

  local function listening(options)
    local events = {}
    options.on_event = function(event)
      events[#events + 1] = event
    end
    return ledger.client(options), events
  end

  for name, more in pairs({ ["a 502"] = {}, ["no answer"] = { close = true },
    ["a cut answer"] = { truncate = 20 }, ["garbage"] = { status = 200, body = "<html>" } }) do
    it("that was accepted and answered with " .. name .. " is found and goes on", function()
      if more.close or more.truncate then
        service:faults({ { match = { path = "submit" }, mode = "after", ["then"] = more } })
      else
        lose("after", 1, more)
      end
      local sm, events = listening({})
      local job = submit(sm)
      local result = assert(job:wait())
      assert.equal(service:ledger().submits[1].request_id, result.request_id)
      assert.equal(1, ledger.accepted())
      assert.truthy(heard(events, "note")[1].message:find("history", 1, true))
      assert.equal("completed", ledger.rows()[1].state)
    end)
  end

  it("is submitted again by another run with its local picture uploaded first", function()
    close_history()
    lose("before")
    local params = { prompt = "x", input_image = ledger.write("in.png", session.PIXEL), seed = 7 }
    local sm = ledger.client({})
    local _, err = sm:run("flux-kontext-pro", params)
    assert.equal("unknown", err.kind)
    sm:close()
    sm = ledger.client({ on_unknown = "resubmit" })
    local result = assert(sm:run("flux-kontext-pro", params))
    assert.equal(1, ledger.accepted())
    assert.equal(2, ledger.rows()[1].submits)
    assert.equal(1, #ledger.rows())
    assert.equal("string", type(result.request_id))
    sm:close()
  end)

  it("leaves the history's row to a twin whose answer is still awaited", function()
    service:faults({
      { match = { path = "submit" }, mode = "before", ["then"] = { status = 502 } },
      { match = { path = "submit" }, mode = "after", ["then"] = { delay = 2 } },
    })
    local sm = ledger.client({ ledger = false, timeout = 4 })
    local params = { prompt = "x", aspect_ratio = "1:1", seed = 7 }
    local lost = assert(sm:submit("flux-kontext-pro", params))
    assert.is_nil(lost:wait(0.1))
    local twin = assert(sm:submit("flux-kontext-pro", params))
    local result = assert(twin:wait())
    assert.equal(service:ledger().submits[1].request_id, result.request_id)
    local _, err = lost:wait()
    assert.same({ "unknown", "unknown" }, { err.kind, err.charged })
    assert.equal(1, ledger.accepted())
  end)

  it("is an error unless told otherwise, and stays so with a ledger", function()
    close_history()
    lose("before")
    local job = submit(ledger.client())
    local result, err = job:wait()
    assert.is_nil(result)
    assert.same({ "unknown", "unknown", "unreachable" }, { err.kind, err.charged, err.history })
    assert.is_boolean(err.retryable)
    assert.equal("unknown", ledger.rows()[1].state)
    assert.equal(0, ledger.accepted())
    assert.equal("unknown", select(2, submit(ledger.client()):wait()).kind)
    assert.equal(1, service:stats().requests.submit)
  end)

  it("is looked up again by the next run, and adopted when it shows", function()
    close_history()
    lose("after")
    assert.equal("unknown", select(2, submit(ledger.client()):wait()).kind)
    service:clear_faults()
    local result = assert(submit(ledger.client()):wait())
    assert.equal(service:ledger().submits[1].request_id, result.request_id)
    assert.equal(1, ledger.accepted())
  end)

  for _, with in ipairs({ "with", "without" }) do
    local options = { on_unknown = "resubmit" }
    if with == "without" then
      options.ledger = false
    end

    it("is sent again by \"resubmit\", and told, " .. with .. " a ledger", function()
      close_history()
      lose("after", 2)
      local sm, events = listening(options)
      local job = submit(sm)
      assert(job:wait())
      assert.equal(3, ledger.accepted())
      local told = heard(events, "resubmit")
      assert.equal(2, #told)
      assert.equal(job, told[1].job)
      assert.equal("unknown", told[1].error.kind)
      local submits = service:ledger().submits
      assert.equal(submits[1].body.seed, submits[3].body.seed)
      if with == "with" then
        local row = ledger.rows()[1]
        assert.equal(3, row.submits)
        assert.near(0.10, row.doubt, 1e-9)
      end
    end)
  end

  for _, with in ipairs({ "with", "without" }) do
    it("stays in doubt when sending it again is refused, " .. with .. " a ledger", function()
      close_history()
      lose("after")
      local sm = ledger.client({ on_unknown = "resubmit", budget = 0.05,
        ledger = with == "with" and ledger.target() })
      local _, err = submit(sm):wait()
      assert.same({ "budget", "unknown" }, { err.kind, err.charged })
      if with == "with" then
        assert.equal("unknown", ledger.rows()[1].state)
        _, err = submit(ledger.client()):wait()
        assert.equal("unknown", err.kind)
      end
      _, err = sm:run("flux-kontext-pro", { prompt = "y", aspect_ratio = "1:1" })
      assert.equal("budget", err.kind)
      assert.equal(1, service:stats().requests.submit)
    end)
  end

  it("is no less in doubt when the second submit was certainly not paid", function()
    service:faults({ { match = { path = "submit" }, mode = "after", ["then"] = { status = 502 } },
      { match = { path = "submit", count = "always" }, ["then"] = { status = 400 } } })
    close_history()
    local sm = ledger.client({ on_unknown = "resubmit" })
    local _, err = submit(sm):wait()
    assert.same({ "rejected", "unknown" }, { err.kind, err.charged })
    local row = ledger.rows()[1]
    assert.same({ "unknown", 0, 0.05 }, { row.state, row.doubt, row.price })
    sm:close()
    service:clear_faults()
    assert(submit(ledger.client()):wait())
    assert.equal(1, ledger.accepted())
  end)

  it("is sent again three times, no more", function()
    close_history()
    lose("after", "always")
    local sm, events = listening({ on_unknown = "resubmit" })
    local _, err = submit(sm):wait()
    assert.equal("unknown", err.kind)
    assert.truthy(err.message:find("3 times", 1, true))
    assert.equal(4, ledger.accepted())
    assert.equal(3, #heard(events, "resubmit"))
  end)

  it("is decided by a function, which has the error and the job", function()
    close_history()
    lose("after", 2)
    local seen = {}
    local job = submit(ledger.client(), { on_unknown = function(err, asked)
      seen[#seen + 1] = { err.kind, err.job, asked.id }
      return #seen == 1 and "resubmit" or "hold"
    end })
    local _, err = job:wait()
    assert.equal("unknown", err.kind)
    assert.same({ { "unknown", 1, 1 }, { "unknown", 1, 1 } }, seen)
    assert.equal(2, ledger.accepted())
  end)

  it("is decided once for all jobs at a step, which then have its outcome", function()
    for _, answer in ipairs({ "resubmit", "hold" }) do
      service:reset()
      close_history()
      lose("before")
      local sm, asked, jobs = ledger.client(), 0, {}
      for i = 1, 3 do
        jobs[i] = sm:submit("flux-kontext-pro", { prompt = answer, aspect_ratio = "1:1" },
          { on_unknown = function()
            asked = asked + 1
            return answer
          end })
      end
      for i = 1, 3 do
        local result, err = jobs[i]:wait()
        assert.equal(answer == "hold" and "unknown", err and err.kind or false)
        assert.equal(answer == "resubmit" and jobs[1].request_id or nil,
          result and result.request_id)
      end
      assert.same({ 1, answer == "resubmit" and 2 or 1 },
        { asked, service:stats().requests.submit })
    end
  end)

  it("is adopted by the request id that the function returns", function()
    close_history()
    lose("after")
    local id
    local job = submit(ledger.client(), { on_unknown = function()
      id = service:ledger().submits[1].request_id
      return id
    end })
    local result = assert(job:wait())
    assert.equal(id, result.request_id)
    assert.equal(1, ledger.accepted())
    assert.equal(id, ledger.rows()[1].request_id)
  end)

  it("is held when the function raises or returns something else, and that is told", function()
    close_history()
    lose("before", 3)
    local answers = { function()
      error("oops")
    end, function()
      return 42
    end, function()
      return "resumbit"
    end }
    for i, text in ipairs({ "oops", "42", "resumbit" }) do
      local sm, events = listening({ ledger = false, on_unknown = answers[i] })
      local _, err = submit(sm):wait()
      assert.equal("unknown", err.kind)
      assert.truthy(heard(events, "callback")[1].error.message:find(text, 1, true))
    end
    assert.equal(3, service:stats().requests.submit)
  end)

  it("may be cancelled by the function", function()
    close_history()
    lose("before")
    local job = submit(ledger.client(), { on_unknown = function(_, job)
      job:cancel()
      return "resubmit"
    end })
    local _, err = job:wait()
    assert.same({ "cancelled", "unknown" }, { err.kind, err.charged })
    assert.equal(1, service:stats().requests.submit)
  end)

  it("of the synchronous way has no lookup, but the same choice", function()
    service:faults({ { match = { path = "v1", count = 2 }, mode = "after",
      ["then"] = { close = true } } })
    local sm, events = listening({ on_unknown = "resubmit" })
    local params = { prompt = "x", aspect_ratio = "1:1" }
    assert(sm:run_sync("flux-kontext-pro", params))
    assert.equal(3, ledger.accepted())
    assert.equal(2, #heard(events, "resubmit"))
    service:clear_faults()
    service:faults({ { match = { path = "v1" }, mode = "after", ["then"] = { status = 500 } } })
    local result, err = sm:run_sync("flux-kontext-max", params, { on_unknown = "hold" })
    assert.is_nil(result)
    assert.equal("unknown", err.kind)
    assert.is_nil(err.history)
    assert.equal(4, ledger.accepted())
  end)

  it("that the history does not show is said to be absent; then \"resubmit\" is one submit",
    function()
      lose("before", 2)
      local sm = ledger.client()
      local held = submit(sm)
      local again = assert(sm:submit("flux-kontext-pro", { prompt = "y", aspect_ratio = "1:1" },
        { on_unknown = function(err)
          return err.history == "absent" and "resubmit" or "hold"
        end }))
      assert(again:wait(30))
      local _, err = held:wait()
      assert.same({ "unknown", "absent" }, { err.kind, err.history })
      assert.equal(1, ledger.accepted())
    end)

  it("refuses another word for on_unknown by raising", function()
    assert.has_error(function()
      segmind.new({ api_key = emulator.KEY, on_unknown = "retry" })
    end)
  end)
end)
