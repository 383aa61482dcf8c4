--- JSON in and out. The core reads it where lua-cjson is missing, or would round a number; who
--- writes it is always the core.
---
--- Reading: at most 128 levels, a ceiling on the size before parsing, no NaN or Infinity (of what
--- a server sent, sm_json.c has made that before); JSON's null becomes nil (lua-cjson's stands for
--- true in an `if`, so `"error": null` would read as an error), in an array it is left out; whole
--- numbers become integers where Lua has them.
--- Writing: keys in byte order, each number in one form, so equal tables give equal text, and an
--- empty table is {}.
---
--- lua-cjson's own settings, which belong to the host, stay untouched.

local core = require("segmind.loader")
local guard = require("segmind.guard")

local has_cjson, cjson = pcall(require, "cjson")
if not has_cjson and guard.is_interruption(cjson) then
  error(cjson, 0)
end

local READ_DEPTH = 128
local MAX_DEPTH = 32
local MAX_BYTES = 4 * 1024 * 1024
-- Up to here a double holds every whole number; lua-cjson has no others.
local MAX_WHOLE = 2 ^ 53

local function new_codec()
  local codec = cjson.new()
  codec.decode_invalid_numbers(false)
  codec.decode_max_depth(READ_DEPTH)
  return codec
end

local codec = has_cjson and new_codec()

-- lua-cjson reads with the decimal point of the locale in which it was last made, by whomever;
-- where the host has set another since, it refuses a text with one.
local function read_again(text)
  local knows_point = guard.attempt(codec.decode, "0.5")
  if not knows_point then
    codec = new_codec()
  end
  return guard.attempt(codec.decode, text)
end

local json = {
  null = has_cjson and cjson.null or core.NULL,
  --- An empty list, to be sent as such; lua-cjson 2.1.0 has none of its own.
  empty_array = has_cjson and cjson.empty_array or core.EMPTY_LIST,
}

-- Lua 5.3 and later.
local to_integer = rawget(math, "tointeger") or function() end
local number_type = rawget(math, "type") or type

--- A whole number as an integer, where Lua has them.
---@param value number
---@return number
function json.integer(value)
  return value % 1 == 0 and to_integer(value) or value
end

--- A number of an answer: one that is finite, or a text that spells one; nil for anything else.
---@param value any
---@return number?
function json.number(value)
  if type(value) == "string" and value:find("^%s*[+-]?%d*%.?%d*[eE]?[+-]?%d*%s*$") then
    value = tonumber(value)
  end
  return type(value) == "number" and value - value == 0 and json.integer(value) or nil
end

local function read_by_cjson(text)
  local read, value = guard.attempt(codec.decode, text)
  if not read then
    read, value = read_again(text)
  end
  if not read then
    return nil, value
  elseif value ~= json.null then
    return core.tidy_json(value, json.null)
  end
end

--- Reads a JSON text.
---@param text string
---@param max_bytes integer? ceiling on the text, 4 MiB unless told
---@return any value nil when it cannot be read (or is null)
---@return string? message
function json.decode(text, max_bytes)
  if type(text) ~= "string" then
    return nil, "no JSON: there is no text"
  elseif #text > (max_bytes or MAX_BYTES) then
    return nil, ("the text has %d bytes, more than max_json_bytes allows (%d)"):format(#text,
      max_bytes or MAX_BYTES)
  end
  local read = codec and not core.has_long_number(text) and read_by_cjson or core.read_json
  local value, problem = read(text)
  if problem then
    return nil, "no JSON: " .. problem
  end
  return value
end

-- (text) -> where it ceases to be valid UTF-8, nil when all of it is.
json.find_bad_utf8 = core.bad_utf8

-- (number of a character) -> its UTF-8.
json.utf8_char = core.utf8_char

local function number_problem(value)
  if value - value ~= 0 then
    return "JSON has no NaN and no infinity"
  elseif number_type(value) ~= "integer" and math.abs(value) > MAX_WHOLE then
    return ("%.0f is beyond 2^53, from where on numbers are not exact"):format(value)
  end
end

local scalar_problem = {
  number = number_problem,
  boolean = function() end,
  string = function(value)
    return json.find_bad_utf8(value) and "the text is not valid UTF-8"
      or value:find("\0", 1, true) and "the text holds a zero byte" or nil
  end,
}

local HOLES = "a table is either a list without holes or has names as keys"

local function key_problem(value, key)
  if type(key) == "string" then
    return scalar_problem.string(key)
  elseif type(key) ~= "number" or key % 1 ~= 0 or key < 1 or key > #value then
    return HOLES
  end
end

--- Why a value cannot be sent as JSON, or nil. `skip(value)` true leaves a value unjudged.
---@param value any
---@param skip (fun(value: any): boolean)?
---@param depth integer?
---@return string?
function json.problem(value, skip, depth)
  depth = depth or 1
  if value == json.null or value == json.empty_array or skip and skip(value) then
    return nil
  elseif type(value) ~= "table" then
    local check = scalar_problem[type(value)]
    if not check then
      return "a " .. type(value) .. " cannot be sent"
    end
    return check(value)
  elseif depth > MAX_DEPTH then
    return "a table within itself, or more than 32 levels"
  end
  local named, count = false, 0
  for key, item in pairs(value) do
    local problem = key_problem(value, key) or json.problem(item, skip, depth + 1)
    if problem then
      return problem
    end
    named = named or type(key) == "string"
    count = count + 1
  end
  if named then
    return #value > 0 and "a table is either a list or has names as keys" or nil
  end
  return count ~= #value and HOLES or nil -- of { 1, nil, 3 } # may be 3
end

--- Writes a value that `json.problem` has passed.
---@param value any
---@return string
function json.encode(value)
  return core.write_json(value, json.null, json.empty_array)
end

--- Writes a value that may have been changed since `json.problem` has passed it.
---@param value any
---@return string? text
---@return string? problem
function json.rewritten(value)
  local is_written, text = pcall(json.encode, value)
  if is_written then
    return text
  end
  local problem = json.problem(value)
  if not problem then
    error(text, 0) -- no memory, or Ctrl-C
  end
  return nil, problem
end

return json
