local fake = require("spec.support.fake_core")
local files = require("spec.support.files")

describe("a report", function()
  local page = files.fixture() .. "/page.html"
  local sm, core, _

  before_each(function()
    sm, _, core = fake.client()
  end)

  after_each(fake.close)

  local function written(items, opts)
    local report = require("segmind.report")
    assert.equal(page, report.write(page, items, opts))
    return files.read(page)
  end

  local function count(text, pattern)
    return select(2, text:gsub(pattern, ""))
  end

  it("shows every picture with its model, prompt, seed and cost, and the edges", function()
    local base = assert(sm:submit("flux-kontext-dev",
      { prompt = "bokeh", input_image = "https://x.org/in.png" }, { save = "/tmp/out/base" }))
    local a = assert(sm:submit("flux-kontext-pro", { prompt = "night", input_image = base }))
    local b = assert(sm:submit("flux-kontext-pro", { prompt = "noon", input_image = base }))
    local duo = assert(sm:submit("multi-image-kontext-max",
      { prompt = "both", input_image_1 = a, input_image_2 = b }, { name = "poster" }))
    assert(duo:wait())
    local text = written({ base, a, b, duo }, { title = "Two & two" })
    assert.truthy(text:find("<title>Two &amp; two</title>", 1, true))
    assert.equal(5, count(text, "<article"))
    assert.equal(5, count(text, '<path d="M%d+ %d+ C'))
    for _, part in ipairs({ "flux-kontext-dev", "bokeh", "night", "seed 1001", "$0.05", "poster",
      "out/base.png", "https://x.org/in.png", "4 pictures", "$0.20" }) do
      assert.truthy(text:find(part, 1, true), part)
    end
    assert.is_nil(text:find("<script"))
  end)

  it("takes the results of a chain as well", function()
    local results = assert(sm:chain():step("flux-kontext-pro", { prompt = "a" })
      :step("flux-kontext-pro", { prompt = "b" }):run())
    local text = written(results)
    assert.equal(2, count(text, "<article"))
    assert.equal(1, count(text, '<path d="M%d+ %d+ C'))
  end)

  it("escapes everything that was written by others", function()
    local evil = '"><script>alert(\'x\')</script>'
    core.answers.job = function()
      return { { 1, "error", fake.error("failed", evil) } }
    end
    local job = assert(sm:submit("flux-kontext-pro",
      { prompt = evil, input_image = "http://x/" .. evil }, { name = evil }))
    job:wait()
    local text = written({ job }, { title = evil })
    assert.is_nil(text:find("<script", 1, true))
    assert.is_nil(text:find("alert('", 1, true))
    assert.truthy(text:find("1 failed", 1, true))
  end)

  it("links pictures relative to the page", function()
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x" },
      { save = page:match("^(.*)/") .. "/sub dir/a#1.png" }))
    assert(job:wait())
    assert.truthy(written({ job }):find('src="sub%20dir/a%231.png"', 1, true))
  end)

  it("that cannot be written is an error, a wrong argument raises", function()
    local report = require("segmind.report")
    local path, err = report.write("/no/such/folder/report.html", {})
    assert.is_nil(path)
    assert.equal("io", err.kind)
    assert.has_error(function()
      report.write(5, {})
    end)
  end)
end)
