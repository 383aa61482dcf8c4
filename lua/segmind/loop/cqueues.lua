--- A client on a cqueues controller.
---
---     local cqueues, segmind = require("cqueues"), require("segmind")
---     local cq, sm = cqueues.new(), assert(segmind.new())
---     require("segmind.loop.cqueues").attach(sm, cq)
---     cq:wrap(function()
---       assert(sm:run("flux-kontext-pro", { prompt = "a red house" })):save("house.png")
---       sm:close()
---     end)
---     assert(cq:loop())
---
--- The pattern for a loop of coroutines, in four rules; luv.lua has those of a loop of callbacks:
---   1. One coroutine of the loop waits until `client:fd()` is readable or `client:timeout()` is
---      over (`hurry`: it became shorter), and steps with a budget. What the budget leaves over
---      keeps the descriptor readable, so the loop's other coroutines get their turn in between.
---   2. `suspend` is asked by whoever is about to wait. In a coroutine of the loop it answers with
---      the loop's own way to sleep and to be woken, else with nothing.
---   3. Waking only marks the sleeper as ready: the loop resumes it, never the client.
---   4. Let go of the descriptor before the client closes it.

local cqueues = require("cqueues")
local condition = require("cqueues.condition")
local Error = require("segmind.error")
local options = require("segmind.options")

-- What one step may take of the loop's time.
local MAX_EVENTS, MAX_BYTES, MAX_SECONDS = 16, 1024 * 1024, 0.001

--- A client on a loop, from `attach` on.
---@class segmind.CqueuesLoop
local Loop = {}
Loop.__index = Loop
Loop.__name = "segmind.CqueuesLoop"

--- Sleep and wake of the running coroutine, if a controller resumed it and nobody else.
local function suspend()
  local controller, is_own = cqueues.running()
  if not controller or not is_own then
    return nil
  end
  local bell = condition.new()
  return function(seconds)
    bell:wait(seconds)
  end, function()
    bell:signal()
  end
end

local function turn(self)
  while not self._is_closed do
    cqueues.poll(self._readable, self._hurry, self._client:timeout())
    if not self._is_closed then
      self._client:step(self._max_events, self._max_bytes, self._max_seconds)
    end
  end
end

--- Takes the client off the loop and leaves it open. `client:close` calls it; twice does nothing.
function Loop:close()
  if self._is_closed then
    return
  end
  self._is_closed = true
  self._client:set_loop(nil)
  cqueues.cancel(self._readable.pollfd) -- wakes `turn`, too
end

local adapter = {}

--- Lets a controller turn a client: its callbacks run by themselves from now on, and what waits in
--- a coroutine of the controller suspends that coroutine alone. The loop holds the client, and
--- `cq:loop` does not return, until `client:close` or `loop:close`.
---@param client segmind.Client
---@param controller table of cqueues.new
---@param opts segmind.LoopOptions?
---@return segmind.CqueuesLoop
function adapter.attach(client, controller, opts)
  local fd = client:fd()
  if not fd then
    Error.misuse("an inline client has no descriptor; make it without inline, or step it by timer")
  end
  opts = options.read(opts, options.of_loop, "attach")
  local self = setmetatable({ _client = client, _readable = { pollfd = fd, events = "r" },
    _hurry = condition.new(), _max_events = opts.max_events or MAX_EVENTS,
    _max_bytes = opts.max_bytes or MAX_BYTES,
    _max_seconds = opts.max_seconds or MAX_SECONDS }, Loop)
  client:set_loop({ suspend = suspend, hurry = function()
    self._hurry:signal()
  end, closing = function()
    self:close()
  end })
  controller:wrap(turn, self)
  return self
end

return adapter
