--- Everything that is written about the models, made from their tables:
---
---   lua lua/segmind/models/export.lua json | c | markdown | types
---
--- `json` is what the emulator reads, `c` the same as a C array to build in, `markdown` the table
--- of the README, `types` the text of lua/segmind/meta/models.lua. It runs during the build, so it
--- needs a bare Lua interpreter and nothing else, and two runs print the same bytes: keys come in a
--- fixed order. Required as a module it returns the four functions instead of printing.

local root = arg and arg[0] and arg[0]:match("^(.-)segmind/models/export%.lua$")
if root then
  package.path = root .. "?.lua;" .. root .. "?/init.lua;" .. package.path
end
local models = require("segmind.models")

local export = {}

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t" }

local function json_string(text)
  -- The tables are ASCII on purpose: the array of `c` must not depend on whether char is signed.
  assert(not text:find("[\128-\255]"), "a model table holds a byte outside ASCII: " .. text)
  return '"' .. text:gsub('["\\%c]', function(char)
    return escapes[char] or ("\\u%04x"):format(char:byte())
  end) .. '"'
end

local function json_scalar(value)
  if type(value) == "string" then
    return json_string(value)
  elseif type(value) == "number" then
    return ("%.14g"):format(value)
  end
  return tostring(value)
end

local function json_list(values)
  local out = {}
  for i, value in ipairs(values) do
    out[i] = json_scalar(value)
  end
  return "[" .. table.concat(out, ",") .. "]"
end

--- An object writer: `put(key, text)` appends a member, `close()` returns the object.
local function json_object()
  local members = {}
  return {
    put = function(key, text)
      members[#members + 1] = json_string(key) .. ":" .. text
    end,
    close = function()
      return "{" .. table.concat(members, ",") .. "}"
    end,
  }
end

local function param_json(param)
  local object = json_object()
  object.put("name", json_string(param[1]))
  object.put("type", json_string(param[2]))
  object.put("required", tostring(param.required == true))
  for _, key in ipairs({ "default", "min", "max" }) do
    if param[key] ~= nil then
      object.put(key, json_scalar(param[key]))
    end
  end
  for _, key in ipairs({ "one_of", "formats" }) do
    if param[key] then
      object.put(key, json_list(param[key]))
    end
  end
  object.put("about", json_string(param.about))
  return object.close()
end

local function model_json(model)
  local object = json_object()
  for _, key in ipairs({ "name", "title", "page", "caveat", "latency_s", "price_usd" }) do
    if model[key] then
      object.put(key, json_scalar(model[key]))
    end
  end
  local params = {}
  for i, param in ipairs(model.params) do
    params[i] = param_json(param)
  end
  object.put("params", "[\n  " .. table.concat(params, ",\n  ") .. "\n ]")
  return object.close()
end

--- The model tables as one JSON array, in the order of the list.
---@return string
function export.json()
  local out = {}
  for i, name in ipairs(models.names) do
    out[i] = " " .. model_json(models[name])
  end
  return "[\n" .. table.concat(out, ",\n") .. "\n]\n"
end

--- The JSON as a C file. Numbers, not a string literal: C11 promises only 4095 characters for one,
--- joined pieces counted together.
---@return string
function export.c()
  local json = export.json()
  local lines = {
    "/* Made by lua/segmind/models/export.lua from the model tables. */",
    "extern const char em_models_json[];",
    "extern const unsigned long em_models_json_len;",
    "",
    "const char em_models_json[] = {",
  }
  for start = 1, #json, 16 do
    local bytes = { json:byte(start, math.min(start + 15, #json)) }
    lines[#lines + 1] = "    " .. table.concat(bytes, ", ") .. ","
  end
  lines[#lines + 1] = "    0,\n};\nconst unsigned long em_models_json_len = " .. #json .. "UL;\n"
  return table.concat(lines, "\n")
end

--- The README's table: a row a model, and below it what is to be known of those with an asterisk.
---@return string
function export.markdown()
  local lines, notes = { "| model | takes | about | price |", "|---|---|---|---|" }, {}
  for _, name in ipairs(models.names) do
    local model, takes = models[name], {}
    for i, param in ipairs(model.params) do
      takes[i] = (param.required and "**`%s`**" or "`%s`"):format(param[1])
    end
    local mark = ""
    if model.caveat then
      mark = " \\*"
      notes[1] = "\n\\* " .. model.caveat
    end
    lines[#lines + 1] = ("| [%s](%s)%s | %s | %g s | $%.2f |"):format(
      name, model.page, mark, table.concat(takes, ", "), model.latency_s, model.price_usd)
  end
  lines[#lines + 1] = notes[1]
  return table.concat(lines, "\n") .. "\n"
end

local cats = { image = "segmind.Image", images = "segmind.Image|segmind.Image[]" }

local function param_type(param)
  if not param.one_of then
    return cats[param[2]] or param[2]
  end
  local quoted = {}
  for i, value in ipairs(param.one_of) do
    quoted[i] = '"' .. value .. '"'
  end
  return table.concat(quoted, "|")
end

--- `flux-kontext-dev` -> `segmind.FluxKontextDev`
local function class_name(name)
  return "segmind." .. ("-" .. name):gsub("%-(%a)", string.upper):gsub("%-", "")
end

local function about(param)
  local text = param.about
  if param.min and not text:find("^%d") then
    text = ("%s; %g to %g"):format(text, param.min, param.max)
  end
  if param.default ~= nil then
    text = text .. "; the page's default is " .. tostring(param.default)
  end
  return text
end

local function model_types(lines, model)
  lines[#lines + 1] = ("\n--- %s: about %g s, $%.2f. %s"):format(
    model.title, model.latency_s, model.price_usd, model.page)
  if model.caveat then
    lines[#lines + 1] = "--- " .. model.caveat
  end
  lines[#lines + 1] = "---@class " .. class_name(model.name)
  for _, param in ipairs(model.params) do
    lines[#lines + 1] = ("---@field %s%s %s %s"):format(
      param[1], param.required and "" or "?", param_type(param), about(param))
  end
end

--- The editor's types of every model's parameters, as LuaCATS.
---@return string
function export.types()
  local lines = {
    "---@meta segmind.models",
    "-- Made by lua/segmind/models/export.lua types; models_spec.lua fails when out of date.",
    "",
    "--- A path, an http(s) URL, segmind.bytes(s), a Result or a Job (which makes an edge).",
    "---@alias segmind.Image string|segmind.Bytes|segmind.Result|segmind.Job",
    "",
    "---@alias segmind.Model",
  }
  local any = { "table<string, any>" }
  for i, name in ipairs(models.names) do
    lines[#lines + 1] = '---| "' .. name .. '"'
    any[i + 1] = class_name(name)
  end
  lines[#lines + 1] = "---| string"
  for _, name in ipairs(models.names) do
    model_types(lines, models[name])
  end
  lines[#lines + 1] = "\n---@alias segmind.Params " .. table.concat(any, "|")
  return table.concat(lines, "\n") .. "\n"
end

if root then
  local make = export[arg[1] or ""]
  if not make then
    io.stderr:write("usage: lua lua/segmind/models/export.lua json|c|markdown|types\n")
    os.exit(2)
  end
  io.write(make())
end

return export
