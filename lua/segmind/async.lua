--- Coroutines that wait without blocking. Any verb that waits (`run`, `job:wait`, `result:save`,
--- `chain:run`, ...) suspends the coroutine it is called in, and `client:step` resumes it, whoever
--- calls that: a game's frame, a loop's adapter, `task:wait`.

local Error = require("segmind.error")
local callback = require("segmind.callback")
local guard = require("segmind.guard")
local lazy = require("segmind.lazy")
local wait = require("segmind.wait")

local schema = lazy.require("segmind.schema")

-- Lua 5.1 has it as a global.
local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local function pack(...)
  return { n = select("#", ...), ... }
end

local async = {}

--- A function that runs as a coroutine; made by `segmind.async`.
---@class segmind.Task
local Task = {}
Task.__index = Task
Task.__name = "segmind.Task"

--- An error of the library stays what it is and gets the traceback; anything else becomes one. What
--- the function has paid before is not known here.
---@param err any
---@return segmind.Error|table # what an interruption is wrapped in
function async.explain(err)
  local raised = guard.wrap(err)
  if raised then
    return raised
  elseif Error.is_error(err) then
    err.traceback = err.traceback or debug.traceback(tostring(err), 2)
    return err
  end
  local trace = debug.traceback(Error.text(err), 2)
  return Error.new("invalid", "the function raised an error: " .. trace,
    { traceback = trace, cause = err, charged = "unknown" })
end

--- Nobody may be there to ask for an error: on_event hears of it.
local function report(task, err)
  local client = callback.reason()
  if client and not task._gate:is_watched() then
    callback.emit(client, { what = "callback", error = err })
  end
end

local function finish(task, ok, ...)
  local raised = not ok and guard.is_wrapped((...))
  if task._over then
    return guard.pass((...))
  end
  task._over = true
  if ok then
    task._values = pack(...)
  elseif raised then
    task._error = Error.new("cancelled", "the task was interrupted", { charged = "unknown" })
  else
    task._error = (...)
    report(task, task._error)
  end
  task._gate:open()
  if raised then
    guard.pass((...)) -- upwards, to whoever resumed the task
  end
  callback.run()
end

local function body(task, fn, ...)
  finish(task, xpcall(fn, async.explain, ...))
end

--- Starts a function as a coroutine and returns when it waits for the first time. Its waits suspend
--- it and nothing else. It may yield for others, too: then they resume it.
---
---     local task = segmind.async(function(name)
---       local house = assert(sm:run("flux-kontext-pro", { prompt = "a red house" }))
---       return assert(house:save(name))
---     end, "house")
---     while not task:is_over() do sm:step() draw_a_frame() end
---@param fn function
---@param ... any its arguments
---@return segmind.Task
function async.start(fn, ...)
  if type(fn) ~= "function" then
    Error.misuse("segmind.async takes a function, got " .. schema.show(fn))
  end
  local task = setmetatable({ _gate = wait.gate(), _co = coroutine.create(body) }, Task)
  callback.adopt(task._co)
  local ok, err = coroutine.resume(task._co, task, fn, ...)
  if not ok then
    finish(task, false, async.explain(err)) -- no memory, or no stack
  end
  return task
end

--- True when the function has returned, or was ended.
---@return boolean
function Task:is_over()
  return self._over == true
end

--- What the function has returned, once it has.
---@return any ...
function Task:result()
  if self._values then
    return unpack(self._values, 1, self._values.n)
  end
end

--- The error, once there is one: raised by the function (with a `traceback`), returned by it as its
--- second value after nil, or kind "cancelled".
---@return segmind.Error?
function Task:error()
  local values = self._values
  local why = values and values[1] == nil and values[2]
  if why and not Error.is_error(why) then
    why = Error.new("invalid", "the function returned nil and: " .. Error.text(why),
      { charged = "unknown" })
  end
  return why or self._error
end

--- The gate that opens at the end.
function Task:_end_gate()
  return self._gate
end

local function wait_for(self, timeout, verb, is_await)
  if timeout ~= nil then
    wait.check_seconds(timeout, verb)
  end
  if not self._over and callback.coroutine() == self._co then
    Error.misuse("a task cannot wait for itself")
  end
  if not wait.pass(self._gate, timeout, verb, is_await) then
    return nil, self:_not_over(timeout)
  elseif self._error then
    return nil, self._error
  end
  return self:result()
end

--- The error of a wait that ended before the function.
function Task:_not_over(timeout) -- luacheck: ignore self
  return Error.new("timeout", ("not over after %g s, the task goes on"):format(timeout),
    { charged = "unknown", retryable = true, running = true })
end

--- Waits until the function has returned: on the main thread by turning the clients, in a coroutine
--- of segmind.async or of a loop's adapter by suspending it.
---@param timeout number? seconds; the task goes on after it
---@return any ... what the function returned; nil and the error if it raised one
function Task:wait(timeout)
  return wait_for(self, timeout, "task:wait")
end

--- As `wait`, but suspends any coroutine it is called in, whoever resumes that otherwise.
---@param timeout number? seconds
---@return any ...
function Task:await(timeout)
  return wait_for(self, timeout, "task:await", true)
end

--- Ends the task where it waits. The jobs that it waits for go on, and so does what it has started;
--- 5.4 closes its to-be-closed variables.
---@return boolean cancelled false when it was over already
function Task:cancel()
  if self._over then
    return false
  end
  callback.drop(self._co)
  local close = rawget(coroutine, "close")
  if close and coroutine.status(self._co) == "suspended" then
    close(self._co)
  end
  finish(self, false, Error.new("cancelled", "the task was cancelled; its jobs go on",
    { charged = "unknown" }))
  return true
end

function Task:__tostring()
  local state = not self._over and "under way" or self:error() and "failed" or "done"
  return ("segmind.Task (%s)"):format(state)
end

guard.class(Task, "task", { "wait", "await" })

return async
