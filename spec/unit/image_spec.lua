local fake = require("spec.support.fake_core")
local files = require("spec.support.files")

describe("an image parameter", function()
  local path = files.fixture() .. "/picture"
  local segmind, core, sm

  before_each(function()
    sm, segmind, core = fake.client()
  end)

  after_each(fake.close)

  local function refused(value, model)
    local job, err = sm:submit(model or "flux-kontext-pro", { prompt = "x", input_image = value })
    assert.is_nil(job)
    assert.equal("invalid", err.kind)
    assert.truthy(err.message:find("input_image", 1, true))
    return err.message
  end

  local function write(text)
    return files.write(path, text)
  end

  it("passes an http or https URL as it is", function()
    for _, url in ipairs({ "https://example.com/a.webp?x=1", "HTTP://example.com/a" }) do
      local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", input_image = url }))
      assert(job:wait())
      assert.equal(url, job.params.input_image)
    end
    assert.equal(0, #core.calls_of("upload"))
  end)

  it("that a camera has stored turned gets a warning", function()
    local probe = core.probe
    core.probe = function(name)
      local info = assert(probe(name))
      info.orientation = 6
      return info
    end
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x",
      input_image = write(fake.picture("x", "\255\216\255")) }))
    assert.truthy(job.warnings[1]:find("^input_image: the JPEG is stored turned %(Exif orient"))
    assert(job:wait())
    core.probe = probe
    job = assert(sm:submit("flux-kontext-pro", { prompt = "x", input_image = path }))
    assert.same({}, job.warnings)
    assert(job:wait())
  end)

  it("by name is refused where no table says that it is one: the name would be sent", function()
    write(fake.picture())
    for _, case in ipairs({
      { "some-model", { image = path } }, { "some-model", { images = { path } } },
      { "flux-kontext-pro", { prompt = "x", mask = path }, { allow_unknown = true } },
    }) do
      local job, err = sm:submit(case[1], case[2], case[3])
      assert.is_nil(job)
      assert.equal("invalid", err.kind)
      assert.truthy(err.message:find("client:upload(path) or segmind.bytes(content)", 1, true))
    end
    local _, misspelt = sm:submit("flux-kontext-porr", { input_image = path })
    assert.truthy(misspelt.message:find('did you mean "flux-kontext-pro"?', 1, true))
    assert.equal(0, #core.calls)
    for _, text in ipairs({ "/no/such/file.png", "/tmp", "a house", "" }) do
      assert(sm:submit("some-model", { image = text }):wait())
    end
    local job = assert(sm:submit("some-model", { image = segmind.bytes(fake.picture()) }))
    assert(job:wait())
    assert(sm:submit("flux-kontext-pro", { prompt = path, aspect_ratio = "1:1" }):wait())
  end)

  it("is a picture in a file: not missing, a folder, empty or something else", function()
    assert.truthy(refused("/no/such/file.png"):find("no such file", 1, true))
    assert.truthy(refused("/tmp"):find("directory", 1, true))
    assert.truthy(refused(write("")):find("empty", 1, true))
    assert.truthy(refused(write("hello")):find("not a PNG", 1, true))
    assert.equal(0, #core.calls)
  end)

  it("is refused with a hint as a data: or file: URI or another scheme", function()
    assert.truthy(refused("data:image/png;base64,AAAA"):find("segmind.bytes", 1, true))
    assert.truthy(refused("file:///tmp/a.png"):find("path itself", 1, true))
    assert.truthy(refused("ftp://example.com/a.png"):find("http", 1, true))
    assert.truthy(refused(""):find("empty", 1, true))
    assert.truthy(refused(fake.picture("\0raw")):find("segmind.bytes", 1, true))
  end)

  it("is refused as any other value", function()
    for _, value in ipairs({ 5, true, {}, { "a" }, print, setmetatable({}, {}) }) do
      refused(value)
    end
  end)

  it("in memory is a picture", function()
    assert.truthy(refused(segmind.bytes("hello")):find("not a PNG", 1, true))
    assert.has_error(function()
      segmind.bytes(5)
    end)
  end)

  it("is of a format that the model takes", function()
    local models = require("segmind.models")
    models["flux-kontext-dev"].params[2].formats = { "jpeg", "png" }
    local text = refused(segmind.bytes(fake.picture("x", "GIF8")), "flux-kontext-dev")
    assert.truthy(text:find("gif", 1, true))
    assert.truthy(text:find("jpeg png", 1, true))
  end)

  it("is uploaded and sent as its URL", function()
    local job = assert(sm:submit("flux-kontext-pro",
      { prompt = "x", input_image = write(fake.picture("in a file")) }))
    assert(job:wait())
    assert.truthy(core.calls_of("job")[1].body:find("images.segmind.com/assets/", 1, true))
    assert.equal(path, core.calls_of("upload")[1].source.path)
  end)

  -- What a job says whose upload has ended in an error.
  local function after_upload(kind, status)
    core.answers.upload = function()
      return { { 1, "error", fake.error(kind, "no", { status = status }) } }
    end
    local job = assert(sm:submit("flux-kontext-pro",
      { prompt = "x", input_image = segmind.bytes(fake.picture(kind)) }))
    local _, err = job:wait()
    assert.same({ kind, status, "no" }, { err.kind, err.status, err.charged })
    assert.equal(0, #core.calls_of("job"))
    return err.message
  end

  it("that the upload refuses fails the job, unpaid and by name", function()
    assert.equal("input_image: no", after_upload("rejected", 422))
    assert.equal("input_image: no", after_upload("io"))
  end)

  it("is not named by an upload that fails for another reason", function()
    for kind, status in pairs({ auth = 401, no_credits = 402, throttled = 429, protocol = 200 }) do
      assert.equal("no", after_upload(kind, status))
    end
    assert.equal("no", after_upload("not_sent"))
    assert.equal("no", after_upload("security"))
  end)

  it("anywhere in a model that is not declared becomes a URL, a plain string stays", function()
    local base = assert(sm:submit("flux-kontext-pro", { prompt = "x" }))
    local job = assert(sm:submit("some-model", { text = "/no/such/file.png",
      list = { base, segmind.bytes(fake.picture()) }, deep = { image = base } }))
    assert(job:wait())
    assert.equal("/no/such/file.png", job.params.text)
    assert.equal(base:result().url, job.params.list[1])
    assert.truthy(job.params.list[2]:find("assets", 1, true))
    assert.equal(base:result().url, job.params.deep.image)
  end)
end)

describe("uploading", function()
  local segmind, core, sm

  before_each(function()
    sm, segmind, core = fake.client()
  end)

  after_each(fake.close)

  it("returns a URL for one and a list for a list", function()
    local one, two = segmind.bytes(fake.picture("1")), segmind.bytes(fake.picture("2"))
    local url = assert(sm:upload(one))
    local urls = assert(sm:upload({ one, two, one }))
    assert.equal(url, urls[1])
    assert.equal(url, urls[3])
    assert.are_not.equal(url, urls[2])
    assert.equal(2, #core.calls_of("upload"))
    assert.same({}, sm:upload({}))
  end)

  it("raises for no picture, as a misspelt variable is", function()
    local ok, why = pcall(sm.upload, sm, nil)
    assert.is_false(ok)
    assert.truthy(why:find("client:upload takes a path", 1, true), why)
  end)

  it("takes local pictures only", function()
    for _, source in ipairs({ "https://example.com/a.png", "/no/such/file.png", 5, { 5 } }) do
      local url, err = sm:upload(source)
      assert.is_nil(url)
      assert.equal("invalid", err.kind)
    end
  end)

  it("tells of a failure", function()
    core.answers.upload = function()
      return { { 1, "error", fake.error("auth", "no", { status = 401 }) } }
    end
    local url, err = sm:upload(segmind.bytes(fake.picture()))
    assert.is_nil(url)
    assert.equal("auth", err.kind)
  end)
end)
