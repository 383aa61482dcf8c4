--- The end of things, with work under way: clients and jobs that are collected in any order, states
--- that are closed, processes that exit. Each in a process of its own, many times over.

local child = require("spec.support.child")
local emulator = require("spec.support.emulator")
local interpreter = require("spec.support.interpreter")
local segmind = require("segmind")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

local function exists(path)
  local file = io.open(path, "rb")
  return file and file:close() ~= nil
end

-- Under a sanitizer or valgrind a few rounds see what many see otherwise.
local IS_SLOW = interpreter.is_slow()
local ROUNDS = IS_SLOW and 6 or 60

-- A process that exits as it stands frees nothing, and the leak check does not see into LuaJIT's
-- memory. What is looked for here is a crash.
local NO_LEAK_CHECK = "detect_leaks=0"

-- The jobs that go on are told at the end; spec/hosts/unfinished_spec.lua looks at that.
local QUIET = "io.stderr = io.tmpfile()\n"

-- Fifty transfers over TLS, from the first packets on to some that are over.
local BUSY = [[
  local sm = assert(segmind.new({ max_transfers = 50, poll = 0.01, ca_file = os.getenv("CA") }))
  local jobs = {}
  for i = 1, 50 do
    jobs[i] = assert(sm:submit("flux-kontext-pro", { prompt = "number " .. i }))
  end
  local now = require("segmind.core").now
  local limit = now() + tonumber(os.getenv("REST")) / 1000
  while now() < limit do
    sm:poll(limit - now())
    sm:step()
  end
]]

describe("a program that ends with fifty transfers under way", function()
  local service = session.fixture({ tls = true, speed = 100 })

  --- Runs it again and again, each time a little later; what did not end well, if anything.
  local function repeated(ending, rounds)
    local path = child.script(BUSY .. ending)
    local command = child.command(path, { CA = service.cert, SEGMIND_BASE_URL = service.url,
      SEGMIND_API_KEY = emulator.KEY, ASAN_OPTIONS = NO_LEAK_CHECK })
    local _, output = shell.run(("i=0; while [ $i -lt %d ]; do REST=$((i * 7 %% 30)); "
      .. "export REST; timeout 60 %s || echo \"round $i: $?\"; i=$((i + 1)); done")
      :format(rounds, command))
    os.remove(path)
    return output
  end

  -- The last three need no sixty: what they add to the others is not a matter of luck.
  for name, case in pairs({
    ["by falling off its end"] = { QUIET, ROUNDS },
    ["by os.exit"] = { "os.exit(0)", ROUNDS },
    ["by os.exit that closes the state"] = { QUIET .. "os.exit(0, true)", ROUNDS },
    ["after the client was closed"] = { "sm:close()", ROUNDS / 6 },
    ["within a callback"] = { [[
      jobs[1]:on("state", function() os.exit(0) end)
      jobs[1]:on("done", function() os.exit(0) end)
      jobs[1]:wait()
    ]], ROUNDS / 6 },
    ["in a coroutine that waits"] = { QUIET .. [[
      segmind.async(function() jobs[1]:wait() os.exit(0) end)
      coroutine.wrap(function() jobs[2]:await() end)()
    ]], ROUNDS / 6 },
  }) do
    it(name .. " ends well, each time", function()
      assert.equal("", repeated(case[1], case[2]))
    end)
  end
end)

describe("a look-up of a name that hangs", function()
  local library = "libstuck_lookup.so"
  local note = os.tmpname()
  local env = { SEGMIND_BASE_URL = "https://nowhere.invalid", SEGMIND_API_KEY = emulator.KEY,
    STUCK_NOTE = note, ASAN_OPTIONS = NO_LEAK_CHECK }
  local begin = [[
    local now = require("segmind.core").now
    local sm = assert(segmind.new())
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x" }))
    local began = now()
    while not io.open(os.getenv("STUCK_NOTE")) and now() < began + 5 do
      sm:poll(0.005)
    end
    began = now()
  ]]

  for name, ending in pairs({
    ["close"] = "sm:close() assert(now() - began < 1)",
    ["cancel"] = "job:cancel() assert(now() - began < 1)",
    ["lua_close"] = QUIET .. "os.exit(0, true)",
    ["os.exit"] = "os.exit(0)",
  }) do
    it("does not hold up " .. name, function()
      local now = require("segmind.core").now
      local began = now()
      os.remove(note)
      assert.same({ 0, "" }, { child.run(begin .. ending, env, library) })
      assert.is_true(now() - began < 4)
      assert.is_true(exists(note))
      os.remove(note)
    end)
  end
end)

describe("what is collected", function()
  local service, count = session.fixture(), 0

  --- Every third client has no thread.
  local function open()
    count = count + 1
    return assert(segmind.new({ api_key = emulator.KEY, base_url = service.url, poll = 0.01,
      inline = count % 3 == 0 }))
  end

  local function submit(sm)
    return assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
  end

  it("is not a client that has a job", function()
    for _ = 1, ROUNDS do
      local job = submit(open())
      collectgarbage()
      collectgarbage()
      assert(job:wait())
      job._client:close()
    end
  end)

  it("is not a job that is under way", function()
    local sm, ended = open(), 0
    for _ = 1, ROUNDS do
      submit(sm):on("done", function()
        ended = ended + 1
      end)
    end
    collectgarbage()
    collectgarbage()
    while sm:stats().pending > 0 do
      sm:poll(1)
      sm:step()
    end
    assert.equal(ROUNDS, ended)
    sm:close()
  end)

  it("is a client with its jobs, and the coroutines that wait for them", function()
    for i = 1, ROUNDS do
      local sm = open()
      local job = submit(sm)
      segmind.async(function()
        job:wait()
        error("nobody turns this client")
      end)
      if i % 2 == 0 then
        sm:poll(0.01)
      end
      sm, job = nil, nil -- luacheck: ignore
      collectgarbage()
    end
    local some = setmetatable({ open() }, { __mode = "v" })
    submit(some[1])
    collectgarbage()
    collectgarbage()
    assert.is_nil(some[1])
  end)

  it("may close and step in its callbacks, and raise", function()
    for i = 1, ROUNDS do
      local sm = open()
      local job = submit(sm)
      job:on("state", function()
        assert(sm:step() == 0)
      end):on(i % 2 == 0 and "done" or "state", function()
        sm:close()
        sm:close()
        error("boom")
      end)
      local _, err = job:wait()
      assert.truthy(err)
      assert.is_true(job:is_over())
      assert.equal(0, sm:step())
    end
  end)
end)

-- Only LuaJIT can fork without a further module; spec/c/sm_fork_test.c sees to the core.
if rawget(_G, "jit") then
  describe("a forked child", function()
    local service = session.fixture({ speed = 20 })

    it("gets an error that says so from its parent's client, and ends well", function()
      local code, output = child.run([[
        local ffi = require("ffi")
        ffi.cdef("int fork(void); int waitpid(int, int *, int);")
        local sm = assert(segmind.new())
        local job = assert(sm:submit("flux-kontext-pro", { prompt = "x" }))
        assert(sm:poll(5))
        local pid = ffi.C.fork()
        if pid == 0 then
          local wait = segmind.async(function() return job:wait() end)
          for _, call in ipairs({ function() job:wait() end, function() sm:poll(1) end,
            function() sm:run("flux-kontext-pro", { prompt = "x" }) end,
            function() sm:fd() end, function() assert(wait:wait()) end }) do
            local ok, why = pcall(call)
            assert(not ok and tostring(why):find("make a new one after a fork", 1, true), why)
          end
          assert(sm:step() == 0)
          sm:close()
          if os.getenv("SPEC_OWN_CLIENT") == "yes" then
            local own = assert(segmind.new())
            assert(own:run("flux-kontext-pro", { prompt = "x" }))
          end
          os.exit(0, true)
        end
        local status = ffi.new("int[1]")
        ffi.C.waitpid(pid, status, 0)
        assert(status[0] == 0, "the child ended with " .. status[0])
        assert(job:wait())
      ]], { SEGMIND_BASE_URL = service.url, SEGMIND_API_KEY = emulator.KEY,
        -- The sanitizers' own locks are not fit for a thread after a fork.
        SPEC_OWN_CLIENT = IS_SLOW and "no" or "yes", ASAN_OPTIONS = NO_LEAK_CHECK })
      assert.same({ 0, "" }, { code, output })
    end)
  end)
end
