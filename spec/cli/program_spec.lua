--- What the program prints where, what it refuses, and what it never runs.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local paths = require("spec.support.paths")
local program = require("spec.support.program")
local segmind_version = require("segmind.version")
local shell = require("spec.support.shell")
local terminal = require("spec.support.terminal")

local quote = shell.quote

describe("segmind", function()
  local segmind = program.fixture()
  local service = segmind.service
  local RUN = "run flux-kontext-pro prompt=x aspect_ratio=1:1"

  local function fine(run)
    assert.equal(0, run.code, run.err)
    return run
  end

  local function refuse(answer)
    service:faults({ { match = { path = "submit" }, mode = "before", ["then"] = answer } })
  end

  -- -- what it refuses --

  --- words to what the sentence holds
  local refused = {
    ["eidt a.png x"] = 'no verb eidt; did you mean "edit"',
    [""] = "segmind --help",
    [RUN .. " --bugdet 1"] = 'did you mean "--budget"',
    [RUN .. " --prompt x"] = "prompt=…",
    [RUN .. " --key SG_0123456789abcdef"] = "SEGMIND_API_KEY",
    ["run flux-kontext-por prompt=x"] = 'did you mean "flux-kontext-pro"',
    ["run flux-kontext-pro promt=x aspect_ratio=1:1"] = 'did you mean "prompt"',
    ["run flux-kontext-pro prompt"] = "name=value",
    ["run flux-kontext-pro prompt=x prompt=y"] = "given twice",
    ["edit https://example.org/a.png x --set prompt=y"] = "the prompt is given twice",
    ["edit https://example.org/a.png x --set input_image=b.png"] = "the picture is given twice",
    ["edit https://example.org/a.png x --seed 1 --set seed=2"] = "the seed is given twice",
    ["run flux-kontext-pro prompt=@none.txt"] = "none.txt",
    ["run flux-kontext-dev prompt=x input_image=none.png"] = "none.png",
    ["run flux-kontext-dev prompt=x input_image=a.png guidance=much"] = "a number from 0 to 10",
    ["run flux-kontext-dev prompt=x input_image=a.png guidance=11"] = "from 0 to 10",
    ["run flux-kontext-pro prompt=x save=y"] = "-o FILE",
    ["run prompt=x"] = "the model comes before",
    [RUN .. " -n 0"] = "whole number from 1",
    [RUN .. " -n 2 seed=3"] = "given twice",
    [RUN .. " -o 'out/{sed}'"] = 'did you mean "{seed}"',
    [RUN .. " --budget much"] = "dollars",
    [RUN .. " --timeout 0"] = "seconds",
    [RUN .. " --on-unknown retry"] = "resubmit",
    ["edit none.png x"] = "none.png",
    ["edit a.png"] = "prompt",
    ["edit a.png x -m some-model"] = "segmind run some-model",
    ["edit a.png x --set guidanse=3 -m flux-kontext-dev"] = 'did you mean "guidance"',
    ["models flux-kontext-dew"] = 'did you mean "flux-kontext-dev"',
    ["history --from yesterday"] = "2026-11-26",
    ["history --status done"] = "COMPLETED",
    ["cost --by week"] = "day",
    ["history -n 500"] = "at most 100",
    ["report nodir"] = "there is no folder and no picture nodir",
    ["chain -"] = "not standard input",
    [RUN .. " --timeout -3"] = "written behind =",
    ["completion tcsh"] = "bash",
    ["jobs --no-ledger"] = "--no-ledger",
    ["resume --no-ledger"] = "segmind resume ID",
    ["upload none.png"] = "none.png",
    ["emulate --port many"] = "--port",
  }

  for words, sentence in pairs(refused) do
    it(("refuses `segmind %s` with a sentence that says what to do"):format(words), function()
      local run = segmind(words)
      assert.equal(2, run.code, run.err)
      assert.equal("", run.out)
      assert.truthy(run.err:find(sentence, 1, true), run.err)
      assert.is_nil(run.err:find("traceback", 1, true), run.err)
      assert.is_nil(run.err:find("SG_0", 1, true), run.err)
      assert.equal(0, segmind:accepted())
    end)
  end

  for text, sentence in pairs({
    ['{"poll": 1,\n  "budget" 2}'] = "config.json:2:",
    ['{"bugdet": 2}'] = 'config.json:1:2: there is no setting bugdet; did you mean "budget"',
    ['{"budget":\n "2"}'] = "config.json:2:2: budget is an amount of US dollars",
    ['{"api_key": "SG_0123456789abcdef"}'] = "api_key_command",
    ['{"rpm": 1000000000}'] = "rpm",
    ["[1]"] = "a JSON object",
  }) do
    it("refuses the configuration " .. text, function()
      segmind:configure(text)
      local run = segmind(RUN)
      assert.equal(2, run.code)
      assert.equal("", run.out)
      assert.truthy(run.err:find(sentence, 1, true), run.err)
      assert.is_nil(run.err:find("SG_0", 1, true), run.err)
    end)
  end

  it("says that there is no place for a ledger", function()
    local run = segmind(RUN, { HOME = false, XDG_STATE_HOME = false })
    assert.equal(2, run.code)
    assert.truthy(run.err:find("XDG_STATE_HOME", 1, true), run.err)
    fine(segmind(RUN .. " --ledger here.db", { HOME = false, XDG_STATE_HOME = false }))
  end)

  it("says that there is no network, and that it may be tried again", function()
    local run = segmind("credits --timeout 1", { SEGMIND_BASE_URL = "http://127.0.0.1:9" })
    assert.equal(75, run.code, run.err)
    assert.equal("", run.out)
    local last = run.err:match("([^\n]*)\n$")
    assert.equal("segmind: nothing listens at http://127.0.0.1:9: segmind emulate runs the service "
      .. "on this machine", last)
  end)

  it("says with the first try of several why it failed, and where", function()
    for _, words in ipairs({ "credits", RUN }) do
      local run = segmind(words .. " --timeout 1", { SEGMIND_BASE_URL = "http://127.0.0.1:9" })
      local first = run.err:match("note: ([^\n]*)") or run.err
      assert.truthy(first:find("tried again: .*127%.0%.0%.1.*onnect to"), first)
    end
    service:faults({ { match = { path = "submit" }, mode = "after", ["then"] = { close = true } } })
    local run = segmind(RUN .. " --timeout 5")
    local note = run.err:match("note: (the answer to a submit was lost[^\n]*)") or run.err
    assert.truthy(note:find("history is asked: .*127%.0%.0%.1: "), note)
  end)

  -- The output_format that a command sends; nil for none.
  local function sent_format(words)
    fine(segmind(words .. " -q"))
    local submits = service:ledger().submits
    return submits[#submits].body.output_format
  end

  it("asks for the format that the extension of -o says", function()
    assert.equal("jpg", sent_format(RUN .. " -o a.jpg"))
    assert.equal("jpg", sent_format(RUN .. " -n 2 -o 'b-{seed}.jpeg'"))
    assert.equal("webp", sent_format("edit a.png x -m flux-kontext-dev -o 'c-{n}.webp'"))
    assert.equal("jpg", sent_format("each a.png flux-kontext-pro prompt=y -o 'd-{name}.JPG'"))
  end)

  it("says with --dry-run what the budget would refuse, and ends as that would", function()
    for _, words in ipairs({ RUN, "edit a.png x", "each a.png flux-kontext-pro prompt=x" }) do
      local run = segmind(words .. " --dry-run --budget 0.01")
      assert.equal(3, run.code, run.err)
      assert.truthy(run.err:find("the budget would refuse it: $0.05, and $0.00 of $0.01 are spent",
        1, true), run.err)
      fine(segmind(words .. " --dry-run --budget 1"))
    end
  end)

  it("leaves the format as it is where it is given, the default, or not declared", function()
    assert.equal("jpg", sent_format(RUN .. " output_format=jpg -o e.jpeg"))
    assert.is_nil(sent_format(RUN .. " -o f.png"))
    assert.is_nil(sent_format("run flux-2-pro prompt=z image_urls=a.png -o g.webp"))
    assert.is_nil(sent_format("run flux-kontext-pro prompt=a.jpg aspect_ratio=1:1"))
  end)

  it("says when standard output cannot be written", function()
    local run = segmind(RUN .. " -q >/dev/full")
    assert.equal(6, run.code, run.err)
    assert.truthy(run.err:find("standard output", 1, true), run.err)
  end)

  it("needs no lua-cjson", function()
    local none = { LUA_INIT = "package.preload.cjson = function() error() end" }
    for _, command in ipairs({ "credits", "models flux-kontext-pro --json", "jobs", "doctor",
      RUN .. " seed=7 -o house --json" }) do
      local run = segmind(command, none)
      assert.equal(0, run.code, command .. ": " .. run.err)
    end
    assert.equal(1, segmind:accepted())
    assert.truthy(fine(segmind("show house.png", none)).out:find("seed", 1, true))
  end)

  it("says what is not installed", function()
    local run = segmind("credits", { LUA_INIT =
      "package.preload.argparse = function() error() end" })
    assert.equal(3, run.code)
    assert.truthy(run.err:find("apt install lua-argparse", 1, true), run.err)
    run = segmind("credits", { LUA_INIT =
      "package.preload['segmind.core'] = function() error('x', 0) end" })
    assert.equal(3, run.code)
    assert.is_nil(run.err:find("traceback", 1, true), run.err)
  end)

  -- -- what it prints --

  it("prints nothing but results on standard output", function()
    local run = fine(segmind(RUN .. " -n 3 -o 'out/{n}'"))
    local at = segmind.folder .. "/out/"
    assert.equal(at .. "1.png\n" .. at .. "2.png\n" .. at .. "3.png\n", run.out)
    assert.truthy(run.err:find("done", 1, true), run.err)
    assert.equal("", fine(segmind(RUN .. " -n 3 -q")).err)
    assert.equal(3, segmind:accepted())
  end)

  it("prints one event a line with --json, and the result last", function()
    local events = program.events(fine(segmind(RUN .. " -o house --json")))
    local last = events[#events]
    assert.equal("result", last.what)
    assert.equal(0, last.exit)
    assert.same({ segmind.folder .. "/house.png" }, last.paths)
    assert.equal(0.05, last.cost)
    local again = program.events(fine(segmind(RUN .. " -o house --json")))
    assert.equal(0, again[#again].cost)
    assert.equal("done", again[#again - 1].what)
    assert.equal(0, again[#again - 1].cost)
  end)

  it("shows no price for what comes from the ledger, and a failure once", function()
    fine(segmind(RUN .. " -o house"))
    local run = fine(segmind(RUN .. " -o house --on-done 'echo cost $SEGMIND_COST >&2'"))
    assert.is_nil(run.err:find("$0.05", 1, true), run.err)
    assert.truthy(run.err:find("cost 0", 1, true), run.err)
    service:faults({ { match = { path = "submit" }, mode = "after",
      ["then"] = { states = { "PROCESSING", "FAILED" } } } })
    run = segmind(RUN .. " seed=2")
    assert.equal(1, run.code, run.err)
    assert.equal(1, select(2, ("\n" .. run.err):gsub("\nfailed ", "")), run.err)
  end)

  it("tells jobs apart by their seeds and pictures, and says when there is a further page",
    function()
      fine(segmind(RUN .. " -n 2"))
      local run = fine(segmind("jobs"))
      for seed = 1, 2 do
        assert.truthy(run.out:find(("  seed %d  x  /[^\n]*%%.png\n"):format(seed)), run.out)
      end
      assert.truthy(fine(segmind("history -n 2")).err:find("--page 2", 1, true))
      assert.equal("", fine(segmind("history -n 3")).err)
    end)

  it("cuts no path of a list in a pipe, marks what it cuts, and names no file that is not there",
    function()
      fine(segmind("run flux-kontext-pro aspect_ratio=1:1 seed=1 prompt=" .. ("long"):rep(99)))
      local row = fine(segmind("jobs")).out
      local path = row:match("lon…  (/[^\n]*%.png)\n$")
      assert.truthy(path and files.read(path), row)
      os.remove(path)
      assert.is_nil(fine(segmind("jobs")).out:find(".png", 1, true))
      assert.is_nil(program.events(fine(segmind("jobs --json")))[1].kept)
    end)

  it("lists on a terminal first what tells rows apart, and marks where a row is cut", function()
    local prompt = "a house by the sea, and the wind in its windows"
    fine(segmind(("run flux-kontext-pro aspect_ratio=1:1 -n 2 prompt='%s'"):format(prompt)))
    local command = ("(%s); (%s); exec sleep 60"):format(segmind:command("jobs"),
      segmind:command("history"))
    local screen = terminal.start("sh -c " .. quote(command), segmind.folder, 80, 24)
    local submits = service:ledger().submits
    for i, state in ipairs({ "completed", "completed", "COMPLETED", "COMPLETED" }) do
      local one = submits[(i - 1) % 2 + 1]
      local row = ("%s $0.05  %s  seed %d  a house by the sea, "):format(state,
        one.request_id:sub(1, 12), one.body.seed)
      assert.truthy(screen:await(row):find(row .. "[^\n]*…\n"), screen:text())
    end
    screen:close()
  end)

  it("ends with the result also when it fails", function()
    refuse({ status = 400 })
    local run = segmind(RUN .. " --json")
    local events = program.events(run)
    assert.equal(1, run.code)
    assert.equal("result", events[#events].what)
    assert.equal(1, events[#events].exit)
  end)

  it("takes escape sequences of a server off what it prints", function()
    refuse({ status = 400, body = { error = "\27]0;owned\7\27[31mred\27[0m\r\nlast" } })
    local run = segmind(RUN)
    assert.equal(1, run.code)
    assert.is_nil(run.err:find("[%z\1-\9\11-\31\127]"), run.err)
    assert.truthy(run.err:find("red", 1, true), run.err)
  end)

  it("helps", function()
    for _, verb in ipairs(require("segmind.cli.parser").verbs) do
      local help = fine(segmind(verb .. " --help")).out
      assert.truthy(help:find("Usage: segmind " .. verb, 1, true), help)
      assert.truthy(help:find("Examples:", 1, true), help)
    end
    assert.equal(fine(segmind("run --help")).out, fine(segmind("help run")).out)
    assert.equal("segmind " .. segmind_version .. "\n", fine(segmind("--version")).out)
  end)

  -- -- parameters --

  local function sent()
    local submits = service:ledger().submits
    return submits[#submits].body
  end

  it("types parameters by the model's table", function()
    fine(segmind("run flux-kontext-dev prompt=7 input_image=a.png guidance=2.5 seed=3 "
      .. "num_inference_steps=9 disable_safety_checker=true"))
    local body = sent()
    assert.equal("7", body.prompt)
    assert.equal(2.5, body.guidance)
    assert.equal(9, body.num_inference_steps)
    assert.is_true(body.disable_safety_checker)
    assert.truthy(body.input_image:find("^http"))
  end)

  it("reads text from files and from standard input, and pictures from standard input", function()
    files.write(segmind.folder .. "/p.txt", "two\nlines\n")
    fine(segmind("run flux-kontext-pro prompt=@p.txt aspect_ratio=1:1"))
    assert.equal("two\nlines", sent().prompt)
    files.write(segmind.folder .. "/windows.txt", "\239\187\191one line\r\n")
    fine(segmind("run flux-kontext-pro prompt=@windows.txt aspect_ratio=1:1"))
    assert.equal("one line", sent().prompt)
    fine(segmind("run flux-kontext-pro prompt=- aspect_ratio=1:1 <p.txt"))
    fine(segmind("run flux-kontext-pro prompt=@@p.txt aspect_ratio=1:1"))
    assert.equal("@p.txt", sent().prompt)
    fine(segmind("edit - x <a.png"))
    assert.equal(4, segmind:accepted())
  end)

  it("makes a list of a name that is given again", function()
    fine(segmind("run flux-2-pro image_urls=a.png image_urls=b.png prompt=both"))
    assert.equal(2, #sent().image_urls)
  end)

  -- -- money --

  it("says with --dry-run what it would cost, and sends nothing", function()
    local run = fine(segmind(RUN .. " -n 2 --dry-run"))
    assert.truthy(run.out:find("$0.10", 1, true), run.out)
    assert.equal(0, segmind:accepted())
    fine(segmind(RUN .. " -n 1 --seed 1"))
    run = fine(segmind(RUN .. " -n 2 --dry-run"))
    assert.truthy(run.out:find("$0.05", 1, true), run.out)
    assert.truthy(run.out:find("1 of 2 in the ledger", 1, true), run.out)
    assert.equal(1, segmind:accepted())
  end)

  it("pays a chain of prompts once, and only what is new of it", function()
    fine(segmind("edit a.png one two -o night"))
    fine(segmind("edit a.png one two -o night"))
    assert.equal(2, segmind:accepted())
    local run = fine(segmind("edit a.png one two three -o 'all/{n}'"))
    assert.equal(3, segmind:accepted())
    assert.equal(3, select(2, run.out:gsub("\n", "")))
  end)

  it("puts a picture into a folder that is named, and names several apart", function()
    files.make_folder(segmind.folder .. "/there")
    local run = fine(segmind("run flux-kontext-pro 'prompt=A house, at night!' aspect_ratio=1:1 "
      .. "--seed 7 -o there"))
    assert.equal(segmind.folder .. "/there/A-house-at-night-7.png\n", run.out)
    run = fine(segmind("edit a.png x --seed 7 -o new/"))
    assert.equal(segmind.folder .. "/new/a-x-7.png\n", run.out)
    run = fine(segmind(RUN .. " -n 2 -o house.png"))
    assert.truthy(run.out:find("house%-1.png\n.*house%-2.png\n$"), run.out)
  end)

  it("resumes a request by its id, without a ledger, too", function()
    service:faults({ { match = { path = "status", count = "always" },
      ["then"] = { status = 503 } } })
    local run = segmind(RUN .. " --detach --no-ledger")
    service:clear_faults()
    assert.equal(4, run.code, run.err)
    local id = run.out:match("%S+")
    assert.equal(segmind.folder .. "/house.png\n",
      fine(segmind("resume " .. id .. " --no-ledger -o house")).out)
    assert.equal(0, segmind("resume").code)
    assert.equal(1, segmind:accepted())
  end)

  it("pays again with --fresh", function()
    fine(segmind(RUN))
    fine(segmind(RUN .. " --fresh"))
    assert.equal(2, segmind:accepted())
  end)

  it("keeps nothing with --no-ledger", function()
    fine(segmind(RUN .. " --no-ledger"))
    assert.is_nil(files.read(segmind.folder .. "/state/segmind/ledger.db"))
    fine(segmind(RUN .. " --no-ledger"))
    assert.equal(2, segmind:accepted())
  end)

  it("needs no key for what sends nothing", function()
    fine(segmind(RUN))
    local none = { SEGMIND_API_KEY = false }
    assert.equal("$0.05\n", fine(segmind("cost", none)).out)
    assert.truthy(fine(segmind("jobs", none)).out:find("completed", 1, true))
    fine(segmind("report", none))
    assert.truthy(fine(segmind(RUN .. " --dry-run", none)).out:find("in the ledger", 1, true))
    assert.equal(1, segmind:accepted())
  end)

  it("lists jobs, costs and the history", function()
    fine(segmind(RUN))
    fine(segmind("run flux-kontext-max prompt=x aspect_ratio=1:1"))
    assert.equal("$0.15\n", fine(segmind("cost")).out)
    local run = fine(segmind("cost --by model"))
    assert.truthy(run.out:find("flux%-kontext%-max +%$ +0.10  1\n"), run.out)
    assert.equal(2, select(2, fine(segmind("jobs")).out:gsub("\n", "")))
    assert.equal("", fine(segmind("jobs --doubt")).out)
    assert.equal(2, select(2, fine(segmind("history")).out:gsub("\n", "")))
    assert.truthy(tonumber(fine(segmind("credits")).out))
  end)

  -- -- settings --

  it("lets flags stand before the environment, and that before the file", function()
    local function budget(words, environment)
      local run = fine(segmind("doctor --json " .. words, environment))
      for _, event in ipairs(program.events(run)) do
        if event.name == "budget" then
          return event.value .. " " .. event.origin:match("[^/]*$")
        end
      end
    end
    assert.is_nil(budget(""))
    segmind:configure('{"budget": 3}')
    assert.equal("3 config.json", budget(""))
    assert.equal("2 SEGMIND_BUDGET", budget("", { SEGMIND_BUDGET = "2" }))
    assert.equal("1 --budget", budget("--budget 1", { SEGMIND_BUDGET = "2" }))
  end)

  it("doctor fails for settings that the next command would refuse", function()
    for name, values in pairs({ model = { "flux-kontext-foo", "some-model" },
      output = { "{nope}", "a.png/x" } }) do
      for _, value in ipairs(values) do
        segmind:configure(('{"%s": "%s"}'):format(name, value))
        local run = segmind("doctor")
        assert.equal(2, run.code, run.err)
        assert.truthy(run.out:find("FAIL +" .. name), run.out)
        assert.truthy(run.out:find("ok +service"), run.out)
        assert.equal(2, segmind("edit a.png x").code)
      end
    end
    segmind:configure('{"model": "flux-kontext-max", "output": "out/{prompt}-{seed}"}')
    fine(segmind("doctor"))
  end)

  it("shows no password of a ledger's server", function()
    local run = segmind("doctor --ledger postgresql://me:secret@127.0.0.1:9/x", {
      SEGMIND_API_KEY = false })
    assert.truthy(run.out:find("postgresql://me:...@127.0.0.1:9/x", 1, true), run.out)
    assert.is_nil((run.out .. run.err):find("secret", 1, true))
  end)

  it("takes the key from a command, and never shows it", function()
    segmind:configure('{"poll": 0.01, "api_key_command": "cat key"}')
    files.write(segmind.folder .. "/key", emulator.KEY .. "\n")
    fine(segmind(RUN, { SEGMIND_API_KEY = false }))
    local run = fine(segmind("doctor", { SEGMIND_API_KEY = false }))
    assert.is_nil((run.out .. run.err):find("SG_0123", 1, true))
    segmind:configure('{"api_key_command": "false"}')
    run = segmind(RUN, { SEGMIND_API_KEY = false })
    assert.equal(3, run.code)
    assert.truthy(run.err:find("api_key_command", 1, true), run.err)
  end)

  -- -- what it never runs --

  it("never runs what stands in prompts and names of files", function()
    local odd = "$(touch owned) `touch owned` '; touch owned; ' \" \n\\"
    local picture = odd:gsub("/", "") .. ".png"
    files.write(segmind.folder .. "/" .. picture, files.read(segmind.folder .. "/a.png"))
    files.write(segmind.folder .. "/hook", "printf '%s|%s' \"$SEGMIND_STATE\" \"$SEGMIND_PROMPT\" "
      .. ">hooked; printf %s \"$SEGMIND_PATH\" >path")
    fine(segmind(("edit %s %s --on-done '. ./hook'"):format(quote(picture), quote(odd))))
    assert.equal("COMPLETED|" .. odd, files.read(segmind.folder .. "/hooked"))
    assert.truthy(files.read(files.read(segmind.folder .. "/path")))
    assert.is_nil(files.read(segmind.folder .. "/owned"))
    assert.equal(odd, sent().prompt)
  end)

  it("tells the command of --on-done what failed, and prints nothing of it", function()
    refuse({ status = 400 })
    local run = segmind(RUN .. " --on-done 'echo $SEGMIND_STATE $SEGMIND_KIND; exit 3'")
    assert.equal(1, run.code)
    assert.equal("", run.out)
    assert.truthy(run.err:find("FAILED rejected", 1, true), run.err)
    assert.truthy(run.err:find("ended with 3", 1, true), run.err)
  end)

  it("is started by its name, from anywhere and through a link", function()
    if _VERSION ~= "Lua 5.4" or interpreter.is_slow() then
      return
    end
    local link = segmind.folder .. "/linked"
    local program_path = shell.output("cd " .. quote(paths.root) .. " && pwd"):gsub("\n", "")
    assert(os.execute(("ln -s %s/bin/segmind %s"):format(quote(program_path), quote(link))))
    local code, said = shell.run(("build=$(cd %s && pwd) && cd / && env -i PATH=\"$PATH\" "
      .. "HOME=%s SEGMIND_BUILD=\"$build\" %s doctor"):format(quote(paths.build),
      quote(segmind.folder), quote(link)))
    assert.equal(3, code, said) -- there is no key
    assert.truthy(said:find("ok +library"), said)
  end)

  -- -- the emulator --

  it("runs a command with an emulator of its own, and ends as that does", function()
    local name = interpreter.commands(segmind.folder .. "/bin") .. "/segmind"
    local run = segmind(("emulate --speed 400 -- %s %s -q -o house"):format(shell.quote(name), RUN),
      { SEGMIND_API_KEY = false, SEGMIND_BASE_URL = false })
    assert.equal(segmind.folder .. "/house.png\n", fine(run).out)
    assert.equal(0, segmind:accepted())
    assert.equal(7, segmind("emulate -- sh -c 'exit 7'").code)
  end)
end)
