--- Several processes on one ledger, and processes that are killed (M3, M9).

local ledger = require("spec.support.ledger")
local processes = require("spec.support.processes")

describe("on one ledger", function()
  local service = ledger.fixture({ latency = 0.15, speed = 1 })

  local function start(options)
    return processes.start(service.url, options)
  end

  local function finish(options)
    return start(options):join()
  end

  --- Accepted submits of each step, by its prompt.
  local function by_prompt()
    local counts = {}
    for _, submit in ipairs(service:ledger().submits) do
      counts[submit.body.prompt] = (counts[submit.body.prompt] or 0) + 1
    end
    return counts
  end

  it("processes at the same steps submit each once, and all have the results", function()
    local running = {}
    for i = 1, 4 do
      running[i] = start({ log = "log" .. i })
    end
    for _, process in ipairs(running) do
      assert.equal("ok", (process:join()))
    end
    assert.same({ one = 1, two = 1, three = 1 }, by_prompt())
  end)

  it("another process goes on where one was killed, without waiting for its lease", function()
    local first = start({ what = "one" })
    assert.is_true(first:wait_for("state 1 QUEUED"))
    first:kill()
    local at = os.time()
    assert.equal("ok", (finish({ what = "one", log = "second" })))
    assert.is_true(os.time() - at < 10)
    assert.same({ one = 1 }, by_prompt())
  end)

  it("one that waits takes over when the other is killed", function()
    service:faults({ { match = { path = "submit" }, ["then"] = {
      states = { "QUEUED", "QUEUED", "QUEUED", "QUEUED", "QUEUED", "QUEUED" } } } })
    local first = start({ what = "one" })
    assert.is_true(first:wait_for("state 1 QUEUED"))
    local second = start({ what = "one", log = "second" })
    os.execute("sleep 0.05")
    first:kill()
    assert.equal("ok", (second:join()))
    assert.same({ one = 1 }, by_prompt())
  end)

  it("a submit whose process was killed before the answer came is found", function()
    service:faults({ { match = { path = "submit" }, mode = "after", ["then"] = { delay = 1 } } })
    local first = start({ what = "one" })
    assert.is_true(first:wait_for("state 1 submitting"))
    for _ = 1, 200 do
      if ledger.accepted() == 1 then
        break
      end
    end
    first:kill()
    assert.equal("intent", ledger.rows()[1].state)
    local second = start({ what = "one", log = "second" })
    assert.equal("ok", (second:join()))
    assert.truthy(second:said():find("note 1 [^\n]*history"))
    assert.same({ one = 1 }, by_prompt())
  end)

  it("a chain that is killed ten times at random finishes with one submit a step", function()
    math.randomseed(os.time())
    local allowed, word = 0, nil
    for i = 1, 10 do
      local process = start({ log = "log" .. i })
      os.execute(("sleep %.3f"):format(0.03 + math.random() * 0.2))
      process:kill()
    end
    for i = 11, 20 do
      -- Leave is given only after it was asked for.
      local process = start({ log = "log" .. i, on_unknown = word == "unknown" and "resubmit" })
      word = process:join()
      for _ in process:said():gmatch("resubmit ") do
        allowed = allowed + 1
      end
      if word == "ok" then
        break
      end
      assert.equal("unknown", word)
    end
    assert.equal("ok", word)
    local double = 0
    for _, prompt in ipairs({ "one", "two", "three" }) do
      local count = by_prompt()[prompt]
      assert.is_true(count >= 1)
      double = double + count - 1
    end
    assert.is_true(double <= allowed)
  end)

  local only_file = ledger.is_file and it or function() end

  only_file("what a process with a lax umask makes is private all the same", function()
    assert.equal("ok", (finish({ what = "one", before = "umask 022;" })))
    local pipe = io.popen(("find %s -name 'edits.db' -printf '%%m %%f\\n'; "
      .. "find %s -printf '%%m %%y\\n'"):format(ledger.path("."), ledger.path("edits.db.files")))
    local text = pipe:read("*a")
    pipe:close()
    assert.truthy(text:find("600 edits.db\n", 1, true))
    assert.truthy(text:find("700 d\n600 f\n$"))
  end)

  only_file("a disk that fills up stops the paying; no id is lost", function()
    assert.equal("ok", (finish({ what = "one" })))
    -- 12 KiB more than the ledger has; SIGXFSZ is ignored, so a write fails as on a full disk.
    local process = start({ what = "many", log = "many", timeout = 5,
      before = "ulimit -f 88; trap '' XFSZ; exec" })
    local word = process:join()
    assert.is_true(word == "ledger" or word == "io")
    local known = process:said()
    for _, row in ipairs(ledger.rows()) do
      known = known .. " " .. (row.request_id or "")
    end
    local submits = service:ledger().submits
    assert.is_true(#submits < 21)
    for _, submit in ipairs(submits) do
      assert.truthy(known:find(submit.request_id, 1, true))
    end
  end)

  --- What stands before a command so that a file's mode holds for its owner, be it root. Another
  --- user would have to be let into every folder on the way to the build.
  local function unprivileged()
    local is_root = io.popen("id -u"):read("*n") == 0
    return is_root and "setpriv --bounding-set=-dac_override" or nil
  end

  only_file("a folder that cannot be written is told before anything is paid", function()
    assert.equal("ok", (finish({ what = "one" })))
    ledger.write("other", "")
    os.execute(("chmod 400 %s; chmod 500 %s"):format(ledger.path(), ledger.path(".")))
    local word, rest = finish({ what = "many", log = "other", before = unprivileged() })
    os.execute("chmod 700 " .. ledger.path("."))
    assert.equal("ledger", word)
    assert.truthy(rest:find("readonly", 1, true))
    assert.equal(1, ledger.accepted())
  end)
end)
