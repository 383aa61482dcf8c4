--- The ledger of a client: what was paid, on disk before anything else happens. A step that is
--- finished is not sent again by the next run; one whose process died is taken up where it was; two
--- processes never submit the same step. What a job finds there when it starts is in
--- ledger_entry.lua, those who wait for others in ledger_waiting.lua, what is written around a
--- submit in ledger_sending.lua, and how a job ended here.
---
--- Each transition is committed before the next action: the intent before the submit, the request
--- id before anything else, the result before those who need it start. A commit takes the thread of
--- the host a few milliseconds. When the database cannot be written before a submit there is no
--- submit; when it cannot be written later, the error carries the request id.

local Error = require("segmind.error")
local entry = require("segmind.ledger_entry")
local files = require("segmind.ledger_files")
local outlook = require("segmind.ledger_outlook")
local rows = require("segmind.ledger_rows")
local sending = require("segmind.ledger_sending")
local waiting = require("segmind.ledger_waiting")

local Db = require("segmind.ledger_db")
local Places = require("segmind.ledger_places")

-- How often those who wait for another process look, in seconds.
local GLANCE = 0.5

---@class segmind.Ledger
local Ledger = {}
Ledger.__index = Ledger
for _, methods in ipairs({ entry, sending, waiting }) do
  for name, method in pairs(methods) do
    Ledger[name] = method
  end
end

-- An emulator has another port each time.
local function service_of(client)
  local base, is_loopback = client._handle:base()
  return is_loopback and "an emulator on loopback" or base
end

--- Opens the ledger of a client.
---@param client segmind.Client
---@param options segmind.ClientOptions `ledger` is a path, or "postgresql://user@host/db"
---@return segmind.Ledger?
---@return segmind.Error? err kind "ledger"
function Ledger.open(client, options)
  local core, target, folder = client._core, options.ledger, options.ledger_files
  local db, err = Db.open(core, target, service_of(client))
  if not db then
    return nil, err
  end
  folder = folder or (db.is_sqlite and target or "segmind-ledger") .. ".files"
  local made, refused = core.private_folder(folder)
  if not made then
    db:close()
    return nil, Error.new("ledger", "the ledger has no place for its pictures: " .. refused.message)
  end
  local owner = ("%s:%d-%d"):format(core.process(), core.seed(), core.seed())
  return setmetatable({ folder = folder, owner = owner, _client = client, _db = db, _leaders = {},
    _parked = {}, _places = Places.new(options), _next_glance = 0, _next_renewal = 0, _held = {} },
    Ledger)
end

function Ledger:_do(fn)
  return self._db:transaction(fn)
end

function Ledger:_warn(job, err)
  self._client:_emit({ what = "warning", job = job, message = err.message })
end

--- Makes a row the job's own.
function Ledger:_hold(job, step)
  self._held[job] = true
  job._step, job.generation = step, step.generation
end

--- Leaves a row to others.
function Ledger:_let_go(job)
  job._step, self._held[job] = nil, nil
end

local function write_result(self, job, result, text)
  local problem, file, sha256
  if result._data then
    problem, file, sha256 = files.write(self, job, result)
  end
  local _, err = self:_do(function(db)
    rows.complete(db, job._step, { request_id = job.request_id, text = text, cost = result.cost,
      seed = result.seed }, os.time())
    if file then
      rows.keep(db, job._step, file, sha256)
    end
  end)
  return problem or err
end

--- Writes a result, then fetches its picture; `fn` is called when both are on the disk, or with why
--- not.
---@param fn fun(err: segmind.Error?)
function Ledger:completed(job, done, result, fn)
  local err = write_result(self, job, result, not result._data and done.body or nil)
  result._at = os.time()
  if err then
    err.charged, err.request_id = "yes", job.request_id
    return fn(err)
  end
  job._step.is_completed = true
  if result.kept or not result.url then
    return fn()
  end
  files.fetch(self, job, result, function(failed)
    if failed then
      failed.message = ("%s (the picture is at %s)"):format(failed.message, result.url)
      failed.charged, failed.request_id = "yes", job.request_id
    end
    fn(failed)
  end)
end

--- The state in which an error leaves a step: what was accepted is asked for again by its id, what
--- nobody knows is looked up again, and only what is certainly not paid is simply run again. When
--- the last of several submits was certainly not paid, those before it are still in doubt, and its
--- price is given back.
local function state_after(job, err)
  local is_unpaid = err.charged == "no" and not job._doubtful
  if err.kind == "failed" and err.charged == "no" then
    return "failed", 0
  elseif job.request_id or job._step.request_id then
    return "accepted", 0
  elseif is_unpaid and not job._resubmits then
    return "failed", 0
  end
  return err.kind == "cancelled" and "intent" or "unknown", is_unpaid and job._step.price or 0
end

--- A job is over: its row is let go of.
function Ledger:ended(job, err)
  local step = job._step
  if self._leaders[job.key] == job then
    self._leaders[job.key] = nil
  end
  self._parked[job] = nil
  self._places:give(job)
  if not step then
    return
  end
  self._held[job] = nil
  if step.is_completed or step.is_foreign or self._client._closed then
    return
  end
  local state, refund = state_after(job, err)
  local _, failed = self:_do(function(db)
    rows.ended(db, step, { state = state, refund = refund, request_id = job.request_id,
      problem = err.message }, self.owner, os.time())
  end)
  if failed then
    self:_warn(job, failed)
  end
end

local function renew(self, now)
  if next(self._held) == nil or now < self._next_renewal then
    return
  end
  self._next_renewal = now + rows.LEASE / 3
  local _, err = self:_do(function(db)
    rows.renew(db, self.owner)
  end)
  if err then
    self:_warn(nil, err)
  end
end

--- Forgets jobs that have ended, and counts anew, after an error in the midst of a change.
function Ledger:recount()
  for _, jobs in ipairs({ self._held, self._parked }) do
    for job in pairs(jobs) do
      jobs[job] = not job._over or nil
    end
  end
  self._places:recount()
end

--- Whether a job waits here, for its turn or for another.
function Ledger:is_waiting(job)
  return self._parked[job] or self._places:waiting()[job] or false
end

Ledger.ask_url, Ledger.finished, Ledger.spent = files.ask_url, outlook.finished, outlook.spent

--- Called by every `client:step`: renews the leases and looks whether what others had is free.
function Ledger:tick()
  local now = self._client:_now()
  if now < self._next_glance then
    return
  end
  self._next_glance = now + GLANCE
  renew(self, now)
  self:_glance()
end

--- How long a wait may last before `tick` wants to be called.
---@return number? seconds nil when it has nothing to do
function Ledger:idle()
  local waits = next(self._parked) or next(self._places:waiting())
  return waits and GLANCE or next(self._held) and rows.LEASE / 3 or nil
end

--- Lets go of everything, when the client is closed.
function Ledger:close()
  self:_do(function(db)
    rows.release(db, self.owner)
  end)
  self._db:close()
end

return Ledger
