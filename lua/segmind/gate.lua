--- What a call waits for: shut at first, opened once. A waiter at it is a table with `wake`, called
--- when the gate opens, and at the latest when its time (`due`) is over or the client closes.
--- How somebody waits is a matter of waiting.lua.

---@class segmind.Gate
local Gate = {}
Gate.__index = Gate
Gate.__name = "segmind.Gate"

-- The clients that are open: a call that waits for a coroutine may have to turn any of them.
local clients = setmetatable({}, { __mode = "k" })

--- Makes a client known.
---@param client segmind.Client
function Gate.join(client)
  client._parked, client._alarms, client._alarm = {}, {}, false
  clients[client] = true
end

--- The open clients; for `pairs`.
---@return table<segmind.Client, boolean>
function Gate.clients()
  return clients
end

---@param client segmind.Client? who will open it; nil when a coroutine will
---@return segmind.Gate
function Gate.new(client)
  return setmetatable({ _client = client, _waiters = {}, is_open = false }, Gate)
end

function Gate:_homes()
  return self._client and { [self._client] = true } or clients
end

local function set_alarm(client, waiter)
  client._alarms[waiter] = true
  if not client._alarm or waiter.due < client._alarm then
    client._alarm = waiter.due
    if client._loop and client._loop.hurry then
      client._loop.hurry()
    end
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

local function forget(self, waiter)
  if self._client or waiter.due then
    for client in pairs(self:_homes()) do
      client._parked[waiter], client._alarms[waiter] = nil, nil
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
  forget(self, waiter)
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
---@param now number
function Gate.ring(client, now)
  local next_one = false
  for waiter in pairs(client._alarms) do
    if waiter.due <= now then
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
function Gate.release(client)
  local parked = client._parked
  clients[client] = nil
  client._parked, client._alarms, client._alarm = {}, {}, false
  for waiter in pairs(parked) do
    waiter.is_called = true
    waiter.wake()
  end
end

return Gate
