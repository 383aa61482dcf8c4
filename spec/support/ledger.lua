--- A ledger in a folder of its own, clients of one emulator over it, and a look at its rows that
--- does not go through the library. It is a file, unless SEGMIND_LEDGER is the URL of a PostgreSQL
--- database: then each test has a schema of its own there, and what only a file can suffer is left
--- out.

require("spec.support.sqlite")

local DBI = require("DBI")
local cjson = require("cjson.safe")

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local segmind = require("segmind")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

local quote = shell.quote
local SERVER = os.getenv("SEGMIND_LEDGER")

local ledger = { is_file = not SERVER }

--- From here on it is on that server, or where it was.
---@param url string?
function ledger.use_server(url)
  SERVER = url or os.getenv("SEGMIND_LEDGER")
  ledger.is_file = not SERVER
end

local folder, service, clients, schema

--- Where in the server a schema is; without a word of what is dropped with it.
local function within(name)
  return ("%s%soptions=-csearch_path%%3D%s%%20-cclient_min_messages%%3Dwarning"):format(SERVER,
    SERVER:find("?", 1, true) and "&" or "?", name)
end

--- Runs SQL on a file; the rows, or with values what they change.
local function run_on_file(target, text, ...)
  local connection = assert(DBI.Connect("SQLite3", target))
  connection:autocommit(true)
  local patience = assert(connection:prepare("PRAGMA busy_timeout = 5000"))
  patience:execute()
  patience:close() -- a connection with a statement left is never freed
  local statement = assert(connection:prepare(text))
  assert(statement:execute(...))
  local rows, columns = {}, statement:columns()
  if columns and #columns > 0 then
    for row in statement:rows(true) do
      rows[#rows + 1] = row
    end
  end
  statement:close()
  connection:close()
  return rows
end

--- The same on a server, by its own program. Values are numbers.
local function run_on_server(target, text, ...)
  local values = { ... }
  text = text:gsub("%?", function()
    return ("%.17g"):format(table.remove(values, 1))
  end)
  if text:find("^SELECT") then
    text = ("SELECT row_to_json(one) FROM (%s) AS one"):format(text)
  end
  local pipe = assert(io.popen(("psql -XAtq -v ON_ERROR_STOP=1 %s -c %s 2>&1 || echo failed")
    :format(quote(target), quote(text))))
  local rows = {}
  for line in pipe:lines() do
    assert(line:sub(1, 1) == "{", line)
    local row = cjson.decode(line)
    for name, value in pairs(row) do
      row[name] = value ~= cjson.null and value or nil
    end
    rows[#rows + 1] = row
  end
  pipe:close()
  return rows
end

local function run(...)
  return (SERVER and run_on_server or run_on_file)(...)
end

--- Makes a folder for a new ledger.
function ledger.open()
  folder, clients = files.make_folder(files.unused()), {}
  if SERVER then
    schema = "spec_" .. folder:lower():gsub("%W", "_")
    run(within("public"), "CREATE SCHEMA " .. schema)
  end
end

--- Closes the clients and removes the folder.
function ledger.close()
  for _, client in ipairs(clients) do
    if not client._closed then
      client:close()
    end
  end
  -- A client that was closed may yet write down what it had begun.
  os.execute(("for i in 1 2 3 4 5; do rm -rf %s 2>/dev/null && break; sleep 0.02; done"):format(
    quote(folder)))
  if SERVER then
    run(within("public"), "DROP SCHEMA " .. schema .. " CASCADE")
  end
end

--- The fixture of a block of tests: an emulator for all of them, a ledger for each.
---@param options table? of the emulator
---@return spec.Emulator
function ledger.fixture(options)
  local busted, own = require("busted"), session.fixture(options)
  busted.setup(function()
    service = own
  end)
  busted.before_each(ledger.open)
  busted.after_each(ledger.close)
  return own
end

--- A path in the folder; of the ledger, unless told.
function ledger.path(name)
  return folder .. "/" .. (name or "edits.db")
end

--- What a client is told of the ledger: its file, or where in the database it is.
function ledger.target()
  return SERVER and within(schema) or ledger.path()
end

--- A further client of the ledger. `options.ledger = false`: without one.
---@return segmind.Client
function ledger.client(options)
  local given = { api_key = emulator.KEY, base_url = service.url, poll = 0.01, timeout = 30,
    ledger = ledger.target(), ledger_files = ledger.path("edits.db.files") }
  for name, value in pairs(options or {}) do
    given[name] = value or nil
  end
  if options and options.ledger == false then
    given.ledger = nil
  end
  local client = assert(segmind.new(given))
  clients[#clients + 1] = client
  return client
end

--- Runs SQL on the ledger; the rows, or with values what they change.
---@return table[]
function ledger.sql(text, ...)
  return run(ledger.target(), text, ...)
end

--- The rows of a ledger in any file.
---@return table[]
function ledger.rows_of(path)
  return run_on_file(path, "SELECT * FROM segmind_steps ORDER BY submitted_at, rowid")
end

--- The rows of the ledger in the order of their submits.
function ledger.rows()
  return ledger.sql("SELECT * FROM segmind_steps ORDER BY submitted_at, "
    .. (SERVER and "generation" or "rowid"))
end

--- Turns a client until `is_so()`.
function ledger.until_so(client, is_so)
  while not is_so() do
    client:poll(1)
    client:step()
  end
end

--- Runs `fn` while the service does not say of any job that it is over.
function ledger.unfinished(fn)
  service:faults({ { match = { path = "status", count = "always" }, ["then"] = { status = 503 } } })
  fn()
  service:clear_faults()
end

--- Closes a client and waits until it has let go of its rows.
function ledger.leave(client)
  client:close()
  for _ = 1, 500 do
    if ledger.sql("SELECT COUNT(*) AS n FROM segmind_steps WHERE lease_until > 0")[1].n == 0 then
      return
    end
    os.execute("sleep 0.005")
  end
  error("a client that was closed keeps its rows")
end

--- How many submits the service has accepted.
function ledger.accepted()
  return service:ledger().totals.accepted
end

--- Writes a file into the folder.
function ledger.write(name, bytes)
  return files.write(ledger.path(name), bytes)
end

return ledger
