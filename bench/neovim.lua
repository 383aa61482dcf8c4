--- Inside Neovim: the gaps between the ticks of a 1 ms timer, in the editor's own loop, while jobs
--- run or not. One run in a fresh process, so its connections are cold; bench/neovim.sh starts it
--- many times and bench/neovim.gaps.lua adds up. Environment: BENCH_MODE, BENCH_FOLDER, BENCH_OUT,
--- SEGMIND_BUILD, SEGMIND_BASE_URL, BENCH_CA.
---   idle    nothing but the timer
---   files   50 jobs, each picture streamed to a file by the worker
---   memory  50 jobs, each picture handed to Lua as a string

local uv = vim.uv or vim.loop
local root = debug.getinfo(1, "S").source:match("^@(.*)/bench/[^/]*$") or "."
package.path = ("%s/lua/?.lua;%s/lua/?/init.lua;%s"):format(root, root, package.path)
package.cpath = ("%s/lib/lua/5.1/?.so;%s"):format(vim.env.SEGMIND_BUILD, package.cpath)

local JOBS, IDLE_MS = 50, 700
local mode = vim.env.BENCH_MODE
local marks = { mode }

local function mark(name, since)
  marks[#marks + 1] = ("%s %.3f"):format(name, (uv.hrtime() - since) / 1e6)
end

local ffi = require("ffi")
ffi.cdef([[
  struct bench_time { long seconds, nanoseconds; };
  int clock_gettime(int clock, struct bench_time *time);
]])
local THREAD_CPU = 3 -- CLOCK_THREAD_CPUTIME_ID of Linux
local spent = ffi.new("struct bench_time")

--- What this thread has computed so far, in nanoseconds.
local function computed()
  ffi.C.clock_gettime(THREAD_CPU, spent)
  return tonumber(spent.seconds) * 1e9 + tonumber(spent.nanoseconds)
end

-- Each gap with how long this thread computed in it, and how long it was in `step`: what is in none
-- of them is the system's, which had other programs to run.
local gaps, last, last_computed, stepped = {}, nil, nil, 0
local ticker = uv.new_timer()

local function tick()
  local now, cpu = uv.hrtime(), computed()
  gaps[#gaps + 1] = { now - last, cpu - last_computed, stepped }
  last, last_computed, stepped = now, cpu, 0
end

local function watch_steps(sm)
  local step = sm.step
  function sm.step(...)
    local begun = uv.hrtime()
    local count = step(...)
    stepped = stepped + uv.hrtime() - begun
    return count
  end
end

local function finish()
  ticker:stop()
  local file = assert(io.open(vim.env.BENCH_OUT, "a"))
  for _, text in ipairs(marks) do
    file:write("# ", text, "\n")
  end
  for _, gap in ipairs(gaps) do
    file:write(("%s %.3f %.3f %.3f\n"):format(mode, gap[1] / 1e6, gap[2] / 1e6, gap[3] / 1e6))
  end
  file:close()
  vim.cmd("qa!")
end

local function start_ticking()
  last, last_computed = uv.hrtime(), computed()
  ticker:start(1, 1, tick)
end

local function submit_all(sm, done)
  for i = 1, JOBS do
    local opts = mode == "files" and { save = ("%s/%d"):format(vim.env.BENCH_FOLDER, i) } or nil
    local params = { prompt = "a red house " .. i, aspect_ratio = "1:1" }
    require("segmind").async(function()
      local job = assert(sm:submit("flux-kontext-pro", params, opts))
      local result = assert(job:await())
      assert(mode == "files" or #assert(result:bytes()) > 1e6)
      done()
    end)
  end
end

local function with_jobs()
  local begun = uv.hrtime()
  local segmind = require("segmind")
  mark("require", begun)
  begun = uv.hrtime()
  local sm = assert(segmind.new({ api_key = "SG_0123456789abcdef", ca_file = vim.env.BENCH_CA,
    poll = 0.05 }))
  watch_steps(sm)
  require("segmind.loop.luv").attach(sm)
  mark("new", begun)
  begun = uv.hrtime()
  local left = JOBS
  submit_all(sm, function()
    left = left - 1
    if left == 0 then
      mark("all", begun)
      sm:close()
      vim.schedule(finish)
    end
  end)
  mark("submit", begun)
  start_ticking()
end

vim.defer_fn(function()
  if mode ~= "idle" then
    return with_jobs()
  end
  start_ticking()
  vim.defer_fn(finish, IDLE_MS)
end, 100)
