--- An error that is raised at any instruction of ours, as Ctrl-C or a watchdog raise one: no step
--- is paid twice, no job is lost, each ends, the client is as good as before, and the error goes
--- upwards.
--- SEGMIND_RAISE_STEP: every so manyth instruction (torture: 13).

local core = require("segmind.core")
local ledger = require("spec.support.ledger")
local Queue = require("segmind.queue")

local STEP = tonumber(os.getenv("SEGMIND_RAISE_STEP") or "") or 797
local POLL = { poll = 0.01 }
local jit = rawget(_G, "jit") -- whose compiled code calls no hooks

describe("an error raised at any instruction", function()
  local service = ledger.fixture({ latency = 0.01, variation = 0, speed = 1, credits = 1000000 })
  local sm, told, stderr

  setup(function()
    stderr = io.stderr
    rawset(io, "stderr", { write = function() end }) -- each wait tells what goes on
    if jit then
      jit.off()
      jit.flush()
    end
  end)

  teardown(function()
    rawset(io, "stderr", stderr)
    if jit then
      jit.on()
    end
  end)

  before_each(function()
    told = {}
  end)

  local function open(has_ledger)
    sm = ledger.client({ timeout = 5, ledger = has_ledger and ledger.target(),
      on_event = function(event)
        if event.job and event.job.request_id then
          told[event.job.request_id] = true
        end
      end })
  end

  local function submit(prompt, input)
    return sm:submit("flux-kontext-pro", { prompt = prompt, seed = 5, input_image = input,
      aspect_ratio = "1:1" }, POLL)
  end

  local function two(name)
    local first = assert(submit(name .. "-1"))
    return assert(submit(name .. "-2", first))
  end

  local function chain(name)
    return sm:chain():step("flux-kontext-pro", { prompt = name .. "-4", seed = 5 }, POLL)
      :step("flux-kontext-pro", { prompt = name .. "-5", seed = 5 }, POLL)
  end

  local function settle(seconds)
    local till = core.now() + seconds
    while next(sm._jobs) and core.now() < till do
      sm:poll(0.02)
      sm:step()
    end
    return next(sm._jobs) == nil
  end

  --- Runs `fn`, with an error at its nth instruction; whether it came so far.
  local function interrupted(n, fn, value)
    local is_raised = false
    local ok, why = pcall(function()
      debug.sethook(function()
        debug.sethook()
        is_raised = true
        error("interrupted!", 0)
      end, "", n)
      fn(value)
      debug.sethook()
    end)
    debug.sethook()
    assert(ok == not is_raised, is_raised and "the error was caught" or why)
    return is_raised
  end

  local function accepted()
    local by_prompt, ids = {}, {}
    for _, one in ipairs(service:ledger().submits) do
      by_prompt[one.body.prompt] = (by_prompt[one.body.prompt] or 0) + 1
      ids[one.request_id] = true
    end
    return by_prompt, ids
  end

  local function check(where)
    local by_prompt, ids = accepted()
    for prompt, count in pairs(by_prompt) do
      assert.equal(1, count, ("%s was paid %d times (%s)"):format(prompt, count, where))
    end
    for id in pairs(ids) do
      assert.is_true(told[id], id .. " was accepted and told to nobody (" .. where .. ")")
    end
  end

  -- What comes before the error, what it is raised in.
  local verbs = {
    submit = { function(name) return name end, function(name) two(name) end },
    wait = { two, function(job) job:wait() end },
    step = { two, function(job)
      while not job:is_over() do
        sm:poll(0.02)
        sm:step(16, 1024 * 1024, 0.001)
      end
    end },
    ["chain:run"] = { chain, function(made) made:run() end },
  }

  local function try(verb, has_ledger, n)
    local where = ("%s, instruction %d"):format(verb, n)
    local prepare, run = verbs[verb][1], verbs[verb][2]
    open(has_ledger)
    local name = ("n%d"):format(n)
    local is_raised, jobs = interrupted(n, run, prepare(name)), {}
    for _, job in pairs(sm._jobs) do
      jobs[#jobs + 1] = job
    end
    assert.is_true(settle(8), "a job never ends (" .. where .. ")")
    assert(submit(name .. "-3"):wait(8), where)
    if has_ledger then
      assert(two(name):wait(8), where)
    end
    sm:close()
    for _, job in ipairs(jobs) do
      told[job.request_id or ""] = true
    end
    return is_raised, where
  end

  it("of a queue leaves it whole: an item is in it or not", function()
    local function use(queue)
      for i = 1, 3 do
        queue:push(i)
      end
      for _ = 1, 3 do
        queue:pop()
      end
      queue:push(4)
      queue:pop()
    end
    local n, is_raised = 1, true
    while is_raised do
      local queue, last = Queue.new(), 0
      is_raised = interrupted(n, use, queue)
      queue:push(9)
      for _ = 1, queue:count() do
        local item = queue:peek()
        assert.equal(item, queue:pop())
        assert.is_true(item > last, n)
        last = item
      end
      assert.same({ 9, 0, nil }, { last, queue:count(), queue:pop() })
      n = n + 1
    end
  end)

  for _, has_ledger in ipairs({ false, true }) do
    for verb in pairs(verbs) do
      it(("of %s %s a ledger pays nothing twice, loses no job and leaves a client that works")
        :format(verb, has_ledger and "with" or "without"), function()
        local n, is_raised, where = 1, true, nil
        while is_raised do
          is_raised, where = try(verb, has_ledger, n)
          n = n + STEP
        end
        check(where)
      end)
    end
  end
end)
