--- The sample programs of the service's five Kontext pages, against the emulator: the same requests
--- in the same order, and each ends with what the page prints.

local curl = require("spec.support.curl")
local emulator = require("spec.support.emulator")
local samples = require("spec.support.samples")

-- segmind.run(slug, **params) of the service's Python SDK: submits by v2, asks the addresses that
-- the answer names, raises unless they say COMPLETED.
local function run_by_v2(http, model, params)
  local accepted = http:post("/v2/" .. model, params)
  assert.equal(200, accepted.status)
  for _ = 1, 500 do
    local status = http:get(accepted:json().status_url):json().status
    assert.is_true(status ~= "FAILED")
    if status == "COMPLETED" then
      break
    end
    os.execute("sleep 0.01")
  end
  local answer = http:get(accepted:json().response_url)
  assert.equal(200, answer.status)
  return answer:json()
end

-- requests.post(url, json=data, headers={"x-api-key": api_key}), then print(response.json()).
local function post_by_v1(http, model, params)
  return http:post("/v1/" .. model, params):json()
end

local programs = {
  ["flux-kontext-dev"] = run_by_v2,
  ["flux-kontext-pro"] = post_by_v1,
  ["flux-kontext-max"] = run_by_v2,
  ["multi-image-kontext-pro"] = run_by_v2,
  ["multi-image-kontext-max"] = run_by_v2,
}

describe("the sample program of the page of", function()
  local service = emulator.fixture({ plain = true, latency = 0.01, v1_json = true })
  local http = curl.new(service, { key = emulator.KEY })

  for model, program in pairs(programs) do
    it(model .. " ends with the address of a picture", function()
      service:reset()
      local printed = program(http, model, samples[model])
      assert.equal("COMPLETED", printed.status)
      assert.matches("^image/", http:get(printed.output).headers["content-type"])
      local submits = service:ledger().submits
      assert.equal(1, #submits)
      assert.same(samples[model], submits[1].body)
    end)
  end

  it("flux-kontext-pro ends in an error of JSON where v1 answers with the picture", function()
    local plain = emulator.start({ plain = true, latency = 0.01 })
    local ask = curl.new(plain.url, { key = emulator.KEY })
    assert.is_false(pcall(post_by_v1, ask, "flux-kontext-pro", samples["flux-kontext-pro"]))
    assert.is_true(plain:stop())
  end)
end)
