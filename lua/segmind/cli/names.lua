--- Names for pictures: `out/{name}-{seed}`. A field is a fact of the job; what is known only at its
--- end (its seed, its id) keeps the name open until then.

local template = require("segmind.template")
local usage = require("segmind.cli.usage")

local names = {}

local fields = { "name", "model", "n", "seed", "id", "prompt" }

-- Stand for the facts that are not known yet.
local late = {}
for _, field in ipairs(fields) do
  late[field] = { "{" .. field .. "}" }
end

-- The longest part of a name that a prompt gives, in bytes.
local LONGEST = 48

--- A value as a part of a file's name: no folder, nothing that is hidden or taken for an option,
--- of a prompt the words.
local function slug(value, field)
  local text = template.text(value):gsub("[%c/\\{}]", "-")
  if field == "prompt" then
    text = text:gsub("[%s%p]+", "-"):gsub("%-+$", "")
    text = #text > LONGEST and text:sub(1, LONGEST):gsub("[\192-\255]?[\128-\191]*$", "")
      or text
  end
  text = text:gsub("^[%s.-]+", ""):gsub("%s+$", "")
  return text ~= "" and text or "picture"
end

local function facts(values)
  local out = {}
  for _, field in ipairs(fields) do
    out[field] = late[field]
  end
  for field, value in pairs(values or {}) do
    out[field] = slug(value, field)
  end
  return out
end

--- Refuses a field that there is not.
---@param text string
---@param more table<string, any>? further fields
function names.check(text, more)
  local _, problem = template.expand(text, facts(more), tostring)
  if problem then
    usage.fail("-o %s: %s", text, problem)
  end
end

--- Whether a template has a field.
---@param text string
---@param field string
---@return boolean
function names.has(text, field)
  for _, name in ipairs(template.names(text)) do
    if name == field then
      return true
    end
  end
  return false
end

--- Fills in the fields that are known; the others keep their places.
---@param text string
---@param values table<string, any>
---@return string? text
---@return string? problem there is no such field
function names.part(text, values)
  return template.expand(text, facts(values), function(value)
    return type(value) == "table" and value[1] or value
  end)
end

--- Whether a template has a field left to fill in.
---@param text string
---@return boolean
function names.is_open(text)
  return template.names(text)[1] ~= nil
end

--- Fills in the fields.
---@param text string
---@param values table<string, any>
---@return string? name nil while a field of it is not known
function names.fill(text, values)
  local is_whole = true
  local name = template.expand(text, facts(values), function(value)
    is_whole = is_whole and type(value) ~= "table"
    return type(value) == "table" and "" or value
  end)
  return is_whole and name or nil
end

--- The name of a picture without folder and extension.
---@param picture any
---@return string?
function names.stem(picture)
  if type(picture) ~= "string" then
    return nil
  end
  local base = picture:gsub("[?#].*$", ""):match("([^/]+)/*$") or "picture"
  return (base:gsub("%.%w+$", ""))
end

return names
