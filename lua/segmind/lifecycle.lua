--- The life of a job, whole. Once it is made (job.lua) this file alone writes its fields, private
--- and public; everybody else says what has happened: `lifecycle.event(job, name, ...)`. The states
--- (see job.lua), and the function that goes from one to the next:
---
---   waiting ─▶ waiting          its pictures are there [on.input], a place is free [on.place];
---                               with a ledger, another is at its step [on.told]
---   waiting ─▶ uploading        there are local pictures [bring_up]
---   waiting, uploading ─▶ submitting                     [submit], with a ledger [on.told]
---   waiting ─▶ submitting, QUEUED                        a row that was left behind [become]
---   submitting ─▶ QUEUED        accepted [on.told]; an id of `on_unknown` [phases.adopting]
---   submitting ─▶ uploading, submitting                  sent again, with leave [resubmit]
---   QUEUED ◀─▶ PROCESSING       as the service says [on.told]
---   any ─▶ saving               the result is here [on.done], was read [on.read], goes to a file
---   any ─▶ COMPLETED            with a result [finish]
---   any ─▶ FAILED               with an error [finish]: of the core [on.failed], of an input
---                               [on.input], at its deadline [on.late], [on.cancel], [on.close]
---
--- Invariants:
---   1. A job ends once (`finish`); an event at a job that is over only completes its end.
---   2. `_phase` says where the job goes on when an error was raised in the midst of it (Ctrl-C, a
---      watchdog, no memory). Each of `phases` may be entered again; each event may come again.
---   3. `_sent` is true before the submit can leave. `_doubtful` is true from an unknown outcome on
---      until an id is known, or the price of both submits is set aside (budget.lua).
---   4. Ends are told by step.lua, in order. Only a refused key or account ends other jobs here.

local Budget = require("segmind.budget")
local Error = require("segmind.error")
local Result = require("segmind.result")
local callback = require("segmind.callback")
local json = require("segmind.json")
local key = require("segmind.step_key")
local lineage = require("segmind.lineage")
local operation = require("segmind.operation")
local request = require("segmind.request")
local wait = require("segmind.wait")

local MAX_RESUBMITS = 3

local lifecycle = {}

-- -- what is known of a job -----------------------------------------------------------------------

--- What a job is called in a message.
---@param job segmind.Job
---@return string
function lifecycle.label(job)
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
function lifecycle.passed(job)
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
function lifecycle.gate(job)
  job._gate = job._gate or wait.gate(job._client)
  return job._gate
end

--- Whether the core is about to tell of a job, or what it told waits for the next step.
---@param job segmind.Job
---@return boolean
function lifecycle.is_expected(job)
  local client = job._client
  return operation.is_under_way(client, operation.of(job))
    or client._left_over and client._left_over.job == job
end

local function remaining(job)
  return job._deadline - job._client._core.now()
end

local function timeout_of(job)
  return math.max(remaining(job), 0.001)
end

--- Sets a state and tells the listeners; one of them may end the job.
local function set_state(job, state)
  if job.state ~= state and not job._over then
    job.state = state
    if job._listeners or job._client._on_event then
      callback.tell(job, "state", state)
    end
  end
end

--- The result of a job as its caller gets it.
---@param job segmind.Job
---@return segmind.Result?
function lifecycle.result(job)
  Result.complete(job._result)
  return job._result
end

--- What a job's callbacks are noted in, as soon as there is something to note; see callback.lua.
local function listeners(job)
  job._listeners = job._listeners or {}
  return job._listeners
end

--- Calls a function at an event of a job, at once when it is over.
---@param job segmind.Job
---@param event "state"|"done"|"error"
---@param fn fun(value: any, job: segmind.Job)
function lifecycle.listen(job, event, fn)
  local list = job._listeners
  if not job._over and not list then
    job._listeners = { event, fn }
  elseif not job._over then
    local last = #list
    list[last + 2] = fn -- first: an event without a function would be called
    list[last + 1] = event
  elseif event == (job._error and "error" or "done") then
    listeners(job)
    callback.ask(job, fn, job._error or lifecycle.result(job))
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

--- Its time begins.
local function begin(job)
  local client = job._client
  local now = client._core.now()
  job._deadline = now + time_given(job)
  job.started = unix_time(client, now)
end

-- -- the end --------------------------------------------------------------------------------------

local function give_back(client, job)
  if job._active then
    job._active = nil
    client._active = client._active - 1
  end
  local targets = job._targets
  for i = 1, targets and #targets or 0 do
    if client._saves[targets[i]] == job then
      client._saves[targets[i]] = nil
    end
  end
end

--- The client knows the job, and which files it writes, from here to its end.
---@param job segmind.Job
function lifecycle.join(job)
  local client = job._client
  client._jobs[job.id] = job
  local targets = job._targets
  for i = 1, targets and #targets or 0 do
    client._saves[targets[i]] = job
  end
end

--- What an end brings with it: the money is counted, the operation ends, others get its place, and
--- it is queued for step.lua to tell those who hang on it. Safe to repeat, and repeated as long as
--- the client knows the job, should an error be raised in the midst of it.
local function conclude(job)
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
    job.ended = (job.started or unix_time(client, client._core.now())) + lifecycle.passed(job)
  end
  give_back(client, job)
  client._unsettled = true
  client._settled:push(job)
  client._jobs[job.id] = nil
  job._request = nil
  if job._operation then -- LuaJIT and 5.3 make room even for a nil that was not there
    job._operation = nil
  end
end

--- Writes into an error which job it is of, and which step of a chain.
local function name_error(job, err)
  job._client._by_id[job.id] = job
  err.job, err.step = err.job or job.id, err.step or job.step
end

--- Ends a job with a result, an error, or both (a paid result that could not be saved).
local function finish(job, result, err)
  if not job._over then
    job._result, job._error = result, err
    set_seed(job, result and result.seed)
    if err then
      name_error(job, err)
    end
    job._over = true
  end
  conclude(job)
end

-- A key or an account that is refused will be refused for the next step, too.
local stops_run = { auth = true, no_credits = true }

--- The jobs of a client that are not over, in the order of their calls.
---@param client segmind.Client
---@return segmind.Job[]
function lifecycle.jobs(client)
  local jobs = {}
  for _, job in pairs(client._jobs) do
    jobs[#jobs + 1] = job
  end
  table.sort(jobs, function(a, b)
    return a.id < b.id
  end)
  return jobs
end

-- A finalizer asks for them, too. There LuaJIT begins no trace, and a compiled loop of `pairs` that
-- is left at its head, with no other trace to go on with, enters itself again for ever.
local jit = rawget(_G, "jit")
if jit then
  jit.off(lifecycle.jobs, true)
end

--- How many jobs of a client are not over.
---@param client segmind.Client
---@return integer
function lifecycle.count(client)
  local count = 0
  for _ in pairs(client._jobs) do
    count = count + 1
  end
  return count
end

--- A key or an account was refused: jobs that have not been sent fail with the same kind instead
--- of being refused one by one. HTTP 403 says that the key may not use this model: it concerns only
--- that model's jobs. What the service has accepted goes on, and a later call is tried: the key may
--- have been mended, the account filled. Of thousands that were sent at once each is refused: only
--- the first of them, and the first after a later call, finds anybody to stop.
local function stop_unsent(job, err)
  local client = job._client
  local refusal = ("%s %s %d"):format(err.kind, err.status == 403 and job.model or "",
    client._count)
  if client._stopped_by == refusal then
    return
  end
  for _, other in ipairs(lifecycle.jobs(client)) do
    local is_met = err.status ~= 403 or other.model == job.model
    if is_met and other ~= job and not other._over and not other._sent and not other.request_id then
      finish(other, nil, Error.new(err.kind, ("not sent, as %s was refused: %s"):format(
        lifecycle.label(job), err.message), { cause = err, retryable = err.retryable }))
    end
  end
  client._stopped_by = refusal
end

local function fail(job, err)
  err.request_id = err.request_id or job.request_id
  local hint = job.warnings[1] or ""
  if err.status == 404 and not job.request_id and hint:find("did you mean", 1, true) then
    err.message = err.message .. "; " .. hint
  end
  if stops_run[err.kind] and err.status then
    stop_unsent(job, err)
  end
  finish(job, nil, err)
end

-- -- on its way -----------------------------------------------------------------------------------

local phases = {}

local function enter(job, phase)
  job._phase = phase
  phases[phase](job)
end

--- The handler of an adoption, which a job goes on with otherwise when it fails.
local Adoption = { is_adoption = true }
Adoption.__index = Adoption

function Adoption:_on_end(done, err)
  lifecycle.on_end(self.job, done, err)
end

function Adoption:_on_state(state, request_id)
  lifecycle.on_state(self.job, state, request_id)
end

--- Begins the operation that the job waits for.
local function operate(job, handler, verb, ...)
  job._operation = handler
  operation.start(job._client, handler, verb, ...)
end

local function ask_core(job, verb, a, b, c)
  job._task = false
  if job._operation then
    job._operation = nil
  end
  operation.start(job._client, job, verb, a, b, c)
end

--- What the core is told of a job besides its body.
local function task_options(job, left)
  local prepared = job._request
  return { timeout = left or timeout_of(job), poll = prepared.opts.poll or job._client._poll,
    latency = prepared.spec and prepared.spec.latency_s }
end

--- With a ledger it looks for the row of the id.
local function attach_options(job)
  local opts = task_options(job)
  opts.ledger = job._client._has_ledger or nil
  return opts
end

--- Whether the job's submit was begun and its end is not known.
local function is_submitted(job)
  local submit, client = job._operation or job, job._client
  return submit._task and not operation.is_ending(client, submit)
    and operation.is_under_way(client, submit)
end

--- The seconds that a job has left before its submit; false for none, or when it is over.
local function time_left(job, state)
  local left = not job._over and remaining(job)
  if left and left <= 0 then
    fail(job, Error.new("timeout", ("the deadline passed before the submit (%s)"):format(state)))
    return false
  end
  return left
end

--- The step of a ledger; its picture gets to its file, and says how it was made, without this side.
local function step_options(job)
  local step = key.step(job)
  if step.save and job._has_metadata then
    step.xmp, step.beside = lineage.texts(job, step.save)
  end
  return step
end

--- Gives the job, which has so many seconds left, to the core.
local function post(job, body, left)
  local opts = task_options(job, left)
  if job._request.slots[1] and job._made == nil then
    job._made = lineage.of(job)
  end
  if job._client._has_ledger then
    opts.step = step_options(job)
  else
    job._sent = true
  end
  ask_core(job, job._sync and "sync" or "job", job.model, body, opts)
end

--- The pictures are up, and there is no ledger: the budget is asked, last of all.
local function submit(job)
  local before = job.state
  set_state(job, "submitting")
  local left = time_left(job, before)
  if not left then
    return
  end
  local allowed, err = job._client._budget:reserve(job)
  if not allowed then
    return fail(job, err)
  end
  if job._doubtful then
    job._doubtful = nil
  end
  post(job, json.encode(job.params), left)
end

--- The pictures are up, and the core holds the step for the job: it waits for the body.
local function proceed(job)
  local ok, err = job._client._handle:proceed(operation.of(job)._task, json.encode(job.params))
  if not ok and err then
    fail(job, Error.from(err))
  end
end

--- Uploads the job's local pictures, each at the same time.
local function bring_up(job)
  local slots = request.local_slots(job._request)
  set_state(job, "uploading")
  local function left()
    return not job._over and remaining(job) or nil
  end
  for _, slot in ipairs(slots) do
    if job._over then
      return
    end
    job._client._uploads:fill(slot, left, function(err)
      lifecycle.event(job, "uploaded", slot, err)
    end)
  end
end

--- The core is asked for the step, without a body where pictures may have to be uploaded: they are
--- only when it says "free". A second submit of its row needs them at once.
local function ask_for_step(job)
  local is_up, left = not request.local_slots(job._request)[1], time_left(job, job.state)
  if not left then
    return
  elseif not is_up and job.generation then
    return bring_up(job)
  end
  post(job, is_up and json.encode(job.params) or nil, left)
end

local function be_ready(job)
  local client = job._client
  client._unsettled = true
  client._ready:push(job)
end

function phases.waiting(job)
  if not job._request.slots[1] then
    return be_ready(job)
  end
  local inputs = request.jobs(job._request)
  for _, input in ipairs(inputs) do
    if input._over then
      lifecycle.event(job, "input", input)
    else
      input._dependents = input._dependents or {}
      table.insert(input._dependents, job)
    end
    if job._over then
      return
    end
  end
  if #inputs == 0 then
    be_ready(job)
  end
end

function phases.sending(job)
  local client = job._client
  if is_submitted(job) then
    return
  elseif client._has_ledger and job.key then
    ask_for_step(job)
  elseif client._has_ledger then
    client._uploads:digest_all(key.sources(job._request), timeout_of(job), function(digests, err)
      lifecycle.event(job, "named", digests, err)
    end)
  elseif job._request.slots[1] and request.local_slots(job._request)[1] then
    bring_up(job)
  else
    submit(job)
  end
end

--- The id that `on_unknown` gave, `_adopting`. With a ledger it is the job's once it is on the
--- disk, and not when another step has it.
function phases.adopting(job)
  job._sync = nil
  if job._client._has_ledger then
    local opts = task_options(job)
    opts.step = step_options(job)
    local handler = setmetatable({ job = job }, Adoption)
    return operate(job, handler, "attach", job.model, job._adopting, opts)
  end
  job.request_id, job._doubtful = job._adopting, nil
  set_state(job, "QUEUED")
  if not job._over then
    enter(job, "accepted")
  end
end

--- The service has accepted it before.
function phases.accepted(job)
  ask_core(job, "attach", job.model, job.request_id, attach_options(job))
end

--- The job becomes the row of the ledger that was left behind: with its seed, so that a second
--- submit would be the same to the byte.
local function become(job, row)
  job.key, job._key_text, job.generation = row.step_key, row.params, row.generation
  job._made = job._made or lineage.of_key(row.params) or false
  job._price, job._sync, job._sent = row.price, row.api == "v1", true
  job.request_id, job._doubtful = row.request_id, not row.request_id or nil
  set_seed(job, row.seed and json.integer(row.seed))
  set_state(job, row.request_id and "QUEUED" or "submitting")
end

--- Goes on with a row that `client:resume` has found, and the core has taken for us.
function phases.taken(job)
  local row = job._row
  if row.damage then
    return fail(job, Error.new("ledger", row.damage, { charged = "unknown" }))
  end
  become(job, row)
  if not job._over then
    ask_core(job, "take_up", row, task_options(job))
  end
end

-- -- a submit with an unknown outcome (M3, M8 of doc/money.md) ------------------------------------

local function hold(job, err, why)
  err.message = why and ("%s; not sent again: %s"):format(err.message, why) or err.message
  fail(job, err)
end

local function resubmit(job, err)
  local count = (job._resubmits or 0) + 1
  if count > MAX_RESUBMITS then
    return hold(job, err, ("that was done %d times"):format(MAX_RESUBMITS))
  elseif remaining(job) <= 0 then
    return hold(job, err, "the deadline passed")
  end
  job._resubmits = count
  callback.emit(job._client, { what = "resubmit", job = job, error = err, message =
    ("submitted again (%d of at most %d); the one before may have been paid: %s"):format(count,
      MAX_RESUBMITS, err.message) })
  if not job._over then
    enter(job, "sending")
  end
end

--- Whether a job that had the same error, at the same step, goes on with it.
local function is_decided(job)
  for _, other in pairs(job._client._jobs) do
    local goes_on = other._resubmits or other._adopting
    if goes_on and other ~= job and other.key == job.key and not other._over then
      return true
    end
  end
  return false
end

--- It was sent, its answer was lost, and the request history did not tell (`err.history` is
--- "absent", "unclear" or "unreachable"; the synchronous way has no lookup). Whether it is sent
--- again, and perhaps paid twice, is the caller's to say, and asked once a step: a job that has
--- waited for another (`is_copy`) follows that again, or fails like it.
local function decide(job, err, is_copy)
  name_error(job, err)
  if is_copy and is_decided(job) then
    return enter(job, "sending")
  end
  job._doubtful = true
  local is_final = is_copy or job._operation and job._operation.is_adoption
  listeners(job)
  local answer = is_final and "hold" or job._adopting
    or callback.on_unknown(job, err)
  if job._over then
    return
  elseif answer == "hold" then
    hold(job, err)
  elseif answer == "resubmit" then
    resubmit(job, err)
  else
    job._adopting = answer
    enter(job, "adopting")
  end
end

-- -- events ---------------------------------------------------------------------------------------

local on = {}

-- The input's own words, or those of the input that was at the root of it: a long chain would quote
-- all that lie between, each time.
local function upstream(input)
  local cause = input._error
  local root = cause and cause._root or cause
  local why = root and root.message or "its result has no picture"
  if root ~= cause then
    why = ("job %d failed: %s"):format(root.job, why)
  end
  return Error.new("upstream", ("needs %s, which has no result: %s"):format(lifecycle.label(input),
    why), { cause = cause, _root = root })
end

--- An input has ended: the job comes one nearer to its start, or fails with it.
function on.input(job, input)
  local result = input._result
  if not result or not (result.url or result._data or result.kept) then
    return fail(job, upstream(input))
  end
  request.take_input(job._request, input, result)
  if not request.jobs(job._request)[1] then
    be_ready(job)
  end
end

--- There is a place for it among the active ones. It may stand in line twice, when an error was
--- raised in the midst of its launch.
function on.place(job)
  local client = job._client
  if job._phase ~= "waiting" then
    return
  end
  client._active = client._active + (job._active and 0 or 1)
  job._active = true
  begin(job)
  job._phase = "sending"
  return true
end

--- The content of its local pictures is known, so its step has a key.
function on.named(job, digests, err)
  if err then
    fail(job, err)
  elseif not job.key then
    local name, text = key.compute(job._client._core, job._request, digests)
    local wanted = job._request.key
    if wanted and wanted ~= name then
      return fail(job, Error.new("upstream", ("the step has become %s; it was enqueued as %s, and "
        .. "a picture that it takes was made anew since: enqueue it again"):format(name:sub(1, 12),
        wanted:sub(1, 12)), { charged = "no" }))
    end
    job._key_text = text
    job.key = name
    phases.sending(job)
  end
end

-- Kinds of errors of an upload that are about the picture, not about the account or the network.
local about_picture = { invalid = true, rejected = true, io = true }

--- A picture is up. What is repeated here after an error does no harm: it is up already.
function on.uploaded(job, slot, err)
  if err then
    local param = about_picture[err.kind] and request.param(slot) .. ": " or ""
    fail(job, Error.new(err.kind, param .. err.message,
      { charged = "no", status = err.status, retryable = err.retryable,
        retry_after = err.retry_after, body = err.body }))
  elseif request.local_slots(job._request)[1] then
    return
  elseif not job._client._has_ledger and not is_submitted(job) then
    submit(job)
  elseif is_submitted(job) then
    proceed(job)
  else
    ask_for_step(job)
  end
end

function on.row(job, row)
  become(job, row)
end

local told_by_service = { QUEUED = true, PROCESSING = true, COMPLETED = true }

--- The core tells how the job stands.
function on.told(job, state, request_id)
  if state == "free" then
    return bring_up(job)
  end
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
  set_state(job, state == "ACCEPTED" and "QUEUED" or state)
end

--- The core says how it failed, and in which row of the ledger; what the ledger's budget does not
--- allow is worded here.
function on.failed(job, err)
  local client, is_copy = job._client, err.follows
  job.generation = err.generation or job.generation
  err.generation, err.follows = nil, nil
  if err.kind == "unknown" then
    decide(job, err, is_copy)
  elseif err.kind == "budget" and err.spent then
    fail(job, client._budget and client._budget:refusal(job, err.spent) or err)
  else
    fail(job, err)
  end
end

--- Its result is here. To read it and to tell of it are the two halves of a step's largest piece of
--- work, and where the first has used up the step's time, the second is what the next one begins
--- with. A step that is late takes no more events, so there is never more than one left over.
function on.done(job, done)
  local client = job._client
  job.request_id = done.request_id or job.request_id
  if done.generation then
    job.generation = done.generation
  end
  if done.replayed then
    job.replayed = true
  end
  local result, err = Result.read(job, done)
  if not result then
    fail(job, err)
  elseif client._limit and wait.is_out_of_time(client) then
    client._left_over = { job = job, done = done, result = result }
    client._handle:nudge()
  else
    on.read(job, done, result)
  end
end

-- A job is the handler of its own operations, see operation.lua. What each job hears goes straight
-- to its function.

function lifecycle.on_end(job, done, err)
  if job._over then
    return conclude(job)
  elseif done then
    return on.done(job, done)
  end
  return on.failed(job, err)
end

function lifecycle.on_state(job, state, request_id)
  if job._over then
    return conclude(job)
  end
  return on.told(job, state, request_id)
end

function lifecycle.on_row(job, row)
  lifecycle.event(job, "row", row)
end

local function save(job, result, path)
  set_state(job, "saving")
  if not job._over then
    operate(job, { job = job, _on_end = function(_, done, err)
      lifecycle.event(job, "saved", result, done, err)
    end }, result:_writer(path, timeout_of(job), job._has_metadata))
  end
end

--- The result goes where the caller wants it. Of a step of the ledger the core has seen to that.
function on.read(job, done, result)
  local path = job._request.opts.save
  if done.save_error then
    finish(job, result, Error.from(done.save_error))
  elseif done.path and path then
    on.saved(job, result, done)
  elseif path then
    save(job, result, path)
  else
    finish(job, result)
  end
end

function on.saved(job, result, done, err)
  if done then
    result:_saved(done)
  end
  finish(job, result, err and result:_not_saved(err))
end

local function give_up(job, kind, message)
  local charged = Budget.charged(job)
  fail(job, Error.new(kind, message, { charged = charged,
    retryable = kind == "timeout" and charged == "no" }))
end

--- The core ends its operations at a job's deadline. One that waits for something else (an upload
--- that is shared, a place) ends here.
function on.late(job)
  give_up(job, "timeout", ("the deadline passed (%s)"):format(job.state))
end

function on.cancel(job)
  give_up(job, "cancelled", Budget.charged(job) == "no" and "cancelled before it was sent"
    or "cancelled here; the service goes on with it")
end

function on.close(job)
  give_up(job, "cancelled", "the client was closed")
end

--- Tells those who hang on an ended job: who waits, who needs its picture, who listens.
---@param job segmind.Job
function lifecycle.tell_end(job)
  if job._gate then
    job._gate:open()
  end
  local dependents = job._dependents
  for i = 1, dependents and #dependents or 0 do
    lifecycle.event(dependents[i], "input", job)
  end
  if job._listeners or job._client._on_event then
    listeners(job)
    callback.tell_end(job)
  end
  if dependents then
    job._dependents = nil
  end
end

--- Something has happened to a job.
---@param job segmind.Job
---@param name string one of `on`
---@return boolean? has_begun of "place"
function lifecycle.event(job, name, a, b, c)
  if job._over then
    return conclude(job)
  end
  return on[name](job, a, b, c)
end

--- Goes on with a job: for the first time, or where an error left it.
---@param job segmind.Job
function lifecycle.go_on(job)
  if job._over then
    return conclude(job)
  end
  phases[job._phase](job)
end

-- -- jobs that were submitted before --------------------------------------------------------------

--- Takes up a job by its id, its time running from now.
---@param job segmind.Job
---@param request_id string
---@return table? refusal as the core has it
function lifecycle.attach(job, request_id)
  begin(job)
  job.request_id, job.state, job._phase = request_id, "QUEUED", "accepted"
  job._made = false -- nothing is known of that
  job._is_unseen = true -- until the service tells a state, the id is only the caller's word
  lifecycle.join(job)
  local _, refused = operation.begin(job._client, job, "attach", job.model, request_id,
    attach_options(job))
  if refused then
    give_back(job._client, job)
    job._client._jobs[job.id] = nil
  end
  return refused
end

--- Takes up a row of the ledger, its time running from now.
---@param job segmind.Job
---@param row table by the names of its columns
function lifecycle.take_up(job, row)
  begin(job)
  job.name, job._row, job._phase = row.name or job.name, row, "taken"
  lifecycle.join(job)
  phases.taken(job)
end

return lifecycle
