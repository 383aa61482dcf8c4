--- Reads a JSON text that a person has written, strictly, and remembers where everything stands, so
--- that whoever judges the values can say in which line. (json.lua reads what a server sent.)
---
---     local document, problem, line, column = json_reader.read(text)
---     print(document:place(document.value, "steps"))

local json = require("segmind.json")

local MAX_DEPTH = 64

--- A text as far as it was read. What is wrong with it is raised as one of these, `problem` filled.
local Reader = {}
Reader.__index = Reader

--- A text that was read: `value`, with `json.null` for null.
---@class segmind.JsonDocument
---@field value any
local Document = {}
Document.__index = Document

local function fail(self, at, problem, ...)
  self.failed_at, self.problem = at, problem:format(...)
  error(self, 0)
end

local function skip_space(self)
  self.at = self.text:find("[^ \t\r\n]", self.at) or #self.text + 1
  return self.text:sub(self.at, self.at)
end

--- What stands where something else is expected.
local function show_found(self)
  local char = self.text:sub(self.at, self.at)
  if char == "" then
    return "the end of the text"
  elseif char:find("[%w_.+-]") then
    return '"' .. self.text:match("^[%w_.+-]+", self.at):sub(1, 20) .. '"'
  end
  return char:find("[%p]") and "'" .. char .. "'" or "another character"
end

--- The character of a \u escape whose "u" stands at `at`, and where it ends.
local function unicode(self, at)
  local code = tonumber(self.text:match("^u(%x%x%x%x)", at) or "", 16)
  if not code then
    fail(self, at - 1, "\\u takes four hexadecimal digits")
  elseif code < 0xD800 or code > 0xDFFF then
    return json.utf8_char(code), at + 5
  end
  local low = tonumber(self.text:match("^\\u(%x%x%x%x)", at + 5) or "", 16)
  if code > 0xDBFF or not low or low < 0xDC00 or low > 0xDFFF then
    fail(self, at - 1, "\\u%04x is half a character; its other half must stand beside it", code)
  end
  return json.utf8_char(0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00), at + 11
end

local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\",
  ["/"] = "/" }

local function escape(self, at)
  local char = self.text:sub(at, at)
  if char == "u" then
    return unicode(self, at)
  elseif not escapes[char] then
    fail(self, at - 1, "JSON has no escape \\%s; a backslash is written \\\\",
      char:find("^[%w%p]$") and char or "")
  end
  return escapes[char], at + 1
end

local function read_text(self)
  local begins, parts = self.at, {}
  local at = begins + 1
  while true do
    local stop = self.text:find('["\\%c]', at) or #self.text + 1
    local char = self.text:sub(stop, stop)
    parts[#parts + 1] = self.text:sub(at, stop - 1)
    if char == '"' then
      self.at = stop + 1
      return table.concat(parts)
    elseif char == "\\" then
      parts[#parts + 1], at = escape(self, stop + 1)
    elseif char == "\127" then
      parts[#parts + 1], at = char, stop + 1
    elseif char == "" or char == "\n" or char == "\r" then
      fail(self, begins, 'the text that begins here has no closing " in its line; a line break is '
        .. "written \\n")
    else
      fail(self, stop, "a control character in a text is written as an escape, such as \\t")
    end
  end
end

local function read_number(self)
  local word = self.text:match("^[%w.+-]+", self.at)
  local whole, rest = word:match("^%-?(%d+)(.*)$")
  local fraction, power = (rest or ""):match("^(%.?%d*)(.*)$")
  if not whole or #whole > 1 and whole:sub(1, 1) == "0" or fraction == "."
    or power ~= "" and not power:find("^[eE][+-]?%d+$") then
    fail(self, self.at, "%s is not a number of JSON", json.encode(word:sub(1, 20)))
  end
  self.at = self.at + #word
  return json.integer(tonumber(word))
end

local words = { ["true"] = true, ["false"] = false, null = json.null }

local function read_word(self)
  local word = self.text:match("^[%a_][%w_]*", self.at)
  if words[word] == nil then
    local right = { True = "true", False = "false", None = "null", ["nil"] = "null" }
    fail(self, self.at, right[word] and ("%s is written %s"):format(word, right[word])
      or "a value is missing here, or the text " .. word:sub(1, 20) .. " lacks its quotes \"")
  end
  self.at = self.at + #word
  return words[word]
end

local read_value

--- Goes on behind a member: true when another follows.
local function has_next(self, close)
  local char = skip_space(self)
  if char == close then
    self.at = self.at + 1
    return false
  elseif char ~= "," then
    fail(self, self.at, "a comma or %s is missing before %s", close, show_found(self))
  end
  local comma = self.at
  self.at = comma + 1
  if skip_space(self) == close then
    fail(self, comma, "no comma may stand before %s", close)
  end
  return true
end

local function enter(self, value, is_list, depth)
  if depth > MAX_DEPTH then
    fail(self, self.at, "more than %d levels", MAX_DEPTH)
  end
  self.document._places[value], self.document._lists[value] = {}, is_list
  self.document._starts[value] = self.at
  self.at = self.at + 1
end

local function read_list(self, depth)
  local list = {}
  enter(self, list, true, depth)
  if skip_space(self) == "]" then
    self.at = self.at + 1
    return list
  end
  repeat
    skip_space(self)
    self.document._places[list][#list + 1] = { self.at, self.at }
    list[#list + 1] = read_value(self, depth + 1)
  until not has_next(self, "]")
  return list
end

local function read_name(self, places)
  if skip_space(self) ~= '"' then
    fail(self, self.at, 'a name in quotes " is expected, got %s', show_found(self))
  end
  local at = self.at
  local name = read_text(self)
  if places[name] then
    fail(self, at, "%s stands twice in one object", json.encode(name))
  elseif skip_space(self) ~= ":" then
    fail(self, self.at, "a colon is missing after %s", json.encode(name))
  end
  self.at = self.at + 1
  skip_space(self)
  places[name] = { self.at, at }
  return name
end

local function read_object(self, depth)
  local object = {}
  enter(self, object, nil, depth)
  local places = self.document._places[object]
  if skip_space(self) == "}" then
    self.at = self.at + 1
    return object
  end
  repeat
    skip_space(self)
    local name = read_name(self, places)
    object[name] = read_value(self, depth + 1)
  until not has_next(self, "}")
  return object
end

function read_value(self, depth)
  local char = skip_space(self)
  if char == "{" then
    return read_object(self, depth)
  elseif char == "[" then
    return read_list(self, depth)
  elseif char == '"' then
    return read_text(self)
  elseif char:find("^[%d-]$") then
    return read_number(self)
  elseif char:find("^[%a_]$") then
    return read_word(self)
  elseif char == "'" then
    fail(self, self.at, "a text stands in double quotes in JSON")
  elseif char == "/" or char == "#" then
    fail(self, self.at, "JSON has no comments")
  end
  fail(self, self.at, "a value is expected, got %s", show_found(self))
end

local function read_all(self)
  local bad = json.find_bad_utf8(self.text)
  if bad then
    fail(self, bad, "the text is not UTF-8 from here on; save the file as UTF-8")
  end
  skip_space(self)
  self.document._starts[self.document] = self.at
  self.document.value = read_value(self, 1)
  if skip_space(self) ~= "" then
    fail(self, self.at, "the text goes on after its end, with %s", show_found(self))
  end
  return self.document
end

--- Line and column, counted in characters, of a byte of a text.
local function place_of(text, at)
  local before = text:sub(1, at - 1)
  local _, breaks = before:gsub("\n", "")
  local last = before:match("([^\n]*)$")
  local _, characters = last:gsub("[^\128-\191]", "")
  return breaks + 1, characters + 1
end

--- Where a member of an object or a list of the document stands; where there is no such member,
--- the beginning of what lacks it.
---@param holder table? nil: the whole document
---@param key string|integer|nil
---@param is_name boolean? where its name stands, not its value
---@return integer? line nil when the holder is not of the document
---@return integer? column
function Document:place(holder, key, is_name)
  local place = (self._places[holder] or {})[key]
  local at = place and place[is_name and 2 or 1] or self._starts[holder or self]
  if at then
    return place_of(self._text, at)
  end
end

--- Whether a value is a list; an empty one and an empty object are equal in Lua.
---@param value any
---@return boolean
function Document:is_list(value)
  return self._lists[value] == true
end

local json_reader = {}

--- Reads a text.
---@param text string
---@return segmind.JsonDocument?
---@return string? problem
---@return integer? line
---@return integer? column
function json_reader.read(text)
  text = text:gsub("^\239\187\191", "")
  local document = setmetatable({ _text = text, _places = {}, _starts = {}, _lists = {} }, Document)
  local reader = setmetatable({ text = text, at = 1, document = document }, Reader)
  local ok, raised = pcall(read_all, reader)
  if ok then
    return document
  elseif raised ~= reader then
    error(raised, 0)
  end
  return nil, reader.problem, place_of(text, reader.failed_at)
end

return json_reader
