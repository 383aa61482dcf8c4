--- The records of the ledger, for the verbs that list them.

local progress = require("segmind.progress")
local shell = require("segmind.cli.shell")
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

-- A row for a pipe is as long as it is, but for the text of a prompt.
local LONGEST = 240

--- A row as it is printed: without line breaks and escape sequences, on a terminal as wide as that.
---@param context segmind.cli.Context
---@param format string
---@param ... any
---@return string
function records.row(context, format, ...)
  context.columns = context.columns or shell.columns() or LONGEST
  return progress.cut(progress.plain(format:format(...)), context.columns)
end

return records
