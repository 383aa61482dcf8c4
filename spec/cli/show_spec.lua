--- `segmind show`: how a picture was made, and the command that makes it again.

local files = require("spec.support.files")
local program = require("spec.support.program")
local shell = require("spec.support.shell")

describe("segmind show", function()
  local segmind = program.fixture()
  local RUN = "run flux-kontext-pro aspect_ratio=1:1 --seed 5 "
  local ODD = [['it'\''s "<b>" $(touch HACK) `touch HACK`']]

  local function fine(run)
    assert.equal(0, run.code, run.err)
    return run
  end

  it("tells of a picture that was saved here, by default", function()
    fine(segmind(RUN .. "prompt=" .. ODD .. " -o made"))
    local run = fine(segmind("show made.png"))
    for _, text in ipairs({ "flux-kontext-pro", [[it's "<b>" $(touch HACK) `touch HACK`]], "1:1",
      "seed             5", "$0.05", segmind.service:ledger().submits[1].request_id }) do
      assert.truthy(run.out:find(text, 1, true), run.out)
    end
    assert.equal("", run.err)
    local result = program.events(fine(segmind("show made.png --json")))
    assert.same({ "result", "flux-kontext-pro", 5 }, { result[1].what, result[1].model,
      result[1].seed })
    assert.is_nil(files.read(segmind.folder .. "/HACK"))
  end)

  it("prints a command that makes the same picture, for which nothing is paid again", function()
    fine(segmind(RUN .. "prompt=" .. ODD .. " input_image=a.png -o out/b"))
    local command = fine(segmind("show out/b.png --command")).out:gsub("\n$", "")
    assert.truthy(command:find("^segmind run flux%-kontext%-pro "), command)
    local again = fine(segmind(command:gsub("^segmind ", "") .. " -o again"))
    assert.equal(segmind.folder .. "/again.png\n", again.out)
    assert.equal(1, segmind:accepted())
    assert.is_nil(files.read(segmind.folder .. "/HACK"))
  end)

  it("prints the commands of the steps before it, too", function()
    fine(segmind("edit a.png 'one' 'two' -o made"))
    local command = fine(segmind("show made.png --command")).out
    files.write(segmind.folder .. "/again", ("segmind() {\n (%s) }\n%s"):format(
      segmind:command('"$@"'), command))
    local code, text = shell.run("cd " .. shell.quote(segmind.folder) .. " && sh ./again")
    assert.equal(0, code, text)
    assert.equal(4, segmind:accepted()) -- their seeds are given now
  end)

  it("shows no escape sequence of a prompt", function()
    fine(segmind(RUN .. "prompt=\"$(printf 'a\\033[2Jb\\342\\200\\256c')\" -o made"))
    for _, words in ipairs({ "show made.png", "show made.png --command" }) do
      local run = fine(segmind(words))
      assert.is_nil(run.out:find("\27", 1, true), words)
      assert.is_nil(run.out:find("\226\128\174", 1, true), words)
    end
  end)

  it("ends with 1 for a picture of another program, with 2 for none", function()
    local run = segmind("show b.png")
    assert.equal(1, run.code)
    assert.equal("", run.out)
    assert.truthy(run.err:find("does not say how it was made here: another program", 1, true),
      run.err)
    files.write(segmind.folder .. "/text.png", "words")
    for name, why in pairs({ ["text.png"] = "no PNG, JPEG, WebP or GIF", ["none.png"] =
      "No such file", ["."] = "no PNG" }) do
      run = segmind("show " .. name)
      assert.equal(2, run.code, name)
      assert.equal("", run.out)
      assert.truthy(run.err:find(why, 1, true), run.err)
    end
  end)

  it("leaves it out where the settings say so", function()
    segmind:configure('{"poll": 0.01, "metadata": false}')
    fine(segmind(RUN .. "prompt=x -o made"))
    assert.equal(1, segmind("show made.png").code)
  end)
end)

describe("segmind show, of a signed picture,", function()
  local segmind = program.fixture({ signed = true })

  it("reads the file beside it", function()
    local run = segmind("run flux-kontext-pro prompt=signed aspect_ratio=1:1 -o made")
    assert.equal(0, run.code, run.err)
    assert.equal(segmind.folder .. "/made.png\n", run.out)
    assert.truthy(files.read(segmind.folder .. "/made.png.json"))
    assert.truthy(segmind("show made.png").out:find("signed", 1, true))
  end)
end)
