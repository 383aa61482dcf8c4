local fake = require("spec.support.fake_core")

describe("a chain", function()
  local segmind, core, sm, picture

  before_each(function()
    sm, segmind, core = fake.client()
    picture = segmind.bytes(fake.picture())
  end)

  after_each(fake.close)

  local function three(save)
    return sm:chain(picture)
      :step("flux-kontext-dev", { prompt = "one" })
      :step("flux-kontext-pro", { prompt = "two" }, { save = save })
      :step("multi-image-kontext-max",
        { prompt = "three", input_image_2 = "https://images.segmind.com/dress.png" })
  end

  it("gives each step the picture of the one before", function()
    local results = assert(three():run())
    assert.equal(3, #results)
    assert.equal(results[3], results.final)
    local calls = core.calls_of("job")
    assert.truthy(calls[2].body:find('"input_image":"' .. results[1].url .. '"', 1, true))
    assert.truthy(calls[3].body:find('"input_image_1":"' .. results[2].url .. '"', 1, true))
    assert.truthy(calls[3].body:find("dress.png", 1, true))
  end)

  it("draws a seed of its own for each step, anew in each run", function()
    local chain = three()
    local first, second = assert(chain:run()), assert(chain:run())
    local seen = {}
    for _, results in ipairs({ first, second }) do
      for _, result in ipairs(results) do
        assert.is_nil(seen[result.seed])
        seen[result.seed] = true
      end
    end
  end)

  it("is priced before anything is sent", function()
    local estimate = assert(three():estimate())
    assert.near(0.19, estimate.usd, 1e-9)
    assert.near(10.65 + 22.16 + 18.3, estimate.seconds, 1e-9)
    assert.equal(3, #estimate.steps)
    assert.equal(0, estimate.unknown)
    local text = tostring(estimate)
    for _, part in ipairs({ "flux-kontext-dev", "$0.10", "$0.19", "51.1 s" }) do
      assert.truthy(text:find(part, 1, true))
    end
    assert.equal(0, #core.calls)
  end)

  it("says so when a price is not known", function()
    local chain = sm:chain():step("flux-kontext-pro", { prompt = "x" })
    chain:step("some-upscaler", { image = chain:output(1) })
    local estimate = assert(chain:estimate())
    assert.near(0.05, estimate.usd, 1e-9)
    assert.equal(1, estimate.unknown)
    assert.truthy(tostring(estimate):find("unknown", 1, true))
    assert.truthy(tostring(estimate):find("without 1 of 2 steps", 1, true))
    local results = assert(chain:run())
    assert.truthy(core.calls_of("job")[2].body:find(results[1].url, 1, true))
  end)

  it("tells all bad steps, and sends none", function()
    local chain = sm:chain("/no/such/file.png")
      :step("flux-kontext-dev", { prompt = "x" })
      :step("flux-kontext-pro", { prompt = "x", output_format = "jpeg" })
      :step("some-upscaler", {})
    for _, verb in ipairs({ "estimate", "run", "submit" }) do
      local value, err = chain[verb](chain)
      assert.is_nil(value)
      assert.equal("invalid", err.kind)
      assert.equal(1, err.step)
      for _, part in ipairs({ "step 1 (flux-kontext-dev): input_image",
        "step 2 (flux-kontext-pro): output_format", 'did you mean "jpg"',
        "step 3 (some-upscaler): the model is not declared", "chain:output(2)" }) do
        assert.truthy(err.message:find(part, 1, true), part)
      end
    end
    assert.equal(0, #core.calls)
  end)

  it("begins with words alone when it has no picture", function()
    local results = assert(sm:chain()
      :step("flux-kontext-pro", { prompt = "a house" })
      :step("flux-kontext-dev", { prompt = "at night" }):run())
    assert.is_nil(core.calls_of("job")[1].body:find("input_image"))
    assert.truthy(core.calls_of("job")[2].body:find(results[1].url, 1, true))
  end)

  it("gives a later step the picture of any earlier one", function()
    local chain = sm:chain(picture)
      :step("flux-kontext-dev", { prompt = "one" })
      :step("flux-kontext-pro", { prompt = "two" })
    chain:step("multi-image-kontext-pro", { prompt = "three", input_image_2 = chain:output(1) })
    assert.near(10.65 + 22.16 + 23.32, chain:estimate().seconds, 1e-9)
    local results = assert(chain:run())
    local body = core.calls_of("job")[3].body
    assert.truthy(body:find('"input_image_2":"' .. results[1].url .. '"', 1, true))
    assert.equal(1, results[3].job.inputs[2].job)
  end)

  it("does not take a step of another chain", function()
    local other = three()
    local chain = sm:chain(other:output(1)):step("flux-kontext-dev", { prompt = "x" })
    local _, err = chain:run()
    assert.truthy(err.message:find("another chain", 1, true))
    assert.has_error(function()
      chain:output(2)
    end)
  end)

  it("without a step says so when its output is asked for", function()
    local _, message = pcall(function()
      return sm:chain(picture):output(1)
    end)
    assert.truthy(message:find("none was yet; got 1", 1, true), message)
  end)

  it("that breaks names the step and keeps what is finished", function()
    local ok = core.answers.job
    core.answers.job = function(call)
      return call.body:find('"two"') and { { 2, "error", fake.error("failed", "no face") } }
        or ok(call)
    end
    local results, err = three():run()
    assert.is_nil(results)
    assert.equal("failed", err.kind)
    assert.equal(2, err.step)
    assert.equal("step 2 (flux-kontext-pro): no face", err.message)
    assert.truthy(err.results[1].url)
    assert.is_nil(err.results[2])
    assert.is_nil(err.results[3])
  end)

  it("saves every step under its number, or where the step says", function()
    local results = assert(three("out/two"):run({ save = "out/dir.d/night.png" }))
    assert.equal("out/dir.d/night-1.png", results[1].path)
    assert.equal("out/two.png", results[2].path)
    assert.equal("out/dir.d/night-3.png", results[3].path)
  end)

  it("can be submitted without waiting", function()
    local jobs = assert(three():submit({ timeout = 99 }))
    assert.equal(3, #jobs)
    assert.is_false(jobs[3]:is_over())
    assert(jobs[3]:wait())
    assert.equal(99, core.calls_of("job")[3].opts.timeout)
  end)

  it("copies a step's parameters when it is added", function()
    local params = { prompt = "one", input_image = picture }
    local chain = sm:chain():step("flux-kontext-dev", params)
    params.prompt = nil
    assert(chain:run())
  end)

  it("refuses wrong arguments by raising, and no steps with an error", function()
    local chain = sm:chain(picture)
    assert.has_error(function()
      chain:step(5, {})
    end)
    assert.has_error(function()
      chain:step("flux-kontext-dev", "x")
    end)
    assert.has_error(function()
      chain:step("flux-kontext-dev", {}, { saev = "x" })
    end)
    assert.has_error(function()
      chain:run({ name = "x" })
    end)
    local _, err = chain:run()
    assert.truthy(err.message:find("no steps", 1, true))
  end)
end)
