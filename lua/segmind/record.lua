--- What a ledger holds of a step, as a plain table: the row that was written before its submit and
--- completed after it.

local json = require("segmind.json")
local lineage = require("segmind.lineage")

local record = {}

--- The options of client:jobs.
---@class (exact) segmind.RecordOptions
---@field state segmind.RecordState? only steps in it
---@field model string? only steps of it
record.options = { model = "text",
  state = { "intent", "accepted", "completed", "failed", "unknown", "expired" } }

--- Where a step of the ledger is.
---@alias segmind.RecordState
---| "intent" # being submitted, or left so by a process that ended
---| "accepted" # the service has it
---| "completed" # its picture is there
---| "failed" # it has failed
---| "unknown" # sent, and nobody knows whether it runs
---| "expired" # accepted, and the service no longer knows it: paid, without a picture

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
---@field damage string? why the row cannot be relied on

local function table_of(text)
  local value = type(text) == "string" and json.decode(text, math.huge)
  return type(value) == "table" and value or nil
end

-- As the ledger counts (spent_sql in sm_ledger_budget.c).
local function usd_of(row)
  local own = row.state == "failed" and 0 or row.state == "completed" and row.cost or row.price
  return (own or 0) + (row.doubt or 0)
end

local function url_of(result)
  local output = result and (result.output or result.images)
  while type(output) == "table" do
    output = output.url or output[1]
  end
  return type(output) == "string" and output:find("^https?://") and output or nil
end

local function of_row(row, folder)
  if row.damage then
    return { key = tostring(row.step_key), generation = tonumber(row.generation) or 0,
      model = tostring(row.model), state = tostring(row.state), damage = row.damage, usd = 0,
      params = {}, submits = 0, doubt = 0, submitted = tonumber(row.submitted_at) or 0,
      is_held = false, is_synchronous = false }
  end
  local result, made = table_of(row.result), lineage.of_key(row.params)
  return { key = row.step_key, generation = row.generation, model = row.model, name = row.name,
    state = row.state, is_held = row.lease_until > os.time(), is_synchronous = row.api == "v1",
    request_id = row.request_id, submits = row.submits, params = table_of(row.body) or {},
    seed = row.seed, price = row.price, doubt = row.doubt, cost = row.cost, usd = usd_of(row),
    submitted = row.submitted_at, accepted = row.accepted_at, ended = row.ended_at,
    inputs = made and made.inputs, error = row.problem, result = result, url = url_of(result),
    kept = row.file and folder and folder .. "/" .. row.file or nil }
end

local function is_wanted(one, opts)
  return (not opts.state or one.state == opts.state) and (not opts.model or one.model == opts.model)
end

---@param rows table[] as the core hands them out
---@param folder string? of the kept pictures
---@param opts segmind.RecordOptions
---@return segmind.Record[]
function record.list(rows, folder, opts)
  local out = {}
  for _, row in ipairs(rows) do
    local one = of_row(row, folder)
    out[#out + 1] = is_wanted(one, opts) and one or nil
  end
  return out
end

return record
