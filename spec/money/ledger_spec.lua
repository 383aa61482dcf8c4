--- Nothing is paid twice: what a second run finds in the ledger of the first (M3, M5, M10).

local DBI = require("DBI")

local files = require("spec.support.files")
local ledger = require("spec.support.ledger")
local segmind = require("segmind")
local session = require("spec.support.session")

local HOUR, DAY = 3600, 24 * 3600

describe("a ledger", function()
  local service = ledger.fixture()

  local function house(sm, params, opts)
    params = params or {}
    params.prompt, params.aspect_ratio = params.prompt or "a house", "1:1"
    return sm:run("flux-kontext-pro", params, opts)
  end

  local function three(sm, last)
    return sm:chain(ledger.write("in.png", session.PIXEL))
      :step("flux-kontext-dev", { prompt = "one" })
      :step("flux-kontext-pro", { prompt = "two" })
      :step("flux-kontext-max", { prompt = last or "three" })
  end

  --- What only a file can suffer or show.
  local function only_file(name, fn)
    return ledger.is_file and it(name, fn)
  end

  --- A run of its own: another client on the same ledger.
  local function run(fn, options)
    local sm = ledger.client(options)
    local a, b = fn(sm)
    sm:close()
    return a, b
  end

  local function run_three(last)
    return assert(run(function(sm)
      return three(sm, last):run()
    end))
  end

  local function sync(sm)
    return sm:run_sync("flux-kontext-max", { prompt = "x", aspect_ratio = "1:1" })
  end

  it("saves for whom the umask says, as without one", function()
    ledger.write("plain", "x")
    assert(run(house)):save(ledger.path("a.png"))
    assert(run(sync)):save(ledger.path("b.png"))
    local pipe = io.popen(("cd %s; stat -c '%%a' plain a.png b.png"):format(ledger.path(".")))
    local modes = { pipe:read("*l"), pipe:read("*l"), pipe:read("*l") }
    pipe:close()
    assert.same({ modes[1], modes[1], modes[1] }, modes)
  end)

  only_file("is shown as a page from its path alone, without a key or the service", function()
    run_three()
    service:faults({ { match = { path = "*" }, ["then"] = { status = 500 } } })
    local report = require("segmind.report")
    local page = assert(report.write(ledger.target(), ledger.path("page.html"),
      { base_url = service.url }))
    local text = files.read(page)
    assert.equal(4, select(2, text:gsub("<article", "")))
    assert.equal(3, select(2, text:gsub('<path d="M', "")))
    for _, part in ipairs({ "one", "two", "three", "$0.19", "inference" }) do
      assert.truthy(text:find(part, 1, true), part)
    end
    assert.equal(3, ledger.accepted())
  end)

  only_file("is one file and one folder that only their owner can read", function()
    run(house)
    assert(run(sync))
    local pipe = io.popen(("find %s -printf '%%m %%y %%P\\n'"):format(ledger.path(".")))
    local count = 0
    for line in pipe:lines() do
      if line:find("edits", 1, true) then
        assert.truthy(line:find("^600 f ") or line:find("^700 d "), line)
        count = count + 1
      end
    end
    pipe:close()
    assert.is_true(count >= 4) -- file, folder, two pictures, and SQLite's journal if it is kept
  end)

  it("lets a script that has finished submit nothing when it runs again", function()
    local first = run_three()
    assert.equal(3, ledger.accepted())
    local second = run_three()
    assert.equal(3, ledger.accepted())
    for n = 1, 3 do
      assert.equal(first[n].url, second[n].url)
      assert.equal(first[n].seed, second[n].seed)
      assert.equal(first[n].cost, second[n].cost)
      assert.equal(first[n].request_id, second[n].request_id)
    end
    assert.equal(files.read(second.final.kept), second.final:bytes())
  end)

  it("tells how long a picture's download took, of a run in which there was one", function()
    assert.is_true(run_three().final.download_time > 0)
    assert.is_nil(run_three().final.download_time)
  end)

  it("runs a changed step again and those that hang on it, and no other", function()
    run_three()
    run_three("another three")
    assert.equal(4, ledger.accepted())
    run_three()
    assert.equal(4, ledger.accepted())
    run(function(sm)
      return assert(sm:chain(ledger.path("in.png"))
        :step("flux-kontext-dev", { prompt = "one" })
        :step("flux-kontext-pro", { prompt = "another two" })
        :step("flux-kontext-max", { prompt = "three" }):run())
    end)
    assert.equal(6, ledger.accepted())
  end)

  it("knows a picture by its content, not by its name", function()
    local path = ledger.write("a.png", session.PIXEL)
    local other = ledger.write("b.png", session.PIXEL)
    for _, input in ipairs({ path, other, segmind.bytes(session.PIXEL) }) do
      run(function(sm)
        return assert(house(sm, { input_image = input }))
      end)
    end
    assert.equal(1, ledger.accepted())
    ledger.write("a.png", session.PIXEL .. "\0")
    run(function(sm)
      return house(sm, { input_image = path })
    end)
    assert.equal(2, ledger.accepted())
  end)

  it("takes a given seed for a part of the step, and draws none of its own twice", function()
    local drawn = run(house)
    for seed = 1, 2 do
      run(function(sm)
        return house(sm, { seed = seed })
      end)
    end
    assert.equal(3, ledger.accepted())
    assert.equal(drawn.seed, run(house).seed)
    assert.equal(3, ledger.accepted())
  end)

  it("shares one submit among equal steps of one run", function()
    local jobs = {}
    run(function(sm)
      for i = 1, 3 do
        jobs[i] = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
      end
      for i = 1, 3 do
        assert(jobs[i]:wait())
        assert.equal(jobs[1].request_id, jobs[i].request_id)
        assert.equal(jobs[1]:result().seed, jobs[i]:result().seed)
      end
      return true
    end)
    assert.equal(1, ledger.accepted())
  end)

  it("tells what it had already, and what all runs have spent", function()
    local events = {}
    local options = { on_event = function(event)
      events[#events + 1] = event.what == "done" and event or nil
    end }
    local fresh = run(function(sm)
      local made = house(sm).job
      assert.near(0.05, sm:spent(), 1e-9)
      return made
    end, options)
    local restored, joined = run(function(sm)
      local a = sm:submit("flux-kontext-pro", { prompt = "a house", aspect_ratio = "1:1" })
      local b = sm:submit("flux-kontext-pro", { prompt = "a house", aspect_ratio = "1:1" })
      assert(a:wait() and b:wait())
      assert.near(0.05, sm:spent(), 1e-9)
      return a, b
    end, options)
    assert.same({ false, true, true }, { fresh.replayed, restored.replayed, joined.replayed })
    assert.same({ 3, nil, true, true }, { #events, events[1].replayed, events[2].replayed,
      events[3].replayed })
    assert.is_true(restored:result():data().replayed)
    assert.equal(1, ledger.accepted())
  end)

  it("lets equal steps share a failure, too", function()
    service:faults({ { match = { path = "submit", count = "always" },
      ["then"] = { status = 400 } } })
    run(function(sm)
      local a = sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" })
      local b = sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" })
      local _, err = b:wait()
      assert.equal("rejected", err.kind)
      assert.equal(2, err.job)
      assert.equal("rejected", a:error().kind)
      return true
    end)
    assert.equal(1, service:stats().requests.submit)
  end)

  it("has a step go on when one of those that share it is cancelled", function()
    for which = 1, 2 do
      service:reset()
      run(function(sm)
        local jobs = {}
        for i = 1, 3 do
          jobs[i] = sm:submit("flux-kontext-pro", { prompt = "x" .. which, aspect_ratio = "1:1" })
        end
        while not jobs[1].request_id do
          sm:poll(1)
          sm:step()
        end
        assert.is_true(jobs[which]:cancel())
        assert(jobs[3 - which]:wait())
        assert(jobs[3]:wait())
        return true
      end)
      assert.equal(1, ledger.accepted())
    end
  end)

  it("makes another picture with the option fresh, which then is the step's", function()
    local first = run(house)
    local second = run(function(sm)
      return house(sm, nil, { fresh = true })
    end)
    assert.equal(2, ledger.accepted())
    assert.are_not.equal(first.request_id, second.request_id)
    assert.equal(second.request_id, run(house).request_id)
    assert.equal(2, ledger.accepted())
    assert.same({ 1, 2 }, { ledger.rows()[1].generation, ledger.rows()[2].generation })
  end)

  it("takes up a fresh picture that a run left behind, and makes another only then", function()
    local function fresh(is_left)
      return run(function(sm)
        local job = assert(sm:submit("flux-kontext-pro", { prompt = "a house",
          aspect_ratio = "1:1" }, { fresh = true }))
        while not (is_left and job.request_id or job:is_over()) do
          sm:poll(1)
          sm:step()
        end
        return job.request_id, job.generation
      end)
    end
    run(house)
    local left
    ledger.unfinished(function()
      left = fresh(true)
    end)
    assert.same({ left, 2 }, { fresh() })
    assert.equal(2, ledger.accepted())
    local id, generation = fresh()
    assert.same({ 3, 3 }, { generation, ledger.accepted() })
    assert.are_not.equal(left, id)
  end)

  it("asks again for a step that the service had forgotten, and pays only with fresh", function()
    local first = run(house)
    local function forget()
      ledger.sql("UPDATE segmind_steps SET state = 'expired', result = NULL, file = NULL")
    end
    forget()
    local sm = ledger.client()
    assert.same({}, assert(sm:resume()))
    assert.near(0.05, assert(sm:spent()), 1e-9)
    assert.equal(first.request_id, assert(house(sm)).request_id)
    assert.equal(1, ledger.accepted())
    forget()
    local fresh = assert(house(sm, nil, { fresh = true }))
    assert.equal(fresh.request_id, assert(house(sm)).request_id)
    assert.equal(2, ledger.accepted())
    local rows = ledger.rows()
    assert.same({ "expired", "completed" }, { rows[1].state, rows[2].state })
    assert.near(0.10, assert(sm:spent()), 1e-9)
  end)

  it("makes as many pictures as fresh calls run at once", function()
    run(function(sm)
      local jobs = {}
      for i = 1, 3 do
        jobs[i] = sm:submit("flux-kontext-pro", { prompt = "a house", aspect_ratio = "1:1" },
          { fresh = true })
      end
      assert(segmind.all(jobs))
    end)
    assert.equal(3, ledger.accepted())
  end)

  it("runs what hangs on a fresh picture again", function()
    local function two(opts)
      return run(function(sm)
        return assert(sm:chain(segmind.bytes(session.PIXEL))
          :step("flux-kontext-dev", { prompt = "one" }, opts)
          :step("flux-kontext-pro", { prompt = "two" }):run())
      end)
    end
    two()
    two({ fresh = true })
    assert.equal(4, ledger.accepted())
    two()
    assert.equal(4, ledger.accepted())
  end)

  it("runs a step again that failed, as a failed job is not paid", function()
    service:faults({ { match = { path = "submit" }, ["then"] = { states = { "FAILED" } } } })
    local _, err = run(house)
    assert.equal("failed", err.kind)
    assert.equal("failed", ledger.rows()[1].state)
    assert(run(house))
    local rows = ledger.rows()
    assert.same({ 1, "completed", 2 }, { #rows, rows[1].state, rows[1].submits })
  end)

  it("keeps v1 pictures, which have no URL, and finds them again", function()
    local first = assert(run(sync))
    local second = assert(run(sync))
    assert.equal(1, ledger.accepted())
    assert.equal(first:bytes(), second:bytes())
    assert(run(function(sm)
      return sm:run("flux-kontext-dev", { prompt = "y", input_image = sync(sm) })
    end))
    assert.equal(2, ledger.accepted())
  end)

  it("has the worker read the pictures of an estimate", function()
    run(function(sm)
      local sha256, hashed = sm._core.sha256, {}
      sm._core.sha256 = function(text)
        hashed[#hashed + 1] = text:sub(1, 1)
        return sha256(text)
      end
      local estimate, err = three(sm):estimate()
      sm._core.sha256 = sha256
      assert(estimate, err)
      assert.same({ "{", "{", "{" }, hashed) -- the texts of the keys alone
    end)
  end)

  it("estimates what is under way at nothing more, unless it may be paid again", function()
    local params = { prompt = "x", aspect_ratio = "1:1", seed = 1 }
    run(function(sm)
      local function usd(opts)
        local one = assert(sm:chain():step("flux-kontext-pro", params, opts):estimate())
        return one.usd, one.under_way, tostring(one):find("under way", 1, true) ~= nil
      end
      assert.same({ 0.05, 0, false }, { usd() })
      assert(sm:run("flux-kontext-pro", params))
      for state, again in pairs({ accepted = 0, unknown = 0.05, intent = 0.05 }) do
        ledger.sql(("UPDATE segmind_steps SET state = '%s'"):format(state))
        assert.same({ 0, 1, true }, { usd() })
        local is_free = again == 0
        assert.same({ again, is_free and 1 or 0, is_free }, { usd({ on_unknown = "resubmit" }) })
        assert.same({ 0.05, 0, false }, { usd({ fresh = true }) })
      end
      ledger.sql("UPDATE segmind_steps SET state = 'completed'")
      return true
    end)
  end)

  it("tells in an estimate what is finished, and what fresh would cost", function()
    run_three()
    run(function(sm)
      local estimate = assert(three(sm):estimate())
      assert.same({ 0, 0, 3 }, { estimate.usd, estimate.seconds, estimate.finished })
      assert.truthy(tostring(estimate):find("finished", 1, true))
      assert.near(0.10, assert(three(sm, "else"):estimate()).usd, 1e-9)
      local chain = sm:chain(ledger.path("in.png"))
        :step("flux-kontext-dev", { prompt = "one" })
        :step("flux-kontext-pro", { prompt = "two" }, { fresh = true })
        :step("flux-kontext-max", { prompt = "three" })
      estimate = assert(chain:estimate())
      assert.near(0.15, estimate.usd, 1e-9)
      assert.equal(1, estimate.finished)
      return true
    end)
    assert.equal(3, ledger.accepted())
  end)

  describe("whose picture", function()
    local function next_step(sm)
      local base = assert(house(sm))
      return sm:run("flux-kontext-dev", { prompt = "on it", input_image = base })
    end

    local function lose_media()
      service:faults({ { match = { path = "media", method = "GET", count = "always" },
        ["then"] = { status = 404 } } })
    end

    local function age(seconds)
      run(house)
      ledger.sql("UPDATE segmind_steps SET ended_at = ended_at - ?", seconds)
      lose_media()
    end

    local function sent_input()
      local submits = service:ledger().submits
      return submits[#submits].body.input_image
    end

    it("is some hours old and still there is taken by its URL", function()
      age(2 * HOUR)
      service:clear_faults()
      assert(run(next_step))
      assert.truthy(sent_input():find("/generations/", 1, true))
    end)

    it("has gone at the service goes up again from its file", function()
      age(2 * HOUR)
      run(next_step)
      assert.truthy(sent_input():find("/assets/", 1, true))
      assert.equal(2, ledger.accepted())
    end)

    it("is that of an earlier run and has gone at the service goes up again, too", function()
      run(house)
      service:reset()
      assert(run(next_step))
      assert.truthy(sent_input():find("/assets/", 1, true))
      assert.equal(1, ledger.accepted())
    end)

    it("is older than the service keeps it goes up again without a question", function()
      age(8 * DAY)
      local before = service:stats().requests.media
      run(next_step)
      assert.truthy(sent_input():find("/assets/", 1, true))
      -- The new picture is asked for three times.
      assert.is_true((service:stats().requests.media or 0) <= (before or 0) + 3)
    end)

    it("was damaged on the disk is fetched again", function()
      local result = run(house)
      local whole = files.read(result.kept)
      local file = assert(io.open(result.kept, "wb"))
      file:write(whole:sub(1, -2), "x")
      file:close()
      assert(run(house))
      assert.equal(whole, files.read(result.kept))
      os.remove(result.kept)
      assert(run(house))
      assert.equal(whole, files.read(result.kept))
      assert.equal(1, ledger.accepted())
    end)

    it("is gone here and there is told, not paid again; what hangs on it stays", function()
      local result = run(house)
      run(next_step)
      os.remove(result.kept)
      lose_media()
      local lost, err = run(house)
      assert.is_nil(lost)
      assert.equal("io", err.kind)
      assert.equal("yes", err.charged)
      assert.equal(result.request_id, err.request_id)
      assert.truthy(err.message:find("fresh", 1, true))
      assert(run(function(sm)
        return sm:run("flux-kontext-dev", { prompt = "on it", input_image = assert(
          sm:submit("flux-kontext-pro", { prompt = "a house", aspect_ratio = "1:1" })) })
      end))
      assert.equal(2, ledger.accepted())
    end)
  end)

  describe("that cannot be used makes no paid call:", function()
    local function refused(path)
      local sm, err = segmind.new({ api_key = "SG_0123456789abcdef", base_url = service.url,
        ledger = path or ledger.path() })
      assert.is_nil(sm)
      assert.equal("ledger", err.kind)
      assert.equal("no", err.charged)
      assert.equal(0, ledger.accepted())
      return err.message
    end

    only_file("of another version", function()
      run(function()
        ledger.sql("UPDATE segmind_ledger SET version = 7")
      end)
      assert.truthy(refused():find("version 7", 1, true))
    end)

    only_file("of another service", function()
      run(function()
        ledger.sql("UPDATE segmind_ledger SET service = 'https://api.segmind.com'")
      end)
      assert.truthy(refused():find("one of https://api.segmind.com, and this client speaks to an "
        .. "emulator", 1, true))
    end)

    only_file("no database at all", function()
      ledger.write("edits.db", ("hello, world\n"):rep(100))
      assert.truthy(refused():find("not a database", 1, true))
    end)

    only_file("of another program", function()
      ledger.sql("CREATE TABLE recipes (name TEXT)")
      assert.truthy(refused():find("another program", 1, true))
    end)

    only_file("damaged in the middle", function()
      run(function(sm)
        for i = 1, 8 do
          assert(house(sm, { prompt = ("x"):rep(3000) .. i }))
        end
      end)
      service:reset()
      local file = assert(io.open(ledger.path(), "r+b"))
      for page = 2, 9 do
        file:seek("set", page * 4096)
        file:write(("\255"):rep(2000))
      end
      file:close()
      refused()
    end)

    only_file("in a folder that is not there, or is none", function()
      refused("/no/such/folder/edits.db")
      refused("/dev/null/edits.db")
      refused("/tmp")
    end)

    only_file("whose folder for pictures cannot be made", function()
      ledger.write("edits.db.files", "in the way")
      assert.truthy(refused():find("not a folder", 1, true))
    end)

    it("that fails between two steps", function()
      local sm = ledger.client()
      assert(house(sm))
      ledger.sql("ALTER TABLE segmind_steps RENAME TO gone")
      local result, err = house(sm, { prompt = "another" })
      assert.is_nil(result)
      assert.equal("ledger", err.kind)
      assert.equal("no", err.charged)
      assert.equal(1, ledger.accepted())
    end)
  end)

  only_file("that fails after the submit was accepted names the id", function()
    local sm = ledger.client()
    ledger.sql("CREATE TRIGGER stop BEFORE UPDATE OF request_id ON segmind_steps "
      .. "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" },
      { timeout = 0.5 }))
    local result, err = job:wait()
    assert.is_nil(result)
    assert.equal("ledger", err.kind)
    assert.equal("yes", err.charged)
    assert.equal(service:ledger().submits[1].request_id, err.request_id)
    assert.truthy(err.message:find("the disk is full", 1, true))
    assert.equal(1, ledger.accepted())
  end)

  only_file("that cannot write an id has it with the result", function()
    local sm = ledger.client({ timeout = 0.5 })
    ledger.sql("CREATE TRIGGER stop BEFORE UPDATE OF request_id ON segmind_steps "
      .. "WHEN NEW.accepted_at IS NOT OLD.accepted_at BEGIN SELECT RAISE(ABORT, 'once'); END")
    local result = assert(house(sm))
    local row = ledger.rows()[1]
    assert.same({ "completed", result.request_id }, { row.state, row.request_id })
    sm:close()
    assert.equal(result.request_id, assert(run(house)).request_id)
    assert.equal(1, ledger.accepted())
  end)

  it("with a row accepted without an id looks for it in the history", function()
    run(house)
    ledger.sql("UPDATE segmind_steps SET state = 'accepted', request_id = NULL, result = NULL")
    local id = service:ledger().submits[1].request_id
    assert.equal(id, assert(run(house)).request_id)
    assert.same({ 1, 1 }, { #ledger.rows(), ledger.accepted() })
  end)

  it("has an id on the disk before any state that names it is told", function()
    local told
    service:faults({ { match = { path = "result", count = "always" },
      ["then"] = { status = 503 } } })
    local job = assert(ledger.client():submit("flux-kontext-pro",
      { prompt = "x", aspect_ratio = "1:1" }))
    job:on("state", function(_, at)
      if at.request_id and not told then
        told = { ledger.rows()[1].state, ledger.rows()[1].request_id }
      end
    end)
    while not told do
      job._client:poll(1)
      job._client:step()
    end
    assert.same({ "accepted", job.request_id }, told)
    job:cancel()
  end)

  it("believes no id that another picture has, when the history is asked", function()
    local first = assert(run(function(sm)
      return house(sm, { seed = 7 })
    end))
    service:faults({ { match = { path = "submit" }, ["then"] = { status = 502 } } })
    local _, err = run(function(sm)
      return house(sm, { seed = 7 }, { fresh = true })
    end)
    assert.equal("unknown", err.kind)
    assert.truthy(err.message:find(first.request_id, 1, true))
    local rows = ledger.rows()
    assert.same({ "completed", "unknown" }, { rows[1].state, rows[2].state })
    assert.is_nil(rows[2].request_id)
  end)

  it("knows by which way a step was sent last", function()
    service:faults({ { match = { path = "v1" }, ["then"] = { status = 400 } } })
    run(function(sm)
      return sm:run_sync("flux-kontext-pro", { prompt = "a house", aspect_ratio = "1:1" })
    end)
    assert.equal("v1", ledger.rows()[1].api)
    assert(run(house))
    assert.equal("v2", ledger.rows()[1].api)
  end)

  it("of another server than PostgreSQL is refused, not taken for a file", function()
    local sm, err = segmind.new({ api_key = "SG_0123456789abcdef", base_url = service.url,
      ledger = "mysql://me:hidden@127.0.0.1:1/x" })
    assert.is_nil(sm)
    assert.equal("ledger", err.kind)
    assert.truthy(err.message:find("a ledger is a file, or postgresql://host/db", 1, true))
    assert.is_nil(err.message:find("hidden", 1, true))
  end)

  it("of a server tells no password", function()
    local sm, err = segmind.new({ api_key = "SG_0123456789abcdef", base_url = service.url,
      ledger = "postgresql://me:hidden@127.0.0.1:1/x?password=secret" })
    assert.is_nil(sm)
    assert.equal("ledger", err.kind)
    assert.is_nil(err.message:find("hidden", 1, true) or err.message:find("secret", 1, true))
  end)

  if not ledger.is_file then
    it("goes on when the server has closed the connection", function()
      local sm = ledger.client()
      assert(house(sm))
      ledger.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        .. "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
      assert(house(sm, { prompt = "another" }))
      assert.equal(2, ledger.accepted())
    end)
  end

  it("makes the folder of its pictures again when somebody has removed it", function()
    local sm = ledger.client()
    os.execute("rm -rf " .. ledger.path("edits.db.files"))
    local result = assert(house(sm))
    assert.equal(result:bytes(), files.read(result.kept))
  end)

  it("that cannot keep a finished picture tells, with the result", function()
    local sm = ledger.client()
    os.execute("rm -rf " .. ledger.path("edits.db.files"))
    ledger.write("edits.db.files", "in the way")
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    local result, err = job:wait()
    assert.is_nil(result)
    assert.equal("io", err.kind)
    assert.truthy(err.message:find(job:result().url, 1, true))
    assert.equal("completed", ledger.rows()[1].state)
  end)

  only_file("holds no key", function()
    run_three()
    local connection = assert(DBI.Connect("SQLite3", ledger.path()))
    connection:close()
    assert.is_nil(files.read(ledger.path()):find("SG_0123456789abcdef", 1, true))
  end)
end)
