--- The measuring programs of bench/ run: each of them and of its clients for a handful of jobs.
--- What they measure is for `make bench` to say.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local paths = require("spec.support.paths")
local shell = require("spec.support.shell")

local quote = shell.quote

describe("a measuring program", function()
  local service = emulator.fixture({ plain = true, latency = 0.001, variation = 0,
    credits = 10000 })
  local waits = emulator.fixture({ plain = true, latency = 600, variation = 0, credits = 10000 })
  local secure = emulator.fixture({ plain = true, latency = 0.001, variation = 0, tls = true })
  local folder = files.fixture()

  -- Its figures: name=value on one line.
  local function figures(command)
    local code, output = shell.run(command)
    assert.equal(0, code, output)
    local found = {}
    for name, value in output:gmatch("([%w_]+)=(%-?[%d.]+)") do
      found[name] = tonumber(value)
    end
    return found
  end

  local function lua(peer, words)
    return figures(('eval "$(.ci/environment %s)" && %s bench/peers/%s.lua %s'):format(
      quote(paths.build), interpreter.command(), peer, words))
  end

  local function program(name, words)
    return figures(("%s%s %s"):format(interpreter.preload(),
      quote(paths.build .. "/bench/" .. name), words))
  end

  it("in C runs jobs, by our core and by its peer", function()
    for _, words in ipairs({ "c_core --inline", "c_core", "c_multi --fresh --poll 0.001",
      ("c_core --ledger %s/rows.db"):format(quote(folder)) }) do
      local name, options = words:match("(%S+) ?(.*)")
      assert.equal(6, program(name, options .. " --warm 2 --jobs 6 --at-a-time 3 "
        .. service.url).jobs, words)
    end
    assert.equal(5, program("c_multi", ("--chain --warm 1 --jobs 5 --at-a-time 1 --poll 0.001 "
      .. "--ca %s %s"):format(quote(secure.cert), secure.url)).jobs)
  end)

  it("in C has jobs wait", function()
    for _, name in ipairs({ "c_core", "c_multi" }) do
      local found = program(name, "--poll 0.01 --warm 2 --jobs 4 --waiting 0.05 " .. waits.url)
      assert.equal(4, found.jobs)
      assert.is_true(found.polls > 0)
    end
  end)

  it("in Lua runs jobs, with a thread, inline and with a ledger", function()
    assert.equal(4, lua("segmind", service.url .. " 4 2").jobs)
    assert.equal(4, lua("segmind", service.url .. " 4 2 inline").jobs)
    assert.equal(4, lua("segmind", ("%s 4 2 thread %s"):format(secure.url,
      quote(secure.cert))).jobs)
    assert.is_true(lua("segmind_ledger", service.url .. " 4 -").jobs_s > 0)
    assert.is_true(lua("segmind_ledger", ("%s 4 %s"):format(service.url,
      quote(folder))).commits > 0)
  end)

  -- The clients of others that jobs.lua knows take part where they are installed.
  it("compares what a job costs, and says which goals are met", function()
    if interpreter.is_slow() then
      return -- it starts programs that would need what is loaded first
    end
    local goals = folder .. "/goals"
    local code, output = shell.run(("BENCH_GOALS=%s %s bench/jobs.lua %s --rounds 1 --jobs 2")
      :format(quote(goals), interpreter.command(), quote(paths.build)))
    assert.equal(0, code, output)
    assert.matches("| our core | ", output, 1, true)
    assert.matches("| CPU a job, our core, 32 | [%d.]+ × | ≤ 1.15 × | C multi, %d+ µs",
      files.read(goals))
  end)

  it("has a help", function()
    for path in shell.output("ls bench/*.lua"):gmatch("bench/%S+%.lua") do
      if files.read(path):find("trial.setup", 1, true) then
        local code, output = shell.run(("%s %s --help"):format(interpreter.command(), path))
        assert.equal(0, code, path)
        assert.matches("usage: lua5.4 " .. path, output, 1, true)
      end
    end
  end)

  it("in Lua has jobs wait, and steps while they do", function()
    assert.equal(3, lua("segmind_waiting", waits.url .. " 3 0.01").jobs)
    assert.equal(3, lua("segmind_step", waits.url .. " 3").jobs)
  end)

  it("in Lua starts, and submits a graph that grows", function()
    assert.is_true(lua("segmind_start", "").files > 20)
    assert.equal(103, lua("segmind_many", waits.url .. " 103").jobs)
  end)

  it("in Lua runs a chain, a graph and a polled batch", function()
    assert.equal(3, lua("segmind_chain", ("%s %s 3"):format(secure.url, quote(secure.cert))).jobs)
    assert.is_true(lua("segmind_graph", service.url .. " 0.001 wait").added_ms ~= nil)
    assert.equal(101, lua("segmind_many", waits.url .. " 101").jobs)
    assert.is_true(lua("segmind_start", "").files > 0)
    assert.equal(4, lua("segmind_polling", service.url .. " 4 2 0.01 0.001").jobs)
  end)
end)
