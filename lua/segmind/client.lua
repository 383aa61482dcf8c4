--- A client: one key, one connection pool, its jobs. The only file that speaks to the C core: the
--- network turns on its own thread and speaks to Lua in `client:step`, nowhere else.

local core = require("segmind.loader")
local Budget = require("segmind.budget")
local Chain = require("segmind.chain")
local Error = require("segmind.error")
local Gate = require("segmind.gate")
local Job = require("segmind.job")
local Queue = require("segmind.queue")
local events = require("segmind.events")
local flow = require("segmind.flow")
local image = require("segmind.image")
local json = require("segmind.json")
local options = require("segmind.options")
local request = require("segmind.request")
local resume = require("segmind.resume")
local stop = require("segmind.stop")
local version = require("segmind.version")
local waiting = require("segmind.waiting")

Error.set_filter(core.redact)
waiting.set_clock(core.now)

---@class segmind.ClientOptions
---@field api_key string? else SEGMIND_API_KEY
---@field base_url string? else SEGMIND_BASE_URL, else the service; http only on loopback
---@field max_transfers integer? transfers at the same time (16)
---@field max_active_jobs integer? jobs under way at the same time; others wait for a place
---@field rpm integer? submits a minute, as the account's plan allows
---@field timeout number? seconds for a job from its start to its picture (600)
---@field poll "eager"|"balanced"|"relaxed"|number|nil how often to ask for a state, or seconds
---@field on_event fun(event: segmind.Event)? told everything that happens
---@field ledger string? a file, or "postgresql://user@host/db"; nothing in it is paid twice
---@field ledger_files string? folder for the pictures of the ledger; its own name and ".files"
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
  "inline", "max_json_bytes", "max_image_bytes", "user_agent" }

---@class segmind.Client
local Client = {}
Client.__index = Client
Client.__name = "segmind.Client"
Client._settle, Client._stop, Client._in_doubt = flow.settle, stop, flow.in_doubt
for _, methods in ipairs({ events, resume }) do
  for name, method in pairs(methods) do
    Client[name] = method
  end
end

local function open_core(opts)
  local given = {}
  for _, name in ipairs(for_core) do
    given[name] = opts[name]
  end
  given.user_agent = given.user_agent or ("segmind-lua/%s (%s)"):format(version, core.LUA)
  -- The core knows the bounds of its options; to leave them is a programmer's mistake.
  local ok, handle, err = pcall(core.open, given)
  if not ok then
    Error.misuse((tostring(handle):gsub("^.-:%d+: ", "")))
  elseif handle then
    return handle
  end
  return nil, Error.from(err)
end

--- The ledger's code, and LuaDBI, are loaded only where one is asked for.
local function with_ledger(self, opts)
  if not opts.ledger then
    return self
  end
  local ledger, err = require("segmind.ledger").open(self, opts)
  if not ledger then
    self:close()
    return nil, err
  end
  self._ledger = ledger
  return self
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
  local handle, err = open_core(opts)
  if not handle then
    return nil, err
  end
  local self = setmetatable({ _core = core, _handle = handle, _handlers = {}, _jobs = {},
    _closed = false, _stepping = false, _settling = false, _pumping = false, _ledger = false,
    _count = 0, _active = 0, _ready = Queue.new(), _settled = Queue.new(),
    _left_over = false, _limit = false,
    _on_event = opts.on_event, _timeout = opts.timeout or 600, _poll = opts.poll,
    _max_active = opts.max_active_jobs or math.huge, _max_json = opts.max_json_bytes,
    _on_unknown = opts.on_unknown, _budget = opts.budget and Budget.new(opts.budget) }, Client)
  self._uploads = image.uploads(self)
  Gate.join(self)
  return with_ledger(self, opts)
end

function Client:_check_open()
  if self._closed then
    Error.misuse("the client is closed")
  end
  local ok, why = pcall(self._handle.fd, self._handle)
  if not ok then
    Error.misuse(why) -- a forked child, where nothing of it works
  end
end

--- Checks a call without sending anything.
function Client:_prepare(model, params, opts, refs)
  self:_check_open()
  return request.prepare(self, model, params, opts, refs)
end

function Client:_launch(prepared, is_sync)
  self:_recover()
  self._count = self._count + 1
  local job = Job.new(self, self._count, prepared)
  job._sync = is_sync
  self._jobs[job] = true
  for _, text in ipairs(job.warnings) do
    self:_emit({ what = "warning", job = job, message = text })
  end
  flow.launch(job)
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

--- Starts a chain of edits on one picture; see segmind.chain.
---@param input segmind.Image? the picture of the first step
---@return segmind.Chain
function Client:chain(input)
  self:_check_open()
  return Chain.new(self, input)
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

--- What is left on the account, in the service's credits; free, and the cheapest check of a key.
---@return { credits: number, free: number }?
---@return segmind.Error?
function Client:credits()
  self:_check_open()
  self:_may_block("credits")
  local done, err = self:_await(self._handle:get("api", "/v1/get-user-credits",
    { timeout = self._timeout }))
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

-- A dot in place of the colon is what everybody writes once.
local function with_colon(name, method)
  return function(self, ...)
    if getmetatable(self) ~= Client then
      Error.misuse(("%s is called with a colon: client:%s(...)"):format(name, name))
    end
    return method(self, ...)
  end
end

for _, name in ipairs({ "run", "run_sync", "submit", "chain", "upload", "credits", "attach",
  "resume" }) do
  Client[name] = with_colon(name, Client[name])
end

return Client
