--- The life of a job, whole: what follows from what. fields.lua writes what becomes of it, and is
--- asked to by this file; everybody else says what has happened: `lifecycle.event(job, name, ...)`.
--- The states (see job.lua), and the function that goes from one to the next:
---
---   waiting ─▶ waiting          its pictures are there [on.input], a place is free [on.place];
---                               with a ledger, another is at its step [on_state]
---   waiting ─▶ uploading        there are local pictures [bring_up]
---   waiting, uploading ─▶ submitting                     [submit], with a ledger [on_state]
---   waiting ─▶ submitting, QUEUED                        a row that was left behind [taken]
---   submitting ─▶ QUEUED        accepted [on_state]; an id of `on_unknown` [phases.adopting]
---   submitting ─▶ uploading, submitting                  sent again, with leave [resubmit]
---   QUEUED ◀─▶ PROCESSING       as the service says [on_state]
---   any ─▶ saving               the picture goes to a file: by the core [on_state], or [on.read]
---   any ─▶ COMPLETED            with a result [fields.finish]
---   any ─▶ FAILED               with an error [fail]: of the core [on.failed], of an input
---                               [on.input], at its deadline [on.late], [on.cancel], [on.close]
---
--- Invariants, beside those of fields.lua:
---   1. An event at a job that is over only completes its end.
---   2. Each of `phases` may be entered again, and each event may come again: an error may be
---      raised in the midst of both.
---   3. Ends are told by step.lua, in order. Only a refused key or account ends other jobs here.

local Budget = require("segmind.budget")
local Error = require("segmind.error")
local Queue = require("segmind.queue")
local Result = require("segmind.result")
local callback = require("segmind.callback")
local fields = require("segmind.fields")
local json = require("segmind.json")
local key = require("segmind.step_key")
local operation = require("segmind.operation")
local roster = require("segmind.roster")
local slots = require("segmind.slots")
local wait = require("segmind.wait")

local MAX_RESUBMITS = 3
-- Seconds: a paid picture is fetched after its job's deadline, too, as by the core.
local LEAST_FETCH = 1

local lifecycle = {}

-- -- its end --------------------------------------------------------------------------------------

-- A key or an account that is refused will be refused for the next step, too.
local stops_run = { auth = true, no_credits = true }

--- A key or an account was refused: jobs that have not been sent fail with the same kind instead
--- of being refused one by one. What the service has accepted goes on, and a later call is tried:
--- the key may have been mended, the account filled. Of thousands that were sent at once each is
--- refused: only the first of them, and the first after a later call, finds anybody to stop.
local function stop_unsent(job, err)
  local client = job._client
  local refusal = ("%s %s %d"):format(err.kind, err.status == 403 and job.model or "",
    client._count)
  if client._stopped_by == refusal then
    return
  end
  for _, other in ipairs(roster.unsent(job, err)) do
    fields.finish(other, nil, Error.new(err.kind, ("not sent, as %s was refused: %s"):format(
      fields.label(job), err.message), { cause = err, retryable = err.retryable }))
  end
  client._stopped_by = refusal
end

local function fail(job, err)
  err.request_id = err.request_id or job.request_id
  local warnings = rawget(job, "warnings")
  local hint = warnings and warnings[1] or ""
  if err.status == 404 and not job.request_id and hint:find("did you mean", 1, true) then
    err.message = err.message .. "; " .. hint
  end
  if stops_run[err.kind] and err.status then
    stop_unsent(job, err)
  end
  fields.finish(job, nil, err)
end

-- -- on its way -----------------------------------------------------------------------------------

local phases = {}

local function enter(job, phase)
  fields.set_phase(job, phase)
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

--- The seconds that a job has left before its submit; false for none, or when it is over.
local function time_left(job, state)
  local left = job._phase ~= "over" and fields.remaining(job)
  if left and left <= 0 then
    fail(job, Error.new("timeout", ("the deadline passed before the submit (%s)"):format(state)))
    return false
  end
  return left
end

-- What is sent; false when that has ended the job, whose caller may have changed its parameters.
local function body_of(job)
  local text, problem = json.rewritten(job.params)
  if not text then
    fail(job, Error.new("invalid", "its parameters were changed: " .. problem))
  end
  return text or false
end

--- The pictures are up, and there is no ledger: the budget is asked, last of all.
local function submit(job)
  local before = job.state
  fields.set_state(job, "submitting")
  local left = time_left(job, before)
  local body = left and body_of(job)
  if not body then
    return
  end
  local allowed, err = job._client._budget:reserve(job)
  if not allowed then
    return fail(job, err)
  end
  if job._doubtful then
    fields.settle_doubt(job)
  end
  fields.post(job, body, left)
end

--- The pictures are up, and the core holds the step for the job: it waits for the body.
local function proceed(job)
  local body = body_of(job)
  if not body then
    return
  end
  local ok, err = job._client._handle:proceed(operation.of(job)._task, body)
  if not ok and err then
    fail(job, Error.from(err))
  end
end

--- Uploads the job's local pictures, each at the same time.
local function bring_up(job)
  local list = slots.to_upload(job._request.slots)
  fields.set_state(job, "uploading")
  local function left()
    return job._phase ~= "over" and fields.remaining(job) or nil
  end
  for _, slot in ipairs(list) do
    if job._phase == "over" then
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
  local is_up, left = not slots.to_upload(job._request.slots)[1], time_left(job, job.state)
  if not left then
    return
  elseif not is_up and job.generation then
    return bring_up(job)
  end
  local body = is_up and body_of(job)
  if body or not is_up then
    fields.post(job, body or nil, left)
  end
end

local function be_ready(job)
  local client = job._client
  client._unsettled = true
  Queue.push(client._ready, job)
end

-- Tells the job of the end of an input, now or later; false when that has ended the job.
local function follow(input, job)
  if input._phase == "over" then
    lifecycle.event(job, "input", input)
  elseif input._client then -- and no URL
    fields.add_dependent(input, job)
  end
  return job._phase ~= "over"
end

function phases.waiting(job)
  local prepared = job._request
  if not prepared.slots then
    return slots.each(prepared.spec, job.params, follow, job)
  elseif not prepared.slots[1] then
    return be_ready(job)
  end
  local inputs = slots.jobs(prepared.slots)
  for _, input in ipairs(inputs) do
    if not follow(input, job) then
      return
    end
  end
  if #inputs == 0 then
    be_ready(job)
  end
end

function phases.sending(job)
  local client = job._client
  if fields.is_submitted(job) then
    return
  elseif client._has_ledger and job.key then
    ask_for_step(job)
  elseif client._has_ledger then
    local sources = key.sources(job._request)
    client._uploads:digest_all(sources, fields.timeout(job), function(digests, err)
      lifecycle.event(job, "named", digests, err)
    end)
  elseif job._request.slots[1] and slots.to_upload(job._request.slots)[1] then
    bring_up(job)
  else
    submit(job)
  end
end

--- The id that `on_unknown` gave, `_adopting`. With a ledger it is the job's once it is on the
--- disk, and not when another step has it.
function phases.adopting(job)
  fields.leave_sync(job)
  if job._client._has_ledger then
    local opts = fields.options(job)
    opts.step = key.step(job)
    local handler = setmetatable({ job = job }, Adoption)
    return fields.operate(job, handler, "attach", job.model, job._adopting, opts)
  end
  fields.accept(job, job._adopting)
  if job._phase ~= "over" then
    enter(job, "accepted")
  end
end

--- The service has accepted it before.
function phases.accepted(job)
  fields.ask_core(job, "attach", job.model, job.request_id, fields.attach_options(job))
end

--- Goes on with a row that `client:resume` has found, and the core has taken for us.
function phases.taken(job)
  local row = job._row
  if row.damage then
    return fail(job, Error.new("ledger", row.damage, { charged = "unknown" }))
  end
  fields.become(job, row)
  if job._phase ~= "over" then
    fields.ask_core(job, "take_up", row, fields.options(job))
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
  elseif fields.remaining(job) <= 0 then
    return hold(job, err, "the deadline passed")
  end
  fields.count_resubmit(job, count)
  callback.emit(job._client, { what = "resubmit", job = job, error = err, message =
    ("submitted again (%d of at most %d); the one before may have been paid: %s"):format(count,
      MAX_RESUBMITS, err.message) })
  if job._phase ~= "over" then
    enter(job, "sending")
  end
end

--- It was sent, its answer was lost, and the request history did not tell (`err.history` is
--- "absent", "unclear" or "unreachable"; the synchronous way has no lookup). Whether it is sent
--- again, and perhaps paid twice, is the caller's to say, and asked once a step: a job that has
--- waited for another (`is_copy`) follows that again, or fails like it.
local function decide(job, err, is_copy)
  fields.name_error(job, err)
  if is_copy and roster.is_decided(job) then
    return enter(job, "sending")
  end
  fields.doubt(job)
  local is_final = is_copy or job._operation and job._operation.is_adoption
  fields.listeners(job)
  local answer = is_final and "hold" or job._adopting or callback.on_unknown(job, err)
  if job._phase == "over" then
    return
  elseif answer == "hold" then
    hold(job, err)
  elseif answer == "resubmit" then
    resubmit(job, err)
  else
    fields.adopt(job, answer)
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
  return Error.new("upstream", ("needs %s, which has no result: %s"):format(fields.label(input),
    why), { cause = cause, _root = root })
end

--- An input has ended: the job comes one nearer to its start, or fails with it.
function on.input(job, input)
  local result = input._result
  if not result or not (result.url or result._data or result.kept) then
    return fail(job, upstream(input))
  end
  if not job._request.slots then
    fields.make_slots(job)
  end
  slots.take_input(job._request.slots, input, result)
  if not slots.jobs(job._request.slots)[1] then
    be_ready(job)
  end
end

--- There is a place for it among the active ones. It may stand in line twice, when an error was
--- raised in the midst of its launch.
function on.place(job)
  if job._phase ~= "waiting" then
    return
  end
  fields.place(job)
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
    fields.set_key(job, name, text)
    phases.sending(job)
  end
end

-- Kinds of errors of an upload that are about the picture, not about the account or the network.
local about_picture = { invalid = true, rejected = true, io = true }

--- A picture is up. What is repeated here after an error does no harm: it is up already.
function on.uploaded(job, slot, err)
  if err then
    local param = about_picture[err.kind] and slots.param(slot) .. ": " or ""
    fail(job, Error.new(err.kind, param .. err.message,
      { charged = "no", status = err.status, retryable = err.retryable,
        retry_after = err.retry_after, body = err.body }))
  elseif slots.to_upload(job._request.slots)[1] then
    return
  elseif not job._client._has_ledger and not fields.is_submitted(job) then
    submit(job)
  elseif fields.is_submitted(job) then
    proceed(job)
  else
    ask_for_step(job)
  end
end

on.row = fields.become

--- The core says how it failed, and in which row of the ledger; what the ledger's budget does not
--- allow is worded here.
function on.failed(job, err)
  local client, is_copy = job._client, fields.take_failure(job, err)
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
  fields.take_done(job, done)
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
  if job._phase == "over" then
    return fields.conclude(job)
  elseif done then
    return on.done(job, done)
  end
  return on.failed(job, err)
end

function lifecycle.on_state(job, state, request_id)
  if job._phase == "over" then
    return fields.conclude(job)
  elseif state == "free" then
    return bring_up(job)
  end
  return fields.told(job, state, request_id)
end

function lifecycle.on_row(job, row)
  lifecycle.event(job, "row", row)
end

local function save(job, result, path)
  fields.set_state(job, "saving")
  if job._phase ~= "over" then
    fields.operate(job, { job = job, _on_end = function(_, done, err)
      lifecycle.event(job, "saved", result, done, err)
    end }, result:_writer(path, math.max(fields.timeout(job), LEAST_FETCH), job._has_metadata))
  end
end

--- The result goes where the caller wants it. The core has seen to that, but for a result that it
--- leaves to this side to read, or that is the picture itself.
function on.read(job, done, result)
  local path = job._request.opts.save
  if done.save_error then
    local err = Error.from(done.save_error)
    fields.finish(job, result, job._client._has_ledger and err or result:_not_saved(err))
  elseif done.path and path then
    on.saved(job, result, done)
  elseif path then
    save(job, result, path)
  else
    fields.finish(job, result)
  end
end

function on.saved(job, result, done, err)
  if done then
    result:_saved(done)
  end
  fields.finish(job, result, err and result:_not_saved(err))
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
  local dependents = #job
  for i = 1, dependents do
    lifecycle.event(job[i], "input", job)
  end
  if job._listeners or job._client._on_event then
    fields.listeners(job)
    callback.tell_end(job)
  end
  if dependents > 0 then
    fields.forget_dependents(job)
  end
end

--- Something has happened to a job.
---@param job segmind.Job
---@param name string one of `on`
---@return boolean? has_begun of "place"
function lifecycle.event(job, name, a, b, c)
  if job._phase == "over" then
    return fields.conclude(job)
  end
  return on[name](job, a, b, c)
end

--- Goes on with a job: for the first time, or where an error left it.
---@param job segmind.Job
function lifecycle.go_on(job)
  if job._phase == "over" then
    return fields.conclude(job)
  end
  phases[job._phase](job)
end

-- -- jobs that were submitted before --------------------------------------------------------------

--- Takes up a job by its id, its time running from now.
---@param job segmind.Job
---@param request_id string
---@return table? refusal as the core has it
function lifecycle.attach(job, request_id)
  fields.attach(job, request_id)
  local _, refused = operation.begin(job._client, job, "attach", job.model, request_id,
    fields.attach_options(job))
  if refused then
    fields.withdraw(job)
  end
  return refused
end

--- Takes up a row of the ledger, its time running from now.
---@param job segmind.Job
---@param row table by the names of its columns
function lifecycle.take_up(job, row)
  fields.take_up(job, row)
  phases.taken(job)
end

return lifecycle
