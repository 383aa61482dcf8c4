--- `segmind report`: the page of the ledger, or of a folder.

local files = require("spec.support.files")
local program = require("spec.support.program")
local shell = require("spec.support.shell")

describe("segmind report", function()
  local segmind = program.fixture()

  local function page_of(run)
    assert.equal(0, run.code, run.err)
    return assert(files.read((run.out:gsub("\n$", ""))))
  end

  local function holds(text, ...)
    for _, part in ipairs({ ... }) do
      assert.truthy(text:find(part, 1, true), part)
    end
  end

  it("shows what the ledger holds, pictures beside the page, and prints its path", function()
    segmind("edit a.png 'a photograph' 'at \"night\" $(touch pwn)' -o 'out/{name}-{n}'")
    local run = segmind("report")
    assert.equal(segmind.folder .. "/report/index.html\n", run.out)
    local text = page_of(run)
    holds(text, "a photograph", "at &quot;night&quot; $(touch pwn)", "<dd>2</dd>", "$0.10",
      'src="pictures/', "inference")
    assert.equal(2, select(2, text:gsub('<path d="M', "")))
    assert.is_nil(files.read(segmind.folder .. "/pwn"))
  end)

  it("shows only the latest with --last, under a title, in one file", function()
    segmind("edit a.png first second third")
    local run = segmind("report --last 1 --title 'A & B' --embed -o page.html")
    assert.equal(segmind.folder .. "/page.html\n", run.out)
    local text = page_of(run)
    holds(text, "<title>A &amp; B</title>", "third", 'src="data:image/png;base64,')
    assert.is_nil(text:find(">second<", 1, true))
  end)

  it("shows the pictures of a folder, as they lie there", function()
    segmind("edit a.png first -o out/one.png")
    local run = segmind("report out")
    assert.equal(segmind.folder .. "/out/report.html\n", run.out)
    holds(page_of(run), 'src="one.png"', "one.png", "<dd>1</dd>")
  end)

  it("tells of each picture of a folder what its file says, and what it was made from", function()
    segmind("edit a.png first 'and then' -o 'out/{name}-{n}'")
    segmind("edit a.png other -m flux-kontext-dev --seed 7 -o out/other.png")
    local text = page_of(segmind("report out"))
    holds(text, ">first</p>", ">and then</p>", ">flux-kontext-dev</p>", "seed 7", "$0.04",
      "<dd>$0.14</dd>", ">a.png</h2>")
    assert.equal(3, select(2, text:gsub('<path d="M', "")))
    assert.equal(4, select(2, text:gsub("<article", "")))
  end)

  it("counts a picture that lies there twice once", function()
    segmind("edit a.png first -o out/one.png")
    shell.run("cp " .. shell.quote(segmind.folder .. "/out/one.png") .. " "
      .. shell.quote(segmind.folder .. "/out/copy.png"))
    holds(page_of(segmind("report out")), "<dd>2</dd>", "<dd>$0.05</dd>")
  end)

  it("leads a picture whose steps are elsewhere to what they began with", function()
    segmind("edit a.png first 'and then' -o out/last.png")
    local text = page_of(segmind("report out"))
    assert.equal(1, select(2, text:gsub('<path d="M', "")))
    holds(text, ">and then</p>", ">a.png</h2>")
  end)

  it("names what the ledger's pictures were made from, where it lies", function()
    segmind("edit a.png first -o out/one.png")
    holds(page_of(segmind("report")), ">a.png</h2>")
    files.make_folder(segmind.folder .. "/empty")
    holds(page_of(segmind("report --inputs empty")), ">an uploaded picture</h2>")
  end)

  it("opens the page in the browser, whatever it is called", function()
    files.make_folder(segmind.folder .. "/bin")
    files.write(segmind.folder .. "/bin/xdg-open", '#!/bin/sh\nprintf %s "$1" >opened\n')
    shell.run("chmod +x " .. shell.quote(segmind.folder .. "/bin/xdg-open"))
    segmind("edit a.png first")
    local name = "$(touch pwn) ';touch pwn' .html"
    local run = segmind("report --open -o " .. shell.quote(name),
      { PATH = segmind.folder .. "/bin:" .. os.getenv("PATH") })
    assert.equal(0, run.code, run.err)
    assert.equal(segmind.folder .. "/" .. name, files.read(segmind.folder .. "/opened"))
    assert.is_nil(files.read(segmind.folder .. "/pwn"))
  end)

  it("says what is missing, with 2, and writes nothing", function()
    for words, message in pairs({ ["report"] = "holds no step yet", ["report none"] = "none",
      ["--no-ledger report"] = "--no-ledger", ["report --last x"] = "--last" }) do
      local run = segmind(words)
      assert.equal(2, run.code, words)
      assert.equal("", run.out)
      assert.truthy(run.err:find(message, 1, true), run.err)
    end
    assert.is_nil(files.read(segmind.folder .. "/report/index.html"))
  end)

  it("says why the page cannot be written", function()
    segmind("edit a.png first")
    local run = segmind("report -o a.png/page.html")
    assert.equal(1, run.code, run.err)
    assert.truthy(run.err:find("a.png", 1, true), run.err)
  end)
end)
