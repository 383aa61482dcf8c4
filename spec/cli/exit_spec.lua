--- The exit codes: what a script may do next.

local Error = require("segmind.error")
local exit = require("segmind.cli.exit")
local files = require("spec.support.files")
local paths = require("spec.support.paths")
local program = require("spec.support.program")

describe("the table of exit codes", function()
  local by_kind = { invalid = 2, auth = 3, no_credits = 3, budget = 3, ledger = 3, not_sent = 75,
    throttled = 75, timeout = 75, rejected = 1, failed = 1, protocol = 1, security = 1, io = 1,
    expired = 1, cancelled = 1, upstream = 1, unknown = 5 }

  it("has a code for every kind of error that was not charged", function()
    for kind in pairs(Error.kinds) do
      assert.equal(by_kind[kind], exit.of(Error.new(kind, "x", { charged = "no" })), kind)
    end
  end)

  it("lets charged decide first", function()
    for kind in pairs(Error.kinds) do
      assert.equal(5, exit.of(Error.new(kind, "x", { charged = "unknown" })), kind)
      local goes_on = kind == "timeout" or kind == "cancelled"
      assert.equal(goes_on and 4 or 6, exit.of(Error.new(kind, "x", { charged = "yes" })), kind)
    end
  end)

  it("gives a step whose input failed the code of that", function()
    local cause = Error.new("unknown", "x", { charged = "unknown" })
    assert.equal(5, exit.of(Error.new("upstream", "x", { cause = cause })))
  end)

  it("tells that there is nothing to mend where the service has forgotten what is paid", function()
    assert.truthy(exit.advise(6, { expired = true }):find("--fresh makes another", 1, true))
    assert.truthy(exit.advise(6, { io = true }):find("mend what is wrong", 1, true))
    assert.is_nil(exit.advise(1, { expired = true }))
  end)

  it("lets what costs money stand before what only stops", function()
    assert.equal(5, exit.worst(1, 5))
    assert.equal(6, exit.worst(6, 3))
    assert.equal(3, exit.worst(4, 3))
    assert.equal(1, exit.worst(0, 1))
    assert.equal(0, exit.worst(0, 0))
  end)

  it("is the one that the documentation has", function()
    local page = files.read(paths.root .. "/doc/cli.md")
    for _, row in ipairs(exit.table) do
      local line = ("| %d | %s | %s |"):format(row[1], row[2], row[3])
      assert.truthy(page:find(line, 1, true), line)
    end
  end)
end)

describe("the program ends with", function()
  local segmind = program.fixture()
  local service = segmind.service
  local RUN = "run flux-kontext-pro prompt=x aspect_ratio=1:1"

  --- A failure says something, and prints no result.
  local function ends(code, run)
    assert.equal(code, run.code, run.err)
    if code ~= 0 and code ~= 4 then
      assert.equal("", run.out)
      assert.truthy(run.err:find("segmind: %S"), run.err)
    end
    return run
  end

  local function rule(match, answer, mode)
    service:faults({ { match = match, mode = mode or "before", ["then"] = answer } })
  end

  it("0 when the picture is there, and its path is all that it prints", function()
    local run = ends(0, segmind(RUN .. " -o out/house"))
    assert.equal(segmind.folder .. "/out/house.png\n", run.out)
    ends(0, segmind(RUN .. " -o out/house"))
    assert.equal(1, segmind:accepted())
  end)

  it("1 when the service refuses the request", function()
    rule({ path = "submit" }, { status = 400 })
    ends(1, segmind(RUN))
  end)

  it("1 when the job failed, which is not charged", function()
    rule({ path = "submit" }, { states = { "PROCESSING", "FAILED" } }, "after")
    ends(1, segmind(RUN))
  end)

  it("2 when the parameters are refused here", function()
    local run = ends(2, segmind("run flux-kontext-pro promt=x aspect_ratio=1:1"))
    assert.truthy(run.err:find('did you mean "prompt"?', 1, true), run.err)
    assert.equal(0, segmind:accepted())
  end)

  it("3 without a key", function()
    local run = ends(3, segmind(RUN, { SEGMIND_API_KEY = false }))
    assert.truthy(run.err:find("SEGMIND_API_KEY", 1, true), run.err)
  end)

  it("3 with a key that the service refuses", function()
    rule({ path = "submit", count = "always" }, { status = 401 })
    ends(3, segmind(RUN))
  end)

  it("3 on an empty account", function()
    rule({ path = "submit" }, { credits = 0 })
    ends(3, segmind(RUN))
  end)

  it("3 when the budget does not cover it", function()
    local run = ends(3, segmind(RUN .. " --budget 0.01"))
    assert.truthy(run.err:find("$0.01", 1, true), run.err)
    assert.equal(0, segmind:accepted())
  end)

  it("3 when the ledger cannot be opened", function()
    ends(3, segmind(RUN .. " --ledger a.png"))
    assert.equal(0, segmind:accepted())
  end)

  it("4 when it is accepted and does not end in time; the same command resumes it", function()
    rule({ path = "status", count = "always" }, { status = 503 })
    local run = ends(4, segmind(RUN .. " --timeout 0.3 -o house"))
    assert.truthy(run.err:find(service:ledger().submits[1].request_id, 1, true), run.err)
    service:clear_faults()
    ends(0, segmind(RUN .. " -o house"))
    assert.equal(1, segmind:accepted())
  end)

  it("4 with --detach, which prints the id", function()
    rule({ path = "status", count = "always" }, { status = 503 })
    local run = ends(4, segmind(RUN .. " --detach"))
    service:clear_faults()
    assert.equal(service:ledger().submits[1].request_id .. "\n", run.out)
    run = ends(0, segmind("resume -o house"))
    assert.equal(segmind.folder .. "/house.png\n", run.out)
    assert.equal(1, segmind:accepted())
  end)

  it("5 when nobody knows whether it was paid, and lists it", function()
    rule({ path = "submit" }, { status = 502 }, "after")
    rule({ path = "history", count = "always" }, { status = 403 })
    rule({ path = "history_entry", count = "always" }, { status = 403 })
    ends(5, segmind(RUN))
    local run = ends(0, segmind("jobs --doubt"))
    assert.truthy(run.out:find("unknown", 1, true), run.out)
    assert.equal(1, segmind:accepted())
  end)

  it("5, and goes on with the id that the person has found", function()
    rule({ path = "submit" }, { status = 502 }, "after")
    rule({ path = "history", count = "always" }, { status = 403 })
    rule({ path = "history_entry", count = "always" }, { status = 403 })
    ends(5, segmind(RUN))
    local id = service:ledger().submits[1].request_id
    ends(0, segmind(RUN .. " -o house --on-unknown " .. id))
    assert.equal(1, segmind:accepted())
  end)

  it("6 when it was paid and could not be saved; the same command is free", function()
    ends(6, segmind(RUN .. " -o '" .. ("long"):rep(60) .. "{id}'")) -- too long with its id
    ends(0, segmind(RUN .. " -o house"))
    assert.equal(1, segmind:accepted())
  end)

  it("75 when nothing was accepted for a reason that passes", function()
    rule({ path = "submit", count = "always" }, { status = 429 })
    ends(75, segmind(RUN .. " --timeout 0.5"))
  end)

  it("130 at Ctrl-C, and goes on when it is run again", function()
    rule({ path = "status", count = "always" }, { status = 503 })
    local run = ends(130, segmind:interrupted(RUN .. " -o house", 1))
    assert.truthy(run.err:find("run the same command again", 1, true), run.err)
    service:clear_faults()
    ends(0, segmind(RUN .. " -o house"))
    assert.equal(1, segmind:accepted())
  end)
end)
