--- The words of `:SegmindEdit`: first `name=value` for the model and its parameters, then the
--- prompt, which is taken as it stands. A space inside a value is written "\ ", as in file names,
--- and a backslash before a space "\\"; a prompt that itself begins like a parameter comes after
--- "--".

local words = {}

--- What a word stands for.
---@param word string
---@return string
function words.value(word)
  return (word:gsub("\\([%s\\])", "%1"))
end

--- The word that stands for a value.
---@param value string
---@return string
function words.quoted(value)
  return (value:gsub("[%s\\]", "\\%0"))
end

--- The next word from `at` on, as a value, and where it ends.
local function next_word(text, at)
  local from = text:find("%S", at)
  if not from then
    return nil
  end
  local stop = from
  while stop <= #text and not text:find("^%s", stop) do
    stop = stop + (text:find("^\\.", stop) and 2 or 1)
  end
  return words.value(text:sub(from, stop - 1)), stop
end

--- Splits the words of the command.
---@param text string
---@return { pairs: { name: string, value: string }[], prompt: string }
function words.split(text)
  local found, at = {}, 1
  while true do
    local word, stop = next_word(text, at)
    local name, value = (word or ""):match("^([%a_][%w_]*)=(.*)$")
    if word == "--" then
      at = stop
    end
    if not name then
      break
    end
    found[#found + 1] = { name = name, value = value }
    at = stop
  end
  return { pairs = found, prompt = vim.trim(text:sub(at)) }
end

local booleans = { ["true"] = true, ["false"] = false }

local function guess(value)
  if booleans[value] ~= nil then
    return booleans[value]
  end
  return tonumber(value) or value
end

--- A value of the type that the model declares. What does not fit stays text: the library says
--- what is wrong with it better than we could.
---@param kind string? "integer", "number", "boolean", "string", "image"; nil when not declared
---@param value string
---@return any
function words.convert(kind, value)
  if kind == nil then
    return guess(value)
  elseif kind == "integer" or kind == "number" then
    return tonumber(value) or value
  elseif kind == "boolean" and booleans[value] ~= nil then
    return booleans[value]
  end
  return value
end

return words
