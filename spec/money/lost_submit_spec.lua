--- A lost submit in the request history, however the service spells it and whatever clocks show.

local child = require("spec.support.child")
local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local segmind = require("segmind")

local PARAMS = { prompt = "x", aspect_ratio = "1:1", seed = 7 }

describe("a lost submit in the request history", function()
  local service

  local function start(options)
    options.plain, options.speed, options.seed = true, 100, 1
    service = emulator.start(options)
  end

  after_each(function()
    assert.is_true(service:stop())
  end)

  local function client(options)
    options = options or {}
    options.base_url, options.api_key, options.poll = service.url, emulator.KEY, 0.02
    return assert(segmind.new(options))
  end

  --- Accepted, and its answer lost.
  local function lose()
    service:faults({ { match = { path = "submit" }, mode = "after", ["then"] = { status = 502 } } })
  end

  local function is_found()
    lose()
    local result = assert(client():run("flux-kontext-pro", PARAMS))
    assert.equal(service:ledger().submits[1].request_id, result.request_id)
    assert.equal(1, service:ledger().totals.accepted)
  end

  for _, spelling in ipairs({ "iso", "iso-seconds", "iso-offset", "blank-offset", "http",
    "epoch", "epoch-fraction", "epoch-ms" }) do
    it("shows a lost submit whose time is spelt as " .. spelling .. ", in any zone", function()
      start({ history_spelling = spelling, history_zone = "-08:00" })
      is_found()
    end)
  end

  it("shows a lost submit whose time names no zone and is UTC", function()
    start({ history_spelling = "blank" })
    is_found()
  end)

  for _, name in ipairs({ "model_created", "created_at", "createdAt", "request_date" }) do
    it("shows a lost submit whose time is called " .. name, function()
      start({ history_time = name })
      is_found()
    end)
  end

  for _, ahead in ipairs({ -3600, -600, 600, 3600, 200000 }) do
    it(("is read on the service's clock, %d s ahead of ours"):format(ahead), function()
      start({ clock_ahead = ahead })
      is_found()
    end)
  end

  it("knows the row of the submit among older ones with the same parameters", function()
    start({ history_spelling = "epoch-fraction" })
    assert(client():run("flux-kontext-pro", PARAMS))
    lose()
    local result = assert(client():run("flux-kontext-pro", PARAMS))
    assert.equal(service:ledger().submits[2].request_id, result.request_id)
  end)

  it("is read in any locale, set at any time", function()
    start({ latency = 0 })
    local folder = files.unused()
    os.execute(("mkdir -p %s && localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1")
      :format(folder, folder))
    lose()
    local code, text = child.run([[
      local sm = assert(segmind.new{ base_url = os.getenv("URL"), api_key = "SG_0123456789abcdef",
        poll = 0.02, budget = 0.12 })
      local is_set = os.setlocale("de_DE.UTF-8")
      local params = { prompt = "x", input_image = "https://images.segmind.com/assets/x.png",
        guidance = 3.5 }
      local result = assert(sm:run("flux-kontext-dev", params))
      local sync = assert(sm:run_sync("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
      local _, err = sm:run_sync("flux-kontext-pro", { prompt = "y", aspect_ratio = "1:1" })
      print(is_set and "set" or "no locale", result.cost == 0.04, sync.cost == 0.05, err.kind)
    ]], { URL = service.url, LOCPATH = folder })
    os.execute("rm -rf " .. folder)
    assert.equal(0, code, text)
    if text:find("no locale", 1, true) then
      return pending("localedef cannot make de_DE.UTF-8")
    end
    assert.equal("set\ttrue\ttrue\tbudget\n", text)
    assert.equal(3.5, service:ledger().submits[1].body.guidance)
  end)
end)

describe("the time at which a rate limit is lifted", function()
  it("is understood on the service's clock", function()
    for _, spelling in ipairs({ "iso", "epoch-ms" }) do
      local service = emulator.start({ plain = true, speed = 100, clock_ahead = 3600,
        reset_spelling = spelling })
      service:faults({ { match = { path = "submit" }, ["then"] = { status = 429 } } })
      local sm = assert(segmind.new({ base_url = service.url, api_key = emulator.KEY, poll = 0.02,
        timeout = 4 }))
      assert(sm:run("flux-kontext-pro", PARAMS))
      assert.equal(2, service:stats().requests.submit)
      assert.is_true(service:stop())
    end
  end)
end)
