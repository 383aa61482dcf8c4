--- The prompt line: text, a cursor, and the keys that everybody expects.

local utf8 = require("utf8")

local Line = {}
Line.__index = Line

function Line.new()
  return setmetatable({ text = "", at = 0, history = {}, recalled = 0 }, Line)
end

-- `at` counts characters to the left of the cursor.
local function split(self, at)
  local byte = utf8.offset(self.text, at + 1)
  return self.text:sub(1, byte - 1), self.text:sub(byte)
end

function Line:length()
  return utf8.len(self.text)
end

--- What stands to the left of the cursor.
function Line:left()
  return (split(self, self.at))
end

function Line:insert(text)
  text = text:gsub("%c+", " ")
  if not utf8.len(text) or self:length() + utf8.len(text) > 2000 then
    return
  end
  local left, right = split(self, self.at)
  self.text, self.at = left .. text .. right, self.at + utf8.len(text)
end

function Line:set(text)
  self.text, self.at = text, utf8.len(text)
end

--- Hands the text out and begins an empty one.
function Line:take()
  local text = self.text
  if text:find("%S") then
    table.insert(self.history, text)
  end
  self.recalled = 0
  self:set("")
  return text
end

local function recall(self, by)
  local wanted = math.max(0, math.min(#self.history, self.recalled + by))
  if wanted ~= self.recalled then
    self.recalled = wanted
    self:set(self.history[#self.history + 1 - wanted] or "")
  end
end

local function erase(self, from, to)
  if from < 0 or to > self:length() then
    return
  end
  local left, right = split(self, from), select(2, split(self, to))
  self.text, self.at = left .. right, from
end

local keys = {
  left = function(self) self.at = math.max(0, self.at - 1) end,
  right = function(self) self.at = math.min(self:length(), self.at + 1) end,
  home = function(self) self.at = 0 end,
  ["end"] = function(self) self.at = self:length() end,
  backspace = function(self) erase(self, self.at - 1, self.at) end,
  delete = function(self) erase(self, self.at, self.at + 1) end,
  escape = function(self) self:set("") end,
  up = function(self) recall(self, 1) end,
  down = function(self) recall(self, -1) end,
}

local with_control = {
  u = function(self) erase(self, 0, self.at) end,
  k = function(self) erase(self, self.at, self:length()) end,
  w = function(self)
    local left = self:left()
    erase(self, utf8.len(left:match("^(.-)%S*%s*$")), self.at)
  end,
  v = function(self) self:insert(love.system.getClipboardText()) end,
  c = function(self) love.system.setClipboardText(self.text) end,
}

--- Returns true when the key meant something.
function Line:key(key, control)
  local act = (control and with_control or keys)[key]
  if act then
    act(self)
  end
  return act ~= nil
end

return Line
