--- A client on libuv's loop: luv in any Lua, and Neovim, whose own loop it is.
---
---     local sm = assert(segmind.new())
---     require("segmind.loop.luv").attach(sm)
---     sm:submit("flux-kontext-pro", { prompt = "a red house", aspect_ratio = "1:1" })
---       :on("done", function(result) print(result.url) sm:close() end)
---     require("luv").run() -- not in Neovim, which turns its loop itself
---
--- Jobs call back, and `job:await` in a coroutine goes on, inside a step. The pattern for a further
--- loop of callbacks, in six rules (cqueues.lua has those of a loop of coroutines):
---   1. Watch `client:fd()` for reading. It is readable as long as `step` has something to take.
---   2. When it is, stop watching, and have a step run where the host allows everything: callbacks
---      of jobs run inside it. Stopping makes that one step however often the descriptor wakes, and
---      a host that puts the step off (a prompt, a textlock) does not spin meanwhile.
---   3. Give `client:step` a budget, then watch again. What the budget left over makes the
---      descriptor readable at once, so timers and keys get their turn between two steps.
---   4. Step, too, when `client:timeout()` is over; `hurry` tells that it has become shorter.
---   5. Watch again even when the step raised: it was Ctrl-C or want of memory, not the end.
---   6. Let go of the descriptor before the client closes it (`closing`): libuv aborts otherwise.

local Error = require("segmind.error")
local options = require("segmind.options")

-- What one step may take of the loop's time. An event costs 0.02 ms, and five times that while
-- LuaJIT is still cold; a picture in memory 0.7 ms a megabyte, and one that is larger than the
-- budget comes alone.
local MAX_EVENTS, MAX_BYTES, MAX_SECONDS = 16, 1024 * 1024, 0.001

--- libuv, and how to get out of its callbacks: Neovim's API may not be called from within one.
local function host()
  local vim = rawget(_G, "vim")
  if type(vim) == "table" and vim.schedule then
    return vim.uv or vim.loop, vim.schedule
  end
  return require("luv"), function(fn)
    fn()
  end
end

--- A client on a loop, from `attach` on.
---@class segmind.LuvLoop
local Loop = {}
Loop.__index = Loop
Loop.__name = "segmind.LuvLoop"

--- Takes the client off the loop and leaves it open. `client:close` calls it; twice does nothing.
function Loop:close()
  if not self._poll then
    return
  end
  self._client:set_loop(nil)
  self._poll:close()
  self._timer:close()
  self._poll, self._timer = nil, nil
end

function Loop:_rest()
  self._poll:stop()
  self._timer:stop()
end

function Loop:_watch()
  if not self._poll then
    return -- a callback has closed the client
  end
  local seconds = self._client:timeout()
  if seconds then
    self._timer:start(math.ceil(seconds * 1000), 0, self._wake)
  end
  self._poll:start("r", self._wake)
end

function Loop:_step()
  if not self._poll then
    return
  end
  local ok, err = pcall(self._client.step, self._client, self._max_events, self._max_bytes,
    self._max_seconds)
  self._is_due = false
  self:_watch()
  if not ok then
    error(err, 0)
  end
end

--- What both handles call, and `hurry`, which comes from within a step as well as from outside.
local function bind(self, schedule)
  local function step()
    self:_step()
  end
  function self._wake()
    self._is_due = true
    self:_rest()
    schedule(step)
  end
  self._client:set_loop({ closing = function()
    self:close()
  end, hurry = function()
    if not self._is_due then
      self:_watch()
    end
  end })
end

local luv = {}

--- Lets the loop turn a client: its callbacks and coroutines run by themselves from now on. The
--- loop holds the client, and `uv.run` does not return, until `client:close` or `loop:close`.
---@param client segmind.Client
---@param opts segmind.LoopOptions?
---@return segmind.LuvLoop
function luv.attach(client, opts)
  local fd = client:fd()
  if not fd then
    Error.misuse("an inline client has no descriptor; make it without inline or step it by a timer")
  end
  local uv, schedule = host()
  opts = options.read(opts, options.of_loop, "attach")
  local self = setmetatable({ _client = client, _is_due = false,
    _max_events = opts.max_events or MAX_EVENTS, _max_bytes = opts.max_bytes or MAX_BYTES,
    _max_seconds = opts.max_seconds or MAX_SECONDS }, Loop)
  bind(self, schedule)
  local poll, problem = uv.new_poll(fd)
  if not poll then
    client:set_loop(nil)
    Error.misuse("the loop refuses the client's descriptor: " .. tostring(problem))
  end
  self._poll, self._timer = poll, uv.new_timer()
  self:_watch()
  return self
end

return luv
