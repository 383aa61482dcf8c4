--- What pictures may replace: nothing that the command reads, nothing under a name that nobody has
--- written.

local files = require("spec.support.files")
local program = require("spec.support.program")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

describe("a picture's place", function()
  local segmind = program.fixture()

  local function fine(run)
    assert.equal(0, run.code, run.err)
    return run
  end

  local function path(name)
    return segmind.folder .. "/" .. name
  end

  local function paths(run)
    return (run.out:gsub(segmind.folder .. "/", ""))
  end

  local function link(from, to)
    shell.run(("ln -s %s %s"):format(shell.quote(from), shell.quote(path(to))))
  end

  before_each(function()
    files.make_folder(path("photos"))
    files.write(path("photos/c.png"), session.PIXEL .. "c")
    files.write(path("flow.json"), [[{ "input": "photos/c.png", "steps": [{ "name": "c",
      "model": "flux-kontext-pro", "params": { "prompt": "x" } }] }]])
    link("a.png", "linked.png")
    link("photos", "album")
  end)

  -- words to what the sentence names
  local refused = {
    ["edit a.png x -o a.png"] = "a.png is a picture that this command reads",
    ["edit a.png x -o a"] = "a.png is a picture",
    ["edit linked.png x -o a.png"] = "a.png is a picture",
    ["edit a.png x y -o './photos/../a.png' --dry-run"] = "a.png is a picture",
    ["run flux-kontext-dev input_image=a.png prompt=x -o a.png"] = "a.png is a picture",
    ["run multi-image-kontext-max input_image_1=a.png input_image_2=b.png prompt=x -o '{name}'"]
      = "a.png is a picture",
    ["run some-model image=b.png prompt=x -o b.png"] = "b.png is a picture",
    ["each a.png b.png flux-kontext-dev prompt=x -o '{name}'"] = "a.png is a picture",
    ["chain flow.json -o album"] = "c.png is a picture",
    ["each photos flux-kontext-dev prompt=x -o 'photos/new-{name}'"] = "photos, the folder",
    ["each photos flux-kontext-dev prompt=x -o 'album/{name}-{seed}'"] = "photos, the folder",
    ["each . flux-kontext-dev prompt=x"] = "names another folder",
  }

  for words, sentence in pairs(refused) do
    it("is refused before anything is sent: " .. words, function()
      local run = segmind(words)
      assert.equal(2, run.code, run.err)
      assert.truthy(run.err:find(sentence, 1, true), run.err)
      assert.equal(0, segmind:accepted())
      assert.equal(session.PIXEL, files.read(path("a.png")))
    end)
  end

  it("is never another picture's when nobody has written its name, and stays its own", function()
    local words = { "prompt=house --seed 1 aspect_ratio=1:1",
      "prompt=house --seed 1 aspect_ratio=4:3" }
    for _ = 1, 2 do
      assert.equal("house-1.png\n", paths(fine(segmind("run flux-kontext-pro " .. words[1]))))
      assert.equal("house-1-2.png\n", paths(fine(segmind("run flux-kontext-pro " .. words[2]))))
      assert.equal("house-1-3.png\n", paths(fine(segmind("run flux-kontext-max " .. words[1]))))
    end
    assert.equal(3, segmind:accepted())
  end)

  it("is told apart by the bytes where pictures do not say how they were made", function()
    segmind:configure('{"poll": 0.01, "timeout": 30, "metadata": false}')
    for _ = 1, 2 do
      assert.equal("x-1.png\n", paths(fine(segmind("run flux-kontext-pro prompt=x seed=1 "
        .. "aspect_ratio=1:1"))))
      assert.equal("x-1-2.png\n", paths(fine(segmind("run flux-kontext-pro prompt=x seed=1 "
        .. "aspect_ratio=4:3"))))
    end
  end)

  it("replaces what lies under a name that is written, and says so", function()
    local words = "edit a.png x -o night.png"
    for _ = 1, 2 do
      assert.is_nil(fine(segmind(words)).err:find("replaced", 1, true))
    end
    local run = fine(segmind("edit a.png y -o night.png"))
    assert.equal("night.png\n", paths(run))
    assert.truthy(run.err:find("night.png held another picture, which is replaced", 1, true),
      run.err)
  end)

  it("is one for each picture that is resumed, named by its prompt and seed", function()
    segmind.service:faults({ { match = { path = "status", count = "always" },
      ["then"] = { status = 503 } } })
    local run = segmind:interrupted("each a.png b.png flux-kontext-max prompt=moon seed=1 "
      .. "-o 'm/{name}'", 2)
    assert.equal(130, run.code, run.err)
    segmind.service:clear_faults()
    run = fine(segmind("resume -o 'm/{prompt}-{seed}'"))
    assert.equal("m/moon-1.png\nm/moon-1-2.png\n", paths(run))
    assert.truthy(run.err:find("moon, seed 1", 1, true), run.err)
    assert.truthy(run.err:find("2 of 2 pictures", 1, true), run.err)
    assert.is_not.equal(files.read(path("m/moon-1.png")), files.read(path("m/moon-1-2.png")))
  end)

  it("counts in the sum when it is saved", function()
    local run = fine(segmind("edit a.png one two three -o last"))
    assert.truthy(run.err:find("1 of 1 pictures, of 3 steps", 1, true), run.err)
  end)
end)
