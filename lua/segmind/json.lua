--- JSON in and out, over a private lua-cjson: the settings of the host's own stay untouched.
---
--- Reading: at most 128 levels, a ceiling on the size before parsing, no NaN or Infinity (of what
--- a server sent, sm_json.c has made that before); JSON's null becomes nil (lua-cjson's stands for
--- true in an `if`, so `"error": null` would read as an error), in an array it is left out; whole
--- numbers become integers where Lua has them.
--- Writing: keys in byte order, so equal tables give equal text whatever version of lua-cjson is
--- installed, and an empty table is {}.

local guard = require("segmind.guard")

local ok, cjson = pcall(require, "cjson")
if not ok and guard.is_interruption(cjson) then
  error(cjson, 0)
elseif not ok then
  error("segmind needs lua-cjson, which is not installed (Debian: apt install lua-cjson; "
    .. "LuaRocks: luarocks install lua-cjson)", 0)
end

local READ_DEPTH = 128
local MAX_DEPTH = 32
local MAX_BYTES = 4 * 1024 * 1024
-- lua-cjson prints 14 significant digits, and so do readers at the other end that use doubles.
local MAX_INTEGER = 1e14

local function new_codec()
  local codec = cjson.new()
  codec.decode_invalid_numbers(false)
  codec.decode_max_depth(READ_DEPTH)
  return codec
end

local codec = new_codec()

-- lua-cjson reads with the decimal point of the locale in which it was last made, by whomever;
-- where the host has set another since, it refuses a text with one.
local function read_again(text)
  local knows_point = guard.attempt(codec.decode, "0.5")
  if not knows_point then
    codec = new_codec()
  end
  return guard.attempt(codec.decode, text)
end

local json = { null = cjson.null }

-- lua-cjson 2.1.0 has no value of its own for an empty array.
local empty_array = cjson.empty_array

--- An empty list, to be sent as such; nil with that version.
json.empty_array = empty_array

-- Lua 5.3 and later.
local to_integer = rawget(math, "tointeger") or function() end

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

-- The nulls go, and what follows one in an array moves up.
local function without_nulls(list)
  local kept = 0
  for i = 1, #list do
    local item = list[i]
    list[i] = nil
    if item ~= json.null then
      kept = kept + 1
      list[kept] = item
    end
  end
end

-- In place: a copy would be garbage in the midst of a frame. A field that is there may be changed
-- while `pairs` goes on.
local function clean(value)
  if type(value) == "number" then
    return json.integer(value)
  elseif type(value) ~= "table" then
    return value
  end
  local has_null = false
  for key, item in pairs(value) do
    if item ~= json.null then
      value[key] = clean(item)
    elseif type(key) == "string" then
      value[key] = nil
    else
      has_null = true
    end
  end
  if has_null then
    without_nulls(value)
  end
  return value
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
  local read, value = guard.attempt(codec.decode, text)
  if not read then
    read, value = read_again(text)
  end
  if not read then
    return nil, "no JSON: " .. value
  elseif value == json.null then
    return nil
  end
  return clean(value)
end

-- Second bytes that follow a first byte of UTF-8 whose range is narrower than 80..BF: overlong
-- forms, surrogates and everything above U+10FFFF are left out.
local narrow = { [0xE0] = { 0xA0, 0xBF }, [0xED] = { 0x80, 0x9F }, [0xF0] = { 0x90, 0xBF },
  [0xF4] = { 0x80, 0x8F } }

local function sequence_length(text, at)
  local first = text:byte(at)
  local length = first < 0x80 and 1 or first < 0xC2 and 0 or first < 0xE0 and 2
    or first < 0xF0 and 3 or first < 0xF5 and 4 or 0
  local limits = narrow[first] or { 0x80, 0xBF }
  for i = 1, length - 1 do
    local byte = text:byte(at + i)
    if not byte or byte < limits[1] or byte > limits[2] then
      return 0
    end
    limits = { 0x80, 0xBF }
  end
  return length
end

--- Where a text ceases to be valid UTF-8, nil when all of it is; lua-cjson passes anything.
---@param text string
---@return integer? at
function json.find_bad_utf8(text)
  local at = text:find("[\128-\255]")
  while at do
    local length = sequence_length(text, at)
    if length == 0 then
      return at
    end
    at = text:find("[\128-\255]", at + length)
  end
end

--- A character as UTF-8.
---@param code integer its number, to 0x10FFFF
---@return string
function json.utf8_char(code)
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40)
  elseif code < 0x10000 then
    return string.char(0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40,
      0x80 + code % 0x40)
  end
  return string.char(0xF0 + math.floor(code / 0x40000), 0x80 + math.floor(code / 0x1000) % 0x40,
    0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

--- True when the text is valid UTF-8.
---@param text string
---@return boolean
function json.is_utf8(text)
  return not json.find_bad_utf8(text)
end

local function number_problem(value)
  if value - value ~= 0 then
    return "JSON has no NaN and no infinity"
  elseif value % 1 == 0 and math.abs(value) >= MAX_INTEGER then
    return ("%.0f has 15 digits or more, which JSON readers round"):format(value)
  end
end

local scalar_problem = {
  number = number_problem,
  boolean = function() end,
  string = function(value)
    return not json.is_utf8(value) and "the text is not valid UTF-8"
      or value:find("\0", 1, true) and "the text holds a zero byte" or nil
  end,
}

local function key_problem(value, key)
  if type(key) == "string" then
    return scalar_problem.string(key)
  elseif type(key) ~= "number" or key % 1 ~= 0 or key < 1 or key > #value then
    return "a table is either a list without holes or has names as keys"
  end
end

--- Why a value cannot be sent as JSON, or nil. `skip(value)` true leaves a value unjudged.
---@param value any
---@param skip (fun(value: any): boolean)?
---@param depth integer?
---@return string?
function json.problem(value, skip, depth)
  depth = depth or 1
  if value == json.null or empty_array and value == empty_array or skip and skip(value) then
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
  local named
  for key, item in pairs(value) do
    local problem = key_problem(value, key) or json.problem(item, skip, depth + 1)
    if problem then
      return problem
    end
    named = named or type(key) == "string"
  end
  return named and #value > 0 and "a table is either a list or has names as keys" or nil
end

-- `<` on strings follows the host's locale; the order on the wire must not.
local function by_bytes(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

local function encode_number(value)
  if value % 1 == 0 then
    return ("%.0f"):format(value + 0.0 == 0 and 0 or value)
  end
  local short = ("%.14g"):format(value)
  local text = tonumber(short) == value and short or ("%.17g"):format(value)
  return (text:gsub(",", ".")) -- the decimal point of the host's locale
end

--- lua-cjson escapes every slash, which JSON allows and no reader needs.
local function encode_text(text)
  return (codec.encode(text):gsub("\\/", "/"))
end

local encode

local function encode_table(value)
  local out = {}
  if #value > 0 then
    for i, item in ipairs(value) do
      out[i] = encode(item)
    end
    return "[" .. table.concat(out, ",") .. "]"
  end
  local keys = {}
  for key in pairs(value) do
    keys[#keys + 1] = key
  end
  table.sort(keys, by_bytes)
  for i, key in ipairs(keys) do
    out[i] = encode_text(key) .. ":" .. encode(value[key])
  end
  return "{" .. table.concat(out, ",") .. "}"
end

function encode(value)
  if type(value) == "table" then
    return encode_table(value)
  elseif type(value) == "number" then
    return encode_number(value)
  elseif type(value) == "string" then
    return encode_text(value)
  elseif empty_array and value == empty_array then
    return "[]"
  end
  return codec.encode(value)
end

--- Writes a value that `json.problem` has passed.
---@param value any
---@return string
function json.encode(value)
  return encode(value)
end

return json
