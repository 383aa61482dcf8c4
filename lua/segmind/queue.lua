--- First in, first out, without moving what stays.

local Queue = {}
Queue.__index = Queue

---@return table
function Queue.new()
  return setmetatable({ _first = 1, _last = 0 }, Queue)
end

---@param item any
function Queue:push(item)
  self._last = self._last + 1
  self[self._last] = item
end

---@return any item nil when there is none
function Queue:pop()
  local item = self[self._first]
  if item == nil then
    return nil
  end
  self[self._first] = nil
  self._first = self._first + 1
  if self._first > self._last then
    self._first, self._last = 1, 0 -- the same places again: new ones make the table grow
  end
  return item
end

---@return any item the next one, which stays; nil when there is none
function Queue:peek()
  return self[self._first]
end

---@return integer
function Queue:count()
  return self._last - self._first + 1
end

return Queue
