--- The rows of a ledger: one for each picture that was or is to be paid, and what may become of it.
---
---   intent     written before the submit; its answer has not been seen
---   accepted   the service has given a request id
---   completed  the result is here; soon after, so is the picture (`file`)
---   failed     not made and not paid; the step may run again, in the same row
---   unknown    sent, answer lost, and the request history did not tell
---
--- A row is named by its step's key and a generation: `fresh` makes a further one of the same key.
--- `lease_owner` works on it until `lease_until` (0: nobody does), by the clock of the database;
--- all other times are those of who writes. `doubt` is the money of earlier
--- submits that nobody knows the end of. Every function runs within a transaction of ledger_db.lua.

local check = require("segmind.ledger_check")

local storable = check.storable

local rows = {}

--- Seconds that a lease lasts; its owner renews it while it lives.
rows.LEASE = 60

--- Rows that can be relied on. One that is damaged ends the transaction, so nothing is paid on it.
local function read(db, sql, ...)
  local found = db:run(sql, ...)
  for _, row in ipairs(found) do
    local problem = check.row(row)
    if problem then
      db:refuse(problem)
    end
  end
  return found
end

local FIND = "SELECT * FROM segmind_steps WHERE step_key = ? ORDER BY generation DESC"

--- The row that stands for a key: the latest that has a picture, else the latest that may yet have
--- one, else the latest that failed.
---@return table? row
function rows.best(db, key)
  local best
  for _, row in ipairs(read(db, FIND, key)) do
    if row.state == "completed" then
      return row
    elseif not best or best.state == "failed" and row.state ~= "failed" then
      best = row
    end
  end
  return best
end

function rows.by_request(db, request_id)
  return read(db, "SELECT * FROM segmind_steps WHERE request_id = ?", request_id)[1]
end

--- The rows of a key that were begun and have not ended, the latest first.
function rows.open(db, key)
  local found = {}
  for _, row in ipairs(read(db, FIND, key)) do
    if row.state ~= "completed" and row.state ~= "failed" then
      found[#found + 1] = row
    end
  end
  return found
end

--- All that was begun and has not ended, in the order of their submits to the second; one that
--- cannot be relied on has `damage`, which says why.
function rows.unfinished(db)
  local found = db:run("SELECT * FROM segmind_steps WHERE state NOT IN ('completed', 'failed') "
    .. "ORDER BY submitted_at, step_key, generation")
  for _, row in ipairs(found) do
    row.damage = check.row(row)
  end
  return found
end

-- A cost that makes no sense (below zero, not finite, text) counts as the price. Compared with NULL
-- it is neither, and goes to ELSE.
local function sound(column)
  return ("(%s >= 0 AND %s < 9007199254740992)"):format(column, column)
end

-- What a row counts with besides `doubt`, and whether that cannot be told.
local USD = "CASE WHEN state = 'failed' THEN 0 WHEN state = 'completed' AND " .. sound("cost")
  .. " THEN cost WHEN " .. sound("price") .. " THEN price ELSE 0 END"
local IS_UNKNOWN = "CASE WHEN state = 'failed' THEN FALSE WHEN state = 'completed' AND "
  .. sound("cost") .. " THEN FALSE ELSE price IS NOT NULL AND NOT " .. sound("price") .. " END"

local SPENT = "SELECT SUM(CASE WHEN " .. sound("doubt") .. " THEN doubt ELSE 0 END + " .. USD
  .. ") AS usd, MIN(CASE WHEN NOT " .. sound("doubt") .. " OR " .. IS_UNKNOWN
  .. " THEN step_key END) AS damaged FROM segmind_steps"

--- What all steps have cost or may yet cost, in USD. There is no sum where nothing says what one of
--- them may have cost.
function rows.spent(db)
  local sum = db:run(SPENT)[1]
  if sum.damaged then
    db:refuse(("has a row that is damaged, of step %s: what it cost cannot be told"):format(
      tostring(sum.damaged)))
  end
  return sum.usd or 0
end

local INSERT = "INSERT INTO segmind_steps (step_key, generation, name, model, api, params, state, "
  .. "body, seed, request_id, submits, price, doubt, submitted_at, accepted_at, lease_owner, "
  .. "lease_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, 0, ?, ?, ?, ?)"

--- A further generation of a step; with a request id it has been accepted.
local function insert(db, step, owner, now, request_id)
  local last = read(db, FIND, step.key)[1]
  step.generation = last and last.generation + 1 or 1
  db:run(INSERT, step.key, step.generation, step.name, step.model, step.api, step.params,
    request_id and "accepted" or "intent", step.body, storable("seed", step.seed), request_id,
    storable("price", step.price), now, request_id and now or nil, owner, db:now() + rows.LEASE)
end

-- While an earlier submit is in doubt, its time is what the request history is asked from.
local AGAIN = "UPDATE segmind_steps SET state = 'intent', api = ?, body = ?, seed = ?, "
  .. "request_id = NULL, submits = submits + 1, price = ?, doubt = doubt + ?, "
  .. "submitted_at = CASE WHEN state = 'failed' THEN ? ELSE submitted_at END, "
  .. "accepted_at = NULL, ended_at = NULL, problem = NULL, lease_owner = ?, lease_until = ? "
  .. "WHERE step_key = ? AND generation = ?"

local function again(db, step, row, owner, now)
  local doubt = row.state == "failed" and 0 or row.price or 0
  step.generation = row.generation
  db:run(AGAIN, step.api, step.body, storable("seed", step.seed), storable("price", step.price),
    doubt, now, owner, db:now() + rows.LEASE, step.key, row.generation)
end

function rows.get(db, step)
  return read(db, "SELECT * FROM segmind_steps WHERE step_key = ? AND generation = ?", step.key,
    step.generation)[1]
end

--- Whether `step` may be sent, and the row that is written again for it; none for a new one.
--- `step.generation` names the row that is its own already (a second submit); `step.fresh` asks
--- for a new one.
---@return boolean allowed false when somebody else has taken the step meanwhile
---@return table? row
function rows.claim(db, step, owner)
  local row
  if step.generation then
    row = rows.get(db, step)
    return not row or row.lease_owner == owner or row.state == "failed", row
  elseif not step.fresh then
    row = rows.best(db, step.key)
  end
  return not row or row.state == "failed", row
end

--- Whether the intent of `step` is written already: an error was raised when it just was.
function rows.is_intended(step, row)
  return row ~= nil and row.state == "intent" and row.submits == step.submits
end

--- Writes that `step` is about to be sent, after rows.claim in the same transaction.
---@param row table? from rows.claim
function rows.intend(db, step, row, owner, now)
  step.submits = (row and row.submits or 0) + 1
  if row then
    again(db, step, row, owner, now)
  else
    insert(db, step, owner, now)
  end
end

local TAKE = "UPDATE segmind_steps SET lease_owner = ?, lease_until = ? WHERE step_key = ? "
  .. "AND generation = ? AND state = ? AND lease_owner = ? AND lease_until = ?"

--- Takes a row whose lease is dead, unless something has happened to it since it was read.
---@return boolean taken
function rows.take(db, row, owner)
  local _, affected = db:run(TAKE, owner, db:now() + rows.LEASE, row.step_key, row.generation,
    row.state, row.lease_owner, row.lease_until)
  return affected == 1
end

local ACCEPT = "UPDATE segmind_steps SET state = 'accepted', request_id = ?, accepted_at = ? "
  .. "WHERE step_key = ? AND generation = ? AND (state IN ('intent', 'unknown') "
  .. "OR state = 'accepted' AND request_id IS NULL)"

local OTHER = "SELECT 1 AS x FROM segmind_steps WHERE request_id = ? "
  .. "AND NOT (step_key = ? AND generation = ?)"

--- Whether a request id is that of another step, or of another picture of the same.
function rows.is_others(db, step, request_id)
  return db:run(OTHER, request_id, step.key, step.generation)[1] ~= nil
end

--- Writes the id that the service gave. When somebody else has submitted the step meanwhile, with
--- leave and because we seemed dead, the id gets a row of its own: it is a second picture. So it
--- does when the row has vanished.
function rows.accept(db, step, request_id, owner, now)
  local _, affected = db:run(ACCEPT, request_id, now, step.key, step.generation)
  if affected == 1 then
    return
  end
  db:take_turn()
  local row = rows.get(db, step)
  if not row or row.request_id ~= request_id then
    insert(db, step, owner, now, request_id)
  end
end

local COMPLETE = "UPDATE segmind_steps SET state = 'completed', request_id = COALESCE(?, "
  .. "request_id), result = ?, cost = ?, seed = COALESCE(?, seed), ended_at = ?, problem = NULL, "
  .. "lease_until = 0 WHERE step_key = ? AND generation = ?"

function rows.complete(db, step, result, now)
  db:run(COMPLETE, result.request_id, result.text, storable("cost", result.cost),
    storable("seed", result.seed), now, step.key, step.generation)
end

function rows.keep(db, step, file, sha256)
  db:run("UPDATE segmind_steps SET file = ?, file_sha256 = ? WHERE step_key = ? "
    .. "AND generation = ?", file, sha256, step.key, step.generation)
end

local ENDED = "UPDATE segmind_steps SET state = ?, request_id = COALESCE(request_id, ?), "
  .. "problem = ?, doubt = doubt - ?, ended_at = ?, lease_until = 0 WHERE step_key = ? "
  .. "AND generation = ? AND state <> 'completed' AND lease_owner = ? AND lease_until > 0"

--- Writes how a step ended that has no result, and lets go of it. The id is given again: when it
--- came, it may have been what could not be written.
---@param ending { state: string, refund: number, request_id: string?, problem: string }
function rows.ended(db, step, ending, owner, now)
  db:run(ENDED, ending.state, ending.request_id, ending.problem, ending.refund, now, step.key,
    step.generation, owner)
end

function rows.release(db, owner)
  db:run("UPDATE segmind_steps SET lease_until = 0 WHERE lease_owner = ?", owner)
end

function rows.renew(db, owner)
  local till = db:now() + rows.LEASE
  db:run("UPDATE segmind_steps SET lease_until = ? WHERE lease_owner = ? AND lease_until > 0 "
    .. "AND lease_until < ?", till, owner, till)
end

return rows
