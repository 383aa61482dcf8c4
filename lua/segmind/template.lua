--- Texts with names in braces, "{place} at night", as chain files and the command line have them.
--- `{{name}}` is the text "{name}"; braces with anything else in them, `{ "a": 1 }`, stand for
--- themselves.

local schema = require("segmind.schema")
local tables = require("segmind.tables")

local template = {}

-- What is in braces and no known name, but looks like one, is a misspelt one.
local NAME = "^[%a_][%w_]*$"

local function unknown(name, values)
  local names = tables.keys(values)
  local near = schema.nearest(name, names)
  return ("{%s} names nothing; %s"):format(name, near and ('did you mean "{%s}"?'):format(near)
    or names[1] and "there is {" .. table.concat(names, "}, {") .. "}"
    or ("write {{%s}} for the text {%s}"):format(name, name))
end

--- A value as text.
---@param value string|number|boolean
---@return string
function template.text(value)
  return type(value) == "number" and ("%.14g"):format(value) or tostring(value)
end

--- Puts values in the places of their names.
---@param text string
---@param values table<string, string|number|boolean>
---@param write (fun(value: any): string)? how a value becomes text
---@return string?
---@return string? problem
function template.expand(text, values, write)
  local problem
  local out = text:gsub("({{?)([^{}]+)(}}?)", function(open, name, close)
    local value = values[name]
    if value == nil and not name:find(NAME) then
      return nil
    elseif #open == 2 and #close == 2 then
      return "{" .. name .. "}"
    elseif value == nil then
      problem = problem or unknown(name, values)
      return nil
    end
    return open:sub(2) .. (write or template.text)(value) .. close:sub(2)
  end)
  return not problem and out or nil, problem
end

--- The name that a text is made of alone: "place" of "{place}".
---@param text string
---@return string? name
function template.whole(text)
  return text:match("^{([^{}]+)}$")
end

--- The names that a text uses, in order.
---@param text string
---@return string[]
function template.names(text)
  local names = {}
  for open, name, close in text:gmatch("({{?)([^{}]+)(}}?)") do
    names[#names + 1] = (#open == 1 or #close == 1) and name or nil
  end
  return names
end

return template
