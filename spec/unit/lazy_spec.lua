--- What few programs use is loaded when it is first used, and a client starts without it.

local lazy = require("segmind.lazy")

describe("a module that few programs use", function()
  local fake = require("spec.support.fake_core")
  local name, loads = "segmind.lazy_sample", 0

  before_each(function()
    loads = 0
    package.preload[name] = function()
      loads = loads + 1
      return { answer = 42 }
    end
  end)

  after_each(function()
    package.preload[name], package.loaded[name] = nil, nil
  end)

  it("is loaded by the first look at it, once", function()
    local sample = lazy.require(name)
    assert.equal(0, loads)
    assert.same({ 42, 42 }, { sample.answer, sample.answer })
    assert.is_nil(sample.question)
    assert.equal(1, loads)
  end)

  it("is loaded by the next look when Ctrl-C has interrupted the first", function()
    local whole = package.preload[name]
    package.preload[name] = function()
      error("interrupted!", 0)
    end
    local sample = lazy.require(name)
    for _ = 1, 2 do
      local ok, err = pcall(function()
        return sample.answer
      end)
      assert.same({ false, "interrupted!" }, { ok, err })
    end
    package.preload[name] = whole
    assert.equal(42, sample.answer)
  end)

  it("is not loaded by a client, nor by its jobs", function()
    local sm = fake.client({ api_key = "SG_0123456789abcdef" })
    assert(sm:run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    assert(sm:edit("flux-kontext-pro", "https://images.segmind.com/1.png", "x"))
    local loaded = {}
    for _, rare in ipairs({ "chain", "chain_file", "history", "models.flux-2-pro", "provenance",
      "queued", "report", "resume", "schema", "several", "work" }) do
      loaded[#loaded + 1] = package.loaded["segmind." .. rare] and rare
    end
    assert.is_table(sm:chain())
    local has_chain = package.loaded["segmind.chain"] ~= nil
    fake.close()
    assert.same({}, loaded)
    assert.is_true(has_chain)
  end)
end)
