--- Everything that is written about the models, made from their tables:
---
---   lua lua/segmind/models/export.lua json | c | markdown | types
---
--- `json` is what the emulator reads, `c` the same as a C array to build in, `markdown` the table
--- of the README, `types` the text of lua/segmind/meta/types.lua. It runs during the build, so it
--- needs a bare Lua interpreter and nothing else, and two runs print the same bytes: keys come in a
--- fixed order. Required as a module it returns its functions instead of printing.

local root = arg and arg[0] and arg[0]:match("^(.-)segmind/models/export%.lua$")
if root then
  package.path = root .. "?.lua;" .. root .. "?/init.lua;" .. package.path
end
local Error = require("segmind.error")
local models = require("segmind.models")
local tables = require("segmind.tables")

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

-- In a chain the picture of an earlier step, too.
local step_cats = { image = "segmind.StepImage",
  images = "segmind.StepImage|segmind.StepImage[]" }

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

--- The class of a model's parameters: `flux-kontext-dev` -> `segmind.FluxKontextDev`.
---@param name string
---@return string
function export.class_name(name)
  return (("segmind.-" .. name):gsub("%-(%a)", string.upper):gsub("%-", ""))
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

local function field(param, is_optional, kind)
  return ("---@field %s%s %s %s"):format(param[1], is_optional and "?" or "", kind, about(param))
end

--- The parameters as `edit` takes them, without the picture that has a place of its own; as `run`
--- takes them; and as a step of a chain does, which has its picture from the step before.
local function model_types(put, model)
  local name, picture = export.class_name(model.name), models.first_image(model)
  local edit, whole, step = {}, {}, {}
  for _, param in ipairs(model.params) do
    local is_first = param[1] == picture
    table.insert(is_first and whole or edit, field(param, not param.required, param_type(param)))
    if step_cats[param[2]] then
      step[#step + 1] = field(param, is_first or not param.required, step_cats[param[2]])
    end
  end
  put(("\n--- %s, for `edit`: all but the picture."):format(model.title))
  put(("---@class (exact) %sEdit"):format(name), edit)
  put(("\n--- %s: about %g s, $%.2f. %s"):format(model.title, model.latency_s, model.price_usd,
    model.page))
  if model.caveat then
    put("--- " .. model.caveat)
  end
  put(("---@class (exact) %s: %sEdit"):format(name, name), whole)
  put("\n--- " .. model.title
    .. ", for a step of a chain: its picture is that of the step before, unless named.")
  put(("---@class (exact) %sStep: %sEdit"):format(name, name), step)
end

-- The verbs: what they take behind the model, and what they return.
local verbs = {
  { "run", "params: %s", "segmind.Result?, segmind.Error?" },
  { "edit", "picture: segmind.Image, params: string|%sEdit", "segmind.Result?, segmind.Error?" },
  { "run_sync", "params: %s", "segmind.Result?, segmind.Error?" },
  { "submit", "params: %s", "segmind.Job?, segmind.Error?" },
}

--- An overload for each model and verb, which an editor chooses by the literal in the call. The
--- function itself takes a plain `table` for models that are not declared: beside any other type an
--- editor would not miss a parameter.
local function verb_types(put, owner, self, list)
  put(("\n---@class %s"):format(owner))
  for _, verb in ipairs(list) do
    for _, name in ipairs(models.names) do
      local params = verb[2]:format(export.class_name(name))
      put(("---@field %s fun(%smodel: %q, %s, opts?: segmind.CallOptions): %s"):format(verb[1],
        self, name, params, verb[3]))
    end
  end
end

--- The kinds of errors, which are a table of the library's, too.
local function kind_types(put)
  local kinds = tables.keys(Error.kinds)
  put("\n--- What went wrong.\n---@alias segmind.ErrorKind")
  for _, kind in ipairs(kinds) do
    put(('---| "%s" # %s'):format(kind, Error.kinds[kind]))
  end
end

--- The editor's types that are made of tables, as LuaCATS: the parameters of every model, the verbs
--- with them, the kinds of errors.
---@return string
function export.types()
  local lines = {}
  local function put(line, more)
    lines[#lines + 1] = line
    for _, one in ipairs(more or {}) do
      lines[#lines + 1] = one
    end
  end
  put("---@meta _")
  put("-- Made by lua/segmind/models/export.lua types; a spec fails when it is out of date.")
  put("\n--- A path, an http(s) URL, segmind.bytes(s), a Result or a Job (which makes an edge).")
  put("---@alias segmind.Image string|segmind.Bytes|segmind.Result|segmind.Job")
  put("\n--- In a chain also the picture of an earlier step, `chain:output(n)`.")
  put("---@alias segmind.StepImage segmind.Image|segmind.Output")
  put("\n--- The name of a model; those that are not declared here are not checked.")
  put("---@alias segmind.Model")
  for _, name in ipairs(models.names) do
    put('---| "' .. name .. '"')
  end
  put("---| string")
  for _, name in ipairs(models.names) do
    model_types(put, models[name])
  end
  verb_types(put, "segmind", "", verbs)
  verb_types(put, "segmind.Client", "self: segmind.Client, ", verbs)
  verb_types(put, "segmind.Chain", "self: segmind.Chain, ",
    { { "step", "params: %sStep", "segmind.Chain" } })
  kind_types(put)
  return table.concat(lines, "\n") .. "\n"
end

if root then
  local formats = { json = true, c = true, markdown = true, types = true }
  local make = formats[arg[1]] and export[arg[1]]
  if not make then
    io.stderr:write("usage: lua lua/segmind/models/export.lua json|c|markdown|types\n")
    os.exit(2)
  end
  io.write(make())
end

return export
