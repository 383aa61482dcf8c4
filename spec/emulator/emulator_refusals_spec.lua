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
  local service = emulator.fixture({ plain = true, latency = 0.02 })
  local http = curl.new(service, { key = emulator.KEY })
  local anonymous = curl.new(service, {})

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

    it("is one with an undeclared parameter where the emulator is strict", function()
      local strict = emulator.start({ plain = true, latency = 0, strict = true })
      local ask = curl.new(strict.url, { key = emulator.KEY })
      local body = clone(pro, { guidance_scale = 3 })
      local id = ask:post("/v2/flux-kontext-pro", body):json().request_id
      assert.matches("Unexpected parameter 'guidance_s", ask:await(id):json().error)
      assert.equal(500, ask:post("/v1/flux-kontext-pro", body).status)
      assert.is_true(strict:stop())
      assert.equal("COMPLETED", run("flux-kontext-pro", body):json().status)
    end)
  end)

  describe("refuses on v1", function()
    local function refusal(changes)
      local body = clone({ prompt = "a harbour", aspect_ratio = "1:1" }, changes)
      local answer = http:post("/v1/flux-kontext-pro", body)
      return answer.status, answer:json().error
    end

    it("a value outside a declared set by 406, before there is a job", function()
      local status, text = refusal({ aspect_ratio = "5:1" })
      assert.equal(406, status)
      assert.matches("aspect_ratio: '5:1' is not one", text)
      assert.equal(0, service:ledger().totals.accepted)
    end)

    it("every other bad value by 500, as the model meets it, and what is missing by 400", function()
      assert.equal(500, (refusal({ safety_tolerance = 7 })))
      assert.equal(500, (refusal({ seed = "x" })))
      assert.equal(500, (refusal({ input_image = "http://127.0.0.1:1/x.png" })))
      local status, text = refusal({ prompt = "" })
      assert.equal(400, status)
      assert.matches("Prompt is required", text)
      assert.equal(0, service:ledger().totals.cost)
    end)
  end)

  describe("refuses", function()
    local body = { prompt = "x" }

    it("a missing key, a bad key and Bearer, with the texts of the service", function()
      local missing = anonymous:post("/v2/flux-kontext-pro", body)
      assert.equal(401, missing.status)
      assert.same({ error = "Missing Authorization or x-api-key in header" }, missing:json())
      local bad = curl.new(service.url, { key = "SG_12" }):post("/v2/flux-kontext-pro", body)
      assert.equal("Unauthorized. API key is invalid or may have expired...", bad:json().error)
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
      assert.equal("Output for this request ID none Not Found",
        http:get("/v1/requests/none"):json().error)
    end)

    it("what a page in a browser may send to its control port", function()
      local url = service.url
      local function control(headers, method, path)
        return anonymous:request(("-X %s %s"):format(method, headers), "/_emulator/" .. path).status
      end
      http:post("/v2/flux-kontext-pro", body)
      for _, headers in ipairs({ "-H 'Origin: https://evil.example'", "-H 'Origin: null'",
        "-H 'Origin: http://127.0.0.1:1'", "-H 'Host: evil.example'",
        "-H 'Host: 127.0.0.1.evil.example:80'" }) do
        assert.equal(403, control(headers, "POST", "reset"), headers)
        assert.equal(403, control(headers, "POST", "shutdown"), headers)
        assert.equal(403, control(headers, "DELETE", "faults"), headers)
        assert.equal(403, control(headers, "GET", "ledger"), headers)
      end
      assert.equal(1, service:ledger().totals.accepted)
      assert.equal(200, control("-H 'Origin: " .. url .. "'", "POST", "reset"))
      assert.equal(200, control("-H 'Host: localhost'", "GET", "ledger"))
      assert.equal(0, service:ledger().totals.accepted)
    end)

    it("a wrong method in HTML", function()
      local answer = http:get("/v2/flux-kontext-pro")
      assert.equal(405, answer.status)
      assert.matches("text/html", answer.headers["content-type"])
      assert.matches("<html>", answer.body)
    end)

    it("a wrong Content-Type and a body that is no JSON object", function()
      local form = http:request("-d prompt=x", "/v2/flux-kontext-pro")
      assert.equal(406, form.status)
      assert.equal("Invalid content type", form:json().error)
      assert.equal(406, http:request("-d prompt=x", "/upload-asset").status)
      assert.equal(400, http:post("/v2/flux-kontext-pro", "{").status)
      assert.equal(400, http:post("/v2/flux-kontext-pro", "[]").status)
    end)
  end)
end)
