--- The way of a job: wait for the inputs, take a place among the active ones, upload what is local,
--- submit; ending.lua has the rest, and `settle` tells those who wait for it. Every step of it runs
--- inside `client:step` or the call that set it off; nothing here blocks.

local Error = require("segmind.error")
local ending = require("segmind.ending")
local json = require("segmind.json")

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

local function submit(job)
  ending.set_state(job, "submitting")
  if job._over then
    return
  end
  local client, request = job._client, job._request
  local left = ending.remaining(job)
  if left <= 0 then
    return ending.fail(job, Error.new("timeout", "the deadline passed before the submit"))
  end
  local opts = { timeout = left, poll = request.opts.poll or client._poll,
    latency = request.spec and request.spec.latency_s }
  job._sent = true
  local verb = job._sync and "sync" or "job"
  if job._sync then
    opts = { timeout = left }
  end
  local handle = client._handle
  ending.follow(job, handle[verb](handle, job.model, json.encode(job.params), opts))
end

local function is_local(slot)
  return slot.kind == "path" or slot.kind == "bytes"
end

--- Uploads one picture. A shared upload that ran out of somebody else's time is begun again.
local function upload(job, slot, left)
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

local function start(job)
  local request, waiting = job._request, {}
  job.started = job._client:_now()
  job._deadline = job.started + (request.opts.timeout or job._client._timeout)
  for _, slot in ipairs(request.slots) do
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

--- Starts ready jobs as long as there is a place for them.
---@param client segmind.Client
function flow.pump(client)
  if client._pumping then
    return
  end
  client._pumping = true
  while not client._closed and client._active < client._max_active do
    local job = client._ready:pop()
    if not job then
      break
    elseif not job._over then
      job._active = true
      client._active = client._active + 1
      start(job)
    end
  end
  client._pumping = false
end

local function label(job)
  return job.name and ("job %d (%s, %q)"):format(job.id, job.model, job.name)
    or ("job %d (%s)"):format(job.id, job.model)
end

local function ready(job)
  job._client._ready:push(job)
  if not job._client._settling then
    flow.pump(job._client)
  end
end

local function take_url(slot, result)
  if result.url then
    slot.holder[slot.key], slot.kind = result.url, "url"
  else
    slot.value, slot.kind = result:_as_bytes(), "bytes"
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
      label(input), why), { cause = cause }))
  end
  for _, slot in ipairs(job._request.slots) do
    if slot.value == input then
      take_url(slot, result)
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
