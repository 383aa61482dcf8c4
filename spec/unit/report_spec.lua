--- The report page as text: what it shows of whatever is given, and that nothing in it runs.
--- (spec/hosts/report_browser_spec.lua looks at it in a browser.)

local fake = require("spec.support.fake_core")
local files = require("spec.support.files")

describe("a report", function()
  local folder = files.fixture()
  local page = folder .. "/page.html"
  local sm, core, _

  before_each(function()
    sm, _, core = fake.client()
  end)

  after_each(fake.close)

  local function written(things, opts)
    local report = require("segmind.report")
    assert.equal(page, assert(report.write(things, page, opts)))
    return files.read(page)
  end

  local function refused(things, message)
    local path, err = require("segmind.report").write(things, page)
    assert.is_nil(path)
    assert.truthy(err.message:find(message, 1, true), err.message)
    assert.is_nil(files.read(page))
    return err
  end

  local function count(text, pattern)
    return select(2, text:gsub(pattern, ""))
  end

  local function holds(text, ...)
    for _, part in ipairs({ ... }) do
      assert.truthy(text:find(part, 1, true), part)
    end
  end

  local function submit(params, opts)
    params.prompt = params.prompt or "x"
    return assert(sm:submit("flux-kontext-pro", params, opts))
  end

  local function fail_with(kind, message, fields)
    core.answers.job = function()
      return { { 1, "error", fake.error(kind, message, fields) } }
    end
  end

  it("shows every picture with its prompt, parameters, seed, model and price", function()
    local base = assert(sm:submit("flux-kontext-dev", { prompt = "bokeh", guidance = 4.5,
      input_image = "https://images.segmind.com/in.png" }))
    local a, b = submit({ prompt = "night", input_image = base }),
      submit({ prompt = "noon", input_image = base })
    local duo = assert(sm:submit("multi-image-kontext-max",
      { prompt = "both", input_image_1 = a, input_image_2 = b }, { name = "poster" }))
    assert(duo:wait())
    local text = written({ base, a, b, duo }, { title = "Two & two" })
    holds(text, "<title>Two &amp; two</title>", "flux-kontext-dev", "bokeh", "night", "seed 1001",
      "$0.05", "poster", "in.png", "<dd>4</dd>", "$0.20", "guidance", "4.5")
    assert.equal(5, count(text, "<article"))
    assert.equal(5, count(text, '<path d="M'))
  end)

  it("says where the seconds went: queue, inference, download and the rest", function()
    core.answers.download = function()
      return { { 0.375, "done", { path = folder .. "/a.png", format = "png", width = 64,
        height = 48, download_time = 0.375 } } }
    end
    local job = submit({}, { save = folder .. "/a.png" })
    assert(job:wait())
    assert.equal(0.375, job:result().download_time)
    assert.equal(0.375, job:result():data().download_time)
    holds(written(job), "9.5 s inference", "0.4 s download", "0.5 s upload and polling",
      "from start to end")
  end)

  it("of a single job shows what it was made from", function()
    local base = submit({ prompt = "first" })
    local middle = submit({ prompt = "second", input_image = base })
    local last = submit({ prompt = "third", input_image = middle })
    assert(last:wait())
    local text = written(last)
    holds(text, "first", "second", "third", "<dd>3</dd>")
    assert.equal(3, count(text, "<article"))
    assert.equal(2, count(text, '<path d="M'))
  end)

  it("of a map shows the names", function()
    local jobs = { dawn = submit({}), dusk = submit({}) }
    assert(jobs.dawn:wait() and jobs.dusk:wait())
    holds(written(jobs), "dawn", "dusk", "<dd>2</dd>")
    holds(written({ noon = jobs.dawn:result() }), "noon", "<dd>1</dd>")
  end)

  it("takes the results of a chain, its final one once", function()
    local results = assert(sm:chain():step("flux-kontext-pro", { prompt = "a" })
      :step("flux-kontext-pro", { prompt = "b" }):run())
    local text = written(results)
    assert.equal(2, count(text, "<article"))
    assert.equal(1, count(text, '<path d="M'))
  end)

  it("takes the error of a chain: the steps that finished and the one that failed", function()
    local answer, calls = core.answers.job, 0
    core.answers.job = function(call)
      calls = calls + 1
      return calls < 2 and answer(call) or { { 1, "error", fake.error("failed", "too hot") } }
    end
    local results, err = sm:chain():step("flux-kontext-pro", { prompt = "a" })
      :step("flux-kontext-pro", { prompt = "b" }):run()
    assert.is_nil(results)
    holds(written(err), "<dd>1</dd>", "too hot", "Change the prompt or the picture")
  end)

  it("takes the outcomes of a map over a list, errors included", function()
    local outcomes = sm:map({ 1, 2 }, function(i)
      if i == 2 then
        return sm:submit("flux-kontext-pro", { prompt = "x", seed = "much" })
      end
      return submit({})
    end)
    holds(written(outcomes), "<dd>1</dd><", "failed", "Correct the call: nothing was sent.")
  end)

  it("takes rows of a ledger, whose edges are the addresses of their pictures", function()
    local function row(key, url, params)
      return { key = key, generation = 1, model = "flux-kontext-pro", state = "completed",
        params = params, cost = 0.05, usd = 0.05, submitted = 1700000000, ended = 1700000012,
        url = url, result = { metrics = { queue_time = 2, inference_time = 9 } }, doubt = 0 }
    end
    local a = row("a", "https://images.segmind.com/a.png", { prompt = "a" })
    local b = row("b", "https://images.segmind.com/b.png",
      { prompt = "b", input_image = "https://images.segmind.com/a.png" })
    local lost = { key = "c", generation = 1, model = "flux-kontext-pro", state = "unknown",
      params = { prompt = "c" }, price = 0.05, usd = 0.05, submitted = 1700000020, doubt = 0 }
    local text = written({ a, b, lost }, { fetch = false })
    assert.equal(1, count(text, '<path d="M'))
    holds(text, "9.0 s inference", "1.0 s upload and polling", "$0.10", "in doubt",
      "look into client:history()", "2023-11-1")
  end)

  it("puts rows behind what they were made from, in whatever order, and bears a circle", function()
    local rows = {}
    for i = 1, 300 do
      rows[i] = { key = "k" .. i, generation = 1, model = "flux-kontext-pro", state = "completed",
        params = { prompt = "link " .. i, input_image = "https://x.org/" .. i % 300 + 1 },
        url = "https://x.org/" .. i, submitted = 1700000000, usd = 0.05, doubt = 0 }
    end
    local text = written(rows, { fetch = false })
    assert.equal(300, count(text, "<article"))
    local at, last = 0, nil
    for number in text:gmatch("link (%d+)</p>") do
      at, last = at + 1, last or tonumber(number)
      assert.equal((last - at) % 300 + 1, tonumber(number))
    end
  end)

  it("is an error when there is nothing to show", function()
    for _, nothing in ipairs({ {}, { {} }, { false } }) do
      assert.equal("invalid", refused(nothing, "nothing to show").kind)
    end
    refused(sm, "has no ledger")
    refused(folder .. "/none.db", "there is no ledger")
    refused(files.write(folder .. "/words.db", "words"), "is no ledger")
    assert.is_nil(files.read(folder .. "/none.db"))
  end)

  it("raises for what cannot be shown, and says what can", function()
    local report = require("segmind.report")
    for _, wrong in ipairs({ 5, true, { 5 }, { sm:chain() }, { "a.png" } }) do
      local ok, why = pcall(report.write, wrong, page)
      assert.is_false(ok)
      assert.truthy(tostring(why):find("job", 1, true), why)
    end
    local ok, why = pcall(report.write, page, {})
    assert.is_false(ok)
    assert.truthy(why:find("report.write(jobs, path)", 1, true), why)
    assert.has_error(function()
      report.write({}, page, { titel = "x" })
    end)
  end)

  it("escapes everything that was written by others, and hides nothing of it", function()
    local evil = '"><script>alert(\'x\')</script>\27[31m\226\128\174txt.exe\0\255'
    fail_with("failed", evil)
    local job = submit({ prompt = evil:gsub("[%z\255]", ""), input_image = "http://x/"
      .. evil:gsub("[%z\27\255]", "") }, { name = evil })
    job:wait()
    local text = written(job, { title = evil })
    assert.equal(1, count(text, "<script"))
    assert.is_nil(text:find("alert('", 1, true))
    assert.is_nil(text:find("[%z\27\255]"))
    assert.is_nil(text:find("\226\128\174", 1, true))
    holds(text, "U+001B", "U+202E", "U+0000", "\239\191\189", "&lt;script&gt;")
  end)

  it("lets no page of others in, not even by an address", function()
    local job = submit({ prompt = "{style} javascript:alert(1)",
      input_image = "https://evil.example/a.png?javascript:alert(1)" })
    assert(job:wait())
    core.answers.download = function()
      return { { 0, "error", fake.error("security", "a foreign host") } }
    end
    local text = written(job)
    assert.is_nil(text:find('[hs][rc][ec]f?="%a[%w+.-]*:'))
    assert.is_nil(text:find("url%("))
    holds(text, "{style} javascript:alert(1)", "It could not be fetched: a foreign host",
      "default-src 'none'")
  end)

  it("tells of a failure whether it was paid and what to do", function()
    local advice = require("segmind.report.advice")
    for kind in pairs(require("segmind.error").kinds) do
      assert.truthy(advice({ kind = kind, charged = "no" }):find("^%u.+%.$"), kind)
    end
    fail_with("failed", "the content was flagged")
    local job = submit({})
    job:wait()
    holds(written(job), "the content was flagged", "not charged", "refuses this content")
  end)

  it("fetches what was not saved and puts it beside the page", function()
    local job = submit({}, { name = "Night & noon" })
    assert(job:wait())
    holds(written(job), 'src="page.files/001-night-noon')
    assert.truthy(files.read(folder .. "/page.files/001-night-noon"))
    assert.is_nil(job:result().path)
  end)

  it("links what lies below the page, and copies what lies elsewhere", function()
    files.make_folder(folder .. "/sub dir")
    files.make_folder(folder .. "/other")
    local near = submit({}, { save = folder .. "/sub dir/a#1.png" })
    assert(near:wait())
    files.write(folder .. "/sub dir/a#1.png", fake.picture("near"))
    holds(written(near), 'src="sub%20dir/a%231.png"')
    local report = require("segmind.report")
    local elsewhere = assert(report.write(near, folder .. "/other"))
    assert.equal(folder .. "/other/index.html", elsewhere)
    holds(files.read(elsewhere), 'src="pictures/001-flux-kontext-pro')
  end)

  it("embeds the pictures on request, whole", function()
    local base64 = require("segmind.report.pictures").base64
    assert.equal("", base64(""))
    assert.equal("Zg==Zm8=Zm9v", base64("f") .. base64("fo") .. base64("foo"))
    assert.equal("AP8Q", base64("\0\255\16"))
    local job = submit({})
    assert(job:wait())
    local text = written(job, { embed = true })
    holds(text, 'src="data:image/png;base64,' .. base64(job:result():bytes()):sub(1, 40))
    assert.is_nil(text:find("page.files", 1, true))
  end)

  it("says why a picture is not there", function()
    local job = submit({})
    assert(job:wait())
    holds(written(job, { fetch = false }), "written without fetching it")
    core.answers.download = function()
      return { { 0, "error", fake.error("io", "HTTP 404") } }
    end
    holds(written(job), "It could not be fetched: HTTP 404")
  end)

  it("shows a job that goes on as that", function()
    local job = submit({ prompt = "slow" })
    holds(written(job), "not finished", "Not finished when this page was written")
    assert(job:wait())
  end)

  it("puts variations of one picture together, with what they have in common", function()
    local base = submit({ prompt = "base" })
    local jobs = {}
    for i = 1, 5 do
      jobs[i] = submit({ prompt = "same", input_image = base, seed = i, safety_tolerance = i % 3 })
    end
    for _, job in ipairs(jobs) do
      assert(job:wait())
    end
    local text = written(jobs)
    holds(text, "5 variations", "safety_tolerance <b>2</b>")
    assert.equal(1, count(text, '<path d="M'))
  end)

  local function ledger_row(key, at, params, more)
    local row = { key = key, generation = 1, model = "flux-kontext-pro", state = "completed",
      params = params, usd = 0.05, cost = 0.05, submitted = at, doubt = 0 }
    for name, value in pairs(more or {}) do
      row[name] = value
    end
    return row
  end

  local function order_of(text, words)
    local at = {}
    for i, word in ipairs(words) do
      at[i] = assert(text:find(word, 1, true), word)
    end
    for i = 2, #at do
      assert.is_true(at[i - 1] < at[i], words[i - 1] .. " before " .. words[i])
    end
  end

  it("of a ledger shows the newest graph first", function()
    local url = "https://x.org/a.png"
    order_of(written({ ledger_row("a", 1700000000, { prompt = "oldest" }),
      ledger_row("b", 1700000100, { prompt = "first" }, { url = url }),
      ledger_row("c", 1700000200, { prompt = "newest", input_image = url }) }, { fetch = false }),
      { ">first</p>", ">newest</p>", ">oldest</p>" })
  end)

  it("sorts a sweep by its prompts and seeds", function()
    local rows = {}
    for i, one in ipairs({ { "oil", 2 }, { "ink", 10 }, { "oil", 10 }, { "ink", 9 } }) do
      rows[i] = ledger_row("k" .. i, 1700000000 + i, { prompt = "as " .. one[1],
        input_image = "https://x.org/in.png" }, { seed = one[2] })
    end
    local shown = {}
    for prompt, seed in written(rows, { fetch = false }):gmatch('>as (%a+)</p>.-seed (%d+)<') do
      shown[#shown + 1] = prompt .. " " .. seed
    end
    assert.same({ "ink 9", "ink 10", "oil 2", "oil 10" }, shown)
  end)

  it("names the input of a row by its bytes, and each input once", function()
    files.write(folder .. "/portrait.png", fake.picture("portrait"))
    local origins = require("segmind.report.origins")
    local by_hash, inputs = origins.by_hash, { { param = "input_image", sha256 = ("a"):rep(64) } }
    origins.by_hash = function(names)
      return { [("a"):rep(64)] = names[1] }
    end
    finally(function()
      origins.by_hash = by_hash
    end)
    local text = written({ ledger_row("a", 1, { prompt = "a", input_image = "https://x.org/1.png" },
      { inputs = inputs }), ledger_row("b", 2, { prompt = "b",
      input_image = "https://x.org/2.png" },
      { inputs = inputs }) }, { fetch = false, files = { folder .. "/portrait.png" } })
    assert.equal(3, count(text, "<article"))
    holds(text, ">portrait.png</h2>", 'src="portrait.png"')
  end)

  it("says why the times of the steps are more than what passed", function()
    local jobs = { submit({}), submit({}) }
    assert(jobs[1]:wait() and jobs[2]:wait())
    holds(written(jobs), "The steps took", "since some ran at the same time")
  end)

  it("that cannot be written is an error", function()
    local job = submit({})
    assert(job:wait())
    local path, err = require("segmind.report").write(job,
      files.write(folder .. "/file", "x") .. "/page.html", { fetch = false })
    assert.is_nil(path)
    assert.equal("io", err.kind)
  end)
end)
