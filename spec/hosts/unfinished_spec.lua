--- What is told on stderr of jobs that nobody is left to wait for, and how Ctrl-C ends a wait.

local child = require("spec.support.child")
local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local session = require("spec.support.session")

local is_jit = rawget(_G, "jit") ~= nil

describe("a script that ends", function()
  local service = session.fixture({ speed = 20 })

  local BEGIN = ([[
    local sm = assert(segmind.new({ poll = 0.05, inline = %s, ledger = os.getenv("LEDGER") }))
    local function submit(prompt)
      return assert(sm:submit("flux-kontext-pro", { prompt = prompt, aspect_ratio = "1:1" }))
    end
    local function accepted(job)
      while not job.request_id do sm:poll(1) sm:step() end
      return job
    end
  ]]):format(tostring(session.INLINE))

  local function run(script, env)
    local given = { SEGMIND_BASE_URL = service.url, SEGMIND_API_KEY = emulator.KEY }
    for name, value in pairs(env or {}) do
      given[name] = value
    end
    return child.run(BEGIN .. script, given)
  end

  local function only_id()
    return service:ledger().submits[1].request_id
  end

  it("says which job goes on, and how to take it up", function()
    local code, output = run([[accepted(submit("x"))]])
    assert.equal(0, code)
    assert.equal(("segmind: job 1 (flux-kontext-pro) goes on at the service [request %s]; "
      .. 'client:attach("%s", "flux-kontext-pro") takes it up\n'):format(only_id(), only_id()),
      output)
  end)

  it("tells of several in one note, each with its id in a line", function()
    local _, output = run([[accepted(submit("x")) accepted(submit("y"))]])
    local one, two = output:match("^segmind: 2 jobs go on at the service; "
      .. "client:attach%(id, model%) takes one up:"
      .. "\n  job 1 %(flux%-kontext%-pro%) %[request (%S+)%]"
      .. "\n  job 2 %(flux%-kontext%-pro%) %[request (%S+)%]\n$")
    assert.truthy(one and one ~= two, output)
  end)

  it("knows an id that has arrived and was never taken", function()
    local _, output = run([[
      submit("x")
      local began = os.time()
      while sm:stats().polls == 0 and os.time() < began + 5 do sm:poll(0.05) end
    ]])
    assert.truthy(output:find(only_id(), 1, true), output)
  end)

  it("says so when nothing was sent at all, in one line", function()
    local code, output = run([[
      local picture = os.tmpname()
      local file = io.open(picture, "wb")
      file:write(("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        .. "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082")
        :gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
      file:close()
      for i = 1, 2 do
        sm:submit("flux-kontext-dev", { prompt = "x" .. i, input_image = picture })
      end
    ]])
    assert.equal(0, code)
    assert.equal("segmind: 2 jobs were not sent before the client ended: wait for them "
      .. "(job:wait())\n", output)
    assert.equal(0, service:ledger().totals.accepted)
  end)

  it("is silent when the client was closed, the job is over or was cancelled", function()
    for _, ending in ipairs({ "sm:close()", "job:cancel()", "assert(job:wait())" }) do
      assert.same({ 0, "" }, { run([[local job = accepted(submit("x")) ]] .. ending) })
    end
  end)

  it("is silent with a ledger, which keeps the job", function()
    require("spec.support.sqlite")
    local path = files.unused()
    local code, output = run([[accepted(submit("x"))]], { LEDGER = path })
    os.execute("rm -rf " .. path .. "*")
    assert.same({ 0, "" }, { code, output })
  end)

  it("tells of a client that is collected before the end, once", function()
    local _, output = run([[
      accepted(submit("x"))
      sm = nil
      collectgarbage()
      collectgarbage()
      print("collected")
    ]])
    assert.truthy(output:find("^segmind: job 1 [^\n]+\ncollected\n$"), output)
  end)

  it("ends well without a stderr", function()
    assert.same({ 0, "" }, { run([[accepted(submit("x")) io = nil]]) })
  end)

  describe("by Ctrl-C", function()
    -- What lua.c and luajit.c do at SIGINT, without the wait for one.
    local INTERRUPT = [[
      local function interrupt_at(check)
        debug.sethook(function()
          if check() then
            debug.sethook()
            error("interrupted!")
          end
        end, "", 1000)
      end
    ]]

    local function interrupted(wait, env)
      return run(INTERRUPT .. [[
        interrupt_at(function()
          for _, job in pairs(sm._jobs) do
            if job.request_id then return true end
          end
        end)
        ]] .. wait, env)
    end

    for name, wait in pairs({
      run = [[sm:run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" })]],
      wait = [[submit("x"):wait()]],
      edit = [[sm:edit("flux-kontext-dev", "https://images.segmind.com/a.png", "x")]],
      ["chain:run"] = [[sm:chain():step("flux-kontext-pro", { prompt = "x" }):run()]],
      ["segmind.all"] = [[segmind.all({ submit("x") })]],
      map = [[sm:map({ "x" }, submit)]],
    }) do
      it(name .. " tells of the job, and raises the caller's line alone", function()
        local code, output = interrupted("\n" .. wait)
        assert.equal(1, code)
        local id = only_id()
        local line, rest = output:match("^(segmind: job 1 [^\n]+)\n(.*)$")
        assert.truthy(line, output)
        assert.truthy(line:find(id, 1, true))
        assert.truthy(rest:find("^[^\n]+:%d+: interrupted!\n"), output)
        assert.is_nil(rest:find("/segmind/", 1, true), output)
        assert.is_nil(rest:find("segmind: job", 1, true), output)
        if not is_jit then
          assert.is_nil(rest:find("traceback"))
        end
      end)
    end

    it("says to run again where a ledger keeps the job", function()
      require("spec.support.sqlite")
      local path = files.unused()
      local _, output = interrupted([[submit("x"):wait()]], { LEDGER = path })
      os.execute("rm -rf " .. path .. "*")
      assert.truthy(output:find("run again with the same ledger", 1, true), output)
    end)

    it("is caught by pcall, and joins to text", function()
      local code, output = interrupted([[
        local job = submit("x")
        local ok, why = pcall(job.wait, job)
        print(ok, "why: " .. why)
        print(job:wait() and "went on")
      ]])
      assert.equal(0, code)
      assert.truthy(output:find("false\twhy: [^\n]*interrupted!\nwent on\n$"), output)
    end)
  end)

  it("leaves an error of somebody else's as it is", function()
    local code, output = run([[
      local job = submit("x")
      local mine = {}
      debug.sethook(function() debug.sethook() error(mine) end, "", 1000)
      local ok, why = pcall(job.wait, job)
      print(ok, why == mine)
      sm:close()
    ]])
    assert.same({ 0, "false\ttrue\n" }, { code, output })
  end)
end)
