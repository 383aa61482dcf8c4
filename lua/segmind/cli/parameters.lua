--- Parameters of a model as words of the command line: `name=value`, `name=@file` for text from a
--- file, `-` for standard input. What a value is, the model's table says.

local file = require("segmind.file")
local json = require("segmind.json")
local models = require("segmind.models")
local schema = require("segmind.schema")
local usage = require("segmind.cli.usage")

local parameters = {}

-- What is an option of the command, and is easily taken for a parameter.
local options = { save = "-o FILE", output = "-o FILE", n = "-n N", fresh = "--fresh",
  timeout = "--timeout SECONDS", budget = "--budget DOLLARS", model = "-m MODEL" }

local stdin

local function read_stdin(name)
  if stdin then
    usage.fail("standard input is read for %s already, it cannot be %s, too", stdin, name)
  end
  stdin = name
  return io.stdin:read("*a") or ""
end

local function read_file(path, name)
  local text, why = file.read(path)
  if not text then
    usage.fail("%s=@%s: %s; a text that begins with @ is written %s=@@…", name, path,
      why and why:gsub("^.*: ", "") or "it cannot be read", name)
  end
  return text
end

--- What an editor puts round a text is no part of it: a byte order mark, the end of the last line.
local function content(text)
  return (text:gsub("^\239\187\191", ""):gsub("\r?\n$", ""))
end

--- The text of a prompt, or of another parameter: itself, a file's or standard input's.
---@param value string
---@param name string for messages
---@return string
function parameters.text(value, name)
  if value == "-" or value == "@-" then
    return content(read_stdin(name))
  elseif value:sub(1, 2) == "@@" then
    return value:sub(2)
  elseif value:sub(1, 1) == "@" then
    return content(read_file(value:sub(2), name))
  end
  return value
end

--- A picture: a path, an address, or `-` for the bytes on standard input.
---@param value string
---@param name string for messages
---@return segmind.Image
function parameters.picture(value, name)
  if value == "-" then
    return require("segmind").bytes(read_stdin(name))
  elseif value:sub(1, 1) == "@" then
    return value:sub(2)
  end
  return value
end

local function number(value)
  return value:find("^[+-]?%d*%.?%d*[eE]?[+-]?%d*$") and json.number(value) or value
end

-- By the type of a parameter. What is not of its type stays a text, which the check of the
-- parameters refuses with what is allowed.
local readers = { string = parameters.text, image = parameters.picture }

function readers.number(value, name)
  value = parameters.text(value, name)
  return value == "null" and json.null or number(value)
end

readers.integer = readers.number

function readers.boolean(value, name)
  value = parameters.text(value, name)
  if value == "null" then
    return json.null
  elseif value == "true" or value == "false" then
    return value == "true"
  end
  return value
end

--- One picture, or a list in JSON; a name that is given several times is a list, too.
function readers.images(value, name)
  local list = value:find("^%s*%[") and json.decode(value)
  if type(list) ~= "table" then
    return { parameters.picture(value, name) }
  end
  return list
end

--- Of a model that is not declared: numbers, true, false, null, lists and objects as in JSON.
local function guess(value, name)
  local text = parameters.text(value, name)
  if text ~= value then
    return text
  elseif text == "true" or text == "false" then
    return text == "true"
  elseif text == "null" then
    return json.null
  elseif text:find("^[%[{]") then
    local decoded = json.decode(text)
    return type(decoded) == "table" and decoded or text
  end
  return text:find("%d") and number(text) or text
end

--- The value of one parameter by its model's table.
---@param model string
---@param name string
---@param value string
---@return any
function parameters.value(model, name, value)
  local spec = models.declared(model)
  local types = schema.types(spec)
  local read = readers[types[name]] or not spec and guess or parameters.text
  return read(value, name)
end

local function split(word, model)
  local name, value = word:match("^([%a_][%w_]*)=(.*)$")
  if not name then
    usage.fail("%s is no parameter; parameters of %s are written name=value: prompt=%s, for "
      .. "example", word, model, word:find("^[%w_]*$") and "…" or "'" .. word .. "'")
  end
  return name, value
end

--- Reads the words `name=value` of a call.
---@param model string
---@param words string[]
---@return table params
function parameters.read(model, words)
  local params, types = {}, schema.types(models.declared(model))
  stdin = nil
  for _, word in ipairs(words) do
    local name, value = split(word, model)
    if options[name] and not types[name] and models.declared(model) then
      usage.fail("%s is an option, no parameter of %s: write %s", name, model, options[name])
    end
    value = parameters.value(model, name, value)
    if params[name] ~= nil and types[name] == "images" then
      for _, picture in ipairs(value) do
        table.insert(params[name], picture)
      end
    elseif params[name] ~= nil then
      usage.fail("%s is given twice", name)
    else
      params[name] = value
    end
  end
  return params
end

--- Whether a model takes a parameter.
---@param model string
---@param name string
---@return boolean
function parameters.has(model, name)
  local spec = models.declared(model)
  local types = schema.types(spec)
  return types[name] ~= nil or not spec
end

--- Refuses a model that is probably misspelt; the service would, too, but later.
---@param model string
function parameters.check_model(model)
  local near = not models.declared(model) and usage.nearest(model, models.names) or ""
  if near ~= "" then
    usage.fail("there is no model %s%s; segmind models lists those that are declared here", model,
      near)
  elseif model:find("=") then
    usage.fail("the model comes before its parameters: segmind run MODEL %s", model)
  end
end

--- Refuses a model of which edit could not say where its picture belongs.
---@param model string
function parameters.check_edit(model)
  parameters.check_model(model)
  local spec = models.declared(model)
  if not spec or not models.first_image(spec) then
    usage.fail("%s is not declared here, so edit does not know which parameter takes the "
      .. "picture: segmind run %s name=%s", model, model, "PICTURE")
  end
end

return parameters
