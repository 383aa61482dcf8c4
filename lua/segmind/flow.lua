--- The way of a job: wait for the inputs, take a place among the active ones, upload what is local,
--- submit; ending.lua has the rest, and `settle` tells those who wait for it. Every step of it runs
--- inside `client:step` or the call that set it off; nothing here blocks.

local Error = require("segmind.error")
local doubt = require("segmind.doubt")
local ending = require("segmind.ending")
local json = require("segmind.json")
local request = require("segmind.request")

local flow = {}

--- Tells those who hang on an ended job. A queue, not a recursion: a chain of any length ends flat.
---@param client segmind.Client
function flow.settle(client)
  if client._settling then
    return
  end
  client._settling = true
  local job = client._settled:pop()
  while job do
    for _, dependent in ipairs(job._dependents) do
      flow.input_over(dependent, job)
    end
    job._dependents = {}
    client:_tell(job, job._error and "error" or "done", job._error or job._result)
    job._listeners = {}
    job = client._settled:pop()
  end
  client._settling = false
  flow.pump(client)
end

--- The last question before money: the ledger writes the intent, the budget is asked. Neither true
--- nor an error: another process was quicker, and the job waits for it.
local function may_pay(job, body)
  local client = job._client
  if client._ledger then
    return client._ledger:intend(job, body)
  elseif client._budget then
    return client._budget:reserve(job)
  end
  return true
end

local function send(job)
  ending.set_state(job, "submitting")
  if job._over then
    return
  elseif ending.remaining(job) <= 0 then
    return ending.fail(job, Error.new("timeout", "the deadline passed before the submit"))
  end
  local body = json.encode(job.params)
  local allowed, err = may_pay(job, body)
  if err then
    return ending.fail(job, err)
  elseif not allowed then
    return
  end
  job._sent = true
  local handle, opts = job._client._handle, ending.task_options(job)
  if job._sync then
    return ending.follow(job, handle:sync(job.model, body, { timeout = opts.timeout }))
  end
  ending.follow(job, handle:job(job.model, body, opts))
end

--- With a ledger a submit waits for its turn; `send_next` comes back to it.
local function submit(job)
  local ledger = job._client._ledger
  if not ledger then
    return send(job)
  elseif not ledger:may_send(job) then
    return ending.set_state(job, "waiting")
  end
  local ok, err = pcall(send, job)
  if not ok then
    ledger:forget_turn(job) -- Ctrl-C, or no memory: the job is lost, the turn is not
    error(err, 0)
  end
end

local function is_local(slot)
  return slot.kind == "path" or slot.kind == "bytes" or slot.kind == "kept"
end

local upload

--- A picture that a ledger keeps: its URL is good enough, or the file goes up again.
local function upload_kept(job, slot, left)
  local client = job._client
  client._ledger:ask_url(slot.result, ending.remaining(job), function(usable)
    if job._over then
      return
    elseif not usable then
      slot.kind = "path"
      return upload(job, slot, left)
    end
    left.count = left.count - 1
    return left.count == 0 and submit(job)
  end)
end

--- Uploads one picture. A shared upload that ran out of somebody else's time is begun again.
function upload(job, slot, left)
  if slot.kind == "kept" then
    return upload_kept(job, slot, left)
  end
  job._client._uploads:put(slot.value, math.max(ending.remaining(job), 0.001), function(url, err)
    if job._over then
      return
    elseif url then
      slot.holder[slot.key] = url
      left.count = left.count - 1
      return left.count == 0 and submit(job)
    elseif err.kind == "timeout" and ending.remaining(job) > 0.05 then
      return upload(job, slot, left)
    end
    ending.fail(job, Error.new(err.kind, ("%s: %s"):format(slot.param, err.message),
      { charged = "no", status = err.status, retryable = err.retryable,
        retry_after = err.retry_after, body = err.body }))
  end)
end

--- Brings the job's pictures up, then submits it.
local function transfer(job)
  local waiting = {}
  for _, slot in ipairs(job._request.slots) do
    if is_local(slot) then
      waiting[#waiting + 1] = slot
    end
  end
  if #waiting == 0 then
    return submit(job)
  end
  ending.set_state(job, "uploading")
  local left = { count = #waiting }
  for _, slot in ipairs(waiting) do
    if job._over then
      return
    end
    upload(job, slot, left)
  end
end

local function start(job)
  local client = job._client
  job:_begin(job._request.opts.timeout)
  if client._ledger then
    return client._ledger:begin(job, transfer)
  end
  transfer(job)
end

--- What a client does about a submit of unknown outcome; see doubt.lua.
function flow.in_doubt(_, job, err)
  doubt.decide(job, err, transfer)
end

local function start_next(client)
  local job = client._active < client._max_active and client._ready:pop()
  if job and not job._over then
    job._active = true
    client._active = client._active + 1
    start(job)
  end
  return job
end

--- Submits the next of those that have waited for the ledger's leave.
local function send_next(client)
  local job = client._ledger and client._ledger:next_to_send()
  if job then
    submit(job)
  end
  return job
end

--- Starts ready jobs as long as there is a place for them.
---@param client segmind.Client
function flow.pump(client)
  if client._pumping then
    return
  end
  client._pumping = true
  while not client._closed and (start_next(client) or send_next(client)) do
  end
  client._pumping = false
  client:_resume()
end

local function ready(job)
  job._client._ready:push(job)
  if not job._client._settling then
    flow.pump(job._client)
  end
end

--- An input of a job has ended: the job comes one nearer to its start, or fails with it.
---@param job segmind.Job
---@param input segmind.Job
function flow.input_over(job, input)
  if job._over then
    return
  end
  local result, cause = input._result, input._error
  if not result or not (result.url or result._data) then
    local why = cause and cause.message or "its result has no picture"
    return ending.fail(job, Error.new("upstream", ("needs %s, which has no result: %s"):format(
      ending.label(input), why), { cause = cause }))
  end
  for _, slot in ipairs(job._request.slots) do
    if slot.value == input then
      request.take_result(slot, result)
    end
  end
  job._inputs_open = job._inputs_open - 1
  if job._inputs_open == 0 then
    ready(job)
  end
end

--- Sends a job on its way.
---@param job segmind.Job
function flow.launch(job)
  local seen = {}
  for _, slot in ipairs(job._request.slots) do
    if slot.kind == "job" and not seen[slot.value] then
      seen[slot.value] = true
      table.insert(seen, slot.value)
    end
  end
  job._inputs_open = #seen
  for _, input in ipairs(seen) do
    if input._over then
      flow.input_over(job, input)
    else
      table.insert(input._dependents, job)
    end
  end
  if #seen == 0 then
    ready(job)
  end
end

return flow
