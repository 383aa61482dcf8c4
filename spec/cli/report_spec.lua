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
