--- The fields of a job, private and public. Once it is made (job.lua) this file alone writes them;
--- lifecycle.lua says when. Each function may be called again, and leaves them so that the job can
--- go on from there, should an error be raised (Ctrl-C, a watchdog, no memory) before the next.
---
--- Invariants:
---   1. A job ends once (`finish`); after that only its end is completed.
---   2. `_phase` says where the job goes on when an error was raised in the midst of it, and, once
---      there is a result or an error, that it is "over".
---   3. `_sent` is true before the submit can leave. `_doubtful` is true from an unknown outcome on
---      until an id is known, or the price of both submits is set aside (budget.lua).

local Queue = require("segmind.queue")
local Result = require("segmind.result")
local callback = require("segmind.callback")
local key = require("segmind.step_key")
local lineage = require("segmind.lineage")
local json = require("segmind.json")
local models = require("segmind.models")
local operation = require("segmind.operation")
local request = require("segmind.request")
local roster = require("segmind.roster")
local slots = require("segmind.slots")
local wait = require("segmind.wait")

local append = Queue.push

local fields = {}

-- -- what is known of a job ----------------------------------------------------------------------

--- What a job is called in a message.
---@param job segmind.Job
---@return string
function fields.label(job)
  return job.name and ("job %d (%s, %q)"):format(job.id, job.model, job.name)
    or ("job %d (%s)"):format(job.id, job.model)
end

-- Seconds that it has, once it has begun.
local function time_given(job)
  return job._request.opts.timeout or job._client._timeout
end

--- Seconds since it began; until its end, once it is over.
---@param job segmind.Job
---@return number
function fields.passed(job)
  if job.ended then
    return job.started and job.ended - job.started or 0
  elseif not job._deadline then
    return 0
  end
  return job._client._core.now() - (job._deadline - time_given(job))
end

--- The gate that opens at the end.
---@param job segmind.Job
---@return segmind.Gate
function fields.gate(job)
  job._gate = job._gate or wait.gate(job._client)
  return job._gate
end

--- Whether the core is about to tell of a job, or what it told waits for the next step.
---@param job segmind.Job
---@return boolean
function fields.is_expected(job)
  local client = job._client
  return operation.is_under_way(client, operation.of(job))
    or client._left_over and client._left_over.job == job
end

--- Seconds until the deadline of a job that has begun.
---@param job segmind.Job
---@return number # below 0 when it is over
function fields.remaining(job)
  return job._deadline - job._client._core.now()
end

--- The same as the core takes it.
---@param job segmind.Job
---@return number
function fields.timeout(job)
  return math.max(fields.remaining(job), 0.001)
end

--- Whether it has a place among the active jobs of its client, or had one until its end.
---@param job segmind.Job
---@return boolean
function fields.is_active(job)
  return job._deadline and not job._has_no_place
end

--- Whether the job's submit was begun and its end is not known.
---@param job segmind.Job
---@return boolean
function fields.is_submitted(job)
  local submit, client = job._operation or job, job._client
  return submit._task and not operation.is_ending(client, submit)
    and operation.is_under_way(client, submit)
end

-- -- its state, and who listens ------------------------------------------------------------------

--- Sets a state and tells the listeners; one of them may end the job.
---@param job segmind.Job
---@param state segmind.JobState
function fields.set_state(job, state)
  if job.state ~= state and job._phase ~= "over" then
    job.state = state
    local list = job._listeners
    if list and list.hears_state or job._client._on_event then
      callback.tell(job, "state", state)
    end
  end
end

--- The result of a job as its caller gets it.
---@param job segmind.Job
---@return segmind.Result?
function fields.result(job)
  Result.complete(job._result)
  return job._result
end

--- What a job's callbacks are noted in, as soon as there is something to note; see callback.lua.
---@param job segmind.Job
---@return table
function fields.listeners(job)
  job._listeners = job._listeners or {}
  return job._listeners
end

--- Calls a function at an event of a job, at once when it is over.
---@param job segmind.Job
---@param event "state"|"done"|"error"
---@param fn fun(value: any, job: segmind.Job)
function fields.listen(job, event, fn)
  if job._phase == "over" then
    if event == (job._error and "error" or "done") then
      fields.listeners(job)
      callback.ask(job, fn, job._error or fields.result(job))
    end
    return
  end
  local list = job._listeners
  if event == "state" then
    list = fields.listeners(job)
    list.hears_state = true
  end
  if not list then
    job._listeners = { event, fn, nil, nil } -- room for another, as most have two
  else
    local last = #list
    list[last + 2] = fn -- first: an event without a function would be called
    list[last + 1] = event
  end
end

-- Notes what the service may have done otherwise than asked, and tells it.
Result.use(function(job, text)
  job.warnings = rawget(job, "warnings") or {}
  table.insert(job.warnings, text)
  callback.emit(job._client, { what = "warning", job = job, message = text })
end)

--- Sets the seed that a job's picture is made with, wherever that is told: a step that is taken up,
--- joined or restored brings another one than the job had drawn.
local function set_seed(job, seed)
  if seed ~= nil and seed ~= job.seed then
    job.seed, job.params.seed = seed, seed
  end
end

--- A job that waits for the picture of another, which has it in its own array part: a table a job
--- more is what a collector stops for.
---@param input segmind.Job
---@param job segmind.Job
function fields.add_dependent(input, job)
  local count = #input
  if count == 0 or input[count] ~= job then -- else it takes the picture once more
    input[count + 1] = job
  end
end

--- Makes the `inputs` of a job that waits for others.
---@param job segmind.Job
---@return table[]
function fields.inputs(job)
  job.inputs = slots.origins(slots.of_declared(models.declared(job.model), job.params))
  return job.inputs
end

--- The first that it waited for is over: the job has slots and `inputs` from here on.
---@param job segmind.Job
function fields.make_slots(job)
  local prepared = request.with_slots(job._request, job.params)
  job.inputs = rawget(job, "inputs") or slots.origins(prepared.slots)
  job._request = prepared
  setmetatable(job, getmetatable(job).class)
end

--- All who waited for its picture have heard of the end.
---@param job segmind.Job
function fields.forget_dependents(job)
  for i = #job, 1, -1 do
    job[i] = nil
  end
end

-- -- its beginning -------------------------------------------------------------------------------

--- Unix time with the fractions of the monotonic clock, so that what lies between two of them is
--- exact; put right when the system's clock was set, or the machine has slept.
local function unix_time(client, now)
  local wall, epoch = os.time(), client._epoch
  local drift = epoch and epoch + now - wall
  if not epoch or drift > 2 or drift < -2 then
    epoch = wall - now
    client._epoch = epoch
  end
  return epoch + now
end

-- Its time begins.
local function begin(job)
  local client = job._client
  local now = client._core.now()
  job._deadline = now + time_given(job)
  job.started = unix_time(client, now)
end

--- There is a place for it among the active ones, and its time begins.
---@param job segmind.Job
function fields.place(job)
  local client = job._client
  client._active = client._active + (job._deadline and 0 or 1)
  begin(job)
  job._phase = "sending"
end

--- Where it goes on from here.
---@param job segmind.Job
---@param phase string one of lifecycle.lua's
function fields.set_phase(job, phase)
  job._phase = phase
end

--- It was submitted before, under this id; its time begins.
---@param job segmind.Job
---@param request_id string
function fields.attach(job, request_id)
  begin(job)
  job.request_id, job.state, job._phase = request_id, "QUEUED", "accepted"
  job._has_no_place = true
  job._made = false -- nothing is known of that
  job._is_unseen = true -- until the service tells a state, the id is only the caller's word
  roster.join(job)
end

--- It is a row of the ledger that was left behind; its time begins.
---@param job segmind.Job
---@param row table by the names of its columns
function fields.take_up(job, row)
  begin(job)
  job.name, job._row, job._phase = row.name or job.name, row, "taken"
  job._has_no_place = true
  roster.join(job)
end

--- The job becomes the row of the ledger that was left behind: with its seed, so that a second
--- submit would be the same to the byte.
---@param job segmind.Job
---@param row table by the names of its columns
function fields.become(job, row)
  job.key, job._key_text, job.generation = row.step_key, row.params, row.generation
  job._made = job._made or lineage.of_key(row.params) or false
  job._price, job._sync, job._sent = row.price, row.api == "v1", true
  job.request_id, job._doubtful = row.request_id, not row.request_id or nil
  set_seed(job, row.seed and json.integer(row.seed))
  fields.set_state(job, row.request_id and "QUEUED" or "submitting")
end

--- The content of its pictures is known, so its step has a name.
---@param job segmind.Job
---@param name string
---@param text string what the name is a hash of
function fields.set_key(job, name, text)
  job._key_text = text
  job.key = name
end

-- -- at the core ---------------------------------------------------------------------------------

--- Begins the operation that the job waits for, of which another handler than itself hears.
---@param job segmind.Job
---@param handler table see operation.lua
---@param verb string
function fields.operate(job, handler, verb, ...)
  job._operation = handler
  operation.start(job._client, handler, verb, ...)
end

--- Begins the operation that the job waits for and hears of itself.
---@param job segmind.Job
---@param verb string
function fields.ask_core(job, verb, a, b, c, d, e)
  job._task = false
  if job._operation then
    job._operation = nil
  end
  operation.start(job._client, job, verb, a, b, c, d, e)
end

-- How often to ask for its state, and how long its model takes; nil for what the core knows better.
local function pace(job)
  local prepared = job._request
  local spec = prepared.spec
  return prepared.opts.poll or job._client._poll, spec and spec.latency_s
end

--- What the core is told of a job besides its body. The picture gets to its file, and says how it
--- was made, without this side.
---@param job segmind.Job
---@param left number? the seconds that it has, where they are known
---@return table
function fields.options(job, left)
  local poll, latency = pace(job)
  local save = job._request.opts.save
  local opts = { timeout = left or fields.timeout(job), poll = poll, latency = latency,
    save = save }
  if save and job._has_metadata then
    opts.seed = job.seed
    opts.xmp, opts.beside = lineage.texts(job, save)
  end
  return opts
end

--- With a ledger it looks for the row of the id.
---@param job segmind.Job
---@return table
function fields.attach_options(job)
  local opts = fields.options(job)
  opts.ledger = job._client._has_ledger or nil
  return opts
end

--- Gives the job, which has so many seconds left, to the core.
---@param job segmind.Job
---@param body string? nil where its pictures are not up, and the ledger is asked first
---@param left number
function fields.post(job, body, left)
  local has_ledger, opts, latency, poll = job._client._has_ledger, left, nil, nil
  if job._request.slots[1] and job._made == nil then
    job._made = lineage.of(job)
  end
  if has_ledger or job._request.opts.save then
    opts = fields.options(job, left)
  else -- three arguments, and no table a job
    poll, latency = pace(job)
  end
  if has_ledger then
    opts.step = key.step(job)
  else
    job._sent = true
  end
  fields.ask_core(job, job._sync and "sync" or "job", job.model, body, opts, latency, poll)
end

-- -- what the core tells -------------------------------------------------------------------------

local told_by_service = { QUEUED = true, PROCESSING = true, COMPLETED = true }

--- How the job stands.
---@param job segmind.Job
---@param state string
---@param request_id string?
function fields.told(job, state, request_id)
  job._sent = job._sent or state == "submitting"
  if told_by_service[state] and job._is_unseen then
    job._is_unseen = nil
  end
  local id = job.request_id or request_id
  if id then
    job.request_id = id
    if job._doubtful then
      job._doubtful = nil
    end
    if job._phase == "sending" then
      job._phase = "accepted"
    end
    job._request = request.rest(job._request)
  end
  fields.set_state(job, state == "ACCEPTED" and "QUEUED" or state)
end

--- Its result is here.
---@param job segmind.Job
---@param done table as the core has it
function fields.take_done(job, done)
  job.request_id = done.request_id or job.request_id
  if done.generation then
    job.generation = done.generation
  end
  if done.replayed then
    job.replayed = true
  end
end

--- In which row of the ledger it failed, and whether it has followed another job; this is no part
--- of the error as the caller gets it.
---@param job segmind.Job
---@param err segmind.Error
---@return boolean? is_copy
function fields.take_failure(job, err)
  local is_copy = err.follows
  job.generation = err.generation or job.generation
  err.generation, err.follows = nil, nil
  return is_copy
end

-- -- a submit with an unknown outcome ------------------------------------------------------------

--- Nobody knows whether the service has it.
---@param job segmind.Job
function fields.doubt(job)
  job._doubtful = true
end

--- The price of another submit is set aside, too.
---@param job segmind.Job
function fields.settle_doubt(job)
  if job._doubtful then
    job._doubtful = nil
  end
end

--- It is sent again.
---@param job segmind.Job
---@param count integer for which time
function fields.count_resubmit(job, count)
  job._resubmits = count
end

--- It goes on with the id that `on_unknown` gave.
---@param job segmind.Job
---@param request_id string
function fields.adopt(job, request_id)
  job._adopting = request_id
end

--- No synchronous submit any more.
---@param job segmind.Job
function fields.leave_sync(job)
  job._sync = nil
end

--- The id is the job's.
---@param job segmind.Job
---@param request_id string
function fields.accept(job, request_id)
  job.request_id, job._doubtful = request_id, nil
  fields.set_state(job, "QUEUED")
end

-- -- the end -------------------------------------------------------------------------------------

-- Others get its place, and may write its files.
local function give_back(client, job)
  if fields.is_active(job) then
    client._active = client._active - 1
  end
  if job._targets then
    roster.free_files(job)
  end
end

--- It never began: the core has refused it.
---@param job segmind.Job
function fields.withdraw(job)
  give_back(job._client, job)
  job._client._jobs[job.id] = nil
end

--- What an end brings with it: the money is counted, the operation ends, others get its place, and
--- it is queued for step.lua to tell those who hang on it. Safe to repeat, and repeated as long as
--- the client knows the job, should an error be raised in the midst of it.
---@param job segmind.Job
function fields.conclude(job)
  local client, err = job._client, job._error
  if not client._jobs[job.id] then
    return
  end
  if not client._has_ledger then -- which counts by its rows
    client._budget:settle(job, job._result, err)
  end
  if err and err.charged == "no" and (job._doubtful or job._resubmits) then
    err.charged = "unknown" -- this submit was not, one before it may have been
  end
  operation.cancel(client, job._operation or job)
  job.state = err and "FAILED" or "COMPLETED"
  if not job.ended then
    job.ended = (job.started or unix_time(client, client._core.now())) + fields.passed(job)
  end
  give_back(client, job)
  client._unsettled = true
  append(client._settled, job)
  client._jobs[job.id] = nil
  job._request = nil
  if job._operation then
    job._operation = nil
  end
end

--- Writes into an error which job it is of, and which step of a chain.
---@param job segmind.Job
---@param err segmind.Error
function fields.name_error(job, err)
  job._client._by_id[job.id] = job
  err.job, err.step = err.job or job.id, err.step or job.step
end

--- Ends a job with a result, an error, or both (a paid result that could not be saved).
---@param job segmind.Job
---@param result segmind.Result?
---@param err segmind.Error?
function fields.finish(job, result, err)
  if job._phase ~= "over" then
    if result then -- LuaJIT and 5.3 make room even for a nil that was not there
      job._result = result
      set_seed(job, result.seed)
    end
    if err then
      job._error = err
      fields.name_error(job, err)
    end
    job._phase = "over"
  end
  fields.conclude(job)
end

return fields
