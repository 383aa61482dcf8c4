--- What pictures may replace: nothing that the command reads, nothing under a name that nobody has
--- written, nothing that the ledger has no copy of.

local files = require("spec.support.files")
local program = require("spec.support.program")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

local OWN = session.PIXEL .. "a photograph"

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
    files.write(path("jpeg.json"), [[{ "input": "a.png", "steps": [{ "save": "night.jpg",
      "model": "flux-kontext-pro", "params": { "prompt": "x" } }] }]])
    files.make_folder(path("saved"))
    for _, name in ipairs({ "own", "a-own", "b-own", "saved/c" }) do
      files.write(path(name .. ".png"), OWN)
    end
    shell.run("mkfifo " .. shell.quote(path("fifo.png")))
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
    ["run flux-kontext-pro prompt=x aspect_ratio=1:1 -o own.png"] = "own.png is there",
    ["run flux-kontext-pro prompt=x aspect_ratio=1:1 -o own"] = "own.png is there",
    ["run flux-kontext-pro prompt=x aspect_ratio=1:1 -o own.png --dry-run"] = "own.png is there",
    ["run flux-kontext-pro prompt=x aspect_ratio=1:1 -o own.png --queue"] = "own.png is there",
    ["run flux-kontext-pro prompt=x aspect_ratio=1:1 -o own.png --no-ledger"] = "--replace",
    ["edit a.png x -o own.png"] = "own.png is there",
    ["each a.png b.png flux-kontext-dev prompt=x -o '{name}-own.png'"]
      = "a-own.png is there (and 1 more), and no ledger has a copy",
    ["chain flow.json -o saved"] = "saved/c.png is there",
    ["run flux-kontext-pro prompt=x aspect_ratio=1:1 -o fifo.png"] = "not a regular file",
    ["run flux-kontext-pro prompt=x aspect_ratio=1:1 -o 'a.png/{id}.png'"] = "Not a directory",
    ["edit a.png x -o a.png/b.png"] = "no picture can be saved as a.png/b.png",
    ["each photos flux-kontext-dev prompt=x -o 'a.png/{name}'"] = "no picture can be saved",
    ["chain flow.json -o a.png"] = "no picture can be saved",
    ["resume -o 'a.png/{id}'"] = "no picture can be saved",
    ["run flux-kontext-pro prompt=x aspect_ratio=1:1 -o x.webp"] = "x.webp would hold a png",
    ["edit a.png x --set output_format=jpg -o x.png"] = "x.png would hold a jpeg: name it x.jpg",
    ["each a.png flux-kontext-pro prompt=x -o '{name}-2.gif'"] = "would hold a png",
    ["chain jpeg.json"] = "night.jpg would hold a png",
  }

  for words, sentence in pairs(refused) do
    it("is refused before anything is sent: " .. words, function()
      local run = segmind(words)
      assert.equal(2, run.code, run.err)
      assert.truthy(run.err:find(sentence, 1, true), run.err)
      assert.equal(0, segmind:accepted())
      assert.equal(session.PIXEL, files.read(path("a.png")))
      assert.equal(OWN, files.read(path("own.png")))
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

  it("is that of a file that the ledger has no copy of when --replace says so", function()
    for _, words in ipairs({ "edit a.png x -o own.png", "chain flow.json -o saved",
      "each a.png flux-kontext-dev prompt=x -o '{name}-own.png'" }) do
      fine(segmind(words .. " --replace"))
      fine(segmind(words))
    end
    for _, name in ipairs({ "own", "a-own", "saved/c" }) do
      assert.is_not.equal(OWN, files.read(path(name .. ".png")))
    end
    assert.equal(3, segmind:accepted())
  end)

  it("is not that of a picture of the ledger which somebody has changed", function()
    local words = "edit a.png x -o night.png"
    fine(segmind(words))
    local picture = files.read(path("night.png"))
    files.write(path("night.png"), picture .. "retouched")
    local run = segmind(words)
    assert.equal(2, run.code, run.err)
    assert.truthy(run.err:find("night.png is there", 1, true), run.err)
    files.write(path("night.png"), picture)
    assert.equal("", fine(segmind(words .. " -q")).err)
    assert.equal(1, segmind:accepted())
  end)

  it("is another one where somebody has changed the picture under a name that nobody wrote",
    function()
      local words = "run flux-kontext-pro prompt=x seed=1 aspect_ratio=1:1"
      fine(segmind(words))
      local retouched = files.read(path("x-1.png")) .. "retouched"
      files.write(path("x-1.png"), retouched)
      for _ = 1, 2 do
        assert.equal("x-1-2.png\n", paths(fine(segmind(words))))
      end
      assert.equal(retouched, files.read(path("x-1.png")))
      assert.equal(1, segmind:accepted())
    end)

  it("is that of its own picture again where that does not say how it was made", function()
    segmind:configure('{"poll": 0.01, "timeout": 30, "metadata": false}')
    for _ = 1, 2 do
      assert.equal("", fine(segmind("edit a.png x -q -o plain.png")).err)
    end
    files.write(path("plain.png"), files.read(path("plain.png")) .. "retouched")
    assert.equal(2, segmind("edit a.png x -q -o plain.png").code)
    assert.equal(1, segmind:accepted())
  end)

  it("may be an empty file, as mktemp makes it", function()
    files.write(path("empty.png"), "")
    fine(segmind("edit a.png x -o empty.png"))
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
