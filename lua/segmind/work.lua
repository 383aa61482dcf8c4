--- A worker: it picks what is ready in a ledger's queue under a lease, and submits it like any
--- other step: the ledger's claim says whether that may be paid. Who dies in the midst of it leaves
--- a lease that ends, and an id that the next one takes up.

local Error = require("segmind.error")
local queued = require("segmind.queued")
local tables = require("segmind.tables")
local wait = require("segmind.wait")

local work = {}

-- -- what becomes of it ---------------------------------------------------------------------------

-- Seconds: the lease is of a minute; what failed for want of something is tried again later.
local HOLD_S, AGAIN_S = 20, 10

-- Errors that the next step would meet, too: the worker ends. Those of one model are the step's.
local is_final = { auth = true, no_credits = true, budget = true }

-- Nothing was decided: another worker, or this one later, goes on with it.
local passes = { not_sent = true, throttled = true, timeout = true, cancelled = true }

-- Of a step whose input could not be had, why not.
local function root_of(err)
  local cause = err and err.kind == "upstream" and err.cause
  return type(cause) == "table" and root_of(cause) or err
end

--- Whether another worker, or this one later, may well succeed. What was accepted and could not be
--- written down is found in the history.
local function is_passing(err)
  if err.kind == "ledger" then
    return err.retryable or err.charged ~= "no"
  elseif err.kind == "io" then
    return err.charged == "yes"
  end
  return passes[err.kind] or is_final[err.kind] and err.status ~= 403
end

--- What is to be written of a step that has ended with `err`: "done", "return" or "fail".
local function verdict(err)
  if not err then
    return "done"
  end
  return is_passing(root_of(err)) and "return" or "fail"
end

local function tell(self, event)
  if self.opts.on_step then
    self.opts.on_step(event)
  end
end

local function now(self)
  return self.client._core.now()
end

--- What has become of a step is written, as soon as that can be.
local function conclude(self, row, job, err)
  local verb = verdict(err)
  local is_cut = err and err.kind == "cancelled"
  self.rows[row.key] = nil
  self.count = self.count - 1
  table.insert(self.ended, { verb = verb, key = row.key, row = row,
    wait = err and not is_cut and not is_final[err.kind] and AGAIN_S or 0,
    problem = verb == "fail" and tostring(err):gsub("^segmind: ", "") or nil })
  if is_final[err and err.kind] and verb == "return" then
    self.final = self.final or err
  end
  self.made[verb] = self.made[verb] + 1
  tell(self, { what = verb == "done" and "done" or verb == "fail" and "failed" or "returned",
    key = row.key, name = row.name, model = row.model, job = job, error = err,
    result = job and job:result() })
end

local function open_gate(self)
  if self.gate then
    self.gate:open()
  end
end

--- A row without a key that names a step, which the ledger has failed at the pick.
local function pass_over(self, row)
  self.made.fail = self.made.fail + 1
  tell(self, { what = "failed", key = row.key, name = row.name, model = row.model,
    error = Error.new("invalid", row.problem, { charged = "no" }) })
end

local function start(self, row)
  if row.state == "failed" then
    return pass_over(self, row)
  end
  self.rows[row.key] = { row = row }
  self.count = self.count + 1
  tell(self, { what = "picked", key = row.key, name = row.name, model = row.model })
  local job, err = queued.submit(self.client, row)
  if not job then
    return conclude(self, row, nil, err)
  end
  self.rows[row.key].job = job
  local function wake()
    open_gate(self)
  end
  job:on("done", wake):on("error", wake)
end

local function take_ends(self)
  for _, name in ipairs(tables.keys(self.rows)) do
    local entry = self.rows[name]
    if entry.job and entry.job:is_over() then
      conclude(self, entry.row, entry.job, entry.job:error())
    end
  end
end

--- A ledger that is away is waited for, and told of once.
local function note_away(self, err)
  if not self.is_away then
    tell(self, { what = "away", error = err })
  end
  self.is_away = true
  self.pick_at = now(self) + 1
  self.settle_at = now(self) + 1
end

local function note_back(self)
  if self.is_away then
    tell(self, { what = "back" })
  end
  self.is_away = false
end

--- Writes what has ended; what the ledger does not take is left to its lease.
local function settle(self)
  while self.ended[1] and now(self) >= self.settle_at do
    local one = self.ended[1]
    local _, err = queued.ask(self.client, one.verb, { wait = one.wait,
      steps = { { key = one.key, problem = one.problem } } })
    if err and err.retryable then
      return note_away(self, err)
    elseif err then
      tell(self, { what = "note", key = one.key, error = err })
    end
    note_back(self)
    table.remove(self.ended, 1)
    self.pick_at = 0
  end
end

local function hold(self)
  if self.count == 0 or now(self) < self.hold_at then
    return
  end
  local steps = {}
  for name in pairs(self.rows) do
    steps[#steps + 1] = { key = name }
  end
  local _, err = queued.ask(self.client, "hold", { steps = steps })
  self.hold_at = now(self) + (err and 1 or HOLD_S)
end

--- When to look again: by the rate, or the longer the longer nothing came.
local function plan_pick(self, answer, is_short)
  self.is_paced = answer.wait > 0
  if self.is_paced then
    self.pick_at = now(self) + math.max(answer.wait, 0.2) * (1 + math.random())
    self.idle = 0.1
  elseif answer.is_freed or not is_short then
    self.pick_at = 0
  else
    self.idle = answer.steps[1] and 0.1 or math.min(self.idle * 2, answer.is_told and 10 or 2)
    self.pick_at = now(self) + self.idle * (0.75 + math.random() / 2)
  end
end

--- A rate of 0, which only a person's hand writes, lets nothing go: that is told of once.
local function note_pause(self, answer)
  local is_paused = answer.rpm == 0 and not answer.steps[1] and not answer.is_empty
  if is_paused and not self.is_paused then
    tell(self, { what = "paused", error = Error.new("ledger", "no worker submits what is ready: "
      .. "the rpm of this ledger's queue is 0 (segmind_limits); set it, or work with another rpm "
      .. "and replace_limits (--rpm N --replace-limits)", { charged = "no", retryable = true }) })
  end
  self.is_paused = answer.rpm == 0 and (is_paused or self.is_paused)
end

local function pick(self)
  local free = self.jobs - self.count
  local notices = self.client._handle:notices()
  local is_due = now(self) >= self.pick_at
    or notices ~= self.notices and not self.is_away and not self.is_paced
  if free <= 0 or not is_due or self.final or self.is_stopping then
    return nil
  end
  self.notices = notices
  local answer, err = queued.ask(self.client, "pick", { most = free })
  if err and err.retryable then
    return note_away(self, err)
  elseif err then
    self.final = err
    return nil
  end
  note_back(self)
  self.is_empty = answer.is_empty
  note_pause(self, answer)
  plan_pick(self, answer, #answer.steps < free)
  for _, row in ipairs(answer.steps) do
    start(self, row)
  end
end

-- -- the end --------------------------------------------------------------------------------------

-- Seconds that a submit under way is given to tell its id.
local LAST_S = 10

--- What was not submitted goes back at once; what was accepted goes on at the service, and the next
--- worker takes it up.
local function stop(self)
  self.stop_at = self.stop_at or now(self) + LAST_S
  for _, name in ipairs(tables.keys(self.rows)) do
    local job = self.rows[name].job
    if job and not job:is_over() and (job.request_id or not job._sent
      or now(self) > self.stop_at) then
      job:cancel()
    end
  end
end

local function is_stopped(self)
  local asked = self.opts.stop and self.opts.stop()
  return asked or self.opts.signals and self.client._core.signals() > 0
end

local function is_over(self)
  if self.count > 0 or self.ended[1] and not self.is_stopping then
    return false
  elseif self.is_stopping or self.final then
    return true
  end
  return self.opts.until_empty and self.is_empty
end

local function turn(self)
  self.is_stopping = self.is_stopping or is_stopped(self)
  if self.is_stopping then
    stop(self)
  end
  take_ends(self)
  settle(self)
  hold(self)
  pick(self)
end

local function rest(self)
  self.gate = wait.gate(self.client)
  for _, entry in pairs(self.rows) do
    if entry.job and entry.job:is_over() then
      return
    end
  end
  local seconds = 0.1
  if self.count < self.jobs and not self.final then
    seconds = math.min(seconds, math.max(self.pick_at - now(self), 0.005))
  end
  wait.pass(self.gate, seconds, "work")
end

local function set_limits(client, opts)
  if not opts.rpm and not opts.budget then
    return nil
  end
  local _, err = queued.ask(client, opts.replace_limits and "replace" or "limit",
    { rpm = opts.rpm, budget = opts.budget })
  return err
end

--- The options of client:work.
---@class (exact) segmind.WorkOptions
---@field jobs integer? steps under way at the same time; 4
--- end when nothing is left that can be made, by whomever; else it goes on for ever
---@field until_empty boolean?
--- submits a minute of all workers of the ledger together; the smaller of this and what an earlier
--- worker has set
---@field rpm integer?
---@field budget number? USD that all steps of the ledger may cost; likewise the smaller one
---@field replace_limits boolean? take `rpm` and `budget` as they are, though they are larger
---@field on_step fun(event: segmind.WorkEvent)? told what happens
---@field stop fun()? asked often; ends the work when it returns true
---@field signals boolean? end it on SIGTERM and SIGINT, too
work.options = { jobs = "count", until_empty = "flag", rpm = "count", budget = "money",
  replace_limits = "flag", on_step = "callback", stop = "callback", signals = "flag" }

--- What happens to a worker.
---@class segmind.WorkEvent
--- picked, done, failed (it stays until it is enqueued again), returned (another worker goes on
--- with it); away and back of the ledger; paused by a rate of 0; note of what it does not take
---@field what "picked"|"done"|"failed"|"returned"|"away"|"back"|"paused"|"note"
---@field key string?
---@field name string?
---@field model string?
---@field job segmind.Job?
---@field result segmind.Result?
---@field error segmind.Error?

--- What a worker has made.
---@class segmind.WorkSummary
---@field done integer
---@field failed integer
---@field returned integer steps that were given back
---@field is_stopped boolean

local function run(self)
  repeat
    turn(self)
    local is_done = is_over(self)
    if not is_done then
      rest(self)
    end
  until is_done
end

--- Makes steps of the queue until there are none, or for ever.
---@param client segmind.Client
---@param opts segmind.WorkOptions
---@return segmind.WorkSummary?
---@return segmind.Error?
function work.run(client, opts)
  local err = set_limits(client, opts)
  if err then
    return nil, err
  end
  local self = { client = client, opts = opts, jobs = opts.jobs or 4, rows = {},
    count = 0, ended = {}, made = { done = 0, fail = 0, ["return"] = 0 }, idle = 0.1, pick_at = 0,
    settle_at = 0, hold_at = now({ client = client }) + HOLD_S, notices = 0 }
  if opts.signals then
    client._core.signals(true)
  end
  local ok, problem = pcall(run, self)
  if opts.signals then
    client._core.signals(false)
  end
  if not ok then
    error(problem, 0)
  elseif self.final then
    return nil, self.final
  end
  return { done = self.made.done, failed = self.made.fail, returned = self.made["return"],
    is_stopped = self.is_stopping or false }
end

return work
