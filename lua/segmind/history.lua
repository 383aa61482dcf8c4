--- Earlier requests, as two books have them: the ledger's rows, written before each submit and
--- completed after it; and the service's own account, long after its records are gone, of what each
--- cost, what became of it, where its picture is, and what is left. The layout of the service's
--- list is not published in full, so it is read in every known form, and an odd row does not hide
--- the others.

local Error = require("segmind.error")
local json = require("segmind.json")
local lazy = require("segmind.lazy")
local lineage = require("segmind.lineage")
local operation = require("segmind.operation")
local states = require("segmind.state")

local steps = lazy.require("segmind.queued")

local history = {}

-- -- what both books hold ------------------------------------------------------------------------

local function text(value)
  return type(value) == "string" and value ~= "" and value or type(value) == "number"
    and json.encode(value) or nil
end

--- The first address in an output: itself, a field `url`, or the first of a list.
local function address(value)
  if type(value) == "table" then
    return address(value.url or value[1])
  end
  return text(value)
end

--- A table, or the text of one.
local function object(value, limit)
  if type(value) == "string" then
    value = json.decode(value, limit)
  end
  return type(value) == "table" and value or nil
end

-- -- the ledger ----------------------------------------------------------------------------------

--- The options of client:jobs.
---@class (exact) segmind.RecordOptions
---@field state segmind.RecordState? only steps in it
---@field model string? only steps of it
history.record_options = { model = "text",
  state = { "intent", "accepted", "completed", "failed", "unknown", "expired", "waiting",
    "blocked" } }

--- Where a step of the ledger is.
---@alias segmind.RecordState
---| "intent" # being submitted, or left so by a process that ended
---| "accepted" # the service has it
---| "completed" # its picture is there
---| "failed" # it has failed
---| "unknown" # sent, and nobody knows whether it runs
---| "expired" # accepted, and the service no longer knows it: paid, without a picture
---| "waiting" # in the queue
---| "blocked" # in the queue, and hangs on a step that has failed

--- A step of the ledger.
---@class segmind.Record
---@field key string
---@field generation integer
---@field model string
---@field name string?
---@field state segmind.RecordState
---@field is_held boolean whether a process is at work on it
---@field is_synchronous boolean
---@field request_id string?
---@field submits integer
---@field params table what was sent
---@field seed number?
---@field price number? USD, as declared
---@field doubt number USD of earlier submits whose outcome is unknown
---@field cost number? USD, as the service says
---@field usd number what it counts with in client:spent()
---@field submitted number Unix time
---@field accepted number?
---@field ended number?
---@field error string?
---@field result table? the body of the service's answer
---@field url string?
---@field inputs { param: string?, sha256: string?, url: string? }[]? the pictures it was made from
---@field kept string? the ledger's copy of the picture
---@field sha256 string? the hash of that copy
--- whether the step is in the queue: it waits there, a worker is at it, or it has failed there
---@field is_queued boolean?
---@field damage string? why the row cannot be relied on

-- As the ledger counts (spent_sql in sm_ledger_budget.c).
local function usd_of(row)
  local own = row.state == "failed" and 0 or row.state == "completed" and row.cost or row.price
  return (own or 0) + (row.doubt or 0)
end

local function damaged(row)
  return { key = tostring(row.step_key), generation = tonumber(row.generation) or 0,
    model = tostring(row.model), state = tostring(row.state), damage = row.damage, usd = 0,
    params = {}, submits = 0, doubt = 0, submitted = tonumber(row.submitted_at) or 0,
    is_held = false, is_synchronous = false }
end

local function record_of(row, folder)
  local result, made = object(row.result, math.huge), lineage.of_key(row.params)
  local url = result and address(result.output or result.images)
  return { key = row.step_key, generation = row.generation, model = row.model, name = row.name,
    state = row.state, is_held = row.lease_until > os.time(), is_synchronous = row.api == "v1",
    request_id = row.request_id, submits = row.submits, params = object(row.body, math.huge) or {},
    seed = row.seed, price = row.price, doubt = row.doubt, cost = row.cost, usd = usd_of(row),
    submitted = row.submitted_at, accepted = row.accepted_at, ended = row.ended_at,
    inputs = made and made.inputs, error = row.problem, result = result,
    url = url and url:find("^https?://") and url or nil,
    kept = row.file and folder and folder .. "/" .. row.file or nil, sha256 = row.file_sha256 }
end

--- A step that waits, and was not submitted: generation 0.
local function queued(row)
  row.key = row.key or "" -- a row that is damaged
  local made, call = lineage.of_key(row.params), object(row.params, math.huge) or {}
  local params = call.params or {}
  return { key = row.key, generation = 0, model = row.model, name = row.name, state = row.state,
    is_held = (tonumber(row.lease_until) or 0) > os.time(), is_synchronous = false, submits = 0,
    params = params, seed = type(params.seed) == "number" and params.seed or nil, doubt = 0,
    usd = 0, submitted = tonumber(row.enqueued_at) or 0, inputs = made and made.inputs,
    error = row.problem, is_queued = true }
end

--- Puts what the queue says together with the rows of steps that were begun: the last of a key is
--- what a worker has made of it, unless that has failed and the step waits again.
local function add_queue(records, waiting)
  local last = {}
  for _, one in ipairs(waiting[1] and records or {}) do
    last[one.key] = one
  end
  for _, row in ipairs(waiting) do
    local begun = last[row.key]
    if begun and (begun.state ~= "failed" or row.state == "failed") then
      begun.is_queued, begun.name = true, begun.name or row.name
    else
      records[#records + 1] = queued(row)
    end
  end
end

---@param client segmind.Client with a ledger
---@param opts segmind.RecordOptions
---@return segmind.Record[]?
---@return segmind.Error?
function history.records(client, opts)
  local rows, err = operation.ask(client, "list")
  local waiting
  if rows then
    waiting, err = steps.list(client)
  end
  if not waiting then
    return nil, err
  end
  local folder, all, out = client._handle:folder(), {}, {}
  for i, row in ipairs(rows) do
    all[i] = (row.damage and damaged or record_of)(row, folder)
  end
  add_queue(all, waiting)
  for _, one in ipairs(all) do
    local is_wanted = (not opts.state or one.state == opts.state)
      and (not opts.model or one.model == opts.model)
    out[#out + 1] = is_wanted and one or nil
  end
  return out
end

-- -- the service ---------------------------------------------------------------------------------

local PATH = "/inference-request/request-history"

--- The options of client:history. The service gives 20 rows of the last 7 days unless told.
---@class (exact) segmind.HistoryOptions
---@field model string? whose name holds this
---@field status "COMPLETED"|"FAILED"|"PENDING"|nil which requests
---@field from number|string|nil Unix time, or a day such as "2026-11-26"; 31 days at most
---@field to number|string|nil as `from`; until now unless told
---@field page integer? from 1
---@field per_page integer? at most 100
history.options = { model = "text", status = { "COMPLETED", "FAILED", "PENDING" }, from = "day",
  to = "day", page = "count", per_page = "count" }

-- Our names and the service's, in the order that they are sent.
local arguments = { { "page", "page" }, { "per_page", "per_page" }, { "from", "from_date" },
  { "to", "to_date" }, { "model", "model_name" }, { "status", "status" } }

--- A request as the service's history tells of it.
---@class segmind.HistoryRow
---@field request_id string?
---@field model string?
---@field state string? "COMPLETED", "FAILED" or "PENDING", which is a request that runs
---@field cost number? USD
---@field url string? where the picture is, or was: it lives about 7 days
---@field error string?
---@field created number? Unix time
---@field ended number? Unix time
---@field seconds number? that it took
---@field params table? what was sent
---@field row table as the service wrote it

local function amount(value)
  local number = json.number(value)
  return number and number >= 0 and number or nil
end

local function reason(value)
  if type(value) == "table" then
    return text(value.message) or text(value.detail) or text(value.error) or json.encode(value)
  end
  return text(value)
end

--- The first of several fields that `read` makes something of.
local function first(row, names, read)
  for _, name in ipairs(names) do
    local found = row[name] ~= nil and read(row[name])
    if found then
      return found
    end
  end
end

local began = { "model_created", "created_at", "submitted_at", "created", "request_time",
  "timestamp" }
local over = { "model_completed", "completed_at", "finished_at", "ended_at", "updated_at" }

local function normal(client, row, id)
  local time, state = client._core.time, first(row, { "model_status", "status" }, text)
  local milliseconds = amount(row.latency_ms)
  return { request_id = first(row, { "request_id", "id" }, text) or id,
    model = first(row, { "model_name", "model" }, text), state = state and states.of(state),
    cost = first(row, { "credits_deduction", "cost" }, amount),
    url = first(row, { "generation_url", "output", "url" }, address),
    error = first(row, { "error" }, reason), created = first(row, began, time),
    ended = first(row, over, time), seconds = milliseconds and milliseconds / 1000,
    params = first(row, { "request_body", "params" }, object), row = row }
end

local envelopes = { "data", "results", "requests", "items", "history", "rows" }

--- The list in an answer: itself, or within one of the known envelopes.
local function list_in(value, depth)
  if type(value) ~= "table" then
    return nil
  elseif next(value) == nil or value[1] ~= nil then
    return value
  end
  for _, name in ipairs(envelopes) do
    local found = depth > 0 and list_in(value[name], depth - 1)
    if found then
      return found
    end
  end
end

local function entry_in(value)
  local inner = type(value) == "table" and value.request_id == nil and list_in(value, 1)
  if inner then
    return inner[1]
  elseif type(value) == "table" and value.request_id == nil and type(value.data) == "table" then
    return value.data
  end
  return value
end

local function escaped(value)
  return (tostring(value):gsub("[^%w._~-]", function(char)
    return ("%%%02X"):format(char:byte())
  end))
end

local function query(opts)
  local out = {}
  for _, pair in ipairs(arguments) do
    local value = opts[pair[1]]
    if type(value) == "number" then
      value = pair[2]:find("_date$") and os.date("!%Y-%m-%d", math.floor(value))
        or ("%d"):format(value)
    end
    out[#out + 1] = value and pair[2] .. "=" .. escaped(value) or nil
  end
  return out[1] and "?" .. table.concat(out, "&") or ""
end

local function ask(client, path)
  return operation.get(client, "control", PATH .. path, "the request history")
end

---@param client segmind.Client
---@param opts segmind.HistoryOptions
---@return segmind.HistoryRow[]?
---@return segmind.Error?
function history.list(client, opts)
  local body, err, done = ask(client, query(opts))
  if not body then
    return nil, err
  end
  local list, rows = list_in(body, 2), {}
  if not list then
    return nil, Error.new("protocol", "the answer of the request history holds no list",
      { body = done.body, status = done.status })
  end
  for _, row in ipairs(list) do
    rows[#rows + 1] = type(row) == "table" and normal(client, row) or nil
  end
  return rows
end

---@param client segmind.Client
---@param request_id string
---@return segmind.HistoryRow?
---@return segmind.Error?
function history.one(client, request_id)
  local body, err, done = ask(client, "/" .. request_id)
  local row = entry_in(body)
  if err or type(row) ~= "table" or next(row) == nil then
    return nil, err or Error.new("protocol", "the request history tells nothing of the request",
      { body = done.body, status = done.status, request_id = request_id })
  end
  return normal(client, row, request_id)
end

--- What is left on the account.
---@param client segmind.Client
---@return { credits: number, free: number }?
---@return segmind.Error?
function history.credits(client)
  local body, err, done = operation.get(client, "api", "/v1/get-user-credits", "the account")
  if not body then
    return nil, err
  end
  local credits = tonumber(body.credits)
  if not credits then
    return nil, Error.new("protocol", "no credits in the answer", { body = done.body,
      status = done.status })
  end
  return { credits = credits, free = tonumber(body["free-credits"]) or 0 }
end

return history
