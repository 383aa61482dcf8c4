--- What a report shows: a step for each job or row of a ledger, and a source for each picture that
--- came from outside, each with those that it was made from.
---
--- The caller gives whatever is at hand (see segmind.report); the parents of a job are found by
--- its inputs, those of a file or of a row by what the picture's file says, else by the addresses
--- in its parameters.

local Error = require("segmind.error")
local json = require("segmind.json")
local models = require("segmind.models")
local order = require("segmind.report.order")
local origins = require("segmind.report.origins")
local schema = require("segmind.schema")

local steps = {}

---@class segmind.report.Node
---@field kind "step"|"source"
---@field number integer? of a step, from 1
---@field name string?
---@field model string?
---@field prompt string?
---@field params { [1]: string, [2]: string }[] the others, as text
---@field seed string?
---@field cost number? USD
---@field price number? USD, as declared
---@field state string
---@field error { kind: string, message: string, charged: string }?
---@field request_id string?
---@field replayed boolean? the ledger had it: nothing was paid for it now
---@field at number? Unix time
---@field ended number? Unix time
---@field seconds { total: number?, queue: number?, inference: number?, download: number? }
---@field path string? where its picture may be, as the next three
---@field kept string?
---@field url string?
---@field result segmind.Result?
---@field client segmind.Client? who can fetch it
---@field from segmind.report.Node[]
---@field to segmind.report.Node[]

-- -- one step -------------------------------------------------------------------------------------

local function figure(value)
  return type(value) == "number" and value - value == 0 and value >= 0 and value or nil
end

local function text_of(value)
  if type(value) == "number" then
    return ("%.14g"):format(value)
  elseif type(value) == "table" then
    local ok, text = pcall(json.encode, value)
    return ok and text or "a table"
  end
  return tostring(value)
end

--- The parameters that take pictures, by name.
local function picture_params(model)
  local names = {}
  for name, type_name in pairs(schema.types(models.declared(model))) do
    names[name] = type_name == "image" or type_name == "images" or nil
  end
  return names
end

--- The other parameters as text, by name.
local function plain_params(params, pictures)
  local out = {}
  for name, value in pairs(params) do
    local is_told = name == "prompt" or name == "seed" or pictures[name]
    if not is_told and type(name) == "string" then
      out[#out + 1] = { name, text_of(value) }
    end
  end
  table.sort(out, function(a, b)
    return a[1] < b[1]
  end)
  return out
end

--- Where the time went, as the service and the worker tell it.
local function seconds_of(total, metrics, download)
  metrics = type(metrics) == "table" and metrics or {}
  local inference = figure(metrics.inference_time) or figure(metrics.total_time)
  return { total = figure(total), queue = figure(metrics.queue_time), inference = inference,
    download = figure(download) }
end

local function node_of(fields)
  fields.from, fields.to = {}, {}
  fields.params, fields.seconds = fields.params or {}, fields.seconds or {}
  return fields
end

local function new_step(model, params, fields)
  local spec = type(model) == "string" and models.declared(model)
  local pictures = type(model) == "string" and picture_params(model) or {}
  for _, input in ipairs(fields.inputs or {}) do
    pictures[input.param or ""] = true
  end
  fields.kind, fields.model, fields.raw = "step", model, params
  fields.prompt = params.prompt ~= nil and text_of(params.prompt) or nil
  fields.params = plain_params(params, pictures)
  fields.price, fields.pictures = fields.price or spec and spec.price_usd, pictures
  fields.seed = fields.seed ~= nil and text_of(fields.seed) or nil
  return node_of(fields)
end

local function of_job(job, name)
  local result, err = job:result(), job:error()
  local total = job.started and job.ended and not job.replayed and job.ended - job.started
  return new_step(job.model, job.params, { job = job, client = job._client, id = job.id,
    name = job.name or name, inputs = job.inputs, state = job.state, error = err,
    result = result, seed = result and result.seed or job.seed, cost = result and result.cost,
    path = result and result.path, kept = result and result.kept, url = result and result.url,
    request_id = job.request_id, replayed = job.replayed, at = job.started, ended = job.ended,
    seconds = seconds_of(total, result and result.metrics, result and result.download_time) })
end

local states = { completed = "COMPLETED", failed = "FAILED", expired = "FAILED" }

-- What a ledger knows of an end that was not well.
local function error_of_record(one)
  local is_doubtful = one.state == "unknown" or one.state == "intent" and not one.is_held
  local kind = one.damage and "ledger"
    or (one.state == "failed" or one.state == "expired") and one.state
    or one.state == "blocked" and "upstream" or is_doubtful and "unknown" or nil
  return kind and { kind = kind, message = one.damage or one.error
    or is_doubtful and "it was sent, and its answer was never seen" or "no reason was written",
    charged = (kind == "failed" or kind == "upstream") and one.usd == 0 and "no"
      or "unknown" } or nil
end

local function of_record(one, client)
  local total = one.ended and one.submitted and one.ended - one.submitted
  return new_step(one.model, one.params, { client = client, record = true, name = one.name,
    inputs = origins.of_row(one), state = states[one.state] or one.state,
    error = error_of_record(one), seed = one.seed,
    cost = one.state == "completed" and (one.cost or one.price) or nil, price = one.price,
    kept = one.kept, url = one.url, request_id = one.request_id, at = one.submitted,
    ended = one.ended, seconds = seconds_of(total, one.result and one.result.metrics) })
end

local function of_history(one, client)
  local failed = one.state == "FAILED" and { kind = "failed", charged = "no",
    message = one.error or "the service gives no reason" }
  return new_step(one.model or "a model that is not named", one.params or {}, { client = client,
    record = true, state = one.state or "", error = failed or nil, cost = one.cost, url = one.url,
    seed = one.params and one.params.seed, request_id = one.request_id, at = one.created,
    ended = one.ended, seconds = { total = one.seconds, inference = one.seconds } })
end

--- A picture's file and what is known of it: a plain table with `path`. What the caller does not
--- say, the file may.
local function of_file(one)
  local made = origins.read(one.path) or { params = {} }
  local given = type(one.params) == "table" and one.params
    or (one.prompt or one.seed) and { prompt = one.prompt, seed = one.seed }
  local at = figure(one.at) or made.at
  return new_step(one.model or made.model, given or made.params, { record = true, name = one.name,
    inputs = origins.inputs(made), state = "COMPLETED", seed = one.seed or made.seed,
    cost = figure(one.cost) or figure(made.cost), path = one.path, url = one.url,
    request_id = one.request_id or made.request_id, at = at, ended = at })
end

-- An error without a job, or whose job is gone.
local function of_error(err, name)
  return new_step(nil, {}, { name = name or err.step and ("step %d"):format(err.step),
    state = "FAILED", error = err, request_id = err.request_id })
end

-- -- gathering ------------------------------------------------------------------------------------

---@class segmind.report.Gathering
---@field nodes segmind.report.Node[]
local Gathering = {}
Gathering.__index = Gathering

function Gathering:put(node)
  node.index = #self.nodes + 1
  self.nodes[node.index] = node
  for _, url in ipairs(node.result and node.result.urls or { node.url }) do
    self.by_url[url] = self.by_url[url] or node
  end
  if node.request_id and node.kind == "step" then
    self.by_request[node.request_id] = self.by_request[node.request_id] or node
  end
  for _, name in ipairs({ node.path or false, node.kept or false }) do
    local place = name and origins.place(name)
    if place then
      self.by_path[place] = self.by_path[place] or node
    end
  end
  return node
end

function Gathering:add_job(job, name)
  local node = self.by_job[job]
  if not node then
    node = self:put(of_job(job, name))
    self.by_job[job] = node
  end
  node.name = node.name or name
  return node
end

local function is_image(thing, kind)
  local class = type(thing) == "table" and getmetatable(thing)
  return type(class) == "table" and class._image_kind == kind
end

-- The job of a chain's error, where one of the results leads to it.
local function job_of_error(err)
  local _, result = next(err.results or {})
  local job = is_image(result, "result") and result.job._client._by_id[err.job or 0]
  return job and job:error() == err and job or nil
end

function Gathering:add_error(err, name)
  self:add_all(err.results or {})
  local job = job_of_error(err)
  if job then
    self:add_job(job, name)
  else
    self:put(of_error(err, name))
  end
end

local function is_record(thing)
  return type(thing.params) == "table" and type(thing.model) == "string"
    and type(thing.key) == "string" and type(thing.state) == "string"
end

local function is_outcome(thing)
  for key in pairs(thing) do
    if key ~= "result" and key ~= "error" then
      return false
    end
  end
  return is_image(thing.result, "result") or Error.is_error(thing.error)
end

--- The keys of a table: numbers first, each kind in its order.
local function keys_of(list)
  local keys = {}
  for key in pairs(list) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    local is_a, is_b = type(a) == "number", type(b) == "number"
    if is_a ~= is_b then
      return is_a
    end
    return is_a and a < b or not is_a and tostring(a) < tostring(b)
  end)
  return keys
end

function Gathering:add_all(list)
  for _, key in ipairs(keys_of(list)) do
    -- `final` is a chain's last result once more
    local name = type(key) == "string" and key ~= "final" and key or nil
    self:add(list[key], name, key)
  end
end

--- A plain table: a row, an outcome of `map`, or things in it.
function Gathering:add_table(thing, name)
  if is_record(thing) then
    self:put(of_record(thing, self.client))
  elseif type(thing.row) == "table" then
    self:put(of_history(thing, self.client))
  elseif is_outcome(thing) then
    self:add(thing.result or thing.error, name)
  elseif type(thing.path) == "string" then
    self:put(of_file(thing))
  elseif self.depth < 8 then
    self.depth = self.depth + 1
    self:add_all(thing)
    self.depth = self.depth - 1
  else
    Error.misuse("report.write: the tables lie too deep in each other")
  end
end

function Gathering:add(thing, name, key)
  if thing == nil or thing == false then
    return
  elseif is_image(thing, "job") then
    self:add_job(thing, name)
  elseif is_image(thing, "result") then
    self:add_job(thing.job, name)
  elseif Error.is_error(thing) then
    self:add_error(thing, name)
  elseif type(thing) == "table" and not getmetatable(thing) then
    self:add_table(thing, name)
  else
    Error.misuse(("report.write shows jobs, results, errors, rows of a ledger, and tables of "
      .. "them; got %s%s"):format(schema.show(thing), key and " at " .. schema.show(key) or ""))
  end
end

-- -- parents --------------------------------------------------------------------------------------

--- The pictures that a step was made from.
local function inputs_of(node)
  if node.inputs and node.inputs[1] then
    return node.inputs
  end
  local inputs = {}
  for name in pairs(node.pictures) do
    local value = node.raw[name]
    for _, item in ipairs(type(value) == "table" and not getmetatable(value) and value
      or { value }) do
      inputs[#inputs + 1] = type(item) == "string" and { param = name, url = item } or nil
    end
  end
  table.sort(inputs, function(a, b)
    return a.param < b.param
  end)
  return inputs
end

-- A result of another client has a job, too, and its number there says nothing here.
local function job_of_input(node, input)
  local job = input.job and node.client and node.client._by_id[input.job]
  local result = job and job:result()
  local is_another = input.kind == "result" and input.url ~= (result and result.url)
  return not is_another and job or nil
end

--- The address that an input had when it was sent.
local function url_of_input(node, input)
  local sent = node.raw[input.param]
  return input.url or not input.path and type(sent) == "string" and sent:find("^https?://")
    and sent or nil
end

-- The service names what is uploaded by a hash.
local function source_name(input, url)
  local place = input.path or input.name or url and url:gsub("[?#].*$", "")
  local base = place and place:match("([^/]+)/*$")
  if input.kind == "bytes" then
    return "a picture in memory"
  elseif base then
    return base:find("^%x%x%x%x%x%x%x%x[%x-]+%.?%w*$") and "an uploaded picture" or base
  end
  return input.job and ("job %d"):format(input.job) or "a picture"
end

--- The file with a hash, among those that the caller names.
function Gathering:find_file(sha256)
  self.hashes = self.hashes or sha256 and origins.by_hash(self.files)
  return sha256 and self.hashes[sha256]
end

function Gathering:source(node, input)
  local url = url_of_input(node, input)
  input.path = input.path or self:find_file(input.sha256)
  local key = input.sha256 or input.path and origins.place(input.path) or url or input.name
  local source = key and self.sources[key]
  if not source then
    source = node_of({ kind = "source", name = source_name(input, url),
      path = origins.is_same(input) and input.path or nil, url = url,
      client = node.client, state = "given" })
    self:put(source)
    self.sources[key or source] = source
  end
  return source
end

--- The step that made what a file names as its input.
function Gathering:made(input)
  local place = input.path and origins.place(input.path)
  local node = self.by_request[input.request_id or ""] or self.by_path[place or ""]
  return node and node.kind == "step" and node or nil
end

function Gathering:parent(node, input)
  local job = job_of_input(node, input)
  if job then
    return self:add_job(job)
  end
  local made = self.by_url[url_of_input(node, input) or ""]
    or node.record and self:made(input)
  return made and made ~= node and made or self:source(node, input)
end

local function connect(parent, node)
  for _, known in ipairs(node.from) do
    if known == parent then
      return
    end
  end
  table.insert(node.from, parent)
  table.insert(parent.to, node)
end

-- The list grows while it is walked: by parents that were not given, and by sources.
function Gathering:find_parents()
  local i = 1
  while self.nodes[i] do
    local node = self.nodes[i]
    local inputs = node.kind == "step" and inputs_of(node) or {}
    for _, input in ipairs(origins.shown(inputs, self.by_request)) do
      connect(self:parent(node, input), node)
    end
    i = i + 1
  end
end

local function number_steps(nodes)
  local count = 0
  for i, node in ipairs(nodes) do
    node.index = i
    if node.kind == "step" then
      count = count + 1
      node.number = count
    end
  end
  return nodes, count
end

--- Gathers the steps of what a caller gives, in their order, parents first.
---@param things any
---@param client segmind.Client? who can fetch the pictures of rows
---@param files string[]? among which inputs are looked for
---@return segmind.report.Node[] nodes
---@return integer count of steps among them
function steps.of(things, client, files)
  local self = setmetatable({ nodes = {}, by_job = {}, by_url = {}, by_request = {},
    by_path = {}, sources = {}, depth = 0, client = client,
    files = files or {} }, Gathering)
  self:add(things)
  self:find_parents()
  return number_steps(order.of(self.nodes))
end

return steps
