--- Completion of `:SegmindEdit`: the names of parameters, and after "=" what they may hold; and of
--- `:SegmindChain`: files. The editor's own completion of files runs what stands in `backticks` and
--- expands $NAMES and wildcards; here a folder is read and names are compared.

local config = require("segmind.nvim.config")
local library = require("segmind.nvim.library")
local target = require("segmind.nvim.target")
local words = require("segmind.nvim.words")

local uv = vim.uv or vim.loop

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

--- What lies in a folder, whose name ends in "/" if it is one.
local function entries(folder)
  local scan, list = uv.fs_scandir(folder), {}
  local name, kind = scan and uv.fs_scandir_next(scan)
  while name do
    local stat = kind ~= "directory" and uv.fs_stat(folder .. "/" .. name)
    local is_folder = kind == "directory" or stat and stat.type == "directory"
    list[#list + 1] = is_folder and name .. "/" or name
    name, kind = uv.fs_scandir_next(scan)
  end
  table.sort(list)
  return list
end

--- The paths that begin like the word, as words: folders, and files that `is_wanted`; in the
--- buffer's folder and in the current one.
local function files(lead, is_wanted)
  local path, found = words.value(lead), {}
  local folder, stem = path:match("^(.*/)([^/]*)$")
  folder, stem = folder or "", stem or path
  for _, base in ipairs({ target.folder() or uv.cwd(), uv.cwd() }) do
    for _, name in ipairs(entries(target.resolve(folder, base))) do
      local is_meant = name:sub(1, #stem) == stem and (name:sub(1, 1) ~= "." or stem ~= "")
      local word = words.quoted(folder .. name)
      if is_meant and (name:sub(-1) == "/" or is_wanted(name)) and not found[word] then
        found[#found + 1], found[word] = word, true
      end
    end
  end
  return found
end

local function values(param, lead)
  local kind, prefix = param[2], param[1] .. "="
  if kind == "image" or kind == "images" then
    return matching(files(lead, target.is_picture), "", prefix)
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

--- The completions of a chain file's path.
---@param lead string
---@return string[]
function complete.chain(lead)
  return files(lead, function(name)
    return name:find("%.json$") ~= nil
  end)
end

return complete
