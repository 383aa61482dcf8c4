--- First in, first out, without moving what stays. An error that is raised at any line of it leaves
--- it whole: an item is in it or not, as the bounds say, which are the last to be set.

local Queue = {}
Queue.__index = Queue

---@return table
function Queue.new()
  return setmetatable({ _first = 1, _last = 0 }, Queue)
end

---@param item any
function Queue:push(item)
  local last, first = self._last + 1, self._first
  if last < first then -- a pop was interrupted
    last = first
  end
  self[last] = item
  self._last = last
end

---@return any item nil when there is none
function Queue:pop()
  local first, last = self._first, self._last
  if first > last then
    return nil
  end
  local item = self[first]
  self._first = first + 1
  self[first] = nil
  if first == last then -- the same places again: new ones make the table grow
    self._last = 0
    self._first = 1
  end
  return item
end

---@return any item the next one, which stays; nil when there is none
function Queue:peek()
  local first = self._first
  if first <= self._last then
    return self[first]
  end
end

---@return integer
function Queue:count()
  return math.max(self._last - self._first + 1, 0)
end

return Queue
