--- Commands that cannot be carried out as they are written: raised, told in one sentence, code 2.

local schema = require("segmind.schema")

local usage = {}

local Usage = { __name = "segmind.cli.Usage" }

function Usage:__tostring()
  return self.message
end

--- Ends the command with a sentence that says what to do.
---@param message string
---@param ... any for string.format
function usage.fail(message, ...)
  if select("#", ...) > 0 then
    message = message:format(...)
  end
  error(setmetatable({ message = message }, Usage), 0)
end

--- Ends the command because something is not installed: code 3, a person mends that.
---@param message string
function usage.broken(message)
  error(setmetatable({ message = message, is_broken = true }, Usage), 0)
end

---@param value any
---@return boolean
function usage.is(value)
  return getmetatable(value) == Usage
end

--- '; did you mean "x"?', or nothing when no word is near.
---@param word string
---@param list string[]
---@return string
function usage.nearest(word, list)
  local near = schema.nearest(word, list)
  return near and ('; did you mean "%s"?'):format(near) or ""
end

return usage
