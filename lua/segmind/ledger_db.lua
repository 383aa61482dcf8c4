--- One connection to the database of a ledger, by LuaDBI. SQLite for a path, PostgreSQL for a URL;
--- the statements above are the same for both. Everything that is written is written in a
--- transaction, and is on the disk when `transaction` returns.
---
--- SQLite keeps a rollback journal, not a write-ahead log: what was committed is then in the one
--- file that the user knows, also after a kill, so that file can be copied or moved between runs
--- without leaving the last transitions behind in "-wal". The journal is truncated, not deleted:
--- with `synchronous = FULL` a deletion is not synced, and a power cut could undo a commit
--- (https://www.sqlite.org/pragma.html#pragma_synchronous). A commit costs some milliseconds.
--- Several processes of one machine wait for each other's locks.

local Error = require("segmind.error")

local VERSION = 1
local BUSY_MS = 10000

local Db = {}
Db.__index = Db

-- What a statement raises; `transaction` makes an Error of it. Anything else that is raised there
-- (Ctrl-C, no memory) goes on upwards.
local Problem = {}

local function fail(message)
  error(setmetatable({ message = message }, Problem), 0)
end

local function ledger_error(where, message)
  return Error.new("ledger", ("the ledger %s %s"):format(where, message))
end

local function fetch(statement)
  local out, columns = {}, statement:columns()
  if columns and #columns > 0 then
    for row in statement:rows(true) do
      out[#out + 1] = row
    end
  end
  return out, statement:affected()
end

--- Runs a statement with values for its question marks; raises inside a transaction.
---@param sql string
---@return table[] rows
---@return integer affected
function Db:run(sql, ...)
  local called, statement, why = pcall(self._connection.prepare, self._connection, sql)
  if not called or not statement then
    fail(tostring(called and why or statement))
  end
  local ran, done, problem = pcall(statement.execute, statement, ...)
  local read, rows, affected
  if ran and done then
    read, rows, affected = pcall(fetch, statement)
  end
  pcall(statement.close, statement)
  if not ran or not done or not read then
    fail(tostring(not ran and done or problem or rows))
  end
  return rows, affected
end

local function work(self, fn)
  self:run(self._begin)
  local value = fn(self)
  self:run("COMMIT")
  return value
end

--- Runs `fn(db)` and commits: when this returns, all of it is on the disk, or none.
---@param fn fun(db: table): any
---@return any value what `fn` returned; nil when the database fails
---@return segmind.Error? err kind "ledger"
function Db:transaction(fn)
  if not self._connection then
    return nil, ledger_error(self.name, "is closed")
  elseif self._core.process() ~= self._process then
    return nil, ledger_error(self.name, "belongs to the parent of this process")
  end
  local ok, value = pcall(work, self, fn)
  if ok then
    return value
  end
  pcall(self.run, self, "ROLLBACK")
  if getmetatable(value) ~= Problem then
    error(value, 0)
  end
  return nil, ledger_error(self.name, "fails: " .. value.message)
end

local function begin_sqlite(db)
  db:run(("PRAGMA busy_timeout = %d"):format(BUSY_MS))
  db:run("PRAGMA journal_mode = TRUNCATE")
  db:run("PRAGMA synchronous = FULL")
  local health = db:run("PRAGMA quick_check(1)")[1]
  if health.quick_check ~= "ok" then
    fail("the file is damaged: " .. tostring(health.quick_check))
  end
end

local schema = {
  "CREATE TABLE segmind_ledger (version INTEGER NOT NULL, turn INTEGER NOT NULL)",
  ("INSERT INTO segmind_ledger (version, turn) VALUES (%d, 0)"):format(VERSION),
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

local function check_version(db)
  local row = db:run("SELECT version FROM segmind_ledger")[1]
  if not row then
    fail("has lost its version")
  elseif row.version ~= VERSION then
    fail(("is of version %s, and this library writes version %d: use another file, or the "
      .. "library that made it"):format(tostring(row.version), VERSION))
  end
end

--- Makes the tables of a new ledger, or checks those that are there. It writes in both cases: a
--- folder that cannot be written, or a full disk, is to be found out here and not after a submit.
local function prepare(db)
  if not db.is_sqlite then
    db:run("SELECT pg_advisory_xact_lock(7310312) AS x") -- two that make the tables at once
  end
  if has_table(db, "segmind_ledger") then
    check_version(db)
  elseif db.is_sqlite and db:run("SELECT COUNT(*) AS n FROM sqlite_master")[1].n > 0 then
    fail("is the database of another program")
  else
    for _, sql in ipairs(schema) do
      db:run(sql)
    end
  end
  db:take_turn()
end

--- The lock of all who claim steps or count money: from here to the commit nobody else does.
function Db:take_turn()
  self:run("UPDATE segmind_ledger SET turn = 1 - turn")
end

local function driver()
  local found, DBI = pcall(require, "DBI")
  if found then
    return DBI
  end
  return nil, "needs LuaDBI, which is not installed (Debian: apt install lua-dbi-sqlite3, or "
    .. "lua-dbi-postgresql; LuaRocks: luarocks install luadbi-sqlite3)"
end

local function connect(DBI, target, is_sqlite)
  -- A bare name might be ":memory:" or "file:...", which SQLite reads as something else.
  local path = target:find("^/") and target or "./" .. target
  local called, connection, why = pcall(DBI.Connect, is_sqlite and "SQLite3" or "PostgreSQL",
    is_sqlite and path or target)
  if not called or not connection then
    return nil, "cannot be opened: " .. tostring(called and why or connection)
  end
  -- Off for LuaDBI means a transaction of its own at all times; BEGIN is ours.
  pcall(connection.autocommit, connection, true)
  return connection
end

local function open_checked(self)
  if self.is_sqlite then
    local ok, problem = pcall(begin_sqlite, self)
    if not ok then
      return nil, ledger_error(self.name, "fails: " .. (problem.message or tostring(problem)))
    end
  end
  local _, err = self:transaction(prepare)
  return not err and self or nil, err
end

--- Opens a ledger's database and makes its tables if there are none.
---@param core table segmind.core
---@param target string a path, or a URL that begins with "postgresql://" or "postgres://"
---@return table? db
---@return segmind.Error? err kind "ledger"
function Db.open(core, target)
  local is_sqlite = not target:find("^postgres%a*://")
  local name = is_sqlite and target or target:gsub("//[^/@]*@", "//")
  local DBI, problem = driver()
  local made, refused
  if DBI and is_sqlite then
    made, refused = core.private_file(target)
    problem = not made and "cannot be opened: " .. refused.message or nil
  end
  local connection
  if not problem then
    connection, problem = connect(DBI, target, is_sqlite)
  end
  if not connection then
    return nil, ledger_error(name, problem)
  end
  local self = setmetatable({ _core = core, _connection = connection, _process = core.process(),
    _begin = is_sqlite and "BEGIN IMMEDIATE" or "BEGIN", is_sqlite = is_sqlite, name = name }, Db)
  local checked, err = open_checked(self)
  if not checked then
    self:close()
  end
  return checked, err
end

function Db:close()
  local connection = self._connection
  self._connection = nil
  if connection and self._core.process() == self._process then
    pcall(connection.close, connection)
  end
end

return Db
