--- A client: one key, one connection pool, its jobs. The only file that speaks to the C core: the
--- network turns on its own thread and speaks to Lua in `client:step`, nowhere else.

local core = require("segmind.loader")
local Budget = require("segmind.budget")
local Chain = require("segmind.chain")
local Error = require("segmind.error")
local Gate = require("segmind.gate")
local Job = require("segmind.job")
local Queue = require("segmind.queue")
local callbacks = require("segmind.callbacks")
local events = require("segmind.events")
local flow = require("segmind.flow")
local history = require("segmind.history")
local image = require("segmind.image")
local interruption = require("segmind.interruption")
local json = require("segmind.json")
local methods = require("segmind.methods")
local models = require("segmind.models")
local options = require("segmind.options")
local path = require("segmind.path")
local request = require("segmind.request")
local resume = require("segmind.resume")
local schema = require("segmind.schema")
local scheduler = require("segmind.scheduler")
local stop = require("segmind.stop")
local together = require("segmind.together")
local unfinished = require("segmind.unfinished")
local version = require("segmind.version")
local waiting = require("segmind.waiting")

Error.set_filter(core.redact)
waiting.set_clock(core.now)
methods.on_interrupt(unfinished.tell)
path.set_absolute(core.absolute)
waiting.set_callback_of(callbacks.running)
scheduler.set_guard(core.during)

---@class segmind.ClientOptions
---@field api_key string? else SEGMIND_API_KEY
---@field base_url string? else SEGMIND_BASE_URL, else the service; http only on loopback
---@field max_transfers integer? transfers at the same time (16)
---@field max_active_jobs integer? jobs under way at the same time; others wait for a place
---@field rpm integer? requests a minute, submits and polls together, as the account's plan allows
---@field timeout number? seconds for a job once its inputs are there: upload to download (600)
---@field poll "eager"|"balanced"|"relaxed"|number|nil how often to ask for a state, or seconds
---@field on_event fun(event: segmind.Event)? told everything that happens
---@field ledger string? a file, or "postgresql://user@host/db"; nothing in it is paid twice
---@field ledger_files string? folder for the pictures of the ledger; a file's name and ".files", of
--- a server "segmind-ledger.files"
---@field budget number? USD; a submit that could pass it is refused
---@field on_unknown segmind.OnUnknown? what to do about a submit of unknown outcome; "hold"
---@field media_hosts string[]? further hosts that pictures are fetched from
---@field proxy string?
---@field ca_file string? certificates to trust, PEM
---@field inline boolean? no thread: the network turns in step and poll only
---@field max_json_bytes integer?
---@field max_image_bytes integer?
---@field user_agent string?
local declared = { api_key = "key", base_url = "text", max_transfers = "count",
  max_active_jobs = "count", rpm = "count", timeout = "seconds", poll = "poll",
  on_event = "callback", media_hosts = "list", proxy = "text", ca_file = "text", inline = "flag",
  max_json_bytes = "count", max_image_bytes = "count", user_agent = "text", ledger = "text",
  ledger_files = "text", budget = "money", on_unknown = "doubt" }

-- What the core takes; the rest is for this side. The key goes through and is not kept.
local for_core = { "api_key", "base_url", "max_transfers", "rpm", "media_hosts", "proxy", "ca_file",
  "inline", "max_json_bytes", "max_image_bytes", "user_agent", "ledger", "ledger_files" }

---@class segmind.Client
local Client = {}
Client.__index = Client
Client.__name = "segmind.Client"
Client._settle, Client._stop, Client._in_doubt = flow.settle, stop, flow.in_doubt
for _, part in ipairs({ events, resume, history }) do
  for name, method in pairs(part) do
    Client[name] = method
  end
end

local function open_core(opts)
  local given = {}
  for _, name in ipairs(for_core) do
    given[name] = opts[name]
  end
  given.budget = opts.ledger and opts.budget
  given.user_agent = given.user_agent or ("segmind-lua/%s (%s)"):format(version, core.LUA)
  -- The core knows the bounds of its options; to leave them is a programmer's mistake.
  local ok, handle, err = interruption.attempt(core.open, given)
  if not ok then
    Error.misuse((tostring(handle):gsub("^.-:%d+: ", "")))
  elseif handle then
    return handle
  end
  err = Error.from(err)
  err.where = err.kind == "invalid" and Error.line_of_caller() or nil
  return nil, err
end

--- A ledger may also be the URL of a database.
local function name_places(opts)
  if opts.ledger and not opts.ledger:find("^%a[%w+.-]*://") then
    opts.ledger = path.absolute(opts.ledger)
  end
  opts.ledger_files, opts.ca_file = path.absolute(opts.ledger_files), path.absolute(opts.ca_file)
end

--- Opens a client. No request is made.
---
---     local sm = assert(segmind.new{ timeout = 120, max_active_jobs = 8 })
---     local job = sm:submit("flux-kontext-pro", { prompt = "a red house", aspect_ratio = "1:1" })
---     print(job:wait())
---@param opts segmind.ClientOptions?
---@return segmind.Client?
---@return segmind.Error? err kind "auth", "invalid" or "ledger"
function Client.new(opts)
  opts = options.read(opts, declared, "segmind.new")
  name_places(opts)
  local handle, err = open_core(opts)
  if not handle then
    return nil, err
  end
  local self = setmetatable({ _core = core, _handle = handle, _handlers = {}, _jobs = {},
    _saves = {}, _closed = false, _busy = false, _settling = false, _pumping = false,
    _has_ledger = opts.ledger ~= nil, _leaders = {}, _followers = {}, _rows = {}, _count = 0,
    _active = 0, _ready = Queue.new(), _settled = Queue.new(), _left_over = false, _limit = false,
    _watch = false,
    _on_event = opts.on_event, _timeout = opts.timeout or 600, _poll = opts.poll,
    _max_active = opts.max_active_jobs or math.huge, _max_json = opts.max_json_bytes,
    _on_unknown = opts.on_unknown,
    _budget = (opts.budget or not opts.ledger) and Budget.new(opts.budget) }, Client)
  self._uploads = image.uploads(self)
  Gate.join(self)
  unfinished.watch(self)
  return self
end

function Client:_check_open()
  if self._closed then
    Error.misuse("the client is closed")
  end
  local ok, why = interruption.attempt(self._handle.fd, self._handle)
  if not ok then
    Error.misuse(why) -- a forked child, where nothing of it works
  end
end

--- Checks a call without sending anything.
function Client:_prepare(model, params, opts, refs)
  self:_check_open()
  return request.prepare(self, model, params, opts, refs)
end

local function launch(self, job)
  for _, text in ipairs(job.warnings) do
    self:_emit({ what = "warning", job = job, message = text })
  end
  self._jobs[job] = true -- from here on nothing keeps it from its end
  for _, target in ipairs(job._targets or {}) do
    self._saves[target] = job
  end
  flow.launch(job)
end

function Client:_launch(prepared, is_sync)
  self._count = self._count + 1
  local job = Job.new(self, self._count, prepared)
  job._sync, job._targets = is_sync, prepared.targets
  self:_work(launch, job)
  return job
end

local function submit(self, model, params, opts, is_sync)
  local prepared, err = self:_prepare(model, params, opts)
  if not prepared then
    return nil, err
  end
  return self:_launch(prepared, is_sync)
end

--- Sends a job on its way and returns at once; the parameters are checked before that.
---
---     local base = sm:submit("flux-kontext-dev", { prompt = "bokeh", input_image = "a.png" })
---     local night = sm:submit("flux-kontext-pro", { prompt = "at night", input_image = base })
---     assert(night:wait()):save("night.png")
---@param model segmind.Model
---@param params segmind.Params
---@param opts segmind.CallOptions?
---@return segmind.Job?
---@return segmind.Error? err kind "invalid"
function Client:submit(model, params, opts)
  return submit(self, model, params, options.read(opts, request.options, "submit"))
end

local function run(self, verb, model, params, opts)
  opts = options.read(opts, request.options, verb)
  self:_may_block(verb)
  local job, err = submit(self, model, params, opts, verb == "run_sync")
  if not job then
    return nil, err
  end
  return job:wait()
end

--- Makes one picture and waits for it.
---
---     local photo, err = sm:run("flux-kontext-pro", { prompt = "a photo", input_image = "a.png" })
---     if not photo then print(err) end
---@param model segmind.Model
---@param params segmind.Params
---@param opts segmind.CallOptions?
---@return segmind.Result?
---@return segmind.Error?
function Client:run(model, params, opts)
  return run(self, "run", model, params, opts)
end

-- A misspelt variable, or the result of a call that failed. For a model whose picture is optional
-- it would be a paid picture of something else.
local function is_missing(picture)
  return picture == nil or picture == false or picture == json.null
end

local function show_missing(picture)
  return picture == json.null and "null" or tostring(picture)
end

--- The parameters of an edit: the picture goes where the model takes its first.
local function with_picture(model, picture, params)
  if type(params) == "string" then
    params = { prompt = params }
  elseif type(params) ~= "table" or getmetatable(params) ~= nil then
    Error.misuse("edit takes a prompt or a table of parameters after the picture, got "
      .. schema.show(params))
  end
  local spec = models.declared(model)
  local name = spec and models.first_image(spec)
  if not name then
    local near = schema.nearest(model, models.names)
    return nil, Error.refusal(model .. ": the model is not declared, so edit does not know which "
      .. "parameter takes the picture; name it in a call of run"
      .. (near and ('; did you mean "%s"?'):format(near) or ""))
  elseif params[name] ~= nil then
    Error.misuse(("the picture is given twice: %s, and %s among the parameters"):format(
      "after the model", name))
  end
  local copy = { [name] = picture }
  for key, value in pairs(params) do
    copy[key] = value
  end
  return copy
end

--- Edits a picture and waits for it. The picture goes to the model's first image parameter; where
--- there is none (nil), the call raises instead of drawing another one from the text.
---
---     local photo = assert(sm:edit("flux-kontext-pro", "portrait.webp", "a real photograph"))
---     local night = assert(sm:edit("flux-kontext-dev", photo, { prompt = "at night", seed = 7 }))
---@param model segmind.Model
---@param picture segmind.Image
---@param params string|segmind.Params the prompt, or the parameters without the picture
---@param opts segmind.CallOptions?
---@return segmind.Result?
---@return segmind.Error?
function Client:edit(model, picture, params, opts)
  if type(model) ~= "string" then
    Error.misuse("the model is a string, got " .. schema.show(model))
  elseif is_missing(picture) then
    Error.misuse(("edit takes a picture after the model, got %s; run draws from text alone"):format(
      show_missing(picture)))
  end
  local all, err = with_picture(model, picture, params)
  if not all then
    return nil, err
  end
  return run(self, "edit", model, all, opts)
end

--- As `run` over the service's synchronous v1 way: one request whose answer is the picture. The
--- service means it for requests under a minute, and a lost answer cannot be fetched again.
---@param model segmind.Model
---@param params segmind.Params
---@param opts segmind.CallOptions?
---@return segmind.Result?
---@return segmind.Error?
function Client:run_sync(model, params, opts)
  return run(self, "run_sync", model, params, opts)
end

--- Starts a chain of edits on one picture; see segmind.chain. Without an argument its first step
--- draws from text alone, or names its picture itself; a picture that is nil raises.
---@param ... segmind.Image? the picture of the first step
---@return segmind.Chain
function Client:chain(...)
  self:_check_open()
  local picture = ...
  if select("#", ...) > 0 and is_missing(picture) then
    Error.misuse("chain takes the picture of its first step, got " .. show_missing(picture)
      .. "; chain() begins with text alone")
  end
  return Chain.new(self, picture)
end

local map_options = { concurrency = "count" }

--- Calls `fn(item, i)` for each item of a list, waits for the job that it returns, and keeps so
--- many of them under way. What `fn` returns otherwise (a result, or nil and an error) is taken as
--- it is, and an error in it is the outcome of its item: no other is lost. It may wait itself.
---
---     local outcomes = sm:map(paths, function(path)
---       return sm:submit("flux-kontext-pro", { prompt = "at night", input_image = path })
---     end, { concurrency = 4 })
---     for i, one in ipairs(outcomes) do print(paths[i], one.result or one.error) end
---@param list any[]
---@param fn fun(item: any, i: integer): any, segmind.Error?
---@param opts { concurrency: integer? }? 8
---@return { result: any, error: segmind.Error? }[] outcomes in the order of the list
function Client:map(list, fn, opts)
  if type(list) ~= "table" or type(fn) ~= "function" then
    Error.misuse("map takes a list and a function, got " .. schema.show(list) .. " and "
      .. schema.show(fn))
  end
  opts = options.read(opts, map_options, "map")
  self:_may_block("map")
  return together.map(list, fn, opts.concurrency or 8)
end

--- Uploads pictures and returns where they are; blocks. Equal content is uploaded once.
---@param source string|segmind.Bytes|(string|segmind.Bytes)[] a path, bytes, or a list of them
---@return string|string[]|nil url a list for a list
---@return segmind.Error?
function Client:upload(source)
  self:_check_open()
  self:_may_block("upload")
  local is_list = type(source) == "table" and getmetatable(source) == nil
  local urls, err = self._uploads:all(is_list and source or { source }, self._timeout)
  if not urls then
    return nil, err
  end
  return is_list and urls or urls[1]
end

--- What was spent, in US dollars: what the service says that a picture cost (its published price
--- where it does not say), the price of what is under way, and of what nobody knows the end of.
--- With a ledger over all its runs, without one by this client. `credits` tells what is left.
---@return number?
---@return segmind.Error? err kind "ledger"
function Client:spent()
  if self._has_ledger then
    return self:_query("spent")
  end
  return self._budget:spent()
end

--- Asks the ledger and waits for its answer, some milliseconds; ten seconds at the most.
function Client:_query(what, key)
  self:_check_open()
  local answer, err = self._handle:ask(what, key)
  if err then
    return nil, Error.from(err)
  end
  return answer
end

--- What is left on the account, in the service's credits; free, and the cheapest check of a key.
---@return { credits: number, free: number }?
---@return segmind.Error?
function Client:credits()
  self:_check_open()
  self:_may_block("credits")
  local done, err = self:_await("get", "api", "/v1/get-user-credits", { timeout = self._timeout })
  if not done then
    return nil, err
  end
  local body, why = json.decode(done.body, self._max_json)
  local credits = type(body) == "table" and tonumber(body.credits)
  if not credits then
    return nil, Error.new("protocol", "no credits in the answer: " .. (why or "another shape"),
      { body = done.body, status = done.status })
  end
  return { credits = credits, free = tonumber(body["free-credits"]) or 0 }
end

methods.guard(Client, "client", { "run", "edit", "run_sync", "map", "upload", "poll",
  "credits", "history", "request" }, { new = true })

return Client
