--- Every way to a picture, over real sockets against the emulator.

local files = require("spec.support.files")
local models = require("segmind.models")
local segmind = require("segmind")
local session = require("spec.support.session")

local function image_value()
  return segmind.bytes(session.PIXEL)
end

--- The least that a model takes.
local function least(model)
  local params = { prompt = "a quiet harbour" }
  for _, param in ipairs(model.params) do
    if param.required and param[2]:find("^image") then
      params[param[1]] = image_value()
    end
  end
  return params
end

--- A value for a parameter that is not the page's default.
local function other_value(param)
  if param.one_of then
    return param.one_of[param.one_of[1] == param.default and 2 or 1]
  elseif param[2] == "integer" or param[2] == "number" then
    return param.min or 12345
  elseif param[2] == "boolean" then
    return not param.default
  elseif param[2] == "image" then
    return image_value()
  elseif param[2] == "images" then
    return { image_value(), image_value() }
  end
  return "a " .. param[1]
end

describe("a picture", function()
  local service = session.fixture()
  local sm

  before_each(function()
    sm = session.client()
  end)

  for _, name in ipairs(models.names) do
    local model = models[name]

    it("of " .. name .. " comes with the least parameters", function()
      local result = assert(sm:run(name, least(model)))
      assert.truthy(result.url)
      assert.equal(model.price_usd, result.cost)
      local totals = service:ledger().totals
      assert.equal(1, totals.accepted)
      assert.equal(1, totals.completed)
    end)

    it("of " .. name .. " comes with every parameter, by run, submit and run_sync", function()
      local params = {}
      for _, param in ipairs(model.params) do
        params[param[1]] = other_value(param)
      end
      assert(sm:run(name, params))
      assert(assert(sm:submit(name, params)):wait())
      local result = assert(sm:run_sync(name, params))
      assert.is_true(#result:bytes() > 20)
      local submits = service:ledger().submits
      assert.equal(3, #submits)
      for _, submit in ipairs(submits) do
        assert.equal("COMPLETED", submit.state)
        for _, param in ipairs(model.params) do
          if param[2] == "image" then
            assert.truthy(submit.body[param[1]]:find("^http"))
          elseif param[2] == "images" then
            assert.equal(2, #submit.body[param[1]])
          else
            assert.equal(params[param[1]], submit.body[param[1]])
          end
        end
      end
    end)

    for _, param in ipairs(model.params) do
      it(("of %s takes %s, and every value it names"):format(name, param[1]), function()
        local jobs = {}
        for i, value in ipairs(param.one_of or { other_value(param) }) do
          local params = least(model)
          params[param[1]] = value
          jobs[i] = assert(sm:submit(name, params))
        end
        for _, job in ipairs(jobs) do
          assert(job:wait())
        end
      end)
    end
  end

  it("is the same for the same seed, and the seed is told when it was drawn", function()
    local first = assert(sm:run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    assert.is_number(first.seed)
    assert.equal(first.seed, service:ledger().submits[1].body.seed)
    local again = assert(sm:run("flux-kontext-pro", first.job.params))
    assert.equal(first:bytes(), again:bytes())
  end)

  it("is saved by the job itself, with the extension of its format", function()
    local target = files.unused()
    local result = assert(sm:run("flux-kontext-pro",
      { prompt = "x", aspect_ratio = "1:1", output_format = "jpg" }, { save = target }))
    assert.equal(target .. ".jpg", result.path)
    assert.equal("\255\216\255", files.read(result.path):sub(1, 3))
    os.remove(result.path)
  end)

  it("is not paid for when it could not be saved", function()
    local folder = files.new("")
    for _, path in ipairs({ folder .. "/x", folder .. "/deep/x", "/tmp", "a\0b", "~/x.png",
      files.new(""):match("^(.*/)"), ("x"):rep(300) }) do
      local job, err = sm:submit("flux-kontext-pro", { prompt = "x" }, { save = path })
      assert.is_nil(job)
      assert.equal("invalid", err.kind)
      assert.truthy(err.message:find("save: ", 1, true))
    end
    os.remove(folder)
    assert.equal(0, service:ledger().totals.accepted)
  end)

  it("is an error when it cannot be saved after all, and the result is kept", function()
    local folder = files.make_folder(files.unused())
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x" }, { save = folder .. "/x" }))
    os.execute(("rmdir %s; touch %s"):format(folder, folder))
    local _, err = job:wait()
    os.remove(folder)
    assert.equal("io", err.kind)
    assert.equal("yes", err.charged)
    assert.truthy(job:result().url)
  end)

  it("of an input that was uploaded once is not uploaded again", function()
    local path = files.new(session.PIXEL)
    local jobs = {}
    for i = 1, 6 do
      jobs[i] = assert(sm:submit("flux-kontext-dev",
        { prompt = "x", input_image = i % 2 == 0 and path or image_value() }))
    end
    for _, job in ipairs(jobs) do
      assert(job:wait())
    end
    os.remove(path)
    assert.equal(1, service:stats().requests.upload)
  end)

  it("of a graph of a hundred jobs comes with a hundred submits", function()
    local layers = { {} }
    for i = 1, 10 do
      layers[1][i] = assert(sm:submit("flux-kontext-pro", { prompt = "first " .. i }))
    end
    for depth = 2, 10 do
      layers[depth] = {}
      for i = 1, 10 do
        local before = layers[depth - 1]
        layers[depth][i] = assert(sm:submit("multi-image-kontext-pro",
          { prompt = ("layer %d, %d"):format(depth, i), input_image_1 = before[i],
            input_image_2 = before[i % 10 + 1] }))
      end
    end
    for _, job in ipairs(layers[10]) do
      assert(job:wait())
    end
    local totals = service:ledger().totals
    assert.equal(100, totals.accepted)
    assert.equal(100, totals.completed)
  end)

  it("of a chain comes step by step", function()
    local results = assert(sm:chain(image_value())
      :step("flux-kontext-dev", { prompt = "one" })
      :step("flux-kontext-pro", { prompt = "two" })
      :step("multi-image-kontext-max", { prompt = "three", input_image_2 = image_value() })
      :run())
    local submits = service:ledger().submits
    assert.equal(results[1].url, submits[2].body.input_image)
    assert.equal(results[2].url, submits[3].body.input_image_1)
    assert.equal(3, results.final.job.id)
  end)

  it("of a job of before is fetched by its id", function()
    local first = assert(sm:run("flux-kontext-pro", { prompt = "x" }))
    local job = assert(sm:attach(first.request_id, "flux-kontext-pro"))
    assert.equal(first.url, assert(job:wait()).url)
    assert.equal(1, service:ledger().totals.accepted)
    local _, err = assert(sm:attach("0123456789abcdef", "flux-kontext-pro", { timeout = 2 })):wait()
    assert.truthy(err.kind == "expired" or err.kind == "timeout")
  end)

  it("costs what the account then lacks", function()
    local before = assert(sm:credits()).credits
    assert(sm:run("flux-kontext-max", { prompt = "x", aspect_ratio = "1:1" }))
    assert.near(before - 0.1, sm:credits().credits, 1e-6)
  end)
end)

describe("a picture of its full size", function()
  local sm

  session.fixture({ plain = false })

  before_each(function()
    sm = session.client()
  end)

  it("of more than 64 KiB, goes up and comes down whole, to a file and to memory", function()
    local big = assert(sm:run("flux-kontext-pro",
      { prompt = "noise", aspect_ratio = "1:1", seed = 7 }))
    local bytes = assert(big:bytes())
    assert.is_true(#bytes > 65536, #bytes .. " bytes")
    local path = files.new(bytes)
    local result = assert(sm:run("flux-kontext-dev", { prompt = "x", input_image = path }))
    local target = files.unused()
    local saved = assert(result:save(target))
    assert.equal(target .. ".png", saved)
    assert.equal(result:bytes(), files.read(saved))
    assert.equal("png", result:info().format)
    assert.is_true(result:info().width > 100)
    os.remove(path)
    os.remove(saved)
  end)
end)
