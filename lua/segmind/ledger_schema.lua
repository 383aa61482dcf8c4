--- The tables of a ledger's database: one row of `segmind_ledger`, and the steps (ledger_rows.lua
--- tells what a row means).

local VERSION = 1

local schema = {}

local tables = {
  "CREATE TABLE segmind_ledger (version INTEGER NOT NULL, turn INTEGER NOT NULL, "
    .. "service TEXT NOT NULL)",
  [[CREATE TABLE segmind_steps (
    step_key TEXT NOT NULL, generation INTEGER NOT NULL, name TEXT, model TEXT NOT NULL,
    api TEXT NOT NULL, params TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL,
    seed DOUBLE PRECISION, request_id TEXT, submits INTEGER NOT NULL,
    price DOUBLE PRECISION, doubt DOUBLE PRECISION NOT NULL, cost DOUBLE PRECISION,
    submitted_at DOUBLE PRECISION NOT NULL, accepted_at DOUBLE PRECISION,
    ended_at DOUBLE PRECISION, result TEXT, problem TEXT, file TEXT, file_sha256 TEXT,
    lease_owner TEXT NOT NULL, lease_until DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (step_key, generation))]],
  "CREATE INDEX segmind_steps_request ON segmind_steps (request_id)",
  "CREATE INDEX segmind_steps_state ON segmind_steps (state)",
}

local function has_table(db, name)
  local sql = db.is_sqlite and "SELECT 1 AS x FROM sqlite_master WHERE type = 'table' AND name = ?"
    or "SELECT 1 AS x FROM information_schema.tables WHERE table_schema = current_schema()"
      .. " AND table_name = ?"
  return db:run(sql, name)[1] ~= nil
end

-- What was drawn by an emulator is no picture that was paid for, and its money is not money.
local function check_head(db, service)
  local head = db:run("SELECT * FROM segmind_ledger")[1]
  if not head then
    db:refuse("has lost its version")
  elseif head.version ~= VERSION then
    db:refuse(("is of version %s, and this library writes version %d: use another file, or the "
      .. "library that made it"):format(tostring(head.version), VERSION))
  elseif head.service ~= service then
    db:refuse(("is one of %s, and this client speaks to %s: give each a ledger of its own")
      :format(tostring(head.service), service))
  end
end

--- Makes the tables of a new ledger, or checks those that are there. It writes in both cases: a
--- folder that cannot be written, or a full disk, is to be found out here and not after a submit.
---@param service string whose pictures it holds
function schema.prepare(db, service)
  if not db.is_sqlite then
    db:run("SELECT pg_advisory_xact_lock(7310312) AS x") -- two that make the tables at once
  end
  if has_table(db, "segmind_ledger") then
    check_head(db, service)
  elseif db.is_sqlite and db:run("SELECT COUNT(*) AS n FROM sqlite_master")[1].n > 0 then
    db:refuse("is the database of another program")
  else
    for _, sql in ipairs(tables) do
      db:run(sql)
    end
    db:run("INSERT INTO segmind_ledger (version, turn, service) VALUES (?, 0, ?)", VERSION, service)
  end
  db:take_turn()
end

return schema
