--- What is asked before a command spends more than a dollar, whichever command it is.

local cjson = require("cjson")
local files = require("spec.support.files")
local program = require("spec.support.program")
local shell = require("spec.support.shell")

describe("a command that costs more than a dollar", function()
  local segmind = program.fixture()

  local function prompts(count)
    local words = {}
    for n = 1, count do
      words[n] = "p" .. n
    end
    return table.concat(words, " ")
  end

  local RUN = "run flux-kontext-max prompt=x aspect_ratio=1:1 -o 'out/{seed}'"

  before_each(function()
    local steps = {}
    for n = 1, 11 do
      steps[n] = { model = "flux-kontext-max", params = { prompt = "p" .. n } }
    end
    files.write(segmind.folder .. "/long.json", cjson.encode({ steps = steps }))
  end)

  for name, words in pairs({ ["run -n"] = RUN .. " -n 11", edit = "edit a.png -m flux-kontext-max "
    .. prompts(11), chain = "chain long.json", ["submit of a model"] = "submit flux-kontext-max "
    .. "prompt=x -n 11", ["submit of a chain"] = "submit long.json" }) do
    it("is refused without a terminal, unless --yes or a budget says so: " .. name, function()
      local run = segmind(words .. " </dev/null")
      assert.equal(3, run.code, run.err)
      assert.equal("", run.out)
      assert.truthy(run.err:find("11 pictures cost $1.10; say --yes, or bound it with --budget", 1,
        true), run.err)
      assert.equal(0, segmind:accepted())
      assert.equal("", segmind("jobs --waiting").out)
      run = segmind(words .. " --yes </dev/null")
      assert.equal(0, run.code, run.err)
      run = segmind(words .. " --budget 9 </dev/null") -- is in the ledger, or queued
      assert.equal(0, run.code, run.err)
      assert.equal(words:find("submit", 1, true) and 0 or 11, segmind:accepted())
    end)
  end

  it("is asked for on a terminal", function()
    if not shell.output("command -v script"):find("%S") then
      return
    end
    local function answer(text)
      return shell.output(("printf '%s' | script -qec %s /dev/null 2>&1; true"):format(text,
        shell.quote(segmind:command(RUN .. " -n 11; echo code $?"):gsub("&& exec", "&&"))))
    end
    local output = answer("n\\n")
    assert.truthy(output:find("11 pictures cost $1.10. Go on? [y/N]", 1, true), output)
    assert.truthy(output:find("code 3", 1, true), output)
    assert.equal(0, segmind:accepted())
    assert.truthy(answer("y\\n"):find("code 0", 1, true))
    assert.equal(11, segmind:accepted())
  end)

  it("is refused as soon as it is too dear, whatever is to come", function()
    for count, usd in pairs({ ["20"] = "2.00", ["100000"] = "10000.00" }) do
      local run = segmind(RUN .. " -n " .. count .. " </dev/null")
      assert.equal(3, run.code, run.err)
      assert.truthy(run.err:find(("%s pictures cost up to $%s; say --yes"):format(count, usd), 1,
        true), run.err)
    end
  end)

  it("counts only what is not in the ledger", function()
    for _, words in ipairs({ " -n 10", " -n 11", " -n 20" }) do
      local run = segmind(RUN .. words .. " </dev/null")
      assert.equal(0, run.code, run.err)
    end
    assert.equal(20, segmind:accepted())
    assert.truthy(segmind(RUN .. " -n 31 </dev/null").err:find(
      "31 pictures (20 in the ledger already) cost $1.10;", 1, true))
    assert.equal(3, segmind(RUN .. " -n 11 --fresh </dev/null").code)
    assert.equal(20, segmind:accepted())
  end)

  it("may cost that where several have no known price, but not where one has none", function()
    local run = segmind("run some-model prompt=x -n 2 </dev/null")
    assert.equal(3, run.code)
    assert.truthy(run.err:find("cost $0.00, and 2 without a known price; say --yes", 1, true))
    run = segmind("submit some-model prompt=x </dev/null")
    assert.equal(0, run.code, run.err)
  end)
end)
