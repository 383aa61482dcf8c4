--- Ctrl-C in a blocking wait of the plain interpreter: at once, and nothing is lost.

local child = require("spec.support.child")
local emulator = require("spec.support.emulator")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

describe("Ctrl-C", function()
  local service = session.fixture({ speed = 20 })

  -- A job of about a second; `ready` appears when it is accepted and about to be waited for.
  local BEGIN = ([[
    local now = require("segmind.core").now
    local sm = assert(segmind.new({ poll = 0.05, inline = %s }))
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    while not job.request_id do
      sm:poll(1)
      sm:step()
    end
    io.open(os.getenv("READY"), "w"):close()
  ]]):format(tostring(session.INLINE))

  --- Runs the script and interrupts it when it is ready.
  local function interrupted(script)
    local path, ready = child.script(BEGIN .. script), os.tmpname()
    os.remove(ready)
    local command = child.command(path, { READY = ready, SEGMIND_BASE_URL = service.url,
      SEGMIND_API_KEY = emulator.KEY })
    local code, output = shell.run(("%s & pid=$!; i=0; while [ ! -e %s ] && [ $i -lt 500 ]; do "
      .. "sleep 0.02; i=$((i + 1)); done; sleep 0.05; date +%%s.%%N; kill -INT $pid; wait $pid; "
      .. "code=$?; date +%%s.%%N; exit $code"):format(command, ready))
    os.remove(path)
    os.remove(ready)
    local began, rest, ended = output:match("([%d.]+)\n(.*)([%d.]+%d+%.%d+)\n$")
    return code, rest, tonumber(ended) - tonumber(began)
  end

  it("ends a wait at once", function()
    local code, output, took = interrupted("job:wait() print('it went on')")
    assert.equal(1, code)
    assert.truthy(output:find("interrupted!", 1, true), output)
    assert.is_nil(output:find("it went on", 1, true))
    assert.is_true(took < 0.5, took .. " s")
  end)

  it("that is caught leaves the job to be waited for, or to be attached", function()
    local code, output = interrupted([[
      local began = now()
      local ok, why = pcall(job.wait, job)
      print(not ok and tostring(why):match("interrupted!"), now() - began < 0.5)
      local other = assert(segmind.new({ poll = 0.05 }))
      local again = assert(other:attach(job.request_id, job.model))
      print(again:wait() and again:result().url == job:wait().url)
      other:close()
    ]])
    assert.equal(0, code, output)
    assert.truthy(output:find("interrupted!%strue\ntrue\n"), output)
    assert.equal(0, service:ledger().totals.failed or 0)
  end)

  it("ends a wait for a task, too", function()
    local code, output, took = interrupted([[
      local task = segmind.async(function()
        return job:wait()
      end)
      local ok = pcall(task.wait, task)
      print(ok, not task:is_over() and "goes on")
      os.exit(ok and 1 or 0, true)
    ]])
    assert.equal(0, code, output)
    assert.truthy(output:find("false%sgoes on"), output)
    assert.is_true(took < 0.5, took .. " s")
  end)
end)
