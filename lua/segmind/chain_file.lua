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
local Source = require("segmind.chain_source")
local file = require("segmind.file")
local input = require("segmind.input")
local json = require("segmind.json")
local models = require("segmind.models")
local options = require("segmind.options")
local request = require("segmind.request")
local schema = require("segmind.schema")
local tables = require("segmind.tables")
local template = require("segmind.template")

-- Of the parameters of a step; a file in Lua may return a table within itself.
local MAX_DEPTH, MAX_VALUES = 32, 10000

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

local function label(step)
  return step.name and "step " .. schema.show(step.name) or "step " .. step.n
end

-- Where a step is, for messages about another.
local function line_of(self, n)
  local line = self._source:place(self._source.value.steps, n)
  return line and (" (line %d)"):format(line) or ""
end

-- -- variables ------------------------------------------------------------------------------------

local function check_set(self, set, declared)
  for name in pairs(set) do
    if declared[name] == nil and not self._source.asked[name] then
      local names = tables.keys(declared)
      self._source:complain_of_name(self._source.value, "vars", "there is no variable %s to set%s",
        schema.show(name), Source.suggest(name, names))
    end
  end
end

--- The variables: those of the file, and over them those that were set.
local function read_vars(self, set)
  local declared, values = self._source.value.vars, {}
  if declared == nil or declared == json.null then
    declared = {}
  elseif not self._source:is_object(declared) then
    self._source:complain(self._source.value, "vars",
      "vars is an object of names and their values, got " .. self._source:show(declared))
    declared = {}
  end
  for name, value in pairs(declared) do
    local given = set[name]
    if given == nil and value == json.null then
      self._source:complain_of_name(declared, name,
        "the variable %s has no value; set it (--set %s=…)", schema.show(name), name)
    elseif type(value) == "table" then
      self._source:complain(declared, name,
        "the variable %s is a text, a number, true or false, got %s", schema.show(name),
        self._source:show(value))
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
  if is_set or input.kind(name) ~= "path" or name:sub(1, 1) == "/" or file.is_home(name) then
    return file.absolute(name)
  end
  return file.absolute(self._folder .. name)
end

--- A text with its variables; one that is a variable alone has that one's type.
local function read_text(self, holder, key, type_name)
  local text = holder[key]
  local value, problem = template.expand(text, self._values)
  local whole = template.whole(text)
  if problem then
    self._source:complain(holder, key, problem)
    return nil
  elseif whole and self._values[whole] ~= nil then
    value = self._values[whole]
  end
  if value ~= text then
    value = schema.from_text(type_name, value)
  end
  if is_picture(type_name) and type(value) == "string" then
    if input.kind(value) == "path" then
      value = resolve(self, value, whole and self._source.set[whole] ~= nil)
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
  elseif type(named) == "number" and self._source.value.steps[named] ~= nil then
    n = named
  end
  if n then
    return refer(step, n, value, "step")
  end
  local names = tables.keys(self._numbers)
  self._source:complain(value, "step", "%s: there is no step %s%s", label(step),
    self._source:show(named), type(named) == "number"
    and ("; steps are numbered 1 to %d"):format(#self._source.value.steps)
    or Source.suggest(named, names))
end

--- `{ "file": … }`: a picture in a parameter of which no table says that it takes one.
local function read_file(self, step, value)
  local name = type(value.file) == "string" and read_text(self, value, "file", "image")
  local content, why
  if name then
    content, why = file.read(name)
  end
  if not content then
    self._source:complain(value, "file", "%s: %s", label(step),
      why or "file is the path of a picture, got " .. self._source:show(value.file))
    return nil
  end
  return input.bytes(content)
end

local function is_only(object, name)
  return object[name] ~= nil and next(object, next(object)) == nil
end

local function is_too_much(self, step, depth)
  step.count = step.count + 1
  if depth <= MAX_DEPTH and step.count < MAX_VALUES then
    return false
  elseif step.count < math.huge then
    step.count = math.huge
    self._source:complain(step.raw, "params",
      "%s: params has a table within itself, more than %d levels, or more than %d values",
      label(step), MAX_DEPTH, MAX_VALUES)
  end
  return true
end

--- An object in the place of a picture that names none.
local function refuse_object(self, step, value)
  local name = tables.keys(value)[1]
  for _, one in ipairs(tables.keys(value)) do
    name = one ~= "step" and one ~= "file" and one or name
  end
  self._source:complain_of_name(value, name, "%s: a picture is a path, an address, "
    .. '{ "step": … } or { "file": … }, got the field %s%s', label(step), schema.show(name),
    Source.suggest(name, { "step", "file" }))
end

local function read_value(self, step, holder, key, type_name, depth)
  local value = holder[key]
  if is_too_much(self, step, depth) then
    return nil
  elseif type(value) == "string" then
    return read_text(self, holder, key, type_name)
  elseif type(value) ~= "table" or getmetatable(value) ~= nil then
    return value
  elseif is_only(value, "step") then
    return read_reference(self, step, value)
  elseif is_only(value, "file") then
    return read_file(self, step, value)
  elseif is_picture(type_name) and next(value) ~= nil and self._source:is_object(value) then
    return refuse_object(self, step, value)
  elseif next(value) == nil and self._source:is_list(value) then
    return json.empty_array
  end
  local copy = {}
  for name in pairs(value) do
    copy[name] = read_value(self, step, value, name, type_name, depth + 1)
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
    self._source:complain_of_name(self._source.value, "input",
      "input is not used: %s names its picture itself", label(step))
  elseif first and given == nil and step.n > 1 then
    step.params[first] = refer(step, step.n - 1, self._source.value.steps, step.n)
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
    allow_unknown = step.opts.allow_unknown, scalar = json.problem, other = ignore,
    options = request.options })
  for _, problem in ipairs(checked and {} or problems) do
    local name = problem:match("^[%w_]+")
    local given = raw[name]
    if given == nil then
      self._source:complain_of_name(step.raw, "params", "%s: %s", label(step), problem)
    elseif step.params[name] ~= nil or given == json.null then
      local is_unknown = problem:find(" is not a parameter ", 1, true)
      self._source[is_unknown and "complain_of_name" or "complain"](self._source, raw, name,
        "%s: %s", label(step), problem)
    end
  end
end

local function read_params(self, step)
  local raw = step.raw.params
  if raw == nil or raw == json.null then
    raw = {}
    step.raw.params = raw
  end
  if not self._source:is_object(raw) and next(raw) ~= nil then
    self._source:complain(step.raw, "params", "%s: params is an object, got %s", label(step),
      self._source:show(raw))
    return
  end
  local types = {}
  for _, param in ipairs(step.spec and step.spec.params or {}) do
    types[param[1]] = param[2]
  end
  for name in pairs(raw) do
    step.params[name] = read_value(self, step, raw, name, types[name], 1)
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
    self._source:complain(step.raw, "model", "%s: %s", label(step), bad)
  elseif not step.spec and step.opts.price == nil then
    self._source:complain(step.raw, "model",
      '%s: the model %s is not declared%s If it is one of the service\'s, give its "price" in '
      .. "dollars", label(step), schema.show(step.model),
      near and ('; did you mean "%s"?'):format(near) or ".")
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
      self._source:complain(step.raw, name, "%s: %s is %s, got %s", label(step), name, option[2],
        self._source:show(value))
    elseif value ~= json.null then
      step.opts[name] = value
    end
  end
end

--- What `save` may be: the file may come from anybody, so a name below the folder.
local function save_problem(self, save)
  if type(save) ~= "string" or not save:find("%S") then
    return "save is the name of a file, true or false, got " .. self._source:show(save)
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
    self._source:complain(step.raw, "save", "%s: %s", label(step), problem)
  elseif save then
    step.save = file.absolute(self._out .. save)
  end
end

local function read_step(self, n)
  local raw = self._source.value.steps[n]
  local step = { n = n, raw = raw, params = {}, needs = {}, count = 0, name = self._names[n],
    first_picture = #self._pictures + 1 }
  if not self._source:is_object(raw) then
    self._source:complain(self._source.value.steps, n, "step %d is an object, got %s", n,
      self._source:show(raw))
    return step
  end
  self._source:check_names(raw, STEP, label(step))
  step.model = type(raw.model) == "string" and read_text(self, raw, "model", "string") or nil
  if type(raw.model) ~= "string" then
    self._source:complain(raw, "model", "%s: model is a name, got %s", label(step),
      self._source:show(raw.model))
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
  for n, raw in ipairs(self._source.value.steps) do
    local name = self._source:is_object(raw) and raw.name or nil
    if name ~= nil and (type(name) ~= "string" or not name:find("^[%w_][%w_.-]*$")) then
      self._source:complain(raw, "name",
        "step %d: a name is made of letters, digits, dot, dash and underscore, got %s", n,
        self._source:show(name))
    elseif name and self._numbers[name] then
      self._source:complain(raw, "name", "two steps are called %s; the other is step %d%s",
        schema.show(name), self._numbers[name], line_of(self, self._numbers[name]))
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
  self._source:complain(edge.holder, edge.key, "a circle: "
    .. links:gsub(", which takes that of ", " takes the picture of ", 1))
end

--- Puts step `n` into the order, behind those that it needs.
local function visit(self, steps, n, order, state, way)
  state[n], way[#way + 1] = "open", n
  for _, other in ipairs(tables.keys(steps[n].needs)) do
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
    local names = tables.keys(self._numbers)
    self._source:complain_of_name(self._source.value, "steps", "there is no step %s%s",
      schema.show(upto), Source.suggest(upto, names))
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
    for _, target in ipairs(file.targets(step.save)) do
      local other = writers[target]
      if other and other ~= step then
        self._source:complain(step.raw, step.raw.save ~= nil and "save" or "name",
          "%s and %s%s would both write %s", label(step), label(other), line_of(self, other.n),
          target)
        break
      end
      writers[target] = step
    end
  end
end

local function check_top(self)
  local data = self._source.value
  if not self._source:is_object(data) then
    self._source:complain(nil, nil, "a chain file is an object with steps, got "
      .. self._source:show(data))
    return false
  end
  self._source:check_names(data, { "input", "vars", "steps", "about" }, "a chain file")
  if type(data.steps) ~= "table" or not data.steps[1] then
    self._source:complain(data, "steps", "steps is a list of at least one step, got "
      .. (type(data.steps) == "table" and "an empty one" or self._source:show(data.steps)))
    return false
  end
  return true
end

local function read_input(self)
  local given = self._source.value.input
  if type(given) == "string" then
    return read_text(self, self._source.value, "input", "image")
  elseif given ~= nil and given ~= json.null and input.kind(given) then
    return given -- of a table in Lua: a job, a result, bytes
  elseif given ~= nil and given ~= json.null then
    self._source:complain(self._source.value, "input", "input is a path or a URL, got "
      .. self._source:show(given))
  end
end

--- Checks the whole of it, and puts the steps in order.
local function read_all(self, opts)
  if not check_top(self) then
    return
  end
  self._values = read_vars(self, self._source.set)
  self._input = read_input(self)
  read_names(self)
  local steps = {}
  for n in ipairs(self._source.value.steps) do
    steps[n] = read_step(self, n)
  end
  self.steps = sort(self, steps, opts.upto)
  for _, step in ipairs(self.steps) do
    if opts.out and step.is_final and not step.save and not step.is_unsaved then
      step.save = file.absolute(self._out .. default_save(self, step))
    end
  end
  check_saves(self)
end

-- -- reading it -----------------------------------------------------------------------------------

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
  local read, err = Source.read(source, opts.set or {})
  if not read then
    return nil, err
  end
  local folder = is_file and source:match("^(.*/)") or ""
  local self = setmetatable({ name = read.name, steps = {}, _source = read, _folder = folder,
    _stem = file.split(read.name:match("[^/]*$"):gsub("%.%w+$", "")), _pictures = {},
    _out = opts.out and opts.out:gsub("/+$", "") .. "/" or folder }, File)
  read_all(self, opts)
  err = read:refusal()
  return not err and self or nil, err
end

-- -- the chain ------------------------------------------------------------------------------------

--- Looks at the pictures that are files: there, whole, and of a format that the model takes.
local function check_pictures(self)
  local function check(picture, step)
    local problem = input.problem(picture.value)
    if problem then
      self._source:complain(picture.holder, picture.key, (step and label(step) .. ": " or "")
        .. problem)
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
  if is_first_used and picture and picture.holder == self._source.value then
    check(picture)
  end
end

local function with_outputs(params, chain, places)
  return tables.map(params, function(value)
    return getmetatable(value) == Reference and chain:output(places[value.n]) or value
  end)
end

--- The chain of a client that the file describes, to be priced and run. Its steps are numbered as
--- in `file.steps`, and its jobs have their names.
---@param client segmind.Client
---@param opts segmind.CallOptions? for every step that does not say otherwise
---@return segmind.Chain?
---@return segmind.Error? err kind "invalid": a picture that is not there
function File:chain(client, opts)
  opts = options.read(opts, request.options, "file:chain")
  check_pictures(self)
  local err = self._source:refusal()
  if err then
    return nil, err
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
