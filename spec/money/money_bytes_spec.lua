--- Each answer of a job cut, reset and stalled at every byte of its head and of its JSON, a picture
--- at every so many: whatever the place, the job comes to its end with one accepted submit (M3).

local emulator = require("spec.support.emulator")
local oracle = require("spec.support.oracle")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

local MODEL = "flux-kontext-pro"
local BATCH = 150

-- The same on every Lua, and long: once will do. SEGMIND_BYTES_STEP makes it coarser.
local describe_once = _VERSION == "Lua 5.4" and describe or pending
local every = tonumber(os.getenv("SEGMIND_BYTES_STEP")) or 1

describe_once("an answer cut at every byte", function()
  local service = session.fixture({ wire = true, seed = 3, latency = 0.01 })
  local sm
  local seed, length = 0, {}

  local function submit(count)
    local jobs = {}
    for i = 1, count do
      seed = seed + 1
      jobs[i] = assert(sm:submit(MODEL, { prompt = "x", aspect_ratio = "1:1", seed = seed }))
    end
    return jobs
  end

  local function request(words)
    local text = shell.output(("curl -s -i -H %s %s"):format(
      shell.quote("x-api-key: " .. emulator.KEY), words))
    return text
  end

  --- How long the answers of a job are, heads included.
  local function measure()
    local url = service.wire_url
    local words = "-H 'Content-Type: application/json' -d '{\"prompt\":\"x\"}' %s/v2/%s"
    local answer = request(words:format(url, MODEL))
    length.submit = #answer
    local id = answer:match('"request_id":"([%w-]+)"')
    repeat
      answer = request(url .. "/v2/requests/" .. id .. "/status")
      length.status = #answer
    until answer:find("COMPLETED")
    answer = request(url .. "/v2/requests/" .. id)
    length.result = #answer
    length.media = #request(answer:match('"output":"([^"]+)"'))
  end

  setup(measure)

  before_each(function()
    sm = session.client({ base_url = service.wire_url, max_transfers = 64 })
  end)

  --- Breaks the n-th answer of a kind at the n-th of the places.
  local function break_at(kind, places, action)
    local rules = {}
    for i, at in ipairs(places) do
      -- Pictures are fetched one after the other, and a second try has to succeed.
      local nth = kind == "media" and 2 * i - 1 or i
      rules[i] = { match = { kind = kind, nth = nth }, direction = "response", at = at,
        action = action, seconds = action == "stall" and 0.05 or nil }
    end
    service:clear_wire()
    service:reset()
    service:wire(rules)
  end

  local function run(kind, places, action)
    break_at(kind, places, action)
    local jobs = submit(#places)
    for _, job in ipairs(jobs) do
      local result, err = job:wait(60)
      assert(result, err)
      if kind == "media" then
        assert(result:bytes())
      end
    end
    local sums = oracle.judge(service, jobs)
    oracle.check(kind .. " " .. action, sums)
    assert.equal(#jobs, sums.accepted)
    assert.equal(0, sums.unknown)
  end

  local steps = { submit = every, status = every * 2, result = every * 2, media = every * 5 }
  for _, kind in ipairs({ "submit", "status", "result", "media" }) do
    for _, action in ipairs({ "close", "reset", "stall" }) do
      it(("of a %s by a %s"):format(kind, action), function()
        local places = {}
        for at = 0, length[kind] - 1, action == "stall" and steps[kind] * 4 or steps[kind] do
          places[#places + 1] = at
          if #places == BATCH then
            run(kind, places, action)
            places = {}
          end
        end
        run(kind, places, action)
      end)
    end
  end
end)
