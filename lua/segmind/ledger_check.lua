--- Whether a row of a ledger can be relied on. The library writes no other (ledger_rows.lua asks
--- `storable` first), but SQLite keeps what it is given whatever the column, an older version wrote
--- what this one refuses, and a database may be written to by somebody else. What a row says goes
--- into file names, URLs and sums, so it is looked at before.

local check = {}

local TEXT, NUMBER = "string", "number"

local required = { step_key = TEXT, generation = NUMBER, model = TEXT, api = TEXT, params = TEXT,
  state = TEXT, body = TEXT, submits = NUMBER, doubt = NUMBER, submitted_at = NUMBER,
  lease_owner = TEXT, lease_until = NUMBER }
local optional = { name = TEXT, seed = NUMBER, request_id = TEXT, price = NUMBER, cost = NUMBER,
  accepted_at = NUMBER, ended_at = NUMBER, result = TEXT, problem = TEXT, file = TEXT,
  file_sha256 = TEXT }
-- What becomes a part of a URL or of a path.
local names = { "step_key", "model", "request_id", "file" }
local states = { intent = true, accepted = true, completed = true, failed = true, unknown = true }

-- What is as good as absent when it makes no sense: a finished step is not lost for the sake of it.
-- Without a cost its price counts, without a seed that in the result or the parameters.
local dispensable = { "seed", "cost", "accepted_at", "ended_at" }

local MOST = 2 ^ 53

local function is_sound(value, kind)
  return type(value) == kind and (kind == TEXT or value > -MOST and value < MOST)
end

local is_money = { doubt = true, price = true, cost = true }

--- What an optional column may hold: the value, or nil in its place. A seed of more digits than a
--- number holds is text, and stays in the result alone.
---@param name string
---@param value any
---@return any
function check.storable(name, value)
  if is_sound(value, optional[name]) and not (is_money[name] and value < 0) then
    return value
  end
end

local function bad_column(row)
  for name, kind in pairs(required) do
    if not is_sound(row[name], kind) then
      return name
    end
  end
  for name, kind in pairs(optional) do
    if row[name] ~= nil and not is_sound(row[name], kind) then
      return name
    end
  end
  for _, name in ipairs(names) do
    local value = row[name]
    if value and (#value > 200 or not value:find("^%w[%w._-]*$")) then
      return name
    end
  end
  for name in pairs(is_money) do
    if row[name] and row[name] < 0 then
      return name
    end
  end
  return not states[row.state] and "state" or nil
end

--- What is wrong with a row, or nil. Takes out of it what makes no sense and is not needed.
---@param row table
---@return string?
function check.row(row)
  for _, name in ipairs(dispensable) do
    row[name] = check.storable(name, row[name])
  end
  local name = bad_column(row)
  if name then
    return ("the row of step %s is damaged: %s cannot be %q"):format(tostring(row.step_key), name,
      tostring(row[name]):sub(1, 60))
  end
end

return check
