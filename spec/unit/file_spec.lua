local fake = require("spec.support.fake_core")
local file = require("segmind.file")
local files = require("spec.support.files")
require("segmind") -- whose core knows the folder

describe("a path", function()
  it("is split before a picture's extension, and nowhere else", function()
    for name, parts in pairs({ ["a/b.PNG"] = { "a/b", ".PNG" }, ["a.jpeg"] = { "a", ".jpeg" },
      ["house v1.5"] = { "house v1.5" }, ["a.tar.gz"] = { "a.tar.gz" }, [".png"] = { ".png" },
      ["a.d/b"] = { "a.d/b" }, ["a/.gif"] = { "a/.gif" } }) do
      assert.same(parts, { file.split(name) })
    end
    assert.equal("jpeg", file.format("x.JPG"))
    assert.is_nil(file.format("x.bmp"))
  end)

  it("is absolute from the moment it is named, but for what is none", function()
    local here = io.popen("pwd"):read("*l")
    assert.equal(here .. "/a/../b.png", file.absolute("././a/../b.png"))
    assert.equal("/a//b", file.absolute("/a//b"))
    for _, name in ipairs({ "", "~", "~/a", "a\0b" }) do
      assert.equal(name, file.absolute(name))
    end
    assert.is_nil(file.absolute(nil))
  end)

  it("stands for each file that a picture may take", function()
    assert.same({ "/a/c.JPEG" }, file.targets("/a/./b/..//c.JPEG"))
    assert.same({ "/v1.5.png", "/v1.5.jpg", "/v1.5.webp", "/v1.5.gif" }, file.targets("/v1.5"))
    assert.same({}, file.targets(nil))
  end)
end)

describe("a relative path of a client whose host goes elsewhere", function()
  local folder = files.fixture()
  local segmind, core, here

  before_each(function()
    segmind, core = fake.install()
    for _, name in ipairs({ "one", "two" }) do
      files.make_folder(folder .. "/" .. name)
      files.write(("%s/%s/a.png"):format(folder, name), fake.picture(name))
    end
    here = folder .. "/one/"
    local function absolute(name)
      return name:sub(1, 1) == "/" and name or here .. name
    end
    core.absolute = absolute
    local probe = core.probe
    core.probe = function(name)
      return probe(absolute(name))
    end
  end)

  after_each(fake.restore)

  local function file_of(name)
    return folder .. "/one/" .. name
  end

  it("is that of the folder in which it was named", function()
    local sm = assert(segmind.new({ max_active_jobs = 1, ca_file = "ca.pem" }))
    assert.equal(file_of("ca.pem"), core.opened[1].ca_file)
    local params = { prompt = "x", input_image = "a.png" }
    local first = assert(sm:submit("flux-kontext-dev", params))
    local second = assert(sm:submit("flux-kontext-dev", params, { save = "second" }))
    local chain = sm:chain("a.png")
      :step("flux-kontext-dev", { prompt = "y" }, { save = "third" })
      :step("multi-image-kontext-pro", { prompt = "z", input_image_2 = "a.png" })
    here = folder .. "/two/"
    local results = assert(chain:run())
    assert(first:wait())
    assert.equal(file_of("second.png"), second:wait().path)
    assert.equal(file_of("third.png"), results[1].path)
    assert.equal(file_of("a.png"), first.inputs[1].path)
    local uploads = core.calls_of("upload")
    assert.equal(1, #uploads)
    assert.equal(file_of("a.png"), uploads[1].source.path)
    sm:close()
  end)

  it("of a ledger is that, too, unless it is the URL of a database", function()
    segmind.new({ ledger = "edits.db", ledger_files = "pictures" })
    segmind.new({ ledger = "postgresql://user@host/db" })
    local kept, server = core.opened[1], core.opened[2]
    assert.same({ file_of("edits.db"), file_of("pictures") }, { kept.ledger, kept.ledger_files })
    assert.equal("postgresql://user@host/db", server.ledger)
    assert.is_nil(server.ledger_files)
  end)

  it("of a result or an upload is one before the wait for it", function()
    local sm = assert(segmind.new({}))
    local result = assert(sm:run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    assert.equal(file_of("late.png"), result:save("late"))
    assert(sm:upload("a.png"))
    assert.equal(file_of("a.png"), core.calls_of("upload")[1].source.path)
    sm:close()
  end)
end)
