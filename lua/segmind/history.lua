--- The service's own account of the caller's requests, long after their records are gone: what each
--- cost, what became of it, where its picture is. The list's layout is not
--- published in full, so it is read in every known form, and an odd row does not hide the others.

local Error = require("segmind.error")
local json = require("segmind.json")
local operation = require("segmind.operation")

local history = {}

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

local function text(value)
  return type(value) == "string" and value ~= "" and value or type(value) == "number"
    and json.encode(value) or nil
end

local function amount(value)
  local number = json.number(value)
  return number and number >= 0 and number or nil
end

local function address(value)
  if type(value) == "table" then
    return address(value.url or value[1])
  end
  return text(value)
end

local function reason(value)
  if type(value) == "table" then
    return text(value.message) or text(value.detail) or text(value.error) or json.encode(value)
  end
  return text(value)
end

local function params(value)
  if type(value) == "string" then
    value = json.decode(value)
  end
  return type(value) == "table" and value or nil
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
    model = first(row, { "model_name", "model" }, text), state = state and state:upper(),
    cost = first(row, { "credits_deduction", "cost" }, amount),
    url = first(row, { "generation_url", "output", "url" }, address),
    error = first(row, { "error" }, reason), created = first(row, began, time),
    ended = first(row, over, time), seconds = milliseconds and milliseconds / 1000,
    params = first(row, { "request_body", "params" }, params), row = row }
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

--- Asks the control plane; the body, decoded, and the answer.
local function ask(client, path)
  local done, err = operation.await(client, "get", "control", path, { timeout = client._timeout })
  if not done then
    return nil, err
  end
  local body, why = json.decode(done.body, client._max_json)
  if type(body) ~= "table" then
    return nil, Error.new("protocol", "the request history cannot be read: "
      .. (why or "something else than a table"), { body = done.body, status = done.status })
  end
  return body, nil, done
end

---@param client segmind.Client
---@param opts segmind.HistoryOptions
---@return segmind.HistoryRow[]?
---@return segmind.Error?
function history.list(client, opts)
  local body, err, done = ask(client, PATH .. query(opts))
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
  local body, err, done = ask(client, PATH .. "/" .. request_id)
  local row = entry_in(body)
  if err or type(row) ~= "table" or next(row) == nil then
    return nil, err or Error.new("protocol", "the request history tells nothing of the request",
      { body = done.body, status = done.status, request_id = request_id })
  end
  return normal(client, row, request_id)
end

return history
