--- Checks parameters against a model's table before anything is sent. The service checks them only
--- after queueing, seconds later and for a job that is already in its books, so this is the only
--- early check there is. All problems of a call are found at once, each naming the parameter, what
--- came and what is allowed. It requires nothing: how an image or a JSON value is judged is handed
--- in.

local schema = {}

--- Edit distance between two words: insertions, deletions, replacements and swaps of neighbours.
local function distance(a, b)
  local before, row = nil, {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local next_row = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      next_row[j] = math.min(row[j] + 1, next_row[j - 1] + 1, row[j - 1] + cost)
      if before and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        next_row[j] = math.min(next_row[j], before[j - 2] + 1)
      end
    end
    before, row = row, next_row
  end
  return row[#b]
end

-- Of a short word two letters are half of it.
local function most_errors(word)
  return #word < 5 and 1 or math.max(2, math.floor(#word / 3))
end

--- The word of a list that was probably meant, or nil when none is near.
---@param word any
---@param list string[]
---@return string?
function schema.nearest(word, list)
  if type(word) ~= "string" or #word > 64 then
    return nil
  end
  word = word:lower()
  local best, least = nil, most_errors(word) + 1
  for _, candidate in ipairs(list) do
    local lower = candidate:lower()
    local contained = #word >= 4 and lower:find(word, 1, true)
    local d = contained and 1 or distance(word, lower)
    if d < least and d < #lower then
      best, least = candidate, d
    end
  end
  return best
end

local function did_you_mean(word, list)
  local near = schema.nearest(word, list)
  return near and ('; did you mean "%s"?'):format(near) or ""
end

--- What came, as it can be printed in a message: never long, never a control character.
---@param value any
---@return string
function schema.show(value)
  if type(value) == "string" then
    local text = value:gsub("[%c\\\"]", function(char)
      return ("\\%d"):format(char:byte())
    end)
    return '"' .. (#text > 60 and text:sub(1, 57) .. "..." or text) .. '"'
  elseif type(value) == "number" then
    return ("%.14g"):format(value)
  elseif type(value) == "boolean" or value == nil then
    return tostring(value)
  end
  return "a " .. type(value)
end

local function range(param)
  return param.min and (" from %g to %g"):format(param.min, param.max) or ""
end

local function wanted(param, noun, value)
  return ("%s must be %s%s, got %s"):format(param[1], noun, range(param), schema.show(value))
end

local function in_range(param, noun, value, checks)
  local is_outside = param.min and (value < param.min or value > param.max)
  if is_outside and not checks.allow_unknown then
    return nil, wanted(param, noun, value)
  end
  return value
end

-- Lua 5.3 and later; before it every number is a float.
local to_integer = rawget(math, "tointeger") or function(value)
  return value
end

-- One function a type: the value as it goes to the wire, or nil and the problem.
local types = {}

function types.string(param, value, checks)
  if type(value) ~= "string" then
    return nil, wanted(param, "a string", value)
  elseif param.required and not value:find("%S") then
    return nil, param[1] .. " must not be empty"
  elseif not param.one_of or checks.allow_unknown then
    return value
  end
  for _, allowed in ipairs(param.one_of) do
    if value == allowed then
      return value
    end
  end
  return nil, ("%s must be one of %s; got %s%s"):format(param[1],
    table.concat(param.one_of, " "), schema.show(value), did_you_mean(value, param.one_of))
end

function types.number(param, value, checks)
  if type(value) ~= "number" or value ~= value then
    return nil, wanted(param, "a number", value)
  end
  return in_range(param, "a number", value, checks)
end

function types.integer(param, value, checks)
  if type(value) ~= "number" or value ~= math.floor(value) then
    return nil, wanted(param, "an integer", value)
  end
  return in_range(param, "an integer", to_integer(value) or value, checks)
end

function types.boolean(param, value)
  if type(value) ~= "boolean" then
    return nil, wanted(param, "true or false", value)
  end
  return value
end

function types.image(param, value, checks)
  local problem = checks.image(value, param, checks)
  if problem then
    return nil, param[1] .. ": " .. problem
  end
  return value
end

--- A list of pictures, in order; one picture stands for a list of one.
function types.images(param, value, checks)
  local is_list = type(value) == "table" and getmetatable(value) == nil
  local list, count = is_list and value or { value }, 0
  for _ in pairs(list) do
    count = count + 1
  end
  if count == 0 or count ~= #list then
    return nil, param[1] .. " must be a list of pictures, none left out"
  end
  local copy = {}
  for i, item in ipairs(list) do
    local problem = checks.image(item, param, checks)
    if problem then
      return nil, ("%s[%d]: %s"):format(param[1], i, problem)
    end
    copy[i] = item
  end
  return copy
end

--- One parameter: the value as sent, or nil and the problem (neither when it was left out).
local function check_param(param, value, checks)
  if value == nil or value == checks.null then
    if param.required then
      return nil, ("%s is required: %s"):format(param[1], param.about)
    end
    return value
  end
  local type_name = param[2]
  local checked, problem = types[type_name](param, value, checks)
  if not problem and type_name ~= "image" and type_name ~= "images" then
    local reason = checks.scalar(checked)
    problem = reason and (param[1] .. ": " .. reason)
  end
  return checked, problem
end

local function is_given(value, null)
  return value ~= nil and value ~= null
end

-- What is said of a parameter that is left out, by its rule: the same to every job.
local left_out = setmetatable({}, { __mode = "k" })

--- The warning that a rule of a model table asks for: `{ above =, with = }` or
--- `{ equals =, without = }`, which a value that was left out meets, too.
local function warning(param, params, null)
  local rule, value = param.warn, params[param[1]]
  if value == null then
    value = nil
  end
  if value == nil and rule.equals == nil then
    return nil
  end
  local hit = rule.above and value > rule.above
    or rule.equals ~= nil and (value == nil or value == rule.equals)
  if rule.with then
    hit = hit and is_given(params[rule.with], null)
  elseif rule.without then
    hit = hit and not is_given(params[rule.without], null)
  end
  if not hit then
    return nil
  end
  if value == nil then
    left_out[rule] = left_out[rule] or ("%s is left out: %s"):format(param[1], rule.say)
    return left_out[rule]
  end
  return ("%s = %s: %s"):format(param[1], schema.show(value), rule.say)
end

--- The names of a model's parameters; none of a model that is not declared.
---@param model table?
---@return string[]
function schema.names(model)
  local names = {}
  for i, param in ipairs(model and model.params or {}) do
    names[i] = param[1]
  end
  return names
end

-- The types of each model's parameters by their names, made once.
local types_of = setmetatable({}, { __mode = "k" })

local no_types = {}

--- The types of a model's parameters by their names; none of a model that is not declared. Not to
--- be changed.
---@param model table?
---@return table<string, string>
function schema.types(model)
  if not model then
    return no_types
  end
  local by_name = types_of[model]
  if not by_name then
    by_name = {}
    for _, param in ipairs(model.params) do
      by_name[param[1]] = param[2]
    end
    types_of[model] = by_name
  end
  return by_name
end

--- What is wrong with a parameter that the model's table does not declare.
local function other_problem(model, name, value, checks)
  if type(name) ~= "string" then
    return ("the name of a parameter is a string, got %s"):format(schema.show(name))
  elseif checks.allow_unknown then
    local reason = checks.other(value, checks)
    return reason and (name .. ": " .. reason)
  elseif checks.options and checks.options[name] then
    return ("%s is an option, not a parameter: give it in the table after the parameters, "
      .. "the third argument of run and submit"):format(name)
  end
  return ("%s is not a parameter of %s%s"):format(name, model.name,
    did_you_mean(name, schema.names(model)))
end

--- The parameters that the model's table does not declare: refused, or checked for the wire only.
---@return string[]? problems sorted
local function check_others(model, params, checks, out)
  local known, others = schema.types(model), nil
  for name, value in pairs(params) do
    if not known[name] then
      local problem = other_problem(model, name, value, checks)
      if problem then
        others = others or {}
        others[#others + 1] = problem
      elseif checks.allow_unknown then
        out[name] = value
      end
    end
  end
  if others then
    table.sort(others)
  end
  return others
end

local function check_declared(model, params, checks, out)
  local declared, problems = model.params, nil
  for i = 1, #declared do
    local param = declared[i]
    local value = params[param[1]]
    if value ~= nil or param.required then
      local checked, problem = check_param(param, value, checks)
      out[param[1]] = checked
      if problem then
        problems = problems or {}
        problems[#problems + 1] = problem
      end
    end
  end
  return problems
end

local function warnings_of(model, out, null)
  local declared, warnings = model.params, {}
  for i = 1, #declared do
    if declared[i].warn then
      warnings[#warnings + 1] = warning(declared[i], out, null)
    end
  end
  return warnings
end

--- Checks a call. `checks` holds `allow_unknown`, `null` (the value that stands for JSON's null),
--- `image(value, param, checks)`, `scalar(value)` and, for parameters that the table does not
--- declare, `other(value, checks)`: they return a problem as text or nil. `options` names what is
--- an option.
---@param model table the model's table; see lua/segmind/models
---@param params table
---@param checks table
---@return table? checked a new table, as it goes to the wire
---@return string[] found the warnings; without a first result the problems
function schema.check(model, params, checks)
  local out = {}
  local problems = check_declared(model, params, checks, out)
  local others = check_others(model, params, checks, out)
  if not (problems or others) then
    return out, warnings_of(model, out, checks.null)
  end
  problems = problems or {}
  for _, problem in ipairs(others or {}) do
    problems[#problems + 1] = problem
  end
  return nil, problems
end

local booleans = { ["true"] = true, ["false"] = false }

--- A value that came as text (from a command line, a table of text, a variable), as the type that
--- a model declares has it. What does not fit stays text, for the check to refuse. Where nothing is
--- declared it is a number or a boolean if it reads as one.
---@param type_name string?
---@param value string|number|boolean
---@return string|number|boolean
function schema.from_text(type_name, value)
  local is_any = type_name == nil
  if type_name == "integer" or type_name == "number" or is_any then
    local number = type(value) == "string" and not value:find("^%s*[+-]?0[xX]") and tonumber(value)
    value = number and number - number == 0 and (to_integer(number) or number) or value
  end
  if (type_name == "boolean" or is_any) and booleans[value] ~= nil then
    return booleans[value]
  elseif type_name == "string" and type(value) ~= "string" then
    return type(value) == "number" and ("%.14g"):format(value) or tostring(value)
  end
  return value
end

--- What is wrong with the name of a model, or nil. A name becomes part of a URL.
---@param name string
---@param declared string[]
---@return string?
function schema.model_problem(name, declared)
  if name:find("^[A-Za-z0-9][A-Za-z0-9._-]*$") and #name <= 128 then
    return nil
  end
  local last = name:match("([^/]*)/*$")
  return ("the name of a model is made of letters, digits, dot, dash and underscore, got ")
    .. schema.show(name) .. did_you_mean(last, declared)
end

return schema
