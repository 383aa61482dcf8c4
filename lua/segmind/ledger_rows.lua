--- The rows of a ledger: one for each picture that was or is to be paid, and what may become of it.
---
---   intent     written before the submit; its answer has not been seen
---   accepted   the service has given a request id
---   completed  the result is here; soon after, so is the picture (`file`)
---   failed     not made and not paid; the step may run again, in the same row
---   unknown    sent, answer lost, and the request history did not tell
---
--- A row is named by its step's key and a generation: `fresh` makes a further one of the same key.
--- `lease_owner` works on it until `lease_until` (0: nobody does). `doubt` is the money of earlier
--- submits that nobody knows the end of. Every function runs within a transaction of ledger_db.lua.

local rows = {}

--- Seconds that a lease lasts; its owner renews it while it lives.
rows.LEASE = 60

local FIND = "SELECT * FROM segmind_steps WHERE step_key = ? ORDER BY generation DESC"

--- The row that stands for a key: the latest that has a picture, else the latest that may yet have
--- one, else the latest that failed.
---@return table? row
function rows.best(db, key)
  local best
  for _, row in ipairs((db:run(FIND, key))) do
    if row.state == "completed" then
      return row
    elseif not best or best.state == "failed" and row.state ~= "failed" then
      best = row
    end
  end
  return best
end

function rows.by_request(db, request_id)
  return db:run("SELECT * FROM segmind_steps WHERE request_id = ?", request_id)[1]
end

--- All that was begun and has not ended, in the order of their submits to the second.
function rows.unfinished(db)
  return (db:run("SELECT * FROM segmind_steps WHERE state IN ('intent', 'accepted', 'unknown') "
    .. "ORDER BY submitted_at, step_key, generation"))
end

local SPENT = "SELECT SUM(doubt + CASE WHEN state = 'completed' THEN COALESCE(cost, price, 0) "
  .. "WHEN state = 'failed' THEN 0 ELSE COALESCE(price, 0) END) AS usd FROM segmind_steps"

--- What all steps have cost or may yet cost, in USD.
function rows.spent(db)
  return db:run(SPENT)[1].usd or 0
end

local INSERT = "INSERT INTO segmind_steps (step_key, generation, name, model, api, params, state, "
  .. "body, seed, request_id, submits, price, doubt, submitted_at, accepted_at, lease_owner, "
  .. "lease_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, 0, ?, ?, ?, ?)"

local function insert(db, step, owner, now)
  local last = db:run(FIND, step.key)[1]
  step.generation = last and last.generation + 1 or 1
  db:run(INSERT, step.key, step.generation, step.name, step.model, step.api, step.params,
    step.request_id and "accepted" or "intent", step.body, step.seed, step.request_id, step.price,
    now, step.request_id and now or nil, owner, now + rows.LEASE)
end

local AGAIN = "UPDATE segmind_steps SET state = 'intent', body = ?, seed = ?, request_id = NULL, "
  .. "submits = submits + 1, price = ?, doubt = doubt + ?, submitted_at = ?, accepted_at = NULL, "
  .. "ended_at = NULL, problem = NULL, lease_owner = ?, lease_until = ? "
  .. "WHERE step_key = ? AND generation = ?"

local function again(db, step, row, owner, now)
  local doubt = row.state == "failed" and 0 or row.price or 0
  step.generation = row.generation
  db:run(AGAIN, step.body, step.seed, step.price, doubt, now, owner, now + rows.LEASE, step.key,
    row.generation)
end

--- Writes that `step` is about to be sent. `step.generation` names the row that is its own already
--- (a second submit); `step.fresh` asks for a new one.
---@return boolean done false when somebody else has taken the step meanwhile
function rows.intend(db, step, owner, now)
  if step.generation then
    local row = rows.get(db, step)
    if row.lease_owner ~= owner then
      return false
    end
    again(db, step, row, owner, now)
    return true
  end
  local row = not step.fresh and rows.best(db, step.key)
  if not row then
    insert(db, step, owner, now)
  elseif row.state == "failed" then
    again(db, step, row, owner, now)
  else
    return false
  end
  return true
end

function rows.get(db, step)
  return db:run("SELECT * FROM segmind_steps WHERE step_key = ? AND generation = ?", step.key,
    step.generation)[1]
end

local TAKE = "UPDATE segmind_steps SET lease_owner = ?, lease_until = ? WHERE step_key = ? "
  .. "AND generation = ? AND state = ? AND lease_owner = ? AND lease_until = ?"

--- Takes a row whose lease is dead, unless something has happened to it since it was read.
---@return boolean taken
function rows.take(db, row, owner, now)
  local _, affected = db:run(TAKE, owner, now + rows.LEASE, row.step_key, row.generation, row.state,
    row.lease_owner, row.lease_until)
  return affected == 1
end

local ACCEPT = "UPDATE segmind_steps SET state = 'accepted', request_id = ?, accepted_at = ? "
  .. "WHERE step_key = ? AND generation = ? AND state IN ('intent', 'unknown')"

--- Writes the id that the service gave. When somebody else has submitted the step meanwhile, with
--- leave and because we seemed dead, the id gets a row of its own: it is a second picture.
function rows.accept(db, step, request_id, owner, now)
  local _, affected = db:run(ACCEPT, request_id, now, step.key, step.generation)
  if affected == 0 and rows.get(db, step).request_id ~= request_id then
    step.request_id = request_id
    insert(db, step, owner, now)
  end
end

local COMPLETE = "UPDATE segmind_steps SET state = 'completed', request_id = COALESCE(?, "
  .. "request_id), result = ?, cost = ?, seed = COALESCE(?, seed), ended_at = ?, problem = NULL, "
  .. "lease_until = 0 WHERE step_key = ? AND generation = ?"

function rows.complete(db, step, result, now)
  db:run(COMPLETE, result.request_id, result.text, result.cost, result.seed, now, step.key,
    step.generation)
end

function rows.keep(db, step, file, sha256)
  db:run("UPDATE segmind_steps SET file = ?, file_sha256 = ? WHERE step_key = ? "
    .. "AND generation = ?", file, sha256, step.key, step.generation)
end

local ENDED = "UPDATE segmind_steps SET state = ?, request_id = COALESCE(request_id, ?), "
  .. "problem = ?, ended_at = ?, lease_until = 0 WHERE step_key = ? AND generation = ? "
  .. "AND state <> 'completed' AND lease_owner = ?"

--- Writes how a step ended that has no result, and lets go of it. The id is given again: when it
--- came, it may have been what could not be written.
function rows.ended(db, step, state, request_id, problem, owner, now)
  db:run(ENDED, state, request_id, problem, now, step.key, step.generation, owner)
end

function rows.release(db, owner)
  db:run("UPDATE segmind_steps SET lease_until = 0 WHERE lease_owner = ?", owner)
end

function rows.renew(db, owner, now)
  db:run("UPDATE segmind_steps SET lease_until = ? WHERE lease_owner = ? AND lease_until > 0 "
    .. "AND lease_until < ?", now + rows.LEASE, owner, now + rows.LEASE)
end

return rows
