--- Chain files: a workflow as data, for the command line, editors and scripts. doc/guide.md has the
--- format; in short
---
---     { "input": "portrait.webp",
---       "vars": { "place": "a harbour" },
---       "steps": [
---         { "name": "night", "model": "flux-kontext-pro",
---           "params": { "prompt": "{place} at night" } },
---         { "name": "duo", "model": "multi-image-kontext-max", "save": "out/duo",
---           "params": { "prompt": "side by side", "input_image_2": { "step": "night" } } } ] }
---
--- Everything is checked when the file is read, and told with its line. A file that ends in .lua is
--- a program that returns such a table: run as text, without os, io and whatever leads there.

local Error = require("segmind.error")
local input = require("segmind.input")
local interruption = require("segmind.interruption")
local json = require("segmind.json")
local json_reader = require("segmind.json_reader")
local models = require("segmind.models")
local options = require("segmind.options")
local path = require("segmind.path")
local request = require("segmind.request")
local schema = require("segmind.schema")
local template = require("segmind.template")

local MAX_BYTES = 1024 * 1024

--- What a file asks for, checked.
---@class segmind.ChainFile
---@field name string the file's name, for messages
---@field steps segmind.ChainFileStep[] each behind those whose pictures it takes
local File = {}
File.__index = File
File.__name = "segmind.ChainFile"

--- A step of a chain file.
---@class segmind.ChainFileStep
---@field n integer its number in the file
---@field name string? its name there
---@field model string
---@field params table with its variables filled in
---@field save string? the absolute path of its picture; may be set before `chain`
---@field is_final boolean no other step takes its picture

--- Stands for the picture of step `n` of the file.
local Reference = { _image_kind = "step" }
Reference.__index = Reference

local function is_object(self, value)
  return type(value) == "table" and getmetatable(value) == nil and not self:_is_list(value)
    and value ~= json.null
end

--- Whether an empty table is a list or an object only the text of JSON says.
function File:_is_list(value)
  if self._document then
    return self._document:is_list(value)
  end
  return #value > 0
end

--- Notes what is wrong with a member of `holder`, or with its name.
local function complain(self, holder, key, message, is_name)
  local line, column
  if self._document then
    line, column = self._document:place(holder, key, is_name)
  end
  self._problems[#self._problems + 1] = { at = (line or 0) * 1e6 + (column or #self._problems),
    text = line and ("%s:%d:%d: %s"):format(self.name, line, column, message)
      or self.name .. ": " .. message }
end

local function refusal(self)
  table.sort(self._problems, function(a, b)
    return a.at < b.at
  end)
  local problems = {}
  for i, problem in ipairs(self._problems) do
    problems[i] = problem.text
  end
  return Error.refusal(table.concat(problems, "; "), { problems = problems })
end

local function label(step)
  return step.name and "step " .. schema.show(step.name) or "step " .. step.n
end

-- Where a step is, for messages about another.
local function line_of(self, n)
  local line = self._document and self._document:place(self._data.steps, n)
  return line and (" (line %d)"):format(line) or ""
end

local function did_you_mean(word, list)
  local near = schema.nearest(word, list)
  return near and ('; did you mean "%s"?'):format(near)
    or list[1] and "; there is " .. table.concat(list, ", ") or ""
end

local function show(self, value)
  if value == nil or value == json.null then
    return "nothing"
  elseif type(value) == "table" then
    return self:_is_list(value) and "a list" or "an object"
  end
  return schema.show(value)
end

local function check_names(self, object, known, where)
  for name in pairs(object) do
    local is_known = false
    for _, other in ipairs(known) do
      is_known = is_known or name == other
    end
    if not is_known then
      complain(self, object, name, ("%s has no field %s%s"):format(where, schema.show(name),
        did_you_mean(name, known)), true)
    end
  end
end

-- -- variables ------------------------------------------------------------------------------------

local function check_set(self, set, declared)
  for name in pairs(set) do
    if declared[name] == nil and not self._asked[name] then
      local names = {}
      for other in pairs(declared) do
        names[#names + 1] = other
      end
      table.sort(names)
      complain(self, self._data, "vars", ("there is no variable %s to set%s"):format(
        schema.show(name), did_you_mean(name, names)), true)
    end
  end
end

--- The variables: those of the file, and over them those that were set.
local function read_vars(self, set)
  local declared, values = self._data.vars, {}
  if declared == nil or declared == json.null then
    declared = {}
  elseif not is_object(self, declared) then
    complain(self, self._data, "vars", "vars is an object of names and their values, got "
      .. show(self, declared))
    declared = {}
  end
  for name, value in pairs(declared) do
    local given = set[name]
    if given == nil and value == json.null then
      complain(self, declared, name, ("the variable %s has no value; set it (--set %s=…)"):format(
        schema.show(name), name), true)
    elseif type(value) == "table" then
      complain(self, declared, name, ("the variable %s is a text, a number, true or false, got %s")
        :format(schema.show(name), show(self, value)))
    end
    values[name] = given == nil and value or given
  end
  check_set(self, set, declared)
  return values
end

-- -- values ---------------------------------------------------------------------------------------

local function is_picture(type_name)
  return type_name == "image" or type_name == "images"
end

--- A path that the file names is of the file's folder; one that was set, of the current one.
local function resolve(self, name, is_set)
  if is_set or input.kind(name) ~= "path" or name:sub(1, 1) == "/" or path.is_home(name) then
    return path.absolute(name)
  end
  return path.absolute(self._folder .. name)
end

--- A text with its variables; one that is a variable alone has that one's type.
local function read_text(self, holder, key, type_name)
  local text = holder[key]
  local value, problem = template.expand(text, self._values)
  local whole = template.whole(text)
  if problem then
    complain(self, holder, key, problem)
    return nil
  elseif whole and self._values[whole] ~= nil then
    value = self._values[whole]
  end
  if value ~= text then
    value = schema.from_text(type_name, value)
  end
  if is_picture(type_name) and type(value) == "string" then
    if input.kind(value) == "path" then
      value = resolve(self, value, whole and self._set[whole] ~= nil)
    end
    table.insert(self._pictures, { value = value, holder = holder, key = key })
  end
  return value
end

local function refer(step, n, holder, key)
  step.needs[n] = step.needs[n] or { holder = holder, key = key }
  return setmetatable({ n = n }, Reference)
end

--- `{ "step": … }`: the picture of a step, by its name or number.
local function read_reference(self, step, value)
  local named, n = value.step, nil
  if type(named) == "string" then
    n = self._numbers[named]
  elseif type(named) == "number" and self._data.steps[named] ~= nil then
    n = named
  end
  if n then
    return refer(step, n, value, "step")
  end
  local names = {}
  for name in pairs(self._numbers) do
    names[#names + 1] = name
  end
  table.sort(names)
  complain(self, value, "step", ("%s: there is no step %s%s"):format(label(step), show(self, named),
    type(named) == "number" and ("; steps are numbered 1 to %d"):format(#self._data.steps)
    or did_you_mean(named, names)))
end

--- `{ "file": … }`: a picture in a parameter of which no table says that it takes one.
local function read_file(self, step, value)
  local name = type(value.file) == "string" and read_text(self, value, "file", "image")
  local file, why
  if name then
    file, why = io.open(name, "rb")
  end
  local content = file and file:read("*a")
  if file then
    file:close()
  end
  if not content then
    complain(self, value, "file", ("%s: %s"):format(label(step), why
      or "file is the path of a picture, got " .. show(self, value.file)))
    return nil
  end
  return input.bytes(content)
end

local function is_only(object, name)
  return object[name] ~= nil and next(object, next(object)) == nil
end

local function read_value(self, step, holder, key, type_name)
  local value = holder[key]
  if type(value) == "string" then
    return read_text(self, holder, key, type_name)
  elseif type(value) ~= "table" or getmetatable(value) ~= nil then
    return value
  elseif is_only(value, "step") then
    return read_reference(self, step, value)
  elseif is_only(value, "file") then
    return read_file(self, step, value)
  elseif next(value) == nil and self:_is_list(value) then
    return json.empty_array or value
  end
  local copy = {}
  for name in pairs(value) do
    copy[name] = read_value(self, step, value, name, type_name)
  end
  return copy
end

-- -- steps ----------------------------------------------------------------------------------------

local STEP = { "name", "model", "params", "save", "about", "price", "timeout", "allow_unknown" }

--- The picture that a step takes without naming it: that of the step before, for the first `input`.
--- With null in its place a model that can draws from the text alone.
local function add_picture(self, step)
  local first = step.spec and models.first_image(step.spec)
  local given = first and step.params[first]
  local is_named = given ~= nil or not step.spec and step.opts.price ~= nil
  if step.n == 1 and self._input ~= nil and is_named then
    complain(self, self._data, "input", ("input is not used: %s names its picture itself"):format(
      label(step)), true)
  elseif first and given == nil and step.n > 1 then
    step.params[first] = refer(step, step.n - 1, self._data.steps, step.n)
  elseif first and given == nil then
    step.params[first] = self._input
  elseif first and given == json.null then
    step.params[first] = nil
  end
end

local function ignore() end

--- Problems begin with the name of their parameter. One that could not be read is told already.
local function check_params(self, step)
  local raw = step.raw.params
  local checked, problems = schema.check(step.spec, step.params, { null = json.null, image = ignore,
    allow_unknown = step.opts.allow_unknown, scalar = json.problem, value = ignore, other = ignore,
    options = request.options })
  for _, problem in ipairs(checked and {} or problems) do
    local name = problem:match("^[%w_]+")
    local given = raw[name]
    if given == nil then
      complain(self, step.raw, "params", ("%s: %s"):format(label(step), problem), true)
    elseif step.params[name] ~= nil or given == json.null then
      complain(self, raw, name, ("%s: %s"):format(label(step), problem),
        problem:find(" is not a parameter ", 1, true) ~= nil)
    end
  end
end

local function read_params(self, step)
  local raw = step.raw.params
  if raw == nil then
    raw = {}
    step.raw.params = raw
  end
  if not is_object(self, raw) and next(raw) ~= nil then
    complain(self, step.raw, "params", ("%s: params is an object, got %s"):format(label(step),
      show(self, raw)))
    return
  end
  local types = {}
  for _, param in ipairs(step.spec and step.spec.params or {}) do
    types[param[1]] = param[2]
  end
  for name in pairs(raw) do
    step.params[name] = read_value(self, step, raw, name, types[name])
  end
  add_picture(self, step)
  if step.spec then
    check_params(self, step)
  end
end

--- A model that is declared nowhere here may be a misspelt one, and has no price: both are known
--- when the file gives the price.
local function check_model(self, step)
  local bad = schema.model_problem(step.model, models.names)
  local near = schema.nearest(step.model, models.names)
  if bad then
    complain(self, step.raw, "model", ("%s: %s"):format(label(step), bad))
  elseif not step.spec and step.opts.price == nil then
    complain(self, step.raw, "model", ("%s: the model %s is not declared%s If it is one of the "
      .. 'service\'s, give its "price" in dollars'):format(label(step), schema.show(step.model),
      near and ('; did you mean "%s"?'):format(near) or "."))
  end
end

local function is_amount(value)
  return type(value) == "number" and value - value == 0 and value >= 0
end

local call_options = {
  { "price", "an amount of dollars", is_amount },
  { "timeout", "a number of seconds above 0", function(value)
    return is_amount(value) and value > 0 and value <= 1e7
  end },
  { "allow_unknown", "true or false", function(value)
    return type(value) == "boolean"
  end },
}

local function read_call_options(self, step)
  step.opts = { name = step.name }
  for _, option in ipairs(call_options) do
    local name, value = option[1], step.raw[option[1]]
    if value ~= nil and value ~= json.null and not option[3](value) then
      complain(self, step.raw, name, ("%s: %s is %s, got %s"):format(label(step), name, option[2],
        show(self, value)))
    elseif value ~= json.null then
      step.opts[name] = value
    end
  end
end

--- What `save` may be: the file may come from anybody, so a name below the folder.
local function save_problem(self, save)
  if type(save) ~= "string" or not save:find("%S") then
    return "save is the name of a file, true or false, got " .. show(self, save)
  elseif save:find("^[/~]") or ("/" .. save .. "/"):find("/../", 1, true) or save:find("%c") then
    return "save stays below the folder, got " .. schema.show(save)
  end
end

local function default_save(self, step)
  return step.name or ("%s-%d"):format(self._stem, step.n)
end

local function read_save(self, step)
  local save = step.raw.save
  if save == nil or save == json.null or save == false then
    step.is_unsaved = save == false
    return
  elseif save == true then
    save = default_save(self, step)
  elseif type(save) == "string" then
    save = read_text(self, step.raw, "save", "string")
  end
  local problem = save ~= nil and save_problem(self, save)
  if problem then
    complain(self, step.raw, "save", ("%s: %s"):format(label(step), problem))
  elseif save then
    step.save = path.absolute(self._out .. save)
  end
end

local function read_step(self, n)
  local raw = self._data.steps[n]
  local step = { n = n, raw = raw, params = {}, needs = {}, name = self._names[n],
    first_picture = #self._pictures + 1 }
  if not is_object(self, raw) then
    complain(self, self._data.steps, n, ("step %d is an object, got %s"):format(n, show(self, raw)))
    return step
  end
  check_names(self, raw, STEP, label(step))
  step.model = type(raw.model) == "string" and read_text(self, raw, "model", "string") or nil
  if type(raw.model) ~= "string" then
    complain(self, raw.model == nil and self._data.steps or raw, raw.model == nil and n or "model",
      ("%s: model is a name, got %s"):format(label(step), show(self, raw.model)))
  end
  read_call_options(self, step)
  step.spec = step.model and models.declared(step.model)
  if step.model then
    check_model(self, step)
  end
  read_params(self, step)
  read_save(self, step)
  step.last_picture = #self._pictures
  return step
end

--- The names of the steps, before any is read: a step may name one that stands behind it.
local function read_names(self)
  self._names, self._numbers = {}, {}
  for n, raw in ipairs(self._data.steps) do
    local name = is_object(self, raw) and raw.name or nil
    if name ~= nil and (type(name) ~= "string" or not name:find("^[%w_][%w_.-]*$")) then
      complain(self, raw, "name", ("step %d: a name is made of letters, digits, dot, dash and "
        .. "underscore, got %s"):format(n, show(self, name)))
    elseif name and self._numbers[name] then
      complain(self, raw, "name", ("two steps are called %s; the other is step %d%s"):format(
        schema.show(name), self._numbers[name], line_of(self, self._numbers[name])))
    elseif name then
      self._names[n], self._numbers[name] = name, n
    end
  end
end

-- -- order ----------------------------------------------------------------------------------------

local function tell_circle(self, steps, way, from, edge)
  local words, is_in = {}, false
  for _, n in ipairs(way) do
    is_in = is_in or n == from
    words[#words + 1] = is_in and label(steps[n]) .. line_of(self, n) or nil
  end
  words[#words + 1] = label(steps[from])
  local links = table.concat(words, ", which takes that of ")
  complain(self, edge.holder, edge.key, "a circle: "
    .. links:gsub(", which takes that of ", " takes the picture of ", 1))
end

--- Puts step `n` into the order, behind those that it needs.
local function visit(self, steps, n, order, state, way)
  state[n], way[#way + 1] = "open", n
  local needed = {}
  for other in pairs(steps[n].needs) do
    needed[#needed + 1] = other
  end
  table.sort(needed)
  for _, other in ipairs(needed) do
    if state[other] == "open" then
      tell_circle(self, steps, way, other, steps[n].needs[other])
    elseif not state[other] then
      visit(self, steps, other, order, state, way)
    end
  end
  state[n], way[#way] = "closed", nil
  order[#order + 1] = steps[n]
end

local function wanted(self, steps, upto)
  if upto == nil then
    local all = {}
    for n in ipairs(steps) do
      all[n] = n
    end
    return all
  end
  local n = self._numbers[upto] or steps[tonumber(upto)] and tonumber(upto)
  if not n then
    local names = {}
    for name in pairs(self._numbers) do
      names[#names + 1] = name
    end
    table.sort(names)
    complain(self, self._data, "steps", ("there is no step %s%s"):format(schema.show(upto),
      did_you_mean(upto, names)), true)
  end
  return { n }
end

local function sort(self, steps, upto)
  local order, state = {}, {}
  -- Circles are told of the whole file.
  for n in ipairs(steps) do
    if not state[n] then
      visit(self, steps, n, order, state, {})
    end
  end
  if upto ~= nil then
    order, state = {}, {}
    for _, n in ipairs(wanted(self, steps, upto)) do
      visit(self, steps, n, order, state, {})
    end
  end
  for _, step in ipairs(order) do
    step.is_final = true
    for n in pairs(step.needs) do
      steps[n].is_final = false
    end
  end
  return order
end

--- Two steps that write one file.
local function check_saves(self)
  local writers = {}
  for _, step in ipairs(self.steps) do
    for _, target in ipairs(path.targets(step.save)) do
      local other = writers[target]
      if other and other ~= step then
        complain(self, step.raw, step.raw.save ~= nil and "save" or "name",
          ("%s and %s%s would both write %s"):format(label(step), label(other),
          line_of(self, other.n), target))
        break
      end
      writers[target] = step
    end
  end
end

local function check_top(self)
  local data = self._data
  if not is_object(self, data) then
    local what = "a chain file is an object with steps, got " .. show(self, data)
    self._problems[1] = { at = 0, text = self.name .. ": " .. what }
    return false
  end
  check_names(self, data, { "input", "vars", "steps", "about" }, "a chain file")
  if type(data.steps) ~= "table" or not data.steps[1] then
    complain(self, data, "steps", "steps is a list of at least one step, got "
      .. (type(data.steps) == "table" and data.steps ~= json.null and "an empty one"
      or show(self, data.steps)))
    return false
  end
  return true
end

local function read_input(self)
  local given = self._data.input
  if type(given) == "string" then
    return read_text(self, self._data, "input", "image")
  elseif given ~= nil and given ~= json.null and input.kind(given) then
    return given -- of a table in Lua: a job, a result, bytes
  elseif given ~= nil and given ~= json.null then
    complain(self, self._data, "input", "input is a path or a URL, got " .. show(self, given))
  end
end

--- Checks the whole of it, and puts the steps in order.
local function read_all(self, opts)
  if not check_top(self) then
    return
  end
  self._values = read_vars(self, self._set)
  self._input = read_input(self)
  read_names(self)
  local steps = {}
  for n in ipairs(self._data.steps) do
    steps[n] = read_step(self, n)
  end
  self.steps = sort(self, steps, opts.upto)
  for _, step in ipairs(self.steps) do
    if opts.out and step.is_final and not step.save and not step.is_unsaved then
      step.save = path.absolute(self._out .. default_save(self, step))
    end
  end
  check_saves(self)
end

-- -- sources --------------------------------------------------------------------------------------

local function contents(name)
  local file, why = io.open(name, "rb")
  local text, trouble = nil, nil
  if file then
    text, trouble = file:read(MAX_BYTES + 1)
    file:close()
  end
  if not text then
    return nil, why or name .. ": " .. (trouble or "it is empty")
  elseif #text > MAX_BYTES then
    return nil, ("%s: more than %d bytes, too long for a chain file"):format(name, MAX_BYTES)
  end
  return text
end

local function copy_of(library, without)
  local copy = {}
  for name, value in pairs(library) do
    copy[name] = name ~= without and value or nil
  end
  return copy
end

--- What a Lua chain file may use. It cannot reach a table of the host's, so it changes none.
local function environment(self)
  local env = { string = copy_of(string, "dump"), table = copy_of(table), math = copy_of(math) }
  for _, name in ipairs({ "assert", "error", "ipairs", "next", "pairs", "select", "tonumber",
    "tostring", "type", "unpack" }) do
    env[name] = rawget(_G, name)
  end
  env.null = json.null
  env.vars = setmetatable({}, { __metatable = false, __index = function(_, name)
    self._asked[name] = true
    return self._set[name]
  end })
  return env
end

local function run_lua(self, text)
  if text:sub(1, 1) == "\27" then
    return nil, self.name .. ": a chain file in Lua is text; this one is compiled"
  end
  local fn, problem = load(text, "@" .. self.name, "t", environment(self))
  if not fn then
    return nil, problem
  end
  local ok, value = pcall(fn)
  if ok then
    return value
  elseif interruption.is(value) then
    error(value, 0)
  end
  return nil, Error.text(value)
end

local function parse(self, text, is_lua)
  if is_lua then
    return run_lua(self, text)
  end
  local document, problem, line, column = json_reader.read(text)
  if not document then
    return nil, ("%s:%d:%d: %s"):format(self.name, line, column, problem)
  end
  self._document = document
  return document.value
end

--- The options of reading a chain file.
---@class (exact) segmind.ChainFileOptions
---@field set table<string, string|number|boolean>? values of the file's variables
---@field upto string? the name or number of a step: that one and what it needs, nothing else
--- the folder below which pictures are saved, those of final steps in any case; the file's own, and
--- only what has a `save`, unless told
---@field out string?
local read_options = { set = "values", upto = "text", out = "text" }

local chain_file = {}

--- Reads and checks a chain file, or a table of the same shape. Nothing is sent, and no client is
--- needed; `file:chain(client)` makes a chain of it.
---
---     local file = assert(chain_file.read("poster.json", { set = { place = "a harbour" } }))
---     for _, step in ipairs(file.steps) do print(step.name, step.model, step.save) end
---@param source string|table the path of a file, or what stands in one
---@param opts segmind.ChainFileOptions?
---@return segmind.ChainFile?
---@return segmind.Error? err kind "invalid"; its `problems` begin with "file:line:column: "
function chain_file.read(source, opts)
  opts = options.read(opts, read_options, "chain_file")
  local is_file = type(source) == "string"
  if not is_file and type(source) ~= "table" then
    Error.misuse("chain_file takes the path of a file or a table, got " .. schema.show(source))
  end
  local name = is_file and source or "chain"
  local folder = is_file and source:match("^(.*/)") or ""
  local self = setmetatable({ name = name, steps = {}, _data = source, _folder = folder,
    _stem = path.split(name:match("[^/]*$"):gsub("%.%w+$", "")), _set = opts.set or {}, _asked = {},
    _out = opts.out and opts.out:gsub("/+$", "") .. "/" or folder, _problems = {},
    _pictures = {} }, File)
  if is_file then
    local text, why = contents(source)
    if text then
      self._data, why = parse(self, text, source:find("%.lua$") ~= nil)
    end
    if why then
      return nil, Error.refusal(why, { problems = { why } })
    end
  end
  read_all(self, opts)
  if self._problems[1] then
    return nil, refusal(self)
  end
  return self
end

-- -- the chain ------------------------------------------------------------------------------------

--- Looks at the pictures that are files: there, whole, and of a format that the model takes.
local function check_pictures(self, client)
  local function check(picture, step)
    local problem = input.problem(client._core, picture.value)
    if problem then
      complain(self, picture.holder, picture.key, (step and label(step) .. ": " or "") .. problem)
    end
  end
  local is_first_used = false
  for _, step in ipairs(self.steps) do
    is_first_used = is_first_used or step.n == 1
    for i = step.first_picture, step.last_picture do
      check(self._pictures[i], step)
    end
  end
  local picture = self._pictures[1]
  if is_first_used and picture and picture.holder == self._data then
    check(picture)
  end
end

local function with_outputs(value, chain, places)
  if getmetatable(value) == Reference then
    return chain:output(places[value.n])
  elseif type(value) ~= "table" or getmetatable(value) ~= nil then
    return value
  end
  local copy = {}
  for key, item in pairs(value) do
    copy[key] = with_outputs(item, chain, places)
  end
  return copy
end

--- The chain of a client that the file describes, to be priced and run. Its steps are numbered as
--- in `file.steps`, and its jobs have their names.
---@param client segmind.Client
---@param opts segmind.CallOptions? for every step that does not say otherwise
---@return segmind.Chain?
---@return segmind.Error? err kind "invalid": a picture that is not there
function File:chain(client, opts)
  opts = options.read(opts, request.options, "file:chain")
  self._problems = {}
  check_pictures(self, client)
  if self._problems[1] then
    return nil, refusal(self)
  end
  local chain, places = client:chain(), {}
  for n, step in ipairs(self.steps) do
    local own = { save = step.save }
    for _, given in ipairs({ opts, step.opts }) do
      for name, value in pairs(given) do
        own[name] = value
      end
    end
    chain:_add_whole(step.model, with_outputs(step.params, chain, places), own)
    places[step.n] = n
  end
  return chain
end

return chain_file
