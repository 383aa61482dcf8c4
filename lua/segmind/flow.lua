--- The way of a job: wait for the inputs, take a place among the active ones, upload what is local,
--- submit; ending.lua has the rest, and `settle` tells those who wait for it. Every step of it runs
--- inside `client:step` or the call that set it off; nothing here blocks.

local Error = require("segmind.error")
local deadline = require("segmind.deadline")
local doubt = require("segmind.doubt")
local ending = require("segmind.ending")
local json = require("segmind.json")
local request = require("segmind.request")
local step = require("segmind.step")

local flow = {}

--- Tells those who hang on an ended job: who needs its picture, who listens, who waits.
local function tell_end(client, job)
  if job._gate then
    job._gate:open()
  end
  for _, dependent in ipairs(job._dependents) do
    flow.input_over(dependent, job)
  end
  client:_tell_last(job, "state", job.state)
  client:_tell_last(job, job._error and "error" or "done", job._error or job._result)
  step.over(job)
  job._dependents, job._listeners = {}, {}
end

-- A job stays first until all were told. A step that is late leaves the others to the next, unless
-- a callback has closed the client: then there is none.
local function settle_all(client)
  local job = client._settled:peek()
  while job do
    tell_end(client, job)
    client._settled:pop()
    job = client._settled:peek()
    if not client._closed and client._limit and client:_now() >= client._limit then
      return
    end
  end
end

--- Tells of all that have ended. A queue, not a recursion: a chain of any length ends flat.
---@param client segmind.Client
function flow.settle(client)
  if client._settling then
    return
  end
  client._settling = true
  settle_all(client)
  client._settling = false
  flow.pump(client)
end

local function is_local(slot)
  return slot.kind == "path" or slot.kind == "bytes" or slot.kind == "kept"
end

--- The pictures that are to be uploaded.
local function local_slots(job)
  local slots = {}
  for _, slot in ipairs(job._request.slots) do
    if is_local(slot) then
      slots[#slots + 1] = slot
    end
  end
  return slots
end

local upload

local function upload_all(job, slots)
  ending.set_state(job, "uploading")
  for _, slot in ipairs(slots) do
    if job._over then
      return
    end
    upload(job, slot)
  end
end

--- Whether the job's submit is under way: it was begun, and its end is not known.
local function is_submitted(job)
  return job._client:_is_under_way(job._operation) and not job._operation.is_ending
end

--- Gives the job to the core.
local function post(job, body)
  local client, opts, submit = job._client, ending.task_options(job), ending.follower(job)
  if client._has_ledger then
    opts.step = step.of(job)
  else
    job._sent = true
  end
  function submit.free()
    upload_all(job, local_slots(job))
  end
  client:_operation(submit, job._sync and "sync" or "job", job.model, body, opts)
end

local function is_late(job)
  if ending.remaining(job) <= 0 then
    ending.fail(job, Error.new("timeout", "the deadline passed before the submit"))
  end
  return job._over
end

--- With a ledger the core is asked first, and says "free" when the pictures are needed: then it has
--- the job, and waits for its body.
local function enter(job)
  if is_submitted(job) or is_late(job) then
    return
  end
  post(job, not local_slots(job)[1] and json.encode(job.params) or nil)
end

--- Without one the budget is asked here, last of all.
local function send(job)
  if is_submitted(job) then
    return
  end
  ending.set_state(job, "submitting")
  if job._over or is_late(job) then
    return
  end
  local allowed, err = job._client._budget:reserve(job)
  if not allowed then
    return ending.fail(job, err)
  end
  post(job, json.encode(job.params))
end

--- The pictures are up.
local function submit(job)
  local client = job._client
  if not client._has_ledger then
    return send(job)
  elseif not is_submitted(job) then
    return enter(job)
  end
  local ok, err = client._handle:proceed(job._operation.id, json.encode(job.params))
  if not ok and err then
    ending.fail(job, Error.from(err))
  end
end

-- A picture is up. What is repeated here after an error does no harm: it is up already.
local function uploaded(job, slot, url)
  slot.holder[slot.key] = url
  slot.kind = "url"
  if not local_slots(job)[1] then
    submit(job)
  end
end

-- The service keeps a picture for 7 days; a URL of 6 is not even asked.
local URL_LASTS = 6 * 24 * 3600

--- A picture that a ledger keeps: its URL is good enough, or the file goes up again.
local function upload_kept(job, slot)
  local client, result = job._client, slot.result
  local function answered(done)
    if job._over then
      return
    elseif done then
      return uploaded(job, slot, result.url)
    end
    slot.kind = "path"
    upload(job, slot)
  end
  if os.time() - result._at > URL_LASTS then
    return answered()
  end
  client:_operation({ finish = answered }, "download", result.url, nil,
    { timeout = math.max(ending.remaining(job), 0.001) })
end

--- Uploads one picture. A shared upload that ran out of somebody else's time is begun again.
function upload(job, slot)
  if slot.kind == "kept" then
    return upload_kept(job, slot)
  end
  job._client._uploads:put(slot.value, math.max(ending.remaining(job), 0.001), function(url, err)
    if job._over then
      return
    elseif url then
      return uploaded(job, slot, url)
    elseif err.kind == "timeout" and ending.remaining(job) > 0.05 then
      return upload(job, slot)
    end
    ending.fail(job, Error.new(err.kind, ("%s: %s"):format(slot.param, err.message),
      { charged = "no", status = err.status, retryable = err.retryable,
        retry_after = err.retry_after, body = err.body }))
  end)
end

--- Brings the job's pictures up, then submits it.
local function transfer(job)
  local slots = local_slots(job)
  if job._client._has_ledger then
    step.begin(job, enter)
  elseif slots[1] then
    upload_all(job, slots)
  else
    send(job)
  end
end

local function start(job)
  job:_begin(job._request.opts.timeout)
  deadline.watch(job)
  transfer(job)
end

--- What a client does about a submit of unknown outcome; see doubt.lua.
function flow.in_doubt(_, job, err)
  doubt.decide(job, err, transfer)
end

-- A job may stand in the queue twice when an error was raised in the midst of its launch.
local function start_next(client)
  local job = client._active < client._max_active and client._ready:pop()
  if job and not job._over and not job.started then
    client._active = client._active + (job._active and 0 or 1)
    job._active = true
    start(job)
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
  while not client._closed and start_next(client) do
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

-- The input's own words, or those of the input that was at the root of it: a long chain would quote
-- all that lie between, each time.
local function upstream(input)
  local cause = input._error
  local root = cause and cause._root or cause
  local why = root and root.message or "its result has no picture"
  if root ~= cause then
    why = ("job %d failed: %s"):format(root.job, why)
  end
  return Error.new("upstream", ("needs %s, which has no result: %s"):format(ending.label(input),
    why), { cause = cause, _root = root })
end

local function has_open_input(job)
  for _, slot in ipairs(job._request.slots) do
    if slot.kind == "job" then
      return true
    end
  end
  return false
end

--- An input of a job has ended: the job comes one nearer to its start, or fails with it.
---@param job segmind.Job
---@param input segmind.Job
function flow.input_over(job, input)
  if job._over then
    return
  end
  local result = input._result
  if not result or not (result.url or result._data or result.kept) then
    return ending.fail(job, upstream(input))
  end
  for _, slot in ipairs(job._request.slots) do
    if slot.kind == "job" and slot.value == input then
      request.take_result(slot, result)
    end
  end
  if not has_open_input(job) then
    ready(job)
  end
end

--- Sends a job on its way.
---@param job segmind.Job
function flow.launch(job)
  local inputs, seen = {}, {}
  for _, slot in ipairs(job._request.slots) do
    if slot.kind == "job" and not seen[slot.value] then
      seen[slot.value] = true
      inputs[#inputs + 1] = slot.value
    end
  end
  for _, input in ipairs(inputs) do
    if job._over then
      return
    elseif input._over then
      flow.input_over(job, input)
    else
      table.insert(input._dependents, job)
    end
  end
  if #inputs == 0 then
    ready(job)
  end
end

--- Whether somebody is about to go on with a job that has begun.
local function is_expected(client, job)
  return client:_is_under_way(job._operation)
    or client._left_over and client._left_over.job == job
end

--- Goes on with a job where an error left it. What it had begun and what it knows says where.
local function go_on(client, job)
  if job._over then
    return ending.conclude(job)
  elseif not job.started then
    return flow.launch(job)
  elseif is_expected(client, job) then
    return
  end
  deadline.watch(job)
  if job._row then
    ending.take_up(job)
  elseif job._adopting then
    doubt.adopt(job)
  elseif job.request_id then
    ending.attach(job, job.request_id)
  else
    transfer(job)
  end
end

--- Makes good what an error has left half done that was raised in the midst of our own work.
---@param client segmind.Client
function flow.recover(client)
  local jobs = {}
  client._settling, client._pumping, client._limit, client._active = false, false, false, 0
  for job in pairs(client._jobs) do
    jobs[#jobs + 1] = job
    client._active = client._active + (job._active and 1 or 0)
  end
  table.sort(jobs, function(a, b)
    return a.id < b.id
  end)
  for _, job in ipairs(jobs) do
    if client._jobs[job] then
      go_on(client, job)
    end
  end
  flow.settle(client)
end

return flow
