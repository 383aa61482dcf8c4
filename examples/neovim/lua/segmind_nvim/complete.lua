--- Completion of `:SegmindEdit`: the names of parameters, and after "=" what they may hold.

local config = require("segmind_nvim.config")
local library = require("segmind_nvim.library")
local words = require("segmind_nvim.words")

local complete = {}

local function matching(list, lead, prefix)
  local found = {}
  for _, item in ipairs(list) do
    if item:sub(1, #lead) == lead then
      found[#found + 1] = (prefix or "") .. item
    end
  end
  return found
end

local function files(lead)
  local found = vim.fn.getcompletion(lead, "file")
  for i, path in ipairs(found) do
    found[i] = path:gsub("\\? ", "\\ ")
  end
  return found
end

local function values(param, lead)
  local kind, prefix = param[2], param[1] .. "="
  if kind == "image" then
    return matching(files(lead), "", prefix)
  elseif kind == "boolean" then
    return matching({ "true", "false" }, lead, prefix)
  end
  local default = param.default ~= nil and { tostring(param.default) } or {}
  return matching(param.one_of or default, lead, prefix)
end

--- The parameters that are not given yet.
local function names(spec, given, lead)
  local list = given.model and {} or { "model=" }
  for _, param in ipairs(spec and spec.params or {}) do
    if param[1] ~= "prompt" and not given[param[1]] then
      list[#list + 1] = param[1] .. "="
    end
  end
  return matching(list, lead)
end

--- What the command line says before the word that is being completed.
local function before(line, lead)
  local text = line:sub(1, #line - #lead):gsub("^.-Segmind%a*!?%s*", "", 1)
  local found, given = words.split(text), {}
  for _, pair in ipairs(found.pairs) do
    given[pair.name] = pair.value
  end
  return given, found.prompt
end

--- The completions of the word `lead` at the end of `line`.
---@param lead string
---@param line string
---@return string[]
function complete.edit(lead, line)
  local segmind = library.load()
  local given, prompt = before(line, lead)
  if not segmind or prompt ~= "" then
    return {}
  end
  local name, value = lead:match("^([%a_][%w_]*)=(.*)$")
  if name == "model" then
    return matching(segmind.models.names, value, "model=")
  end
  local spec = segmind.models.declared(given.model or config.get("model"))
  if not name then
    return names(spec, given, lead)
  end
  for _, param in ipairs(spec and spec.params or {}) do
    if param[1] == name then
      return values(param, value)
    end
  end
  return {}
end

return complete
