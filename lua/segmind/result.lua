--- The result of a job: the body that the service answered with, as a table (`status`, `output`,
--- `metrics` and whatever else a model adds), with a few fields made regular and three methods.
--- An output comes as a URL or as lists and objects that hold some (csrc/core/job/sm_output.c finds
--- them); a number may come as a string. The text of the usual answer is read when one of its
--- fields is looked at. The synchronous way answers with the picture itself, kept in memory here.

local Error = require("segmind.error")
local file = require("segmind.file")
local guard = require("segmind.guard")
local json = require("segmind.json")
local lazy = require("segmind.lazy")
local lineage = require("segmind.lineage")
local operation = require("segmind.operation")
local options = require("segmind.options")
local state = require("segmind.state")
local wait = require("segmind.wait")

local schema = lazy.require("segmind.schema")

--- The body that the service answered with, and what is regular about it.
---@class segmind.Result
---@field status "COMPLETED"
---@field output any as the service wrote it; nil when the answer was the picture itself
---@field metrics table cost (USD), inference_time, queue_time, total_time (seconds), ...
---@field url string? where the picture is, for about 7 days; nil when it is in memory
---@field urls string[] every output; the first is `url`
---@field cost number? USD
---@field seed integer|string? the seed it was made with; the digits where a Lua number would round
---@field request_id string?
---@field download_time number? seconds that fetching the picture took, measured on the worker
---@field path string? the file, once it was saved
---@field kept string? the ledger's own copy
---@field job segmind.Job the job it came from; its `params` are what was sent
local Result = { _image_kind = "result" }
Result.__name = "segmind.Result"

local warn_of

--- Hands over who notes and tells a warning: fields.lua, which rests on this file.
---@param warn fun(job: segmind.Job, text: string)
function Result.use(warn)
  warn_of = warn
end

-- A number that was not understood is as good as absent, and the caller hears of it.
local function warn(job, name, value)
  warn_of(job, ("the service gives %s for %s, which is not understood"):format(schema.show(value),
    name))
end

-- What the decoder has made a number of is one; anything else may spell one.
local function number_of(value)
  if type(value) == "number" and value - value == 0 then
    return value
  end
  return json.number(value)
end

-- Doubles hold every integer up to here.
local EXACT = 2 ^ 53

--- A seed: a whole number, or its digits where there are too many for a number.
local function seed_of(value)
  local number = number_of(value)
  if number and number % 1 == 0 and math.abs(number) < EXACT then
    return number
  end
  return type(value) == "string" and value:match("^%s*(%-?%d+)%s*$") or nil
end

--- What is summed up, or measured.
local function amount_of(value)
  local number = number_of(value)
  if not number and type(value) == "string" then -- "$0.05", "0.05 USD"
    number = json.number((value:gsub("%$", ""):gsub("[Uu][Ss][Dd]", "")))
  end
  return number and number >= 0 and number or nil
end

--- A value as `read` understands it; the job is warned of one that it does not.
local function understood(job, name, read, value)
  local found = value ~= nil and read(value) or nil
  if found == nil and value ~= nil then
    warn(job, name, value)
  end
  return found
end

local metrics = { cost = amount_of, remaining_credits = number_of, inference_time = amount_of,
  queue_time = amount_of, total_time = amount_of, retry_count = amount_of }

local function read_metrics(job, body)
  local given = type(body.metrics) == "table" and body.metrics or {}
  for name, value in pairs(given) do
    local read = metrics[name]
    if read and read(value) ~= value then
      given[name] = understood(job, "metrics." .. name, read, value)
    end
  end
  return given
end

-- Fields that only this side writes; `kept` is a file that is read.
local own = { download_time = true, path = true, kept = true, _data = true, _info = true,
  _at = true, _body = true }

--- Sets the regular fields on a body; a field of the service that has the name of one of ours goes.
local function dress(body, job, done, urls)
  for name in pairs(body) do
    if own[name] or Result[name] ~= nil then
      body[name] = nil
    end
  end
  body.status = "COMPLETED"
  body.urls, body.url = urls, urls[1]
  body.metrics = read_metrics(job, body)
  body.cost = body.metrics.cost or understood(job, "the cost", amount_of, done.cost)
  body.seed = understood(job, "the seed", seed_of, body.seed)
    or understood(job, "the seed", seed_of, done.seed) or job.seed
  body.request_id = job.request_id
  body.job = job
  return setmetatable(body, Result)
end

--- Reads the service's fields of a usual result from its text, `_body`, which was not read so far:
--- by the core, for all of it is as documented. An error that is raised in the midst leaves the
--- text.
local function open(result)
  local text = rawget(result, "_body")
  if not text then
    return false
  end
  local body = result.job._client._core.read_json(text)
  body.status, body.urls, body.metrics = "COMPLETED", { result.url }, body.metrics or {}
  body.request_id, body.seed = nil, nil
  for name, value in pairs(body) do
    if rawget(result, name) == nil then
      result[name] = value
    end
  end
  result._body = nil
  return true
end

-- LuaJIT's `pairs` knows no __pairs.
local knows_pairs = false
for _ in pairs(setmetatable({}, { __pairs = function() return next, { true } end })) do
  knows_pairs = true
end

--- Makes a result ready for whoever gets it: where `pairs` would not ask for what was not read, it
--- is read now.
---@param result segmind.Result?
---@return boolean has_read whether that was some work
function Result.complete(result)
  return result ~= nil and not knows_pairs and open(result)
end

function Result.__index(self, name)
  local method = Result[name]
  if method ~= nil or own[name] or not rawget(self, "_body") then
    return method
  end
  open(self)
  return rawget(self, name)
end

function Result.__pairs(self)
  open(self)
  return next, self, nil
end

--- The core has found all of the text as documented (sm_result.c): there is nothing to make
--- regular, and nothing to warn of.
local function of_usual(job, done, url, cost, seed)
  cost = cost or understood(job, "the cost", amount_of, done.cost)
  seed = seed or understood(job, "the seed", seed_of, done.seed) or job.seed
  if done.download_time then -- made with room for what `with_facts` and `_saved` add
    return setmetatable({ url = url, cost = cost, seed = seed, request_id = job.request_id,
      job = job, _body = done.body, kept = done.kept, _at = done.ended_at,
      download_time = done.download_time }, Result)
  end
  return setmetatable({ url = url, cost = cost, seed = seed, request_id = job.request_id,
    job = job, _body = done.body }, Result)
end

local function of_picture(job, done)
  local body = { metrics = { cost = done.cost, remaining_credits = done.remaining_credits,
    total_time = done.generation_time } }
  local result = dress(body, job, done, {})
  result._data = done.body
  return result
end

local function refused(job, done, kind, message)
  return nil, Error.new(kind, message, { charged = kind ~= "failed" and "yes" or nil,
    body = done.body, request_id = job.request_id, status = done.status })
end

local function reason_of(body)
  local reason = body.error
  if reason == nil then
    return "the service gives no reason"
  end
  return type(reason) == "string" and reason or json.encode(reason)
end

local function says_failed(body)
  return type(body.status) == "string" and state.of(body.status) == "FAILED"
end

local envelopes = { "data", "result", "response" }

-- Some gateways put the answer in an envelope (as sm_reply.c knows).
local function unwrap(body)
  body = type(body[1]) == "table" and body[1] or body
  for i = 1, body.output == nil and #envelopes or 0 do
    local inner = body[envelopes[i]]
    if type(inner) == "table" and (inner.output ~= nil or inner.images ~= nil) then
      return inner
    end
  end
  return body
end

local function read(job, done)
  -- The core has kept to max_json_bytes; mended, a text may be longer.
  local body, why = json.decode(done.body, math.huge)
  if type(body) ~= "table" then
    return refused(job, done, "protocol", "the result is neither a picture nor a JSON object: "
      .. (why or "something else"))
  end
  body = unwrap(body)
  if says_failed(body) then
    return refused(job, done, "failed", reason_of(body))
  end
  local urls, is_foreign = job._client._core.outputs(done.body)
  local is_declared = job._request.spec ~= nil
  local must_have = not job._sync or is_declared
  if must_have and not urls[1] and body.output == nil and body.images == nil then
    return refused(job, done, "protocol", "COMPLETED without an output")
  elseif is_declared and not urls[1] then
    return refused(job, done, is_foreign and "security" or "protocol", is_foreign
      and "the output is no address of https, it is not fetched"
      or "COMPLETED, and the output holds no URL")
  end
  return dress(body, job, done, urls)
end

--- What this side knows of the picture. A nil would take room in LuaJIT and 5.3.
local function with_facts(result, done, info)
  if done.kept then
    result.kept, result._at = done.kept, done.ended_at or os.time()
  elseif done.ended_at then
    result._at = done.ended_at
  end
  if done.download_time then
    result.download_time = done.download_time
  end
  if info or done.format then
    result._info = info or { format = done.format, width = done.width, height = done.height }
  end
  return result
end

--- Makes a result of what the core hands out for a finished job. A ledger's has its picture in a
--- file (`done.kept`), and of the synchronous way nothing else.
---@param job segmind.Job
---@param done table
---@return segmind.Result?
---@return segmind.Error?
function Result.read(job, done)
  local url, cost, seed, info, result, err
  if done.body then
    url, cost, seed = job._client._core.result(done.body)
  end
  if url then
    result = of_usual(job, done, url, cost, seed)
  else
    -- By its bytes: Content-Type may say anything. That it is whole, the core has seen to.
    info = file.image(done.body or "")
    local is_picture = info or not done.body and done.kept
    result, err = (is_picture and of_picture or read)(job, done)
  end
  return result and with_facts(result, done, info), err
end

--- The picture is in a file. Its bytes are the service's, whatever the name says.
---@param done table a picture's facts, with its `path`
function Result:_saved(done)
  local job, name, wanted = self.job, done.path, file.format(done.path)
  self.path, self.download_time = name, done.download_time or self.download_time
  self._info = { format = done.format, width = done.width, height = done.height }
  if wanted and wanted ~= done.format then
    warn_of(job, ("%s holds a %s, whatever its extension says"):format(name, done.format))
  end
end

--- The operation that writes the picture to a file: a verb of the core's handle, its arguments. A
--- picture that is at hand, in memory or in the ledger's file, needs no network.
---@param target string
---@param timeout number seconds
---@param has_metadata boolean
---@return string verb
function Result:_writer(target, timeout, has_metadata)
  local picture, xmp, beside = self._data or self.kept and { path = self.kept }, nil, nil
  if has_metadata then
    xmp, beside = lineage.texts_of(self, target)
  end
  local opts = { timeout = timeout, xmp = xmp, beside = beside }
  if picture then
    return "save", target, picture, opts
  end
  return "download", self.url, target, opts
end

--- Completes the error of a picture that was not fetched or not saved: it was paid.
---@param err segmind.Error
---@return segmind.Error
function Result:_not_saved(err)
  if self.url and not self._data then
    err.message = ("%s (the picture is at %s)"):format(err.message, self.url)
  end
  err.charged, err.request_id = "yes", err.request_id or self.request_id
  return err
end

--- Waits for an operation that fetches or writes the picture.
local function await(self, verb, ...)
  local done, err = operation.await(self.job._client, verb, ...)
  return done, err and self:_not_saved(err)
end

--- Fetches the picture; blocks.
local function fetch(self, target, has_metadata)
  local client = self.job._client
  wait.check(client, "fetching a picture")
  if not self.url then
    return nil, Error.new("io", "the result has no picture", { charged = "yes", body = self.body })
  end
  if target then
    return await(self, self:_writer(target, client._timeout, has_metadata))
  end
  return await(self, "download", self.url, nil, { timeout = client._timeout })
end

--- The picture without the network: in memory, or in the ledger's file.
local function at_hand(self)
  return self._data or self.kept and file.read(self.kept) or nil
end

--- A picture that is at hand goes to a file on the worker thread, and on this one where nobody can
--- wait for that: in a callback, and after the client was closed.
local function write(self, target, has_metadata)
  local client, xmp, beside = self.job._client, nil, nil
  if wait.is_possible(client) then
    return await(self, self:_writer(target, client._timeout, has_metadata))
  elseif has_metadata then
    xmp, beside = lineage.texts_of(self, target)
  end
  local data = at_hand(self)
  local final, err = file.write_picture(target, data or "", xmp, beside)
  local done = final and file.image(data)
  if done then
    done.path = final
  end
  return done, err
end

--- The options of result:save.
---@class (exact) segmind.SaveOptions
---@field metadata boolean? whether the picture says how it was made; as its job's option
local save_options = { metadata = "flag" }

--- Writes the picture (the first, when there are several) to a file; blocks. The file appears whole
--- or not at all. Missing folders are made; a name without a picture's extension gets the format's.
--- The bytes are the service's; with `metadata` the picture says how it was made, see
--- segmind.provenance.
---@param target string
---@param opts segmind.SaveOptions?
---@return string? path the name of the file
---@return segmind.Error? err kind "io", "timeout", "security", ...
function Result:save(target, opts)
  if type(target) ~= "string" or target == "" then
    Error.misuse("result:save takes a path, got " .. schema.show(target))
  end
  opts = options.read(opts, save_options, "result:save")
  local problem = file.problem(target)
  if problem then
    return nil, Error.new("invalid", problem, { charged = "yes" })
  end
  local has_metadata = opts.metadata
  if has_metadata == nil then
    has_metadata = self.job._has_metadata
  end
  target = file.absolute(target)
  local is_at_hand = self._data or self.kept and file.probe(self.kept)
  local done, err = (is_at_hand and write or fetch)(self, target, has_metadata)
  if not done then
    return nil, err
  end
  self:_saved(done)
  return done.path
end

--- The picture as a string; fetched anew at each call unless it is in memory or in the ledger;
--- blocks.
---@return string?
---@return segmind.Error?
function Result:bytes()
  local data = at_hand(self)
  if data then
    self._info = self._info or file.image(data)
    return data
  end
  local done, err = fetch(self)
  if not done then
    return nil, err
  end
  self._info = file.image(done.body)
  self.download_time = done.download_time or self.download_time
  return done.body
end

--- The picture's format ("png", "jpeg", "webp", "gif"), width and height in pixels. Blocks when the
--- picture was not fetched before.
---@return { format: string, width: integer, height: integer }?
---@return segmind.Error?
function Result:info()
  if not self._info then
    local data, err = self:bytes()
    if not data then
      return nil, err
    end
  end
  return self._info
end

-- Fields that are no data: of this side, or told again by `facts`.
local apart = { job = true, _data = true, _info = true, _at = true }

--- A copy without metatables, cycles and values that have no place in JSON.
local function plain(value)
  local kind = type(value)
  if kind == "table" and getmetatable(value) then -- a picture that was not sent: the ledger had it
    local result = value._image_kind == "job" and value:result() or value
    return type(result.url) == "string" and result.url or nil
  elseif kind ~= "table" then
    local is_json = kind == "string" or kind == "boolean"
      or kind == "number" and value - value == 0
    if is_json then
      return value
    end
    return nil
  end
  local copy = {}
  for key, item in pairs(value) do
    copy[key] = plain(item)
  end
  return copy
end

--- Everything about the picture as one plain table, for a log, a database or a file beside it: the
--- body that the service answered with, and `model`, `params` (as sent), `inputs`, `name`, `seed`,
--- `cost`, `request_id`, `url`, `urls`, `path`, `replayed`, `started`, `ended`. Any JSON library
--- encodes it.
---
---     file:write(cjson.encode(result:data()))
---@return table
function Result:data()
  local job, data = self.job, {}
  open(self)
  for name, value in pairs(self) do
    if not apart[name] then
      data[name] = plain(value)
    end
  end
  for _, name in ipairs({ "model", "params", "name", "replayed", "started", "ended" }) do
    data[name] = plain(job[name])
  end
  data.inputs = plain(rawget(job, "inputs") or {})
  return data
end

function Result:__tostring()
  local where = self.path or self.url or (self._data and #self._data .. " bytes") or "no picture"
  return ("segmind.Result %s %s%s"):format(self.job.model, where,
    self.cost and (" $%.2f"):format(self.cost) or "")
end

guard.class(Result, "result", { "save", "bytes", "info" },
  { complete = true, read = true, use = true })

return Result
