-- What the emulator refuses: at once by an HTTP status, or, as the service checks parameters only
-- after queueing, by a job that fails.

local curl = require("spec.support.curl")
local emulator = require("spec.support.emulator")

local function clone(body, changes)
  local copy = {}
  for name, value in pairs(body) do
    copy[name] = value
  end
  for name, value in pairs(changes or {}) do
    copy[name] = value
  end
  return copy
end

describe("the emulator", function()
  local service, http, anonymous

  setup(function()
    service = emulator.start({ plain = true, latency = 0.02 })
    http = curl.new(service.url, { key = emulator.KEY })
    anonymous = curl.new(service.url, {})
  end)

  teardown(function()
    assert.is_true(service:stop())
  end)

  before_each(function()
    service:reset()
  end)

  local function run(model, body)
    local accepted = http:post("/v2/" .. model, body)
    assert.equal(200, accepted.status)
    local id = accepted:json().request_id
    http:await(id)
    return http:get("/v2/requests/" .. id), id
  end

  describe("a job that fails", function()
    local function failure(model, body)
      local answer, id = run(model, body)
      local reply = answer:json()
      assert.equal(422, answer.status)
      assert.equal("FAILED", reply.status)
      assert.is_nil(reply.request_id)
      assert.is_number(reply.metrics.queue_time)
      assert.equal(422, http:get("/v2/requests/" .. id .. "/status").status)
      assert.equal(0, service:ledger().totals.cost)
      return reply.error
    end

    local pro = { prompt = "a harbour", aspect_ratio = "1:1" }
    local refused = {
      ["a missing prompt"] = { { prompt = "" }, "^Prompt is required" },
      ["a wrong type"] = { { prompt = 7 }, "prompt: a string" },
      ["a value out of range"] = { { safety_tolerance = 7 }, "safety_tolerance: 7 is greater" },
      ["a value out of its list"] = { { aspect_ratio = "5:1" }, "aspect_ratio: '5:1'" },
      ["an undeclared parameter"] = { { guidance_scale = 3 }, "Unexpected parameter 'guidance_s" },
      ["a fraction for an integer"] = { { seed = 1.5 }, "seed: an integer" },
      ["something that is no URL"] = { { input_image = "photo.png" }, "'photo.png' is not a URL" },
      ["a picture nobody serves"] = { { input_image = "http://127.0.0.1:1/x.png" }, "^Unable to" },
      ["a blocked content"] = { { prompt = "NSFW harbour" }, "content" },
    }
    for what, case in pairs(refused) do
      it("is one with " .. what, function()
        assert.matches(case[2], failure("flux-kontext-pro", clone(pro, case[1])))
      end)
    end

    it("is not one whose content check is off", function()
      local body = clone(pro, { prompt = "nsfw harbour", safety_tolerance = 6 })
      assert.equal("COMPLETED", run("flux-kontext-pro", body):json().status)
    end)

    it("is a 400 on v1", function()
      local answer = http:post("/v1/flux-kontext-pro", clone(pro, { prompt = "" }))
      assert.equal(400, answer.status)
      assert.matches("Prompt is required", answer:json().error)
    end)
  end)

  describe("refuses", function()
    local body = { prompt = "x" }

    it("a missing key, a bad key and Bearer, with the texts of the service", function()
      local missing = anonymous:post("/v2/flux-kontext-pro", body)
      assert.equal(401, missing.status)
      assert.equal("Missing Authorization or x-api-key in header", missing:json().error)
      assert.equal(401, missing:json().status_code)
      local bad = curl.new(service.url, { key = "SG_12" }):post("/v2/flux-kontext-pro", body)
      assert.matches("API key is invalid", bad:json().error)
      assert.equal(401, anonymous:request("-H 'Authorization: Bearer " .. emulator.KEY .. "'",
        "/v1/get-user-credits").status)
      assert.equal(0, service:ledger().totals.accepted)
    end)

    it("an unknown model, path and id", function()
      assert.equal(404, http:post("/v2/flux-kontext-ultra", body).status)
      assert.equal(404, http:get("/nowhere").status)
      local unknown = http:get("/v2/requests/none/status")
      assert.equal(404, unknown.status)
      assert.equal("Request none not found", unknown:json().error)
    end)

    it("a wrong method in HTML", function()
      local answer = http:get("/v2/flux-kontext-pro")
      assert.equal(405, answer.status)
      assert.matches("text/html", answer.headers["content-type"])
      assert.matches("<html>", answer.body)
    end)

    it("a wrong Content-Type and a body that is no JSON object", function()
      assert.equal(406, http:request("-d prompt=x", "/v2/flux-kontext-pro").status)
      assert.equal(400, http:post("/v2/flux-kontext-pro", "{").status)
      assert.equal(400, http:post("/v2/flux-kontext-pro", "[]").status)
    end)
  end)
end)
