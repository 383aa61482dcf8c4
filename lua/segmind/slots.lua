--- The pictures of a request as slots: places in its parameters that hold a URL by the time the
--- request is sent. A job that waits for others has its slots made when the first of them is over:
--- forty thousand of a graph may wait, and a collector looks at each table. A slot is a table:
---   holder, key   the place: `holder[key]`
---   param         the parameter, where the place is in a list of that
---   kind, value   what is there now, see input.lua; `kind` becomes "url"
---   of, parent    the name of the step whose picture it takes, and the job
---   result        of a picture that a ledger keeps ("kept"), whose URL may have died
---   sha256        of a local picture, once its step has a key

local file = require("segmind.file")
local input = require("segmind.input")
local json = require("segmind.json")
local lazy = require("segmind.lazy")
local models = require("segmind.models")
local tables = require("segmind.tables")

local schema = lazy.require("segmind.schema")

local slots = {}

-- Nothing, in the place of a list: not to be changed.
local none = {}
slots.none = none

-- -- making --------------------------------------------------------------------------------------

--- Whether a value is a picture, and no plain string.
---@param value any
---@return boolean
function slots.is_object(value)
  return type(value) == "table" and input.kind(value) ~= nil
end

--- A picture as a parameter, whose path is of the folder that it is named in.
---@generic T
---@param item T
---@return T
function slots.named(item)
  return input.kind(item) == "path" and file.absolute(item) or item
end

local function named_each(list)
  local out = {}
  for key, item in pairs(list) do
    out[key] = slots.named(item)
  end
  return out
end

--- A copy of parameters whose pictures are named now and asked for later.
---@param model string
---@param params table
---@return table
function slots.named_in(model, params)
  local copy, spec = tables.merge({}, params), models.declared(model)
  for _, param in ipairs(spec and spec.params or {}) do
    local value, type_name = copy[param[1]], param[2]
    if type_name == "images" and type(value) == "table" and not getmetatable(value) then
      copy[param[1]] = named_each(value)
    elseif type_name == "image" or type_name == "images" then
      copy[param[1]] = slots.named(value)
    end
  end
  return copy
end

--- The parameter that a slot is in.
---@param slot table
---@return string
function slots.param(slot)
  return slot.param or slot.key
end

local function new_slot(holder, key, item, param)
  local slot = { holder = holder, key = key, value = slots.named(item), kind = input.kind(item) }
  if param ~= key then -- it is in a list
    slot.param = param
  end
  return slot
end

--- A copy of `value`, whose pictures are gathered as slots. A plain string is one only where the
--- model's table says so: `types` has the type of each declared parameter.
local function gather(value, list, types, param)
  local copy = {}
  for _, key in ipairs(tables.keys(value)) do
    local item, name = value[key], param or key
    local is_picture = types[name] == (param and "images" or "image")
    if slots.is_object(item) or is_picture and type(item) == "string" then
      list[#list + 1] = new_slot(copy, key, item, name)
      copy[key] = item
    elseif type(item) == "table" then
      copy[key] = gather(item, list, types, name)
    else
      copy[key] = item
    end
  end
  return copy
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
---@param spec table
---@param params table
---@return table[]
function slots.of_declared(spec, params)
  local list = none
  for _, picture in ipairs(pictures(spec)) do
    local name = picture[1]
    local value = params[name]
    if value ~= nil and value ~= json.null then
      list = list == none and {} or list
      for i, item in ipairs(picture[2] and value or none) do
        list[#list + 1] = new_slot(value, i, item, name)
      end
      list[#list + 1] = not picture[2] and new_slot(params, name, value, name) or nil
    end
  end
  return list
end

--- Calls `fn(picture, a)` for each of the same, as long as it returns true; makes nothing.
---@param spec table
---@param params table
---@param fn fun(picture: any, a: any): boolean?
---@param a any
---@return boolean # whether all did
function slots.each(spec, params, fn, a)
  for _, picture in ipairs(pictures(spec)) do
    local value = params[picture[1]]
    if picture[2] then
      for _, item in ipairs(value or none) do
        if not fn(item, a) then
          return false
        end
      end
    elseif value ~= nil and not fn(value, a) then
      return false
    end
  end
  return true
end

--- The parameters in a copy, unless they are one already, and their pictures.
---@param spec table?
---@param params table checked
---@param allow_unknown boolean?
---@return table params
---@return table[] slots
function slots.find(spec, params, allow_unknown)
  if spec and not allow_unknown then
    return params, slots.of_declared(spec, params)
  end
  local list = {}
  return gather(params, list, schema.types(spec)), list
end

-- -- where they came from ------------------------------------------------------------------------

--- Which file, URL or job a picture came from; small enough to keep when the job is over.
local function origin(slot)
  local value, kind = slot.value, slot.kind
  local job = kind == "job" and value or kind == "result" and value.job or nil
  if job then
    job._client._by_id[job.id] = job
  end
  local from = { param = slots.param(slot), kind = kind }
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

--- What a job keeps of its pictures, see segmind.Job.
---@param list table[]
---@return table[]? inputs nil for none
function slots.origins(list)
  if not list[1] then
    return nil
  end
  local out = {}
  for i, slot in ipairs(list) do
    out[i] = origin(slot)
  end
  return out
end

--- Puts jobs in the place of the steps that a prepared request names.
---@param prepared table
---@param jobs segmind.Job[] by step
function slots.bind(prepared, jobs)
  for i, slot in ipairs(prepared.slots) do
    if slot.kind == "step" then
      slot.value, slot.kind = jobs[slot.value.step], "job"
      prepared.inputs[i] = origin(slot)
    end
  end
end

-- -- results in their places ---------------------------------------------------------------------

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
local function take_result(slot, result)
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
---@param list table[]
---@param job segmind.Job
---@param result segmind.Result
function slots.take_input(list, job, result)
  for _, slot in ipairs(list) do
    if slot.kind == "job" and slot.value == job then
      take_result(slot, result)
    end
  end
end

--- Puts results that were given as pictures into their places.
---@param list table[]
function slots.take_results(list)
  for _, slot in ipairs(list) do
    if slot.kind == "result" then
      take_result(slot, slot.value)
    end
  end
end

-- -- what is still to come -----------------------------------------------------------------------

--- The jobs whose pictures are not there yet, each once.
---@param list table[]
---@return segmind.Job[]
function slots.jobs(list)
  if not list[1] then
    return none
  end
  local jobs, seen = {}, {}
  for _, slot in ipairs(list) do
    if slot.kind == "job" and not seen[slot.value] then
      seen[slot.value] = true
      jobs[#jobs + 1] = slot.value
    end
  end
  return jobs
end

local function is_awaited(picture, client)
  local kind = input.kind(picture)
  return kind == "url" or kind == "job" and picture._client == client and picture._phase ~= "over"
end

--- Whether the pictures of checked parameters that are no URLs are jobs of this client that go on.
---@param spec table
---@param params table
---@param client segmind.Client
---@return boolean
function slots.are_awaited(spec, params, client)
  return slots.each(spec, params, is_awaited, client)
end

local is_local = { path = true, bytes = true, kept = true }

--- The pictures that have to be uploaded.
---@param list table[]
---@return table[]
function slots.to_upload(list)
  if not list[1] then
    return none
  end
  local out = {}
  for _, slot in ipairs(list) do
    out[#out + 1] = is_local[slot.kind] and slot or nil
  end
  return out
end

--- Whether pictures that are no URLs are what they mostly are: jobs of this client, steps of this
--- chain, results with a URL.
---@param list table[]
---@param client segmind.Client
---@param refs table? the chain
---@return boolean
function slots.are_usual(list, client, refs)
  for i = 1, #list do
    local value, kind = list[i].value, list[i].kind
    local is_usual = kind == "url" or kind == "job" and value._client == client
      or kind == "step" and value.chain == refs or kind == "result" and value.url
    if not is_usual then
      return false
    end
  end
  return true
end

return slots
