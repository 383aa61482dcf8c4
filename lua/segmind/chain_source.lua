--- What stands in a chain file, and where: JSON, whose every value has a line and a column, or a
--- program in Lua that returns the same. Gathers what chain_file.lua finds wrong with it.

local Error = require("segmind.error")
local guard = require("segmind.guard")
local json = require("segmind.json")
local json_reader = require("segmind.json_reader")
local schema = require("segmind.schema")

local MAX_BYTES = 1024 * 1024

---@class segmind.ChainSource
---@field name string for messages
---@field value any what stands in the file
---@field set table<string, string|number|boolean> the variables that were set
---@field asked table<string, boolean> those that a file in Lua has asked for
local Source = {}
Source.__index = Source

-- -- judging it -----------------------------------------------------------------------------------

--- Whether a table is a list; of an empty one only the text of JSON says it.
---@param value table
---@return boolean
function Source:is_list(value)
  if self._document then
    return self._document:is_list(value)
  end
  return #value > 0
end

---@param value any
---@return boolean
function Source:is_object(value)
  return type(value) == "table" and getmetatable(value) == nil and not self:is_list(value)
end

--- A value in a message.
---@param value any
---@return string
function Source:show(value)
  if value == nil or value == json.null then
    return "nothing"
  elseif type(value) == "table" then
    return self:is_list(value) and "a list" or "an object"
  end
  return schema.show(value)
end

--- The line of a member of an object or a list, or of the holder that lacks it; nil where nobody
--- knows, as in a program.
---@param holder table? nil: the whole
---@param key string|integer|nil
---@param is_name boolean? where its name stands, not its value
---@return integer? line
---@return integer? column
function Source:place(holder, key, is_name)
  if self._document then
    return self._document:place(holder, key, is_name)
  end
end

local function note(self, line, column, message, ...)
  if select("#", ...) > 0 then
    message = message:format(...)
  end
  self._problems[#self._problems + 1] = { at = (line or 0) * 1e6 + (column or #self._problems),
    text = line and ("%s:%d:%d: %s"):format(self.name, line, column, message)
      or self.name .. ": " .. message }
end

--- Notes what is wrong with a member of an object or a list.
---@param holder table? nil: the whole is wrong
---@param key string|integer|nil
---@param message string
---@param ... any for string.format
function Source:complain(holder, key, message, ...)
  local line, column = self:place(holder, key)
  note(self, line, column, message, ...)
end

--- Notes what is wrong with the name of a member.
---@param holder table
---@param key string
---@param message string
---@param ... any for string.format
function Source:complain_of_name(holder, key, message, ...)
  local line, column = self:place(holder, key, true)
  note(self, line, column, message, ...)
end

--- What a misspelt word may have been.
---@param word any
---@param list string[]
---@return string
function Source.suggest(word, list)
  local near = schema.nearest(word, list)
  return near and ('; did you mean "%s"?'):format(near)
    or list[1] and "; there is " .. table.concat(list, ", ") or ""
end

--- Notes the fields of an object that it has not.
---@param object table
---@param known string[]
---@param where string
function Source:check_names(object, known, where)
  local is_known = {}
  for _, name in ipairs(known) do
    is_known[name] = true
  end
  for name in pairs(object) do
    if not is_known[name] then
      self:complain_of_name(object, name, "%s has no field %s%s", where, schema.show(name),
        self.suggest(name, known))
    end
  end
end

--- The error of all that was noted since the last one, nil when there is nothing.
---@return segmind.Error?
function Source:refusal()
  local found = self._problems
  self._problems = {}
  table.sort(found, function(a, b)
    return a.at < b.at
  end)
  local problems = {}
  for i, problem in ipairs(found) do
    problems[i] = problem.text
  end
  return problems[1] and Error.refusal(table.concat(problems, "; "), { problems = problems }) or nil
end

-- -- reading it -----------------------------------------------------------------------------------

local function contents(name)
  local file, why = io.open(name, "rb")
  local text, trouble
  if file then
    text, trouble = file:read(MAX_BYTES + 1)
    file:close()
  end
  if why or trouble then
    return nil, why or name .. ": " .. trouble
  elseif text and #text > MAX_BYTES then
    return nil, ("%s: more than %d bytes, too long for a chain file"):format(name, MAX_BYTES)
  end
  return text or "" -- nil at the end of an empty file
end

local function copy_of(library, without)
  local copy = {}
  for name, value in pairs(library) do
    copy[name] = name ~= without and value or nil
  end
  return copy
end

--- What a file in Lua may use. It cannot reach a table of the host's, so it changes none.
local function environment(self)
  local env = { string = copy_of(string, "dump"), table = copy_of(table), math = copy_of(math) }
  for _, name in ipairs({ "assert", "error", "ipairs", "next", "pairs", "select", "tonumber",
    "tostring", "type", "unpack" }) do
    env[name] = rawget(_G, name)
  end
  env.null = json.null
  env.vars = setmetatable({}, { __metatable = false, __index = function(_, name)
    self.asked[name] = true
    return self.set[name]
  end })
  return env
end

local function run_lua(self, text)
  if text:sub(1, 1) == "\27" then
    return nil, self.name .. ": a chain file in Lua is text; this one is compiled"
  end
  local fn, problem = load(text, "@" .. self.name, "t", environment(self))
  if not fn then
    return nil, problem
  end
  local ok, value = pcall(fn)
  if ok then
    return value
  elseif guard.is_interruption(value) then
    error(value, 0)
  end
  return nil, Error.text(value)
end

local function parse(self, text)
  if self.name:find("%.lua$") then
    return run_lua(self, text)
  end
  local document, problem, line, column = json_reader.read(text)
  if not document then
    return nil, ("%s:%d:%d: %s"):format(self.name, line, column, problem)
  end
  self._document = document
  return document.value
end

--- Reads a file, or takes a table for what stands in one.
---@param source string|table
---@param set table<string, string|number|boolean>
---@return segmind.ChainSource?
---@return segmind.Error? err kind "invalid"
function Source.read(source, set)
  local self = setmetatable({ name = "chain", set = set, asked = {}, _problems = {} }, Source)
  if type(source) == "table" then
    self.value = source
    return self
  end
  self.name = source
  local text, why = contents(source)
  if text then
    self.value, why = parse(self, text)
  end
  if why then
    return nil, Error.refusal(why, { problems = { why } })
  end
  return self
end

return Source
