--- What a caller asks for, checked and ready to be launched: nothing in here has been sent.
--- Pictures are gathered as slots, places in the parameters that hold a URL by the time the request
--- is sent.

local Error = require("segmind.error")
local file = require("segmind.file")
local input = require("segmind.input")
local json = require("segmind.json")
local models = require("segmind.models")
local options = require("segmind.options")
local schema = require("segmind.schema")
local tables = require("segmind.tables")

local request = {}

local declared = models.declared

-- Nothing, in the place of a list: not to be changed.
local none = {}

--- The options of run, edit, run_sync, submit and chain:step.
---@class (exact) segmind.CallOptions
---@field timeout number? seconds for the whole job once its inputs are there; 600
---@field poll segmind.Poll? how often to ask for a state
---@field name string? a name for messages and reports
---@field allow_unknown boolean? let parameters and values through that the model does not declare
--- write the picture here; the job is done when the file is. Missing folders are made; without a
--- picture's extension (png, jpg, jpeg, webp, gif) it gets the one of the format
---@field save string?
---@field on_unknown segmind.OnUnknown? what to do about a submit of unknown outcome; "hold"
--- with a ledger: make another picture, even if this step is finished; one that an earlier run has
--- begun is taken up, and not paid again
---@field fresh boolean?
---@field price number? USD, for the budget and the estimate; needed for models without a price
---@field metadata boolean? whether the saved picture says how it was made; as the client's option
request.options = { timeout = "seconds", poll = "poll", name = "text", allow_unknown = "flag",
  save = "text", on_unknown = "doubt", fresh = "flag", price = "money",
  metadata = "flag" }

local function check_arguments(model, params)
  if type(model) ~= "string" then
    Error.misuse("the model is a string, got " .. schema.show(model))
  elseif type(params) ~= "table" or getmetatable(params) ~= nil then
    Error.misuse("the parameters are a plain table, got " .. schema.show(params)
      .. (type(params) == "table" and " with a metatable" or ""))
  end
end

--- What a call's parameters are checked with, see schema.check; beside that `client`, `refs` (the
--- chain whose steps they may name) and the `warnings` about pictures, nil while there are none.
local Checks = { null = json.null, scalar = json.problem, options = request.options }
Checks.__index = Checks

function Checks.image(value, param, checks)
  local kind = input.kind(value)
  if kind == "job" and value._client ~= checks.client then
    return "the job belongs to another client; give its result"
  elseif kind == "step" and value.chain ~= checks.refs then
    return "the step belongs to another chain"
  end
  local problem, warning = input.problem(value, param and param.formats)
  if warning then
    checks.warnings = checks.warnings or {}
    table.insert(checks.warnings, (param and param[1] or "a picture") .. ": " .. warning)
  end
  return problem
end

local function is_object(value)
  return type(value) == "table" and input.kind(value) ~= nil
end

--- A picture as a parameter, whose path is of the folder that it is named in.
---@generic T
---@param item T
---@return T
function request.named(item)
  return input.kind(item) == "path" and file.absolute(item) or item
end

local function named_each(list)
  local out = {}
  for key, item in pairs(list) do
    out[key] = request.named(item)
  end
  return out
end

--- A copy of parameters whose pictures are named now and asked for later.
---@param model string
---@param params table
---@return table
function request.named_in(model, params)
  local copy, spec = tables.merge({}, params), models.declared(model)
  for _, param in ipairs(spec and spec.params or {}) do
    local value, type_name = copy[param[1]], param[2]
    if type_name == "images" and type(value) == "table" and not getmetatable(value) then
      copy[param[1]] = named_each(value)
    elseif type_name == "image" or type_name == "images" then
      copy[param[1]] = request.named(value)
    end
  end
  return copy
end

--- The parameter that a slot is in.
---@param slot table
---@return string
function request.param(slot)
  return slot.param or slot.key
end

-- In four fields as long as its picture is not there: forty thousand jobs of a graph may wait.
local function new_slot(holder, key, item, param)
  local slot = { holder = holder, key = key, value = request.named(item), kind = input.kind(item) }
  if param ~= key then -- it is in a list
    slot.param = param
  end
  return slot
end

--- A copy of `value`, whose pictures are gathered as slots. A plain string is one only where the
--- model's table says so: `types` has the type of each declared parameter.
local function gather(value, slots, types, param)
  local copy = {}
  for _, key in ipairs(tables.keys(value)) do
    local item, name = value[key], param or key
    local is_picture = types[name] == (param and "images" or "image")
    if is_object(item) or is_picture and type(item) == "string" then
      slots[#slots + 1] = new_slot(copy, key, item, name)
      copy[key] = item
    elseif type(item) == "table" then
      copy[key] = gather(item, slots, types, name)
    else
      copy[key] = item
    end
  end
  return copy
end

--- JSON, and picture objects anywhere within.
local function value_problem(value, checks)
  local found
  local problem = json.problem(value, function(item)
    if is_object(item) then
      found = found or checks.image(item, nil, checks)
      return true
    end
    return false
  end)
  return problem or found
end

-- A path in a parameter of which nothing is known: its name would be sent, and the job fail.
local function file_problem(value)
  if type(value) == "string" and #value < 4096 and file.probe(value) then
    return schema.show(value) .. " is the file of a picture, and no table here says that a picture "
      .. "belongs there, so the name itself would be sent; give client:upload(path) or "
      .. "segmind.bytes(content)"
  end
  local problem
  for _, item in pairs(type(value) == "table" and not is_object(value) and value or {}) do
    problem = problem or file_problem(item)
  end
  return problem
end

--- The values of parameters that no table declares.
function Checks.other(value, checks)
  return value_problem(value, checks) or file_problem(value)
end

local function check_undeclared(model, params, checks)
  local bad = schema.model_problem(model, models.names)
  if bad then
    return nil, { bad }
  end
  local near = schema.nearest(model, models.names)
  for name, value in pairs(params) do
    local problem = type(name) ~= "string" and "the name of a parameter is a string"
      or checks.other(value, checks)
    if problem then
      return nil, { tostring(name) .. ": " .. problem, near
        and ("the model %s is not declared here; did you mean %q?"):format(model, near) }
    end
  end
  return params, { near and ("%s is not declared here, so nothing was checked; did you mean %q?")
    :format(model, near) }
end

--- The name of a step whose picture another takes, for the ledger's keys.
local function step_name(job, result)
  if job.key then
    return ("%s:%d"):format(job.key, job.generation or 1)
  end
  return result.request_id and "request:" .. result.request_id
end

-- The service keeps the record of a request for an hour; a URL that old is asked before it is used,
-- and so is one of an earlier run, of which the service may know nothing more.
local URL_TRUSTED = 3600

--- Puts a result into the place of a picture: its URL; its bytes when it came without one (the v1
--- way); either when a ledger keeps the file and the URL may have died ("kept", see input.lua).
---@param slot table
---@param result segmind.Result
function request.take_result(slot, result)
  slot.of, slot.parent = step_name(result.job, result), result.job
  if not result.url and result._data then
    slot.value, slot.kind = input.bytes(result._data), "bytes"
    return
  elseif not result.url then
    slot.holder[slot.key], slot.value, slot.kind = result.kept, result.kept, "path"
    return
  end
  slot.holder[slot.key] = result.url
  if result.kept and (result.job.replayed or os.time() - result._at > URL_TRUSTED) then
    slot.result, slot.kind, slot.value = result, "kept", result.kept
  else
    slot.kind = "url"
  end
end

--- Puts the result of a job into the places where that was given.
---@param prepared table
---@param job segmind.Job
---@param result segmind.Result
function request.take_input(prepared, job, result)
  for _, slot in ipairs(prepared.slots) do
    if slot.kind == "job" and slot.value == job then
      request.take_result(slot, result)
    end
  end
end

--- The jobs whose pictures are not there yet, each once.
---@param prepared table
---@return segmind.Job[]
function request.jobs(prepared)
  if not prepared.slots[1] then
    return none
  end
  local jobs, seen = {}, {}
  for _, slot in ipairs(prepared.slots) do
    if slot.kind == "job" and not seen[slot.value] then
      seen[slot.value] = true
      jobs[#jobs + 1] = slot.value
    end
  end
  return jobs
end

local is_local = { path = true, bytes = true, kept = true }

--- The pictures that have to be uploaded.
---@param prepared table
---@return table[]
function request.local_slots(prepared)
  if not prepared.slots[1] then
    return none
  end
  local slots = {}
  for _, slot in ipairs(prepared.slots) do
    slots[#slots + 1] = is_local[slot.kind] and slot or nil
  end
  return slots
end

-- The parameters of a model that take pictures: `{ name, is_list }`, in the order of their names.
local pictures_of = setmetatable({}, { __mode = "k" })

local function pictures(spec)
  local list = pictures_of[spec]
  if not list then
    list = {}
    for _, param in ipairs(spec.params) do
      if param[2] == "image" or param[2] == "images" then
        list[#list + 1] = { param[1], param[2] == "images" }
      end
    end
    table.sort(list, function(a, b)
      return a[1] < b[1]
    end)
    pictures_of[spec] = list
  end
  return list
end

--- The pictures of checked parameters that are all declared: there are no others within.
local function declared_slots(spec, params)
  local slots = none
  for _, picture in ipairs(pictures(spec)) do
    local name = picture[1]
    local value = params[name]
    if value ~= nil and value ~= json.null then
      slots = slots == none and {} or slots
      for i, item in ipairs(picture[2] and value or none) do
        slots[#slots + 1] = new_slot(value, i, item, name)
      end
      slots[#slots + 1] = not picture[2] and new_slot(params, name, value, name) or nil
    end
  end
  return slots
end

--- The parameters in a copy, unless they are one already, and their pictures.
local function find_slots(spec, params, opts)
  if spec and not opts.allow_unknown then
    return params, declared_slots(spec, params)
  end
  local slots = {}
  return gather(params, slots, schema.types(spec)), slots
end

--- Which file, URL or job a picture came from; small enough to keep when the job is over.
local function origin(slot)
  local value, kind = slot.value, slot.kind
  local job = kind == "job" and value or kind == "result" and value.job or nil
  if job then
    job._client._by_id[job.id] = job
  end
  local from = { param = request.param(slot), kind = kind }
  if job then
    from.job = job.id
  end
  if kind == "path" then
    from.path = value
  elseif kind == "url" or kind == "result" then
    from.url = kind == "url" and value or value.url
  end
  return from
end

local function origins(slots)
  if not slots[1] then
    return nil
  end
  local out = {}
  for i, slot in ipairs(slots) do
    out[i] = origin(slot)
  end
  return out
end

--- Puts jobs in the place of the steps that a prepared request names.
---@param prepared table
---@param jobs segmind.Job[] by step
function request.bind(prepared, jobs)
  for i, slot in ipairs(prepared.slots) do
    if slot.kind == "step" then
      slot.value, slot.kind = jobs[slot.value.step], "job"
      prepared.inputs[i] = origin(slot)
    end
  end
end

-- The service's own word for a seed that it draws. It does not tell which, so this side draws it.
local RANDOM = -1

--- A seed where the model takes one and the caller gives none.
local function draw_seed(client, spec, params)
  local given = rawget(params, "seed")
  if (given == nil or given == RANDOM) and schema.types(spec).seed then
    return client._core.seed()
  end
end

--- Why the picture could not be saved, as far as that can be told before it is paid for.
local function save_problem(client, save)
  local problem = file.problem(save)
  if problem then
    return "save: " .. problem
  end
  local ok, why = client._core.target(save)
  if not ok then
    return "save: " .. why
  end
  for _, target in ipairs(file.targets(file.absolute(save))) do
    local other = client._saves[target]
    if other then
      return ("save: job %d (%s) is about to write %s, too"):format(other.id, other.model, target)
    end
  end
end

--- The parameters as they go to the wire and the warnings, or nil and the problems.
local function check(client, spec, model, params, opts, refs)
  local checks = setmetatable({ client = client, refs = refs, allow_unknown = opts.allow_unknown },
    Checks)
  local checked, found
  if spec then
    checked, found = schema.check(spec, params, checks)
  else
    checked, found = check_undeclared(model, params, checks)
  end
  for _, warning in ipairs(checked and checks.warnings or none) do
    found[#found + 1] = warning
  end
  return checked, found
end

-- The functions of the core that check a call of a model at once, see lsm_schema.c; false where the
-- core has none.
local checkers = setmetatable({}, { __mode = "k" })

local function checker_of(core, spec)
  local checker = checkers[spec]
  if checker == nil then
    checker = core.checker(spec.params) or false
    checkers[spec] = checker
  end
  return checker
end

-- Whether pictures that are no URLs are what they mostly are: jobs of this client, steps of this
-- chain, results with a URL.
local function are_usual(slots, client, refs)
  for i = 1, #slots do
    local value, kind = slots[i].value, slots[i].kind
    local is_usual = kind == "url" or kind == "job" and value._client == client
      or kind == "step" and value.chain == refs or kind == "result" and value.url
    if not is_usual then
      return false
    end
  end
  return true
end

local function take_results(slots)
  for _, slot in ipairs(slots) do
    if slot.kind == "result" then
      request.take_result(slot, slot.value)
    end
  end
end

--- A request of a call in which nothing is unusual, as most are; nil for any other.
local function usual(client, spec, model, params, opts, refs)
  local checker = not opts.allow_unknown and type(params) == "table"
    and (checkers[spec] or checker_of(client._core, spec))
  if not checker then
    return nil
  end
  local drawn = draw_seed(client, spec, params)
  local copy, has_pictures, has_objects, warnings = checker(params, drawn)
  if not copy then
    return nil
  end
  local prepared = { model = model, spec = spec, params = copy, slots = none, opts = opts,
    seed = copy.seed }
  if drawn then
    prepared.is_seed_drawn = true
  end
  if warnings then
    prepared.warnings = warnings
  end
  if has_pictures then
    local slots = declared_slots(spec, copy)
    if has_objects and not are_usual(slots, client, refs) then
      return nil
    end
    prepared.slots, prepared.inputs = slots, origins(slots)
    take_results(slots)
  end
  return prepared
end

--- A request of any call, or nil and the problems.
local function checked(client, spec, model, params, opts, refs)
  local values, found = check(client, spec, model, params, opts, refs)
  if not values then
    return nil, found
  end
  local copy, slots = find_slots(spec, values, opts)
  local prepared = { model = model, spec = spec, params = copy, slots = slots,
    inputs = origins(slots), warnings = found[1] and found, opts = opts }
  take_results(slots)
  local drawn = draw_seed(client, spec, copy)
  if drawn then
    copy.seed, prepared.is_seed_drawn = drawn, true
  end
  prepared.seed = type(copy.seed) == "number" and copy.seed or nil
  return prepared
end

--- Makes the file that the picture goes to absolute; nil, or what is wrong with it.
local function place(client, prepared)
  local opts = prepared.opts
  local unsaved = save_problem(client, opts.save)
  if not unsaved then
    opts.save = file.absolute(opts.save)
    prepared.targets = file.targets(opts.save)
  end
  return unsaved
end

--- The request of a job that was submitted before, of which nothing is to be sent.
---@param client segmind.Client
---@param model string
---@param params table
---@param opts table already read
---@return table? request
---@return segmind.Error? err kind "invalid"
function request.known(client, model, params, opts)
  local prepared = { model = model, spec = models.declared(model), params = params, slots = none,
    opts = opts }
  local unsaved = opts.save and place(client, prepared)
  if unsaved then
    return nil, Error.refusal(model .. ": " .. unsaved, { problems = { unsaved } })
  end
  return prepared
end

--- Checks a call and makes a request of it.
---@param client segmind.Client
---@param model string
---@param params table
---@param opts segmind.CallOptions already read
---@param refs table? the chain whose steps the parameters may name
---@return table? request
---@return segmind.Error? err kind "invalid"
function request.prepare(client, model, params, opts, refs)
  local spec = declared(model)
  local prepared, problems = spec and usual(client, spec, model, params, opts, refs), nil
  if not prepared then
    check_arguments(model, params)
    prepared, problems = checked(client, spec, model, params, opts, refs)
  end
  local unsaved = opts.save and place(client, prepared or { opts = opts })
  if unsaved then
    problems = problems or {}
    problems[#problems + 1] = unsaved
  end
  if problems then
    return nil, Error.refusal(model .. ": " .. table.concat(problems, "; "),
      { problems = problems })
  end
  return prepared
end

--- The parameters of an edit: the picture goes where the model takes its first.
---@param model string
---@param picture segmind.Image
---@param params string|table the prompt, or the parameters without the picture
---@return table? params
---@return segmind.Error? err kind "invalid"
function request.edit(model, picture, params)
  if type(model) ~= "string" then
    Error.misuse("the model is a string, got " .. schema.show(model))
  elseif input.is_missing(picture) then
    Error.misuse(("edit takes a picture after the model, got %s; run draws from text alone"):format(
      input.show_missing(picture)))
  elseif type(params) == "string" then
    params = { prompt = params }
  elseif type(params) ~= "table" or getmetatable(params) ~= nil then
    Error.misuse("edit takes a prompt or a table of parameters after the picture, got "
      .. schema.show(params))
  end
  local spec = models.declared(model)
  local name = spec and models.first_image(spec)
  if not name then
    local near = schema.nearest(model, models.names)
    if type(picture) == "string" and models.declared(picture) then
      Error.misuse(("edit takes the model first, then the picture: %s, %s"):format(
        schema.show(picture), schema.show(model)))
    end
    return nil, Error.refusal(model .. ": the model is not declared, so edit does not know which "
      .. "parameter takes the picture; name it in a call of run"
      .. (near and ('; did you mean "%s"?'):format(near) or ""))
  elseif params[name] ~= nil then
    Error.misuse(("the picture is given twice: %s, and %s among the parameters"):format(
      "after the model", name))
  end
  return tables.merge({ [name] = picture }, params)
end

--- What a job keeps of its request until the service has accepted it.
---@param prepared table
---@param has_ledger boolean which calls a step by the whole
---@return table
function request.kept(prepared, has_ledger)
  if has_ledger then
    return prepared
  elseif not prepared.slots[1] then
    return request.rest(prepared)
  end
  return { spec = prepared.spec, opts = prepared.opts, slots = prepared.slots,
    params = prepared.params }
end

-- What is left of the requests of a model that came without options: many jobs share it.
local rests = setmetatable({}, { __mode = "k" })

--- What a job that the service has accepted still needs of its request: its options and its model.
--- One whose pictures may have to be uploaded yet keeps the whole.
---@param prepared table
---@return table
function request.rest(prepared)
  local is_rest = not prepared.params
  if is_rest or prepared.slots[1] and request.local_slots(prepared)[1] then
    return prepared
  end
  local has_options = prepared.opts ~= options.none and next(prepared.opts) ~= nil
  local spec = not has_options and prepared.spec
  if spec and rests[spec] then
    return rests[spec]
  end
  local rest = { spec = prepared.spec, opts = prepared.opts, slots = none }
  if spec then
    rests[spec] = rest
  end
  return rest
end

return request
