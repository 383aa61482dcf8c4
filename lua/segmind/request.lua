--- What a caller asks for, checked and ready to be launched: nothing in here has been sent. Its
--- pictures are gathered as slots, see slots.lua.

local Error = require("segmind.error")
local file = require("segmind.file")
local input = require("segmind.input")
local json = require("segmind.json")
local lazy = require("segmind.lazy")
local models = require("segmind.models")
local options = require("segmind.options")
local slots = require("segmind.slots")
local tables = require("segmind.tables")

local schema = lazy.require("segmind.schema")

local request = {}

local declared = models.declared

local none = slots.none

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

--- JSON, and picture objects anywhere within.
local function value_problem(value, checks)
  local found
  local problem = json.problem(value, function(item)
    if slots.is_object(item) then
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
  for _, item in pairs(type(value) == "table" and not slots.is_object(value) and value or {}) do
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

-- The service's own word for a seed that it draws. It does not tell which, so this side draws it.
local RANDOM = -1

-- Whether a model takes a seed, by its table.
local seeded = setmetatable({}, { __mode = "k" })

local function takes_seed(spec)
  local takes = seeded[spec]
  if takes == nil then
    takes = tables.named(spec.params, "seed") ~= nil
    seeded[spec] = takes
  end
  return takes
end

--- A seed where the model takes one and the caller gives none.
local function draw_seed(client, spec, params)
  local given = rawget(params, "seed")
  if (given == nil or given == RANDOM) and spec and takes_seed(spec) then
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

--- The format that a picture will have, as far as that is known.
local function format_of(prepared)
  local param = prepared.spec and tables.named(prepared.spec.params, "output_format")
  local word = (prepared.params or none).output_format or param and param.default
  return file.format("x." .. tostring(word))
end

--- Whether the picture of a call would take the place of one that is to be sent: that would be
--- lost, and the same call another one the next time.
---@param prepared table the call's request, which has `targets`
---@param inputs table[]? see slots.origins
---@return string? problem
function request.replaced(prepared, inputs)
  local targets = prepared.targets
  local format = targets[2] and format_of(prepared) -- else the name says it
  for _, from in ipairs(inputs or none) do
    for _, target in ipairs(from.kind == "path" and targets or none) do
      if file.normal(from.path) == target and (not format or file.format(target) == format) then
        return ("save: %s is a picture that is edited; name another file"):format(target)
      end
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
  if has_objects and not refs and not client._has_ledger
    and slots.are_awaited(spec, copy, client) then
    prepared.slots = false
  elseif has_pictures then
    local list = slots.of_declared(spec, copy)
    if has_objects and not slots.are_usual(list, client, refs) then
      return nil
    end
    prepared.slots, prepared.inputs = list, slots.origins(list)
    slots.take_results(list)
  end
  return prepared
end

--- A request of any call, or nil and the problems.
local function checked(client, spec, model, params, opts, refs)
  local values, found = check(client, spec, model, params, opts, refs)
  if not values then
    return nil, found
  end
  local copy, list = slots.find(spec, values, opts.allow_unknown)
  local prepared = { model = model, spec = spec, params = copy, slots = list,
    inputs = slots.origins(list), warnings = found[1] and found, opts = opts }
  slots.take_results(list)
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
    unsaved = request.replaced(prepared, prepared.inputs)
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

-- What jobs of a model that came without options have in common of their requests: those that wait
-- for others, and those that have no pictures to come.
local waiting, rests = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "k" })

local function shared(cache, prepared, list)
  local has_options = prepared.opts ~= options.none and next(prepared.opts) ~= nil
  local spec = not has_options and prepared.spec
  if spec and cache[spec] then
    return cache[spec]
  end
  local rest = { spec = prepared.spec, opts = prepared.opts, slots = list }
  if spec then
    cache[spec] = rest
  end
  return rest
end

--- What a job keeps of its request until the service has accepted it.
---@param prepared table
---@param has_ledger boolean which calls a step by the whole
---@return table
function request.kept(prepared, has_ledger)
  if has_ledger then
    return prepared
  elseif not prepared.slots then
    return shared(waiting, prepared, false)
  elseif not prepared.slots[1] then
    return request.rest(prepared)
  end
  return { spec = prepared.spec, opts = prepared.opts, slots = prepared.slots,
    params = prepared.params }
end

--- The same with the slots of a job that waited for others.
---@param prepared table
---@param params table
---@return table
function request.with_slots(prepared, params)
  return { spec = prepared.spec, opts = prepared.opts, params = params,
    slots = slots.of_declared(prepared.spec, params) }
end

--- What a job that the service has accepted still needs of its request: its options and its model.
--- One whose pictures may have to be uploaded yet keeps the whole.
---@param prepared table
---@return table
function request.rest(prepared)
  local is_rest = not prepared.params
  if is_rest or prepared.slots[1] and slots.to_upload(prepared.slots)[1] then
    return prepared
  end
  return shared(rests, prepared, none)
end

return request
