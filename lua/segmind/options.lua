--- Options are a programmer's words, not data: one that does not exist, or has the wrong type,
--- raises at the caller's line. (Parameters of a model are data; schema.lua judges those.)

local Error = require("segmind.error")
local lazy = require("segmind.lazy")
local tables = require("segmind.tables")

local schema = lazy.require("segmind.schema")

local options = {}

--- How much one turn of a loop's adapter takes from the network.
---@class (exact) segmind.LoopOptions
---@field max_events integer? 16
---@field max_bytes integer? 1 MiB
---@field max_seconds number? 0.001
options.of_loop = { max_events = "count", max_bytes = "count", max_seconds = "seconds" }

local function is_finite(value)
  return type(value) == "number" and value - value == 0
end

--- How often to ask for the state of a job: a schedule, or seconds.
---@alias segmind.Poll "eager"|"balanced"|"relaxed"|number
local polls = { eager = true, balanced = true, relaxed = true }

local function is_a(name)
  return function(value)
    return type(value) == name
  end
end

-- What an option may hold: a noun for the message and a test.
local kinds = {
  -- Any string: a malformed key is for the core to refuse. Never shown, whatever it is.
  key = { "a string", is_a("string") },
  text = { "a string that is not empty", function(value)
    return type(value) == "string" and value ~= ""
  end },
  flag = { "true or false", is_a("boolean") },
  seconds = { "a number of seconds above 0, at most 1e7", function(value)
    return is_finite(value) and value > 0 and value <= 1e7
  end },
  count = { "a whole number above 0", function(value)
    return is_finite(value) and value >= 1 and value % 1 == 0
  end },
  money = { "an amount of US dollars, 0 or more", function(value)
    return is_finite(value) and value >= 0
  end },
  doubt = { '"hold", "resubmit" or a function', function(value)
    return value == "hold" or value == "resubmit" or type(value) == "function"
  end },
  day = { 'a Unix time, or a day such as "2026-11-26"', function(value)
    return is_finite(value) and value >= 0 and value < 1e11
      or type(value) == "string" and value:find("^%d%d%d%d%-%d%d%-%d%d$") ~= nil
  end },
  callback = { "a function", is_a("function") },
  stream = { "a file, or what has its method write", function(value)
    local kind = type(value)
    return (kind == "userdata" or kind == "table") and value.write ~= nil
  end },
  poll = { '"eager", "balanced", "relaxed" or a number of seconds', function(value)
    return polls[value] or is_finite(value) and value >= 0.001 and value <= 1e5
  end },
  values = { "a table of texts, numbers and booleans by name", function(value)
    for name, item in pairs(type(value) == "table" and value or { false }) do
      local kind = type(item)
      local is_plain = kind == "string" or kind == "boolean" or is_finite(item)
      if type(name) ~= "string" or not is_plain then
        return false
      end
    end
    return true
  end },
  list = { "a list of strings", function(value)
    if type(value) ~= "table" then
      return false
    end
    for key, item in pairs(value) do
      if type(key) ~= "number" or type(item) ~= "string" then
        return false
      end
    end
    return true
  end },
}

--- The kind of an option that takes one of a list of words.
local function one_of(words)
  return { 'one of "' .. table.concat(words, '", "') .. '"', function(value)
    for _, word in ipairs(words) do
      if value == word then
        return true
      end
    end
    return false
  end }
end

--- What is read of options that were not given. Not to be changed.
options.none = {}

--- Reads options; raises on one that is not declared or has the wrong type.
---@param given table?
---@param declared table<string, string|string[]> option to kind, as named above, or to its words
---@param owner string who is asked, for the message
---@return table options a copy; one that all calls without options share, not to be changed
function options.read(given, declared, owner)
  if given == nil then
    return options.none
  elseif type(given) ~= "table" then
    Error.misuse(("the options of %s are a table, got %s"):format(owner, schema.show(given)))
  end
  local out = {}
  for name, value in pairs(given) do
    local kind = declared[name]
    kind = type(kind) == "table" and one_of(kind) or kinds[kind]
    if not kind then
      local near = schema.nearest(name, tables.keys(declared))
      Error.misuse(("%s has no option %s%s"):format(owner, schema.show(name),
        near and ('; did you mean "%s"?'):format(near) or ""))
    elseif not kind[2](value) then
      local got = kind == kinds.key and "a " .. type(value) or schema.show(value)
      Error.misuse(("the option %s of %s is %s, got %s"):format(name, owner, kind[1], got))
    end
    out[name] = value
  end
  return out
end

return options
