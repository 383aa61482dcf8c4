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
local interruption = require("segmind.interruption")
local schema = require("segmind.ledger_schema")

local attempt = interruption.attempt

local BUSY_MS = 10000

local Db = {}
Db.__index = Db

-- What a statement raises; `transaction` makes an Error of it. Anything else that is raised there
-- (Ctrl-C, no memory) goes on upwards.
local Problem = {}

local function fail(message)
  error(setmetatable({ message = tostring(message) }, Problem), 0)
end

local function is_problem(value)
  return getmetatable(value) == Problem
end

local function ledger_error(where, message)
  return Error.new("ledger", ("the ledger %s %s"):format(where, message))
end

-- LuaDBI returns most errors, and raises some.
local function call(fn, ...)
  local ok, value, why = attempt(fn, ...)
  if not ok or not value and why then
    fail(why or value)
  end
  return value
end

local function execute(statement, ...)
  if not call(statement.execute, statement, ...) then
    fail("a statement was not executed")
  end
  local out, columns = {}, call(statement.columns, statement)
  local row = columns and #columns > 0 and call(statement.fetch, statement, true)
  while row do
    out[#out + 1] = row
    row = call(statement.fetch, statement, true)
  end
  return out, call(statement.affected, statement)
end

--- Runs a statement with values for its question marks; raises inside a transaction.
---@param sql string
---@return table[] rows
---@return integer affected
function Db:run(sql, ...)
  local statement = call(self._connection.prepare, self._connection, sql)
  local ok, rows, affected = pcall(execute, statement, ...)
  attempt(statement.close, statement) -- left open it would keep its lock
  if not ok then
    error(rows, 0)
  end
  return rows, affected
end

--- A server may have been started again since the last transaction; nothing of this one is lost.
local function begin(self)
  local ok, problem = pcall(self.run, self, self._begin)
  if ok then
    return
  end
  local connection = is_problem(problem) and not self.is_sqlite and self._connect()
  if not connection then
    error(problem, 0)
  end
  attempt(self._connection.close, self._connection)
  self._connection = connection
  self:run(self._begin)
end

local function roll_back(self)
  local ok, problem = pcall(self.run, self, "ROLLBACK")
  if not ok and not is_problem(problem) then
    error(problem, 0)
  end
  self._is_open = false
end

local function work(self, fn)
  if self._is_open then
    roll_back(self) -- a roll-back was interrupted
  end
  self._is_open = true
  begin(self)
  local value = fn(self)
  self:run("COMMIT")
  self._is_open = false
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
  roll_back(self)
  if not is_problem(value) then
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

--- Ends a transaction from within: nothing of it is written.
---@param message string
function Db:refuse(message) -- luacheck: no self
  fail(message)
end

--- The time of leases, in seconds. Machines that share a server share its clock, too.
---@return number
function Db:now()
  if self.is_sqlite then
    return os.time()
  end
  return self:run("SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp())) AS DOUBLE PRECISION) "
    .. "AS now")[1].now
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
  if not called and interruption.is(connection) then
    error(connection, 0)
  end
  if not called or not connection then
    return nil, "cannot be opened: " .. tostring(called and why or connection)
  end
  -- Off for LuaDBI means a transaction of its own at all times; BEGIN is ours.
  attempt(connection.autocommit, connection, true)
  return connection
end

local function open_checked(self, service)
  if self.is_sqlite then
    local ok, problem = pcall(begin_sqlite, self)
    if not ok and not is_problem(problem) then
      error(problem, 0)
    elseif not ok then
      return nil, ledger_error(self.name, "fails: " .. problem.message)
    end
  end
  local _, err = self:transaction(function(db)
    schema.prepare(db, service)
  end)
  return not err and self or nil, err
end

--- Opens a ledger's database and makes its tables if there are none.
---@param core table segmind.core
---@param target string a path, or a URL that begins with "postgresql://" or "postgres://"
---@param service string whose pictures it holds
---@return table? db
---@return segmind.Error? err kind "ledger"
function Db.open(core, target, service)
  local is_sqlite = not target:find("^postgres%a*://")
  local name = is_sqlite and target or target:gsub("%?.*", ""):gsub("//.*@", "//")
  local DBI, problem = driver()
  local made, refused
  if DBI and is_sqlite then
    made, refused = core.private_file(target)
    problem = not made and "cannot be opened: " .. refused.message or nil
  end
  local function dial()
    return connect(DBI, target, is_sqlite)
  end
  local connection
  if not problem then
    connection, problem = dial()
  end
  if not connection then
    return nil, ledger_error(name, problem)
  end
  local self = setmetatable({ _core = core, _connection = connection, _connect = dial,
    _process = core.process(), _begin = is_sqlite and "BEGIN IMMEDIATE" or "BEGIN",
    is_sqlite = is_sqlite, name = name }, Db)
  local checked, err = open_checked(self, service)
  if not checked then
    self:close()
  end
  return checked, err
end

function Db:close()
  local connection = self._connection
  self._connection = nil
  if connection and self._core.process() == self._process then
    attempt(connection.close, connection)
  end
end

return Db
