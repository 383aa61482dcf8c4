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
local schema = require("segmind.ledger_schema")

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

--- A server may have been started again since the last transaction; nothing of this one is lost.
local function begin(self)
  local ok, problem = pcall(self.run, self, self._begin)
  if ok then
    return
  end
  local connection = getmetatable(problem) == Problem and not self.is_sqlite and self._connect()
  if not connection then
    error(problem, 0)
  end
  pcall(self._connection.close, self._connection)
  self._connection = connection
  self:run(self._begin)
end

local function work(self, fn)
  begin(self)
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
  if not called or not connection then
    return nil, "cannot be opened: " .. tostring(called and why or connection)
  end
  -- Off for LuaDBI means a transaction of its own at all times; BEGIN is ours.
  pcall(connection.autocommit, connection, true)
  return connection
end

local function open_checked(self, service)
  if self.is_sqlite then
    local ok, problem = pcall(begin_sqlite, self)
    if not ok then
      return nil, ledger_error(self.name, "fails: " .. (problem.message or tostring(problem)))
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
    pcall(connection.close, connection)
  end
end

return Db
