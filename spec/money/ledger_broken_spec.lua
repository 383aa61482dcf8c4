--- A ledger that cannot be used any more while a job runs at the service: its id and its result are
--- written as soon as that can be, and the picture is the caller's in any case (M4, M5).

local files = require("spec.support.files")
local ledger = require("spec.support.ledger")

-- How long a submit's answer takes: a ledger is hurt before it. On a server that is done by a
-- program, which has to start.
local ANSWER_S = ledger.is_file and 0.1 or 0.6

describe("a ledger that breaks under an accepted job", function()
  local service = ledger.fixture()

  --- What only a file can suffer.
  local function only_file(name, fn)
    return ledger.is_file and it(name, fn)
  end

  local function take_table_away()
    ledger.sql("ALTER TABLE segmind_steps RENAME TO elsewhere")
  end

  local function put_table_back()
    ledger.sql("ALTER TABLE elsewhere RENAME TO segmind_steps")
  end

  local function is_saved()
    return files.read(ledger.path("mine.png")) ~= nil
  end

  --- Nothing is told meanwhile.
  local function until_saved(sm)
    while not is_saved() do
      sm:poll(0.02)
      sm:step()
    end
  end

  --- A job whose id comes when `hurt` has happened.
  local function begin(hurt, options)
    options = options or {}
    options.save = ledger.path("mine.png")
    service:faults({ { match = { path = "submit" }, mode = "after",
      ["then"] = { delay = ANSWER_S } } })
    local notes = {}
    local sm = ledger.client({ on_event = function(event)
      notes[#notes + 1] = event.what == "note" and event.message or nil
    end })
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" },
      options))
    ledger.until_so(sm, function()
      return job.state == "submitting"
    end)
    hurt()
    return sm, job, notes
  end

  local function is_refused(sm)
    local _, err = sm:run("flux-kontext-pro", { prompt = "another", aspect_ratio = "1:1" })
    assert.same({ "ledger", "no" }, { err.kind, err.charged })
    assert.equal(1, ledger.accepted())
    return err.message
  end

  it("has it all when it is mended, and the picture is the caller's before", function()
    local sm, job, notes = begin(take_table_away)
    until_saved(sm)
    assert.is_nil(job.request_id)
    assert.equal("submitting", job.state)
    is_refused(sm)
    put_table_back()
    local result = assert(job:wait())
    local row = ledger.rows()[1]
    assert.same({ "completed", result.request_id }, { row.state, row.request_id })
    assert.truthy(row.file)
    assert.equal(1, #notes)
    assert.equal(1, ledger.accepted())
  end)

  it("and stays so ends the job at its deadline with all that is known", function()
    local _, job = begin(take_table_away, { timeout = ANSWER_S + 0.7 })
    local result, err = job:wait()
    assert.is_nil(result)
    assert.same({ "ledger", "yes" }, { err.kind, err.charged })
    assert.equal(service:ledger().submits[1].request_id, err.request_id)
    assert.truthy(job:result().url)
    assert.is_true(is_saved())
    put_table_back()
  end)

  only_file("by being removed has it in a new file, in which nothing is paid", function()
    local sm, job = begin(function()
      os.remove(ledger.path())
    end)
    local result = assert(job:wait())
    local rows = ledger.rows()
    assert.same({ 1, "completed", result.request_id },
      { #rows, rows[1].state, rows[1].request_id })
    assert.truthy(is_refused(sm):find("was removed", 1, true))
    sm:close()
    assert(ledger.client():run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    assert.equal(1, ledger.accepted())
  end)

  only_file("by being replaced by a copy goes on in that", function()
    local sm, job = begin(function()
      ledger.write("copy", files.read(ledger.path()))
      assert(os.rename(ledger.path("copy"), ledger.path()))
    end)
    local result = assert(job:wait())
    local rows = ledger.rows()
    assert.same({ 1, "completed", result.request_id },
      { #rows, rows[1].state, rows[1].request_id })
    assert(sm:run("flux-kontext-pro", { prompt = "another", aspect_ratio = "1:1" }))
  end)

  only_file("by being overwritten has it when the copy is put back", function()
    local copy
    local sm, job = begin(function()
      copy = files.read(ledger.path())
      ledger.write("edits.db", ("hello, world\n"):rep(3000))
    end)
    until_saved(sm)
    is_refused(sm)
    ledger.write("edits.db", copy)
    assert(job:wait())
    assert.equal("completed", ledger.rows()[1].state)
  end)
end)
