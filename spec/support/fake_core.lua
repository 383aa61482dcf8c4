--- A scripted segmind.core with virtual time, for specs of the Lua side alone. Nothing leaves the
--- process: `answers.<verb>` says what comes of a call, as a list of `{ after, what, a, b }`, and
--- `wait` moves the clock to the next event instead of sleeping.
---
---     local fake = require("spec.support.fake_core")
---     local sm, segmind, core = fake.client()
---     core.answers.job = function(call) return { { 1, "error", { kind = "failed", ... } } } end
---     fake.close()

local files = require("spec.support.files")
local real = require("segmind.core")

local fake = {}

local magics = { ["\137PNG"] = "png", ["\255\216\255"] = "jpeg", ["RIFF"] = "webp",
  ["GIF8"] = "gif" }

--- A picture as this core understands it: the right first bytes and some content.
function fake.picture(content, magic)
  return (magic or "\137PNG") .. (content or "picture")
end

local function read_format(bytes)
  for magic, format in pairs(magics) do
    if bytes:sub(1, #magic) == magic then
      return { format = format, width = 64, height = 48, complete = true, bytes = #bytes }
    end
  end
  return nil, "not a PNG, JPEG, WebP or GIF"
end

local function read_file(path)
  local file = io.open(path, "rb")
  if not file then
    return nil, "no such file"
  end
  local data = file:read("*a")
  file:close()
  if not data then
    return nil, "is a directory"
  elseif data == "" then
    return nil, "the file is empty"
  end
  return data
end

local function checksum(bytes)
  local a, b = 1, 0
  for i = 1, #bytes do
    a = (a + bytes:byte(i)) % 65521
    b = (b + a) % 65521
  end
  return ("%032x%016x%016x"):format(#bytes, a, b)
end

local function error_table(kind, message, fields)
  local err = { kind = kind, message = message or kind, charged = "no", retryable = false }
  for key, value in pairs(fields or {}) do
    err[key] = value
  end
  return err
end
fake.error = error_table

local function result_json(number, seed)
  return ('{"status":"COMPLETED","error":null,"output":"https://images.segmind.com/%d.png",'
    .. '"seed":"%s","metrics":{"cost":0.05,"inference_time":9.5}}'):format(number, seed or "")
end

local answers = {}

function answers.job(call)
  local id = ("request-%d"):format(call.id)
  local seed = call.body:match('"seed":(%d+)')
  return {
    { 0.1, "state", "ACCEPTED", id },
    { 1, "state", "PROCESSING", id },
    { 10, "done", { status = 200, request_id = id, body = result_json(call.id, seed),
      content_type = "application/json" } },
  }
end

function answers.attach(call)
  return { { 5, "done", { status = 200, request_id = call.request_id, body = result_json(call.id),
    content_type = "application/json" } } }
end

function answers.sync()
  return { { 8, "done", { status = 200, body = fake.picture("sync"), content_type = "image/png",
    request_id = "sync-1", cost = 0.05, seed = 7 } } }
end

function answers.upload(call)
  local url = "https://images.segmind.com/assets/" .. call.id
  return { { 0.5, "done", { status = 200, url = url } } }
end

function answers.digest(call)
  local data, problem = type(call.path) == "table" and call.path.bytes or nil, nil
  if not data then
    data, problem = read_file(call.path)
  end
  if not data then
    return { { 0, "error", error_table("io", problem) } }
  end
  local info = read_format(data)
  return { { 0.01, "done", { sha256 = checksum(data), format = info.format, bytes = #data } } }
end

function answers.download(call)
  local data = fake.picture("from " .. call.url)
  local path = call.path and (call.path:find("%.%w+$") and call.path or call.path .. ".png")
  return { { 0.2, "done", { body = not path and data or nil, path = path, format = "png",
    width = 64, height = 48 } } }
end

function answers.save(call)
  local path = call.path
  local data = type(call.picture) == "table" and read_file(call.picture.path) or call.picture
  local file = io.open(path, "wb")
  if not file then
    return { { 0, "error", error_table("io", "cannot write " .. path) } }
  end
  file:write(data)
  file:close()
  return { { 0.01, "done", { path = path, format = read_format(data).format, width = 64,
    height = 48 } } }
end

function answers.get()
  return { { 0.1, "done", { status = 200, body = '{"credits":12.5,"free-credits":1}' } } }
end

local Handle = {}
Handle.__index = Handle

function Handle:_call(verb, call, handlers, handler)
  assert(not self.closed, "segmind.core: the client is closed")
  self.count = self.count + 1
  call.id, call.verb, call.at = self.count, verb, self.core.clock
  if handlers then
    handlers[call.id], handler._task = handler, call.id
  end
  table.insert(self.core.calls, call)
  for _, answer in ipairs(self.core.answers[verb](call)) do
    self.order = self.order + 1
    table.insert(self.queue, { at = self.core.clock + answer[1], order = self.order,
      id = call.id, what = answer[2], a = answer[3], b = answer[4] })
  end
  table.sort(self.queue, function(x, y)
    return x.at < y.at or x.at == y.at and x.order < y.order
  end)
  return call.id
end

-- A table of options, or three of them as arguments.
local function table_of(opts, latency, poll)
  return type(opts) == "number" and { timeout = opts, latency = latency, poll = poll } or opts
end

function Handle:job(model, body, opts, latency, handlers, handler, poll)
  opts = table_of(opts, latency, poll)
  return self:_call("job", { model = model, body = body, opts = opts }, handlers, handler)
end

function Handle:sync(model, body, opts, latency, handlers, handler, poll)
  opts = table_of(opts, latency, poll)
  return self:_call("sync", { model = model, body = body, opts = opts }, handlers, handler)
end

function Handle:attach(model, request_id, opts, _, handlers, handler)
  if not request_id:find("^%w[%w._-]*$") then
    return nil, error_table("security", "not a request id")
  end
  return self:_call("attach", { model = model, request_id = request_id, opts = opts }, handlers,
    handler)
end

function Handle:upload(source, opts, _, _, handlers, handler)
  return self:_call("upload", { source = source, opts = opts }, handlers, handler)
end

function Handle:digest(path, opts, _, _, handlers, handler)
  return self:_call("digest", { path = path, opts = opts }, handlers, handler)
end

function Handle:save(path, picture, opts, _, handlers, handler)
  return self:_call("save", { path = path, picture = picture, opts = opts }, handlers, handler)
end

function Handle:download(url, path, opts, _, handlers, handler)
  return self:_call("download", { url = url, path = path, opts = opts }, handlers, handler)
end

function Handle:get(service, target, opts, _, handlers, handler)
  return self:_call("get", { service = service, target = target, opts = opts }, handlers, handler)
end

function Handle:cancel(id)
  assert(not self.closed, "segmind.core: the client is closed")
  for i = #self.queue, 1, -1 do
    if self.queue[i].id == id then
      table.remove(self.queue, i)
    end
  end
  table.insert(self.core.cancelled, id)
end

function Handle:has_news()
  local event = self.queue[1]
  return not self.closed and (self.nudged or self.current ~= nil
    or event ~= nil and event.at <= self.core.clock
    or self.alarm_at ~= nil and self.alarm_at <= self.core.clock)
end

function Handle:nudge()
  assert(not self.closed, "segmind.core: the client is closed")
  self.nudged = true
end

local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local out = {}
  for name, item in pairs(value) do
    out[name] = item
  end
  return out
end

function Handle:peek()
  local event = self.current or not self.closed and self.queue[1]
  self.nudged = false
  if event and event.at <= self.core.clock then
    if not self.current then
      self.current = table.remove(self.queue, 1)
    end
    return event.id, event.what, copy(event.a), event.b, 100
  end
end

function Handle:drop()
  self.current = nil
end

function Handle:next()
  self:drop()
  return self:peek()
end

function Handle:alarm(at)
  self.alarm_at = at
end

function Handle:wait(seconds)
  if self.closed then
    return false
  end
  local event = self.queue[1]
  self.core.clock = math.max(self.core.clock,
    math.min(event and event.at or math.huge, self.core.clock + seconds))
  self.core.waits = self.core.waits + 1
  assert(self.core.waits < 100000, "the spec waits for something that never comes")
  return event ~= nil and event.at <= self.core.clock
end

function Handle.problem()
end

function Handle.fd()
  return 7
end

function Handle:stats()
  return { queued = #self.queue, submits = self.count }
end

function Handle:close()
  self.closed, self.queue = true, {}
end

local function new_core()
  local core = { VERSION = real.VERSION, INTERFACE = real.INTERFACE, LUA = _VERSION, clock = 1000,
    waits = 0, seeds = 0, calls = {}, cancelled = {}, opened = {}, answers = {} }
  for verb, answer in pairs(answers) do
    core.answers[verb] = answer
  end
  function core.open(opts)
    table.insert(core.opened, opts)
    if core.refuse then
      return nil, core.refuse
    end
    return setmetatable({ core = core, queue = {}, count = 0, order = 0 }, Handle)
  end
  function core.during(object, name, fn, ...)
    object[name] = true
    local ok, a, b = pcall(fn, ...)
    object[name] = not ok and "interrupted"
    if not ok then
      error(a, 0)
    end
    return a, b
  end
  function core.now()
    return core.clock
  end
  function core.seed()
    core.seeds = core.seeds + 1
    return 1000 + core.seeds
  end
  function core.redact(text)
    return (text:gsub("SG_%w+", "SG_..."))
  end
  for _, name in ipairs({ "outputs", "result", "checker", "read_json", "write_json",
    "has_long_number", "tidy_json", "utf8_char", "bad_utf8", "NULL", "EMPTY_LIST" }) do
    core[name] = real[name]
  end
  core.image = read_format
  core.sha256 = checksum
  function core.absolute(path)
    return path
  end

  function core.target()
    return true
  end
  function core.probe(path)
    local data, problem = read_file(path)
    if not data then
      return nil, problem
    end
    return read_format(data)
  end
  function core.save(path, bytes)
    files.make_folder(path:match("^(.*)/"))
    local file = io.open(path, "wb")
    if not file then
      return nil, error_table("io", "cannot write " .. path)
    end
    file:write(bytes)
    file:close()
    return path
  end
  function core.write(path, text)
    local file = io.open(path, "wb")
    if not file then
      return nil, error_table("io", "cannot write " .. path)
    end
    file:write(text)
    file:close()
    return path
  end
  --- The calls of one kind, in order.
  function core.calls_of(verb)
    local found = {}
    for _, call in ipairs(core.calls) do
      if call.verb == verb then
        found[#found + 1] = call
      end
    end
    return found
  end
  return core
end

local replaced

local function unload()
  for name in pairs(package.loaded) do
    if name == "segmind" or name:find("^segmind%.") then
      package.loaded[name] = nil
    end
  end
end

--- Puts a new fake core in the place of the real one and loads the library over it.
---@return table segmind
---@return table core
function fake.install()
  assert(not replaced, "a fake core is installed already")
  replaced = {}
  for name, module in pairs(package.loaded) do
    if name == "segmind" or name:find("^segmind%.") then
      replaced[name] = module
    end
  end
  unload()
  local core = new_core()
  package.loaded["segmind.core"] = core
  return require("segmind"), core
end

local client

--- Installs a fake core and opens a client over it. To be followed by `fake.close()`.
---@param options table? of the client
---@return segmind.Client
---@return table segmind
---@return table core
function fake.client(options)
  local segmind, core = fake.install()
  client = assert(segmind.new(options or {}))
  return client, segmind, core
end

--- Closes the client, unless the spec has, and restores; raises when it still waits for an answer.
function fake.close()
  local pending = client._closed and 0 or client:stats().pending
  client:close()
  fake.restore()
  assert(pending == 0, "the spec leaves work behind")
end

--- Puts back what was loaded before.
function fake.restore()
  unload()
  for name, module in pairs(replaced) do
    package.loaded[name] = module
  end
  replaced = nil
end

return fake
