--- The records of the ledger, for the verbs that list them.

local usage = require("segmind.cli.usage")

local records = {}

--- All records that a verb is about.
---@param context segmind.cli.Context
---@param verb string for the message
---@param opts segmind.RecordOptions?
---@return segmind.Record[]?
---@return segmind.Error?
function records.of(context, verb, opts)
  if not context.config.values.ledger then
    usage.fail("%s tells what a ledger holds: leave --no-ledger out", verb)
  end
  local client, err = context.client()
  if not client then
    return nil, err
  end
  return client:jobs(opts)
end

--- A time as people write it, by their clock.
---@param seconds number?
---@return string
function records.time(seconds)
  return seconds and os.date("%Y-%m-%d %H:%M", math.floor(seconds)) or ""
end

--- A text in one line, cut.
---@param value any
---@param width integer
---@return string
function records.brief(value, width)
  local text = type(value) == "string" and value:gsub("%s+", " ") or ""
  if #text > width then
    text = text:sub(1, width - 1):gsub("[\192-\255][\128-\191]*$", "") .. "…"
  end
  return text
end

return records
