--- `segmind submit` and `segmind work`.

local files = require("spec.support.files")
local postgres = require("spec.support.postgres")
local program = require("spec.support.program")
local shell = require("spec.support.shell")
local submit = require("segmind.cli.submit")

local quote = shell.quote

describe("segmind submit", function()
  local segmind = program.fixture({ speed = 400 })

  it("stands for run, chain or each with --queue", function()
    assert.same({ "run", "--queue", "m", "prompt=x" }, submit.expand({ "submit", "m", "prompt=x" }))
    assert.same({ "--ledger", "x", "chain", "--queue", "a.json" },
      submit.expand({ "--ledger", "x", "submit", "a.json" }))
    assert.same({ "each", "--queue", "--jobs", "3", "photos", "m" },
      submit.expand({ "submit", "--queue", "--jobs", "3", "each", "photos", "m" }))
    assert.same({ "run", "submit" }, submit.expand({ "run", "submit" }))
    assert.same({ "submit", "--help" }, submit.expand({ "submit", "--help" }))
  end)

  it("needs no key, sends nothing, and leaves the pictures to work", function()
    local run = segmind("submit flux-kontext-pro prompt=house aspect_ratio=1:1 -n 2",
      { SEGMIND_API_KEY = false })
    assert.equal(0, run.code, run.err)
    assert.matches("^%x+\n%x+\n$", run.out)
    assert.equal(0, segmind:accepted())
    assert.truthy(segmind("jobs --waiting").out:find("waiting", 1, true))
    run = segmind("work --until-empty")
    assert.equal(0, run.code, run.err)
    assert.equal(2, segmind:accepted())
    run = segmind("run flux-kontext-pro prompt=house aspect_ratio=1:1 -n 2 -o 'out/{n}'")
    assert.equal(0, run.code, run.err)
    assert.equal(2, segmind:accepted())
  end)

  it("tells its steps apart, and what the queue holds beside them", function()
    local run = segmind("submit each a.png b.png flux-kontext-dev prompt=x seed=4")
    assert.truthy(run.err:find("2 steps put into the queue, which holds 2", 1, true), run.err)
    run = segmind("submit flux-kontext-pro prompt=house -n 2")
    assert.truthy(run.err:find("2 steps put into the queue, which holds 4", 1, true), run.err)
    local rows = segmind("jobs --waiting").out
    for _, key in ipairs({ run.out:match("^(%x+)\n(%x+)") }) do
      assert.truthy(rows:find(" " .. key:sub(1, 12) .. " ", 1, true), rows)
    end
    for _, text in ipairs({ "seed 4  a  x\n", "seed 4  b  x\n", "seed 1  house\n",
      "seed 2  house\n" }) do
      assert.truthy(rows:find(text, 1, true), rows)
    end
    run = segmind("submit flux-kontext-pro prompt=house --seed -1")
    assert.is_nil(run.err:find("put into the queue", 1, true), run.err)
  end)

  it("tells what resume leaves to work", function()
    segmind("submit flux-kontext-pro prompt=house")
    assert.truthy(segmind("resume").err:find("1 in the queue wait for segmind work", 1, true))
  end)
end)

describe("segmind work", function()
  local segmind = program.fixture({ speed = 20 })

  it("asks for a key before it picks anything", function()
    segmind("submit flux-kontext-pro prompt=house")
    local run = segmind("work --until-empty", { SEGMIND_API_KEY = false })
    assert.equal(3, run.code)
    assert.truthy(run.err:find("SEGMIND_API_KEY", 1, true))
  end)

  it("ends with 1 when steps have failed, and tells what they block", function()
    segmind.service:faults({ { match = { path = "submit", count = "always" },
      ["then"] = { status = 422, body = '{"detail": "no"}' } } })
    files.write(segmind.folder .. "/two.json", [[{ "input": "a.png", "steps": [
      { "model": "flux-kontext-dev", "params": { "prompt": "one" } },
      { "model": "flux-kontext-dev", "params": { "prompt": "two" } } ] }]])
    assert.equal(0, segmind("submit two.json").code)
    local run = segmind("work --until-empty")
    assert.equal(1, run.code)
    assert.truthy(run.err:find("1 blocked by a step that has failed", 1, true), run.err)
    local rows = segmind("jobs --waiting").out
    assert.truthy(rows:find("failed [^\n]*one[^\n]*\n"), rows)
    assert.truthy(rows:find("blocked [^\n]*two[^\n]*\n"), rows)
    assert.equal(2, select(2, rows:gsub("\n", "")), rows)
    assert.equal(rows, segmind("jobs").out) -- each once
    assert.equal(0, segmind("submit two.json").code) -- the failed one waits again
    rows = segmind("jobs --waiting").out
    assert.equal(2, select(2, rows:gsub("waiting ", "")), rows)
  end)

  it("keeps the smaller budget, and ends with 3 when it is reached", function()
    segmind("submit flux-kontext-pro prompt=house -n 3")
    local own = segmind("work --until-empty --jobs 1 --budget 0.11")
    assert.equal(3, own.code)
    assert.is_nil(own.err:find("--replace-limits", 1, true), own.err)
    for _, words in ipairs({ "", " --budget 9" }) do
      local run = segmind("work --until-empty" .. words)
      assert.equal(3, run.code)
      assert.truthy(run.err:find("are the ledger's limit, .*%-%-replace%-limits"), run.err)
    end
    assert.equal(2, segmind:accepted())
    assert.equal(0, segmind("work --until-empty --budget 9 --replace-limits").code)
    assert.equal(3, segmind:accepted())
  end)

  for _, signal in ipairs({ "TERM", "INT" }) do
    it("gives back at SIG" .. signal .. " what it has not submitted, and ends with 130", function()
      segmind:configure('{"poll": 0.01, "timeout": 30, "max_active_jobs": 1}')
      segmind("submit flux-kontext-pro prompt=house -n 4")
      local code, output = shell.run(([[
        err=%s
        (%s) >/dev/null 2>"$err" & pid=$!; i=0
        until grep -q picked "$err" && curl -s %s | grep -q '"accepted":1' || [ $i -gt 400 ]; do
          sleep 0.02; i=$((i + 1))
        done
        kill -%s $pid; wait $pid; code=$?; cat "$err"; exit $code]]):format(
        quote(segmind.folder .. "/work.err"), segmind:command("work --jobs 4"),
        quote(segmind.service.url .. "/_emulator/ledger"), signal))
      assert.equal(130, code, output)
      assert.truthy(output:find("given back", 1, true), output)
      local run = segmind("work --until-empty")
      assert.equal(0, run.code, run.err)
      assert.equal(4, segmind:accepted())
    end)
  end

  it("says in one sentence what is wrong with a server, before any submit", function()
    local server = postgres.start()
    if not server then
      return pending("there is no PostgreSQL here")
    end
    local function psql(text)
      assert.equal(0, (shell.run(("psql -Xq %s -c %s"):format(quote(server.url), quote(text)))))
    end
    local function work(url)
      local run = segmind(("submit flux-kontext-pro prompt=x --ledger %s"):format(quote(url)))
      assert.equal(3, run.code, run.err)
      assert.equal(1, select(2, run.err:gsub("\n", "")), run.err)
      return run.err
    end
    assert.equal(0, segmind("submit flux-kontext-pro prompt=x --ledger " .. quote(server.url)).code)
    psql("CREATE ROLE guest LOGIN")
    assert.truthy(work((server.url:gsub("segmind@", "guest@"))):find("permission denied", 1, true))
    psql("UPDATE segmind_ledger SET version = 2")
    assert.truthy(work(server.url):find("version 2", 1, true))
    psql("UPDATE segmind_ledger SET version = 1, service = 'https://api.segmind.com'")
    assert.truthy(work(server.url):find("give each a ledger of its own", 1, true))
    server:control("stop -m fast")
    assert.truthy(work(server.url):find("is the server running?", 1, true))
    server:stop()
    assert.equal(0, segmind:accepted())
  end)
end)
