--- `edit`: the picture stands where it cannot be forgotten. A nil there never becomes a paid
--- picture of something else.

local fake = require("spec.support.fake_core")

local URL = "https://images.segmind.com/a.png"

describe("edit", function()
  local segmind, core, sm

  before_each(function()
    sm, segmind, core = fake.client({ api_key = "SG_0123456789abcdef" })
  end)

  after_each(fake.close)

  local function body(n)
    return require("segmind.json").decode(core.calls_of("job")[n].body)
  end

  local function raises(text, fn, ...)
    local ok, message = pcall(fn, ...)
    assert.is_false(ok)
    assert.truthy(message:find(text, 1, true), message)
    assert.truthy(message:find("edit_spec.lua:%d+: segmind: "), message)
    assert.equal(0, #core.calls)
  end

  it("puts the picture into the first image parameter, the text into the prompt", function()
    assert(sm:edit("flux-kontext-pro", URL, "make it night"))
    assert.same({ URL, "make it night" }, { body(1).input_image, body(1).prompt })
    assert(segmind.edit("flux-kontext-dev", URL, "x"))
  end)

  it("takes a table of parameters, which it leaves as it was, and options", function()
    local params = { prompt = "x", input_image_2 = URL, seed = 7 }
    local result = assert(sm:edit("multi-image-kontext-pro", "https://images.segmind.com/b.png",
      params, { name = "both" }))
    assert.equal("https://images.segmind.com/b.png", body(1).input_image_1)
    assert.equal(URL, body(1).input_image_2)
    assert.same({ prompt = "x", input_image_2 = URL, seed = 7 }, params)
    assert.equal("both", result.job.name)
  end)

  it("takes a job or a result for the picture", function()
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    local result = assert(sm:edit("flux-kontext-dev", job, "y"))
    assert.equal(job:result().url, body(2).input_image)
    assert(sm:edit("flux-kontext-dev", result, "z"))
    assert.equal(result.url, body(3).input_image)
  end)

  it("raises when the model and the picture are swapped", function()
    raises('edit takes the model first, then the picture: "flux-kontext-pro", "portrait.webp"',
      function()
        local _ = sm:edit("portrait.webp", "flux-kontext-pro", "x")
      end)
  end)

  it("raises when there is no picture, and sends nothing", function()
    for _, missing in ipairs({ "nil", "false", "null" }) do
      local values = { ["false"] = false, null = segmind.null }
      raises("edit takes a picture after the model, got " .. missing .. "; run draws from text "
        .. "alone", function()
        local _ = sm:edit("flux-kontext-pro", values[missing], "x")
      end)
    end
  end)

  it("raises when the picture is given twice, or the rest makes no sense", function()
    raises("the picture is given twice", function()
      local _ = sm:edit("flux-kontext-pro", URL, { prompt = "x", input_image = URL })
    end)
    raises("edit takes a prompt or a table of parameters after the picture, got nil", function()
      local _ = sm:edit("flux-kontext-pro", URL)
    end)
    raises("the model is a string, got nil", function()
      local _ = sm:edit(nil, URL, "x")
    end)
    raises('edit has no option "prompt"', function()
      local _ = sm:edit("flux-kontext-pro", URL, "x", { prompt = "x" })
    end)
  end)

  it("refuses a model whose parameters it does not know", function()
    local result, err = sm:edit("flux-kontex-pro", URL, "x")
    assert.is_nil(result)
    assert.equal("invalid", err.kind)
    assert.truthy(err.message:find('did you mean "flux-kontext-pro"', 1, true))
    assert.equal(0, #core.calls)
  end)

  it("has a brother in chains: chain(nil) raises, chain() begins with text", function()
    raises("chain takes the picture of its first step, got nil; chain() begins with text alone",
      function()
        local _ = sm:chain(nil)
      end)
    raises("chain takes the picture of its first step, got nil", function()
      local _ = segmind.chain(nil)
    end)
    assert(sm:chain():step("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }):run())
    assert(segmind.chain())
  end)
end)
