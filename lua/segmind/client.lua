--- A client: one key, one connection pool, its jobs. All its public methods are here, and it is the
--- only file that speaks of the C core by name: the network turns on its own thread and speaks to
--- Lua in `client:step`, nowhere else.

local core = require("segmind.loader")
local Budget = require("segmind.budget")
local Error = require("segmind.error")
local Job = require("segmind.job")
local Queue = require("segmind.queue")
local callback = require("segmind.callback")
local file = require("segmind.file")
local guard = require("segmind.guard")
local input = require("segmind.input")
local lazy = require("segmind.lazy")
local lineage = require("segmind.lineage")
local models = require("segmind.models")
local operation = require("segmind.operation")
local options = require("segmind.options")
local request = require("segmind.request")
local roster = require("segmind.roster")
local step = require("segmind.step")
local unfinished = require("segmind.unfinished")
local version = require("segmind.version")
local wait = require("segmind.wait")

local Chain = lazy.require("segmind.chain")
local chain_file = lazy.require("segmind.chain_file")
local history = lazy.require("segmind.history")
local resume = lazy.require("segmind.resume")
local schema = lazy.require("segmind.schema")
local several = lazy.require("segmind.several")
local work = lazy.require("segmind.work")

Error.set_filter(core.redact)
lineage.use(core)
callback.use(core)
file.use(core)
wait.use(core)
guard.on_interrupt(unfinished.tell)

--- The options of a client.
---@class (exact) segmind.ClientOptions
---@field api_key string? else SEGMIND_API_KEY
---@field base_url string? else SEGMIND_BASE_URL, else the service; http only on loopback
---@field max_transfers integer? transfers at the same time (16)
---@field max_active_jobs integer? jobs under way at the same time; others wait for a place
---@field rpm integer? requests a minute, submits and polls together, as the account's plan allows
---@field timeout number? seconds for a job once its inputs are there: upload to download (600)
---@field poll segmind.Poll? how often to ask for a state; "balanced"
---@field on_event fun(event: segmind.Event)? told everything that happens
---@field ledger string? a file, or "postgresql://user@host/db"; nothing in it is paid twice
--- folder for the pictures of the ledger; a file's name and ".files", of a server one in the user's
--- cache
---@field ledger_files string?
---@field budget number? USD; a submit that could pass it is refused
---@field on_unknown segmind.OnUnknown? what to do about a submit of unknown outcome; "hold"
---@field media_hosts string[]? further hosts that pictures are fetched from
---@field proxy string? the URL of a proxy; else the one that the environment names
---@field ca_file string? certificates to trust, PEM
---@field inline boolean? no thread: the network turns in step and poll only
---@field max_json_bytes integer? of an answer (4 MiB)
---@field max_image_bytes integer? of a picture, either way (64 MiB)
---@field user_agent string? instead of the library's own
---@field metadata boolean? whether saved pictures say how they were made (false)
local declared = { api_key = "key", base_url = "text", max_transfers = "count",
  max_active_jobs = "count", rpm = "count", timeout = "seconds", poll = "poll",
  on_event = "callback", media_hosts = "list", proxy = "text", ca_file = "text", inline = "flag",
  max_json_bytes = "count", max_image_bytes = "count", user_agent = "text", ledger = "text",
  ledger_files = "text", budget = "money", on_unknown = "doubt", metadata = "flag" }

-- What the core takes; the rest is for this side. The key goes through and is not kept.
local for_core = { "api_key", "base_url", "max_transfers", "rpm", "media_hosts", "proxy", "ca_file",
  "inline", "max_json_bytes", "max_image_bytes", "user_agent", "ledger", "ledger_files" }

--- One key, one connection pool, and the jobs of both.
---@class segmind.Client
local Client = {}
Client.__index = Client
Client.__name = "segmind.Client"

--- The folder of the driver for a ledger on a server: on package.cpath for a program that has the
--- core linked in; a core that is a file finds it beside itself.
local function driver_folder()
  local search = package.preload["segmind.core"] and rawget(package, "searchpath")
  local path = search and search("segmind.postgres", package.cpath)
  return path and path:match("^(.*)/")
end

local function open_core(opts)
  local given = {}
  for _, name in ipairs(for_core) do
    given[name] = opts[name]
  end
  given.budget = opts.ledger and opts.budget
  given.driver_folder = opts.ledger and driver_folder() or nil
  given.user_agent = given.user_agent or ("segmind-lua/%s (%s)"):format(version, core.LUA)
  -- The core knows the bounds of its options; to leave them is a programmer's mistake.
  local ok, handle, err = guard.attempt(core.open, given)
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
    opts.ledger = file.absolute(opts.ledger)
  end
  opts.ledger_files, opts.ca_file = file.absolute(opts.ledger_files), file.absolute(opts.ca_file)
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
  opts = options.read(opts or {}, declared, "segmind.new")
  name_places(opts)
  local handle, err = open_core(opts)
  if not handle then
    return nil, err
  end
  local self = setmetatable({ _core = core, _handle = handle, _handlers = {}, _jobs = {},
    _saves = {}, _closed = false, _busy = false, _settling = false, _unsettled = false,
    _by_id = setmetatable({}, { __mode = "v" }), _base_url = opts.base_url,
    _has_ledger = opts.ledger ~= nil, _rows = {}, _count = 0, _active = 0, _ready = Queue.new(),
    _settled = Queue.new(), _left_over = false, _limit = false, _longest = 0, _is_fresh = false,
    _watch = false, _ending = false, _on_event = opts.on_event or false,
    _timeout = opts.timeout or 600, _poll = opts.poll,
    _max_active = opts.max_active_jobs or math.huge, _max_json = opts.max_json_bytes,
    _on_unknown = opts.on_unknown, _metadata = opts.metadata or false,
    _budget = (opts.budget or not opts.ledger) and Budget.new(opts.budget) }, Client)
  self._uploads = input.uploads(self)
  wait.join(self)
  unfinished.watch(self)
  return self
end

-- -- jobs -----------------------------------------------------------------------------------------

local function submit(self, model, params, opts, is_sync)
  local prepared, err = request.prepare(self, model, params, opts)
  if not prepared then
    return nil, err
  end
  prepared.is_sync = is_sync
  return step.launch(Job.new(self, prepared))
end

--- Sends a job on its way and returns at once; the parameters are checked before that.
---
---     local base = sm:submit("flux-kontext-dev", { prompt = "bokeh", input_image = "a.png" })
---     local night = sm:submit("flux-kontext-pro", { prompt = "at night", input_image = base })
---     assert(night:wait()):save("night.png")
---@param model segmind.Model
---@param params table by name, as the model takes them
---@param opts segmind.CallOptions?
---@return segmind.Job?
---@return segmind.Error? err kind "invalid"
function Client:submit(model, params, opts)
  opts = options.read(opts, request.options, "submit")
  wait.check_open(self)
  return submit(self, model, params, opts)
end

local function run(self, verb, model, params, opts)
  opts = options.read(opts, request.options, verb)
  wait.check(self, verb)
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
---@param params table by name, as the model takes them
---@param opts segmind.CallOptions?
---@return segmind.Result?
---@return segmind.Error?
function Client:run(model, params, opts)
  return run(self, "run", model, params, opts)
end

--- Edits a picture and waits for it. The picture goes to the model's first image parameter; where
--- there is none (nil), the call raises instead of drawing another one from the text.
---
---     local photo = assert(sm:edit("flux-kontext-pro", "portrait.webp", "a real photograph"))
---     local night = assert(sm:edit("flux-kontext-dev", photo, { prompt = "at night", seed = 7 }))
---@param model segmind.Model
---@param picture segmind.Image
---@param params string|table the prompt, or the parameters without the picture
---@param opts segmind.CallOptions?
---@return segmind.Result?
---@return segmind.Error?
function Client:edit(model, picture, params, opts)
  local all, err = request.edit(model, picture, params)
  if not all then
    return nil, err
  end
  return run(self, "edit", model, all, opts)
end

--- As `run` over the service's synchronous v1 way: one request whose answer is the picture. The
--- service means it for requests under a minute, and a lost answer cannot be fetched again.
---@param model segmind.Model
---@param params table by name, as the model takes them
---@param opts segmind.CallOptions?
---@return segmind.Result?
---@return segmind.Error?
function Client:run_sync(model, params, opts)
  return run(self, "run_sync", model, params, opts)
end

--- Starts a chain of edits on one picture (segmind.Chain). Without an argument its first step
--- draws from text alone, or names its picture itself; a picture that is nil raises.
---@param ... segmind.Image? the picture of the first step
---@return segmind.Chain
function Client:chain(...)
  wait.check_open(self)
  local picture = ...
  if select("#", ...) > 0 and input.is_missing(picture) then
    Error.misuse("chain takes the picture of its first step, got " .. input.show_missing(picture)
      .. "; chain() begins with text alone")
  end
  return Chain.new(self, picture)
end

--- Reads a chain file and makes a chain of it (segmind.ChainFile).
---
---     local chain = assert(sm:chain_file("poster.json", { set = { place = "a harbour" } }))
---     print(assert(chain:estimate()))
---     local results, err = chain:run()
---@param source string|table the path of the file, or what stands in one
---@param opts segmind.ChainFileOptions?
---@return segmind.Chain?
---@return segmind.Error? err kind "invalid"; its `problems` begin with "file:line:column: "
function Client:chain_file(source, opts)
  wait.check_open(self)
  local read, err = chain_file.read(source, opts)
  if not read then
    return nil, err
  end
  return read:chain(self)
end

--- The options of client:map.
---@class (exact) segmind.MapOptions
---@field concurrency integer? how many jobs are under way at the same time; 8
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
---@param opts segmind.MapOptions?
---@return { result: any, error: segmind.Error? }[] outcomes in the order of the list
function Client:map(list, fn, opts)
  if type(list) ~= "table" or type(fn) ~= "function" then
    Error.misuse("map takes a list and a function, got " .. schema.show(list) .. " and "
      .. schema.show(fn))
  end
  opts = options.read(opts, map_options, "map")
  wait.check(self, "map")
  return several.map(list, fn, opts.concurrency or 8)
end

--- Uploads pictures and returns where they are; blocks. Equal content is uploaded once.
---@param source string|segmind.Bytes|(string|segmind.Bytes)[] a path, bytes, or a list of them
---@return string|string[]|nil url a list for a list
---@return segmind.Error?
function Client:upload(source)
  wait.check(self, "upload")
  if source == nil then
    Error.misuse("client:upload takes a path, segmind.bytes(s), or a list of them, got nil")
  end
  local is_list = type(source) == "table" and getmetatable(source) == nil
  local urls, err = self._uploads:all(is_list and source or { source }, self._timeout)
  if not urls then
    return nil, err
  end
  return is_list and urls or urls[1]
end

-- -- jobs of earlier runs ------------------------------------------------------------------------

--- Takes up a job that the service has accepted before, from its id alone. With a ledger that knows
--- the id, what becomes of it is written there.
---@param request_id string
---@param model segmind.Model
---@param opts segmind.AttachOptions?
---@return segmind.Job?
---@return segmind.Error? err kind "security" for an id that is none, "invalid" for a file
function Client:attach(request_id, model, opts)
  opts = options.read(opts, resume.attach_options, "attach")
  if type(request_id) ~= "string" or type(model) ~= "string" then
    Error.misuse("client:attach takes a request id and the name of a model")
  elseif models.declared(request_id) and not models.declared(model) then
    Error.misuse(("client:attach takes the request id first, then the model, got %q first"):format(
      request_id))
  end
  wait.check_open(self)
  local bad = schema.model_problem(model, models.names)
  if bad then
    return nil, Error.refusal(bad)
  end
  return resume.attach(self, request_id, model, opts)
end

--- Takes up every step of the ledger that was begun and has not ended: those that were accepted by
--- their id, those whose answer was never seen by looking for them in the request history. Steps
--- that another process is at are left to it. The jobs have no local pictures to send again. A step
--- whose row cannot be read or written is a job that has failed (kind "ledger").
---
---     for _, job in ipairs(assert(sm:resume())) do print(job, job:wait()) end
---@param opts segmind.ResumeOptions?
---@return segmind.Job[]?
---@return segmind.Error? err kind "ledger"
function Client:resume(opts)
  opts = options.read(opts, resume.options, "client:resume")
  wait.check_open(self)
  if not self._has_ledger then
    Error.misuse("client:resume takes up what a ledger knows; this client has none")
  end
  return resume.all(self, opts)
end

--- What the ledger holds, in the order of the submits; free. Rows that cannot be relied on are in
--- the list, with their `damage`.
---
---     for _, one in ipairs(assert(sm:jobs{ state = "unknown" })) do print(one.key, one.model) end
---@param opts segmind.RecordOptions?
---@return segmind.Record[]?
---@return segmind.Error? err kind "ledger"
function Client:jobs(opts)
  opts = options.read(opts, history.record_options, "client:jobs")
  wait.check_open(self)
  if not self._has_ledger then
    Error.misuse("client:jobs tells what a ledger holds; this client has none")
  end
  return history.records(self, opts)
end

-- -- steps that wait for a worker -----------------------------------------------------------------

--- Puts a step into the ledger's queue, for a worker on any machine that uses the ledger (`work`).
--- It is checked here; local pictures go with it. Nothing is sent. A step that is finished already
--- is not queued, one that is there stays as it is, and one that has failed waits again. The same
--- call of `submit` gets the picture when it is made, and pays nothing.
---
---     local queued = assert(sm:enqueue("flux-kontext-pro", { prompt = "a red house" }))
---     print(queued.key, queued.state)
---@param model segmind.Model
---@param params table by name, as the model takes them
---@param opts segmind.CallOptions? without `fresh`; `save` and `poll` are of no use to a worker
---@return segmind.Queued?
---@return segmind.Error? err kind "invalid" or "ledger"
function Client:enqueue(model, params, opts)
  wait.check(self, "enqueue")
  local queued, err = Chain.whole(self, model, params, opts):enqueue()
  return queued and queued[1], err
end

--- Works at the ledger's queue: picks what is ready, submits it like any other step, and keeps so
--- many under way. Any number of workers on any number of machines may share a ledger; each step is
--- paid once, whoever dies. A ledger that is away is waited for. Blocks.
---
---     local made = assert(sm:work{ jobs = 8, until_empty = true })
---     print(made.done, made.failed)
---@param opts segmind.WorkOptions?
---@return segmind.WorkSummary?
---@return segmind.Error? err which ends the work: "auth", "no_credits", "budget" or "ledger"
function Client:work(opts)
  opts = options.read(opts, work.options, "client:work")
  wait.check(self, "work")
  if not self._has_ledger then
    Error.misuse("client:work makes what waits in a ledger; this client has none")
  end
  return work.run(self, opts)
end

-- -- the account ----------------------------------------------------------------------------------

--- What was spent, in US dollars: what the service says that a picture cost (its published price
--- where it does not say), the price of what is under way, and of what nobody knows the end of.
--- With a ledger over all its runs, without one by this client. `credits` tells what is left.
---@return number?
---@return segmind.Error? err kind "ledger"
function Client:spent()
  if self._has_ledger then
    return operation.ask(self, "spent")
  end
  return self._budget:spent()
end

--- What is left on the account, in the service's credits; free, and the cheapest check of a key.
---@return { credits: number, free: number }?
---@return segmind.Error?
function Client:credits()
  wait.check(self, "credits")
  return history.credits(self)
end

--- The requests of this key, the latest first, as the service tells of them; free; blocks.
---
---     local sum = 0
---     for _, one in ipairs(assert(sm:history{ from = os.time() - 86400, per_page = 100 })) do
---       sum = sum + (one.cost or 0)
---     end
---@param opts segmind.HistoryOptions?
---@return segmind.HistoryRow[]?
---@return segmind.Error?
function Client:history(opts)
  opts = options.read(opts, history.options, "client:history")
  wait.check(self, "history")
  return history.list(self, opts)
end

--- One request as the service's history tells of it, also when its record is gone; free; blocks.
---
---     local one = assert(sm:request(err.request_id))
---     print(one.state, one.cost, one.url)
---@param request_id string
---@return segmind.HistoryRow?
---@return segmind.Error? err status 404 when the history does not know it
function Client:request(request_id)
  if type(request_id) ~= "string" then
    Error.misuse("client:request takes a request id")
  elseif not request_id:find("^%w[%w._-]*$") or #request_id > 128 then
    return nil, Error.new("security", "that cannot be a request id")
  end
  wait.check(self, "request")
  return history.one(self, request_id)
end

-- -- the host's loop ------------------------------------------------------------------------------

-- Without a function in between: a frame's idle step is a matter of nanoseconds.
Client.step = step.take

--- Waits until something has arrived for `step`, or the time is over, or a signal came.
---@param seconds number
---@return boolean # true when `step` has something to take
function Client:poll(seconds)
  wait.check_seconds(seconds, "client:poll")
  return wait.poll(self, seconds)
end

--- Seconds until a `step` has something to do by the clock alone; a loop that watches the
--- descriptor comes back by then. `await` with a timeout is such a thing, or a job's deadline.
---@return number? seconds nil when there is nothing of the kind
function Client:timeout()
  return wait.timeout(self)
end

--- A descriptor that is readable while `step` has something to take, for the loop of a host.
---@return integer? fd nil for an inline client, which is stepped by a timer instead
function Client:fd()
  wait.check_open(self)
  return self._handle:fd()
end

--- What the adapter of a host's loop knows and a client does not.
---@class segmind.Loop
--- Called by code that is about to wait: how to put the running coroutine to sleep, at most so many
--- seconds, and how to wake it. Nothing when the coroutine is not one of the loop's.
---@field suspend (fun(): fun(seconds: number?)?, fun()?)?
---@field hurry fun()? Called when `client:timeout()` has become shorter.
---@field closing fun()? Called by `close` before the descriptor goes: watch it no more.

--- Puts the client on a loop; for adapters, see segmind.loop.cqueues.
---@param loop segmind.Loop? nil takes it off
function Client:set_loop(loop)
  if loop and self._loop then
    Error.misuse("the client is on a loop already; take it off that one first")
  end
  self._loop = loop
end

--- Figures: jobs not over (`pending`), those of them that wait for a place (`ready`), and the
--- core's own (`transfers`, `connections`, `polls`, `submits`, ...).
---@return table<string, number>
function Client:stats()
  wait.check_open(self)
  local stats = self._handle:stats()
  stats.pending, stats.ready = roster.count(self), self._ready:count()
  return stats
end

--- Ends all jobs (kind "cancelled"; what the service has accepted goes on there) and frees the
--- network. Never blocks; a second call does nothing.
function Client:close()
  if not (self._is_gone or self._closed and self._busy == true) then
    step.close(self)
  end
end

function Client:__tostring()
  return ("segmind.Client (%s, %d jobs launched)"):format(self._closed and "closed" or "open",
    self._count)
end

guard.class(Client, "client", { "run", "edit", "run_sync", "map", "upload", "poll",
  "credits", "history", "request", "enqueue", "work" }, { new = true })

return Client
