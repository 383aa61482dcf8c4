--- Waiting. A gate is what a call waits for: shut at first, opened once. A waiter at it is a table
--- with `wake`, called when the gate opens, and at the latest when its time (`due`) is over or the
--- client closes.
---
--- There are three manners of waiting, and nothing but this file chooses:
---   block    the thread stays, in a loop of `step` and `poll`: on the main thread, and for `wait`
---            in a coroutine that nobody here knows. Ctrl-C works.
---   suspend  the coroutine yields and is resumed at the end of a `step`: in segmind.async, and for
---            `await` in any coroutine
---   sleep    the coroutine belongs to a host's loop, and the adapter of the loop suspends it
---
--- What a coroutine is resumed with does not count: it looks whether its gate is open, and yields
--- again if not. So a scheduler that resumes everybody once a frame does no harm.

local Error = require("segmind.error")
local callback = require("segmind.callback")
local lazy = require("segmind.lazy")

local schema = lazy.require("segmind.schema")

-- Lua 5.3 and LuaJIT have it, and luacheck's smallest standard does not.
local is_yieldable = rawget(coroutine, "isyieldable")

local wait = {}

local woken = callback.woken

local now

--- Hands the clock over.
---@param core table segmind.core
function wait.use(core)
  now = core.now
end

-- -- gates ----------------------------------------------------------------------------------------

---@class segmind.Gate
local Gate = {}
Gate.__index = Gate
Gate.__name = "segmind.Gate"

-- The clients that are open: a call that waits for a coroutine may have to turn any of them.
local clients = setmetatable({}, { __mode = "k" })

--- Makes a client known.
---@param client segmind.Client
function wait.join(client)
  client._parked, client._alarms, client._alarm = {}, {}, false
  clients[client] = true
end

--- The open clients; for `pairs`.
---@return table<segmind.Client, boolean>
function wait.clients()
  return clients
end

---@param client segmind.Client? who will open it; nil when a coroutine will
---@return segmind.Gate
function wait.gate(client)
  return setmetatable({ _client = client, _waiters = {}, is_open = false }, Gate)
end

function Gate:_homes()
  return self._client and { [self._client] = true } or clients
end

--- A step is needed at `due`, by the clock: a loop is told when that is sooner than it knows.
local function set_alarm(client, waiter)
  client._alarms[waiter] = true
  if not client._alarm or waiter.due < client._alarm then
    client._alarm = waiter.due
    wait.hurry(client)
  end
end

--- Tells the loop of a client that `client:timeout()` has become shorter.
---@param client segmind.Client
function wait.hurry(client)
  if client._loop and client._loop.hurry then
    client._loop.hurry()
  end
end

---@param waiter { wake: fun(), due: number? }
function Gate:enlist(waiter)
  table.insert(self._waiters, waiter)
  if self._client then
    self._client._parked[waiter] = true
  end
  if waiter.due then
    for client in pairs(self:_homes()) do
      set_alarm(client, waiter)
    end
  end
end

--- Takes a waiter off, whether it was woken or not.
function Gate:leave(waiter)
  for i = #self._waiters, 1, -1 do
    if self._waiters[i] == waiter then
      table.remove(self._waiters, i)
    end
  end
  if self._client or waiter.due then
    for client in pairs(self:_homes()) do
      client._parked[waiter], client._alarms[waiter] = nil, nil
    end
  end
end

--- Wakes everybody. A second time does nothing, but for those whom an error has kept the first time
--- from being woken.
function Gate:open()
  self.is_open = true
  local waiter = self._waiters[1]
  while waiter do
    waiter.wake()
    self:leave(waiter)
    waiter = self._waiters[1]
  end
end

--- True when somebody has waited here or does now.
---@return boolean
function Gate:is_watched()
  return self.is_blocking or self._waiters[1] ~= nil
end

--- Wakes those whose time is over.
---@param client segmind.Client
---@param time number
function wait.ring(client, time)
  local next_one = false
  for waiter in pairs(client._alarms) do
    if waiter.due <= time then
      waiter.wake()
      client._alarms[waiter] = nil
    else
      next_one = math.min(next_one or waiter.due, waiter.due)
    end
  end
  client._alarm = next_one
end

--- Wakes those who wait for a client that has closed.
---@param client segmind.Client
function wait.release(client)
  local parked = client._parked
  clients[client] = nil
  client._parked, client._alarms, client._alarm = {}, {}, false
  for waiter in pairs(parked) do
    waiter.is_called = true
    waiter.wake()
  end
end

-- -- block ----------------------------------------------------------------------------------------

-- The clients that a blocked call turns: its own, or all that somebody waits for.
local function turned_by(gate, verb)
  if gate._client then
    return { gate._client }
  end
  local list = {}
  for client in pairs(clients) do
    if next(client._parked) then
      list[#list + 1] = client
    end
  end
  if not list[1] and not gate.is_open then
    Error.misuse(verb .. " would wait for ever: the coroutine waits for something that is not "
      .. "segmind's, and nothing here resumes it; await it in a coroutine of the loop that does")
  end
  return list
end

--- Raises for what is no number of seconds.
---@param value any
---@param verb string
function wait.check_seconds(value, verb)
  if type(value) ~= "number" or value ~= value then
    Error.misuse(verb .. " takes a number of seconds, got " .. schema.show(value))
  end
end

--- Raises where nothing of a client works: it is closed, or belongs to the parent of this process.
---@param client segmind.Client
function wait.check_open(client)
  local why = client._closed and "the client is closed" or client._handle:problem()
  if why then
    Error.misuse(why)
  end
end

--- Seconds until a `step` has something to do by the clock alone; nil for nothing of the kind.
---@param client segmind.Client
---@return number?
function wait.timeout(client)
  if client._busy == "interrupted" then
    return 0
  end
  local at = math.min(client._alarm or math.huge, client._watch or math.huge)
  return at < math.huge and math.max(at - now(), 0) or nil
end

--- Bounds the time of a step.
---@param client segmind.Client
---@param seconds number? nil for no bound
function wait.limit(client, seconds)
  client._limit = false
  if seconds then
    client._mark = now()
    client._limit, client._room = client._mark + seconds, seconds / 2
  end
end

--- Whether the step that is under way has no time for another piece of work: one that would take as
--- long as the longest of late, but for half of the time that there is.
---@param client segmind.Client
---@return boolean
function wait.is_out_of_time(client)
  if not client._limit or client._closed then
    return false
  end
  local time = now()
  client._longest = math.max(time - client._mark, 0.9 * client._longest)
  client._mark = time
  return time + math.min(client._longest, client._room) >= client._limit
end

--- Waits until something has arrived for `step`, or the time is over, or a signal came.
---@param client segmind.Client
---@param seconds number
---@return boolean has_something
function wait.poll(client, seconds)
  if client._closed then
    return false
  end
  wait.check_open(client)
  return client._left_over ~= false or client._handle:wait(math.max(seconds, 0))
end

-- With several clients there are several descriptors, and each gets a short turn.
local function rest(list, seconds)
  for _, client in ipairs(list) do
    wait.poll(client, math.min(list[2] and 0.005 or seconds, wait.timeout(client) or seconds))
  end
end

local function block(gate, limit, verb)
  gate.is_blocking = true
  local left
  repeat
    local taken = 0
    for _, client in ipairs(turned_by(gate, verb)) do
      taken = taken + client:step()
    end
    if woken.has_any then
      callback.run(true)
    end
    left = limit and limit - now() or 1
    if not gate.is_open and taken == 0 and left > 0 then
      rest(turned_by(gate, verb), math.min(left, 1))
    end
  until gate.is_open or left <= 0 or gate._client and gate._client._closed
  gate.is_blocking = nil
end

-- -- suspend and sleep ----------------------------------------------------------------------------

local function is_done(gate, waiter, limit)
  return gate.is_open or waiter.is_called or limit and now() >= limit
end

local function suspend(gate, limit)
  local co = callback.coroutine()
  local waiter = { gate = gate, co = co, due = limit }
  function waiter.wake()
    callback.note(waiter)
  end
  gate:enlist(waiter)
  repeat
    coroutine.yield(gate)
  until callback.is_task(co) ~= false and is_done(gate, waiter, limit)
  waiter.co = nil
  gate:leave(waiter)
end

local function sleep_at(gate, limit, sleep, wake)
  local waiter = { wake = wake }
  gate:enlist(waiter)
  repeat
    sleep(limit and math.max(limit - now(), 0))
  until is_done(gate, waiter, limit)
  gate:leave(waiter)
end

-- -- which manner ---------------------------------------------------------------------------------

local function first_of(client, get)
  if client then
    return get(client)
  end
  for other in pairs(clients) do
    local a, b = get(other)
    if a then
      return a, b
    end
  end
end

local function loop_of(client)
  if client._loop and client._loop.suspend then
    return client._loop.suspend()
  end
end

local function callback_of(client)
  return client._in_callback and callback.within(client)
end

--- How the running code would wait, or nil and why it cannot.
local function find_manner(client, is_await)
  local co, is_main = coroutine.running()
  local manner, sleep, wake = "block", nil, nil
  co = not is_main and co or nil
  if co then
    sleep, wake = first_of(client, loop_of)
  end
  if sleep then
    manner = "sleep"
  elseif co and (is_await or callback.is_task(co)) and is_yieldable() then
    manner = "suspend"
  elseif co and is_await then
    return nil, " cannot yield from within table.sort, string.gsub, require or another function in "
      .. "C; await before it, or use wait"
  end
  local inside = first_of(client, callback_of)
  if inside and (manner == "block" or inside == co) then
    return nil, " would wait for ever inside a callback; start a segmind.async there, or wait "
      .. "after client:step"
  end
  return manner, sleep, wake
end

--- Whether the running code can wait for a client.
---@param client segmind.Client
---@return boolean
function wait.is_possible(client)
  return not client._closed and find_manner(client) ~= nil
end

--- How the running code would wait; raises where it cannot.
---@param client segmind.Client? nil for a wait for a coroutine, which any client may resume
---@param verb string who asks, for the message
---@param is_await boolean? whether any coroutine is to be suspended
---@return "block"|"suspend"|"sleep"
---@return fun(seconds: number?)? sleep
---@return fun()? wake
function wait.manner(client, verb, is_await)
  local manner, sleep, wake = find_manner(client, is_await)
  if not manner then
    Error.misuse(verb .. sleep)
  end
  return manner, sleep, wake
end

--- Raises where the running code must not or cannot wait, and when nothing of the client works.
---@param client segmind.Client
---@param verb string
function wait.check(client, verb)
  wait.manner(client, verb)
  wait.check_open(client)
end

--- Waits until a gate is open, at most `timeout` seconds.
---@param gate segmind.Gate
---@param timeout number? seconds
---@param verb string
---@param is_await boolean?
---@return boolean is_open
function wait.pass(gate, timeout, verb, is_await)
  if gate.is_open then
    return true
  end
  local manner, sleep, wake = wait.manner(gate._client, verb, is_await)
  if gate._client then
    wait.check_open(gate._client)
  end
  local limit = timeout and now() + timeout
  if manner == "sleep" then
    sleep_at(gate, limit, sleep, wake)
  elseif manner == "suspend" then
    suspend(gate, limit)
  else
    block(gate, limit, verb)
  end
  return gate.is_open
end

--- Waits for what `begin(fn)` has `fn` called with: a value, or nil and an error; perhaps at once.
---@param client segmind.Client
---@param verb string
---@param begin fun(fn: fun(value: any, err: segmind.Error?))
---@return any value
---@return segmind.Error? err kind "cancelled" when the client was closed instead
function wait.result(client, verb, begin)
  local gate, value, err = wait.gate(client), nil, nil
  begin(function(found, failed)
    if not gate.is_open then
      value, err = found, failed
    end
    gate:open()
  end)
  wait.pass(gate, nil, verb)
  return value, err or not value and Error.new("cancelled", "the client was closed") or nil
end

return wait
