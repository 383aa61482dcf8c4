--- The ways to wait over real sockets: by frames, in coroutines, in somebody else's scheduler.

local files = require("spec.support.files")
local segmind = require("segmind")
local session = require("spec.support.session")

local MODEL = "flux-kontext-pro"

describe("waiting", function()
  local service = session.fixture({ speed = 200 })
  local sm

  before_each(function()
    sm = session.client()
  end)

  local function submit(i)
    return assert(sm:submit(MODEL, { prompt = "number " .. (i or 1), aspect_ratio = "1:1" }))
  end

  --- A program with frames, until `is_over`. No frame may block.
  local function frames(is_over, frame)
    local limit = sm._core.now() + 20
    repeat
      if frame then
        frame()
      end
      sm:step(8, 65536)
      -- What stands for drawing; poll is not part of it.
      os.execute("sleep 0.002")
    until is_over() or sm._core.now() > limit
    assert.is_true(is_over())
  end

  it("by the descriptor alone misses nothing that a step of no time leaves over", function()
    local over = 0
    for i = 1, 20 do
      submit(i):on("done", function()
        over = over + 1
      end)
    end
    while over < 20 do
      assert.is_true(sm:poll(10))
      sm:step(nil, nil, 0)
    end
    assert.is_false(sm:poll(0) and sm:step() > 0)
  end)

  it("in coroutines goes on while frames are drawn", function()
    local folder, over, tasks = files.make_folder(files.unused()), 0, {}
    local polled = sm.poll
    sm.poll = function()
      error("it blocks")
    end
    for i = 1, 20 do
      tasks[i] = segmind.async(function()
        local photo = assert(sm:run(MODEL, { prompt = "number " .. i, aspect_ratio = "1:1" }))
        local bytes = assert(photo:bytes())
        local path = assert(photo:save(("%s/%d"):format(folder, i)))
        local edited = assert(sm:run("flux-kontext-dev", { prompt = "x", input_image = path }))
        over = over + 1
        return edited, bytes
      end)
    end
    frames(function()
      return over == 20 or tasks[1]:error()
    end)
    sm.poll = polled
    for i = 1, 20 do
      local edited, bytes = tasks[i]:wait()
      assert.truthy(edited and edited.url, tostring(bytes))
      assert.equal(bytes, files.read(("%s/%d.png"):format(folder, i)))
    end
    files.remove_folder(folder)
    assert.equal(40, service:ledger().totals.completed)
  end)

  it("in a scheduler that resumes everybody once a frame works, too", function()
    local threads, results, resumed = {}, {}, 0
    for i = 1, 10 do
      threads[i] = coroutine.create(function()
        local ok, result = pcall(function()
          return assert(submit(i):await())
        end)
        results[i] = ok and result
        for _ = 1, 3 do
          local is_ours = coroutine.yield("next frame") == "frame"
          resumed = resumed + (is_ours and 1 or 0)
        end
      end)
    end
    frames(function()
      return resumed == 30
    end, function()
      for _, co in ipairs(threads) do
        if coroutine.status(co) == "suspended" then
          assert(coroutine.resume(co, "frame"))
        end
      end
    end)
    for i = 1, 10 do
      assert.truthy(results[i].url)
    end
  end)

  it("by step takes no more than it is told, and poll knows of the rest", function()
    local left = 20
    for i = 1, left do
      submit(i):on("done", function()
        left = left - 1
      end)
    end
    os.execute("sleep 0.05")
    while left > 0 do
      assert.is_true(sm:poll(5))
      local taken = sm:step(3)
      assert.is_true(taken >= 1 and taken <= 3)
    end
    assert.equal(0, sm:step())
    assert.equal(0, sm:step(0))
  end)

  it("with segmind.all and segmind.race over jobs and functions", function()
    local got = assert(segmind.all({ a = submit(1), b = function()
      return (sm:run(MODEL, { prompt = "b", aspect_ratio = "1:1" }))
    end }, 20))
    assert.truthy(got.a.url and got.b.url)
    local result, err, key = segmind.race({ submit(2), function()
      return segmind.race({ submit(3) })
    end })
    assert.truthy(result and result.url, tostring(err))
    assert.truthy(key == 1 or key == 2)
    while sm:stats().pending > 0 do
      sm:poll(1)
      sm:step()
    end
  end)

  it("of a closed client raises, but step takes nothing and poll is at once over", function()
    local job = submit()
    local task = segmind.async(function()
      return job:wait()
    end)
    sm:close()
    assert.equal("cancelled", select(2, task:wait()).kind)
    assert.equal("cancelled", select(2, job:await()).kind)
    assert.equal(0, sm:step())
    assert.is_false(sm:poll(5))
    for _, verb in ipairs({ "run", "submit", "upload", "credits", "fd", "stats" }) do
      local ok, why = pcall(sm[verb], sm, MODEL, { prompt = "x" })
      assert.is_false(ok)
      assert.truthy(why:find("the client is closed", 1, true))
    end
  end)
end)
