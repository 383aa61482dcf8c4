--- Steps that wait in a ledger for a worker, as the queue keeps them. What is written of a step is
--- the text that its key is a hash of, so a worker on another machine makes of it the very request
--- that was enqueued, and sees by the key that it has:
---
---     { "inputs": ["step:KEY:1", "sha256:…", "url:https:…"], "model": …,
---       "params": { "prompt": …, "input_image": { "input": 1 } } }
---
--- A local picture is put into the ledger with its step.

local Error = require("segmind.error")
local Job = require("segmind.job")
local file = require("segmind.file")
local guard = require("segmind.guard")
local input = require("segmind.input")
local json = require("segmind.json")
local key = require("segmind.step_key")
local lifecycle = require("segmind.lifecycle")
local operation = require("segmind.operation")
local options = require("segmind.options")
local request = require("segmind.request")
local slots = require("segmind.slots")
local step = require("segmind.step")
local wait = require("segmind.wait")

local queued = {}

--- Asks the queue and waits for its answer, some milliseconds; ten seconds at the most.
---@param client segmind.Client
---@param verb string
---@param what table
---@return table? answer
---@return segmind.Error? err kind "ledger"
function queued.ask(client, verb, what)
  wait.check_open(client)
  local answer, err = client._handle:queue(verb, what)
  return answer, err and Error.from(err)
end

-- -- what is written ------------------------------------------------------------------------------

-- Of a call's options those that are the step's, not the machine's.
local KEPT = { "timeout", "price", "allow_unknown", "on_unknown" }

local function options_text(opts)
  local kept = {}
  for _, name in ipairs(KEPT) do
    kept[name] = opts[name]
  end
  return next(kept) and json.encode(kept) or "{}"
end

--- The parameters of a text with `picture(i)` in the places of its inputs.
local function with_pictures(params, picture)
  if type(params) ~= "table" or getmetatable(params) ~= nil then
    return params
  elseif type(params.input) == "number" and next(params, next(params)) == nil then
    return picture(params.input)
  end
  local copy = {}
  for name, value in pairs(params) do
    copy[name] = with_pictures(value, picture)
  end
  return copy
end

--- Why a request cannot be written down, or nil.
local function problem_of(prepared, text)
  local count = 0
  local read = json.decode(text, math.huge)
  read.params = with_pictures(read.params, function(i)
    count = count + 1
    return { input = i }
  end)
  if prepared.opts.fresh then
    return "a fresh picture cannot be queued; give another seed"
  elseif type(prepared.opts.on_unknown) == "function" then
    return 'on_unknown of a queued step is "hold" or "resubmit"'
  elseif count ~= #prepared.slots or json.encode(read) ~= text then
    return "a parameter has a form that a queue cannot keep"
  end
  for _, slot in ipairs(prepared.slots) do
    if slot.of and not slot.of:find("^%x+:%d+$") then
      return ("%s: the picture is one that the ledger does not know; give its file or its address")
        :format(slots.param(slot))
    end
  end
end

--- The keys of the steps whose pictures a request takes.
local function inputs_of(prepared)
  local keys, seen = {}, {}
  for _, slot in ipairs(prepared.slots) do
    local name = slot.of and slot.of:match("^(%x+):")
    keys[#keys + 1] = name and not seen[name] and name or nil
    seen[name or ""] = true
  end
  return keys
end

-- As the core names the files of the ledger's folder.
local EXTENSIONS = { png = ".png", jpeg = ".jpg", webp = ".webp", gif = ".gif" }

--- Puts a local picture where the other machines find it.
local function share(client, source, sha256)
  client._shared = client._shared or {}
  if client._shared[sha256] then
    return nil
  end
  local content, why = input.is_bytes(source) and source.data or nil, nil
  if not content then
    content, why = file.read(source)
  end
  if not content or client._core.sha256(content) ~= sha256 then
    return Error.new("io", ("%s: %s"):format(tostring(source), why or "the file is being written"))
  end
  local info = client._core.image(content)
  local name = sha256 .. (info and EXTENSIONS[info.format] or "")
  local _, err = client._core.write(client._handle:folder() .. "/" .. name, content)
  if not err then
    _, err = client._handle:share(name, sha256)
  end
  client._shared[sha256] = not err
  return err and Error.from(err)
end

local function share_all(client, requests, digests)
  for _, prepared in ipairs(requests) do
    for _, source in ipairs(key.sources(prepared)) do
      local err = share(client, source, digests[source])
      if err then
        return err
      end
    end
  end
end

--- A step that was put into the queue.
---@class segmind.Queued
---@field key string
---@field model string
---@field name string?
---@field state "waiting"|"completed" completed when the ledger has its picture already

--- Writes requests into the queue, all or none.
---@param client segmind.Client
---@param requests table[] from request.prepare, each behind those whose pictures it takes
---@param names { key: string, text: string }[] of the requests
---@param digests table<string|segmind.Bytes, string>
---@return segmind.Queued[]?
---@return segmind.Error?
function queued.enqueue(client, requests, names, digests)
  local steps = {}
  for n, prepared in ipairs(requests) do
    local problem = problem_of(prepared, names[n].text)
    if problem then
      return nil, Error.refusal(("%s: %s"):format(prepared.model, problem), { step = n })
    end
    steps[n] = { key = names[n].key, name = prepared.opts.name, model = prepared.model,
      params = names[n].text, options = options_text(prepared.opts), inputs = inputs_of(prepared) }
  end
  local err = share_all(client, requests, digests)
  local answer
  if not err then
    answer, err = queued.ask(client, "enqueue", { steps = steps })
  end
  if err then
    return nil, err
  end
  local out = {}
  for n, one in ipairs(steps) do
    out[n] = { key = one.key, model = one.model, name = one.name,
      state = answer.steps[n] and "completed" or "waiting" }
  end
  return out
end

--- What waits, as the queue has it.
---@param client segmind.Client
---@return table[]?
---@return segmind.Error?
function queued.list(client)
  local answer, err = queued.ask(client, "list", {})
  return answer and answer.steps, err
end

-- -- what is read ---------------------------------------------------------------------------------

--- The job of a finished step, as if it had been run here.
local function finished_job(client, name, generation)
  local rows, err = operation.ask(client, "find", name)
  local row = rows and rows[1]
  if err then
    return nil, err
  elseif not row or row.state ~= "completed" or row.generation ~= generation then
    return nil, Error.new("upstream", ("the picture of the step %s is not in the ledger, or "
      .. "another was made since; enqueue the step again"):format(name:sub(1, 12)),
      { charged = "no" })
  elseif not row.request_id then
    return nil, Error.new("upstream", ("the picture of the step %s was made the synchronous way, "
      .. "and has no id to take it by"):format(name:sub(1, 12)), { charged = "no" })
  end
  local known = assert(request.known(client, row.model, json.decode(row.body) or {}, {}))
  local job = Job.new(client, known)
  lifecycle.event(job, "row", row)
  local refused = lifecycle.attach(job, row.request_id)
  if refused then
    return nil, Error.from(refused)
  end
  step.watch(job)
  return job
end

--- The copy of a picture in the ledger's folder.
local function find_file(client, sha256)
  for _, extension in pairs(EXTENSIONS) do
    local path = client._handle:folder() .. "/" .. sha256 .. extension
    if client._core.probe(path) then
      return path
    end
  end
end

--- A picture that was put into the ledger.
local function shared_file(client, sha256)
  local path, err = find_file(client, sha256), nil
  if not path then
    path, err = client._handle:fetch(sha256, sha256)
    path = path and find_file(client, sha256)
  end
  if err then
    return nil, Error.from(err)
  elseif not path then
    return nil, Error.new("io", ("the picture %s is not in the ledger: it was queued on another "
      .. "machine, and a ledger in a file is of one"):format(sha256:sub(1, 12)), { charged = "no" })
  end
  return path
end

local function picture_of(client, identity)
  local name, generation = identity:match("^step:(%x+):(%d+)$")
  if name then
    return step.work(client, finished_job, name, tonumber(generation))
  elseif identity:find("^sha256:%x+$") then
    return shared_file(client, identity:match("%x+$"))
  end
  return identity:match("^url:([Hh][Tt][Tt][Pp][Ss]?://.*)$")
end

local function damaged(why)
  return Error.new("invalid", "the row of the queue is damaged" .. (why and ": " .. why or ""),
    { charged = "no" })
end

--- The call that was enqueued: its parameters and options, or nil and an error.
local function call_of(client, row)
  local read = json.decode(row.params, math.huge)
  local opts = json.decode(row.options, math.huge)
  if type(read) ~= "table" or type(read.inputs) ~= "table" or type(opts) ~= "table" then
    return nil, nil, damaged()
  end
  local pictures = {}
  for i, identity in ipairs(read.inputs) do
    local err
    pictures[i], err = picture_of(client, tostring(identity))
    if not pictures[i] then
      return nil, nil, err or damaged()
    end
  end
  local kept = { name = row.name }
  for _, name in ipairs(KEPT) do
    kept[name] = opts[name]
  end
  return with_pictures(read.params, function(i)
    return pictures[i]
  end), kept
end

local function prepare(client, row, params, opts)
  return request.prepare(client, row.model, params, options.read(opts, request.options,
    "the queue"))
end

local function judge(err)
  return guard.wrap(err) or err
end

--- Submits a step that was picked, as the caller who enqueued it would have; it fails where its key
--- is not that of the row.
---@param client segmind.Client
---@param row table as it was picked
---@return segmind.Job?
---@return segmind.Error?
function queued.submit(client, row)
  local params, opts, err = call_of(client, row)
  if not params then
    return nil, err or damaged()
  end
  -- What is a mistake of a caller's, and raised, is one of the row's here: another version may have
  -- written it, and no worker is to end by it.
  local is_call, prepared
  is_call, prepared, err = xpcall(prepare, judge, client, row, params, opts)
  if not is_call then
    local why = tostring(guard.pass(prepared)):match("segmind: (.*)") or error(prepared, 0)
    return nil, damaged(why)
  elseif not prepared then
    return nil, err
  end
  prepared.key = row.key
  return step.launch(Job.new(client, prepared))
end

return queued
