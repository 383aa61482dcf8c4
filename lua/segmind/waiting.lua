--- How a call waits at a gate. There are three manners, and nothing but this file chooses:
---   block    the thread stays, in a loop of `step` and `poll`: on the main thread, and for `wait`
---            in a coroutine that nobody here knows. Ctrl-C works.
---   suspend  the coroutine yields and is resumed at the end of a `step`: in segmind.async, and for
---            `await` in any coroutine
---   sleep    the coroutine belongs to a host's loop, and the adapter of the loop suspends it
---
--- What a coroutine is resumed with does not count: it looks whether its gate is open, and yields
--- again if not. So a scheduler that resumes everybody once a frame does no harm.

local Error = require("segmind.error")
local Gate = require("segmind.gate")
local scheduler = require("segmind.scheduler")

local waiting = {}

-- Lua 5.3 and LuaJIT have it, and luacheck's smallest standard does not.
local is_yieldable = rawget(coroutine, "isyieldable")

local now

--- Hands the clock over.
---@param clock fun(): number seconds
function waiting.set_clock(clock)
  now = clock
end

-- The clients that a blocked call turns: its own, or all that somebody waits for.
local function turned_by(gate, verb)
  if gate._client then
    return { gate._client }
  end
  local list = {}
  for client in pairs(Gate.clients()) do
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

-- With several clients there are several descriptors, and each gets a short turn.
local function rest(list, seconds)
  for _, client in ipairs(list) do
    client:poll(math.min(list[2] and 0.005 or seconds, client:timeout() or seconds))
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
    scheduler.run(true)
    left = limit and limit - now() or 1
    if not gate.is_open and taken == 0 and left > 0 then
      rest(turned_by(gate, verb), math.min(left, 1))
    end
  until gate.is_open or left <= 0 or gate._client and gate._client._closed
  gate.is_blocking = nil
end

local function is_done(gate, waiter, limit)
  return gate.is_open or waiter.is_called or limit and now() >= limit
end

local function suspend(gate, limit)
  local co = scheduler.running()
  local waiter = { gate = gate, co = co, due = limit }
  function waiter.wake()
    scheduler.note(waiter)
  end
  gate:enlist(waiter)
  repeat
    coroutine.yield(gate)
  until scheduler.is_task(co) ~= false and is_done(gate, waiter, limit)
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

local function first_of(client, get)
  if client then
    return get(client)
  end
  for other in pairs(Gate.clients()) do
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

local callback_of

--- Hands over how to find the coroutine of a client's callback; see callbacks.lua.
---@param find fun(client: segmind.Client): thread?
function waiting.set_callback_of(find)
  callback_of = find
end

--- How the running code would wait; raises where it cannot.
---@param client segmind.Client? nil for a wait for a coroutine, which any client may resume
---@param verb string who asks, for the message
---@param is_await boolean? whether any coroutine is to be suspended
---@return "block"|"suspend"|"sleep"
---@return fun(seconds: number?)? sleep
---@return fun()? wake
function waiting.manner(client, verb, is_await)
  local co, manner, sleep, wake = scheduler.running(), "block", nil, nil
  if co then
    sleep, wake = first_of(client, loop_of)
  end
  if sleep then
    manner = "sleep"
  elseif co and (is_await or scheduler.is_task(co)) and is_yieldable() then
    manner = "suspend"
  elseif co and is_await then
    Error.misuse(verb .. " cannot yield from within table.sort, string.gsub, require or another "
      .. "function in C; await before it, or use wait")
  end
  local inside = first_of(client, callback_of)
  if inside and (manner == "block" or inside == co) then
    Error.misuse(verb .. " would wait for ever inside a callback; start a segmind.async there, or "
      .. "wait after client:step")
  end
  return manner, sleep, wake
end

--- Waits until a gate is open, at most `timeout` seconds.
---@param gate segmind.Gate
---@param timeout number? seconds
---@param verb string
---@param is_await boolean?
---@return boolean is_open
function waiting.pass(gate, timeout, verb, is_await)
  if gate.is_open then
    return true
  end
  local manner, sleep, wake = waiting.manner(gate._client, verb, is_await)
  if gate._client then
    gate._client:_check_open()
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

return waiting
