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

--- How wide the terminal is that the rows go to; nil for a pipe, or a file.
---@param context segmind.cli.Context
---@return integer?
local function columns_of(context)
  if context.columns == nil then
    context.columns = shell.columns() or false
  end
  return context.columns or nil
end

--- A time as people write it, by their clock.
local function time(seconds, format)
  return seconds and os.date(format, math.floor(seconds)) or ""
end

--- Characters of an id or a key that tell it apart, as a worker's messages have them.
records.SHORT = 12

-- The text of a prompt, which may be a page.
local LONGEST = 80

local function cut(text, width)
  text = progress.plain(text)
  local part = progress.cut(text, width)
  return part == text and text or progress.cut(text, width - 1) .. "…"
end

--- What a row is about: `id`, a request's or a step's; what tells it apart from others (`prompt`,
--- `seed`, `name`), what it came to (`rest`).
---@class segmind.cli.Row
---@field time number?
---@field state string
---@field usd number?
---@field model string?
---@field id string?
---@field name string?
---@field prompt any
---@field seed any
---@field rest string?

--- The words of a row that tell it apart.
local function about(row)
  local words = {}
  words[#words + 1] = row.seed and ("seed %.0f"):format(row.seed) or nil
  words[#words + 1] = row.name
  words[#words + 1] = type(row.prompt) == "string" and row.prompt ~= ""
    and cut(row.prompt, LONGEST) or nil
  return words
end

--- A row as it is printed, without line breaks and escape sequences. On a terminal it is as wide as
--- that, and what tells it apart comes first; in a pipe it is whole, but for the text of a prompt.
---@param context segmind.cli.Context
---@param row segmind.cli.Row
---@return string
function records.line(context, row)
  local columns, words = columns_of(context), about(row)
  local usd = row.usd and ("$%.2f"):format(row.usd) or ""
  if not columns then
    words[#words + 1] = row.rest
    return (progress.plain(("%s  %-9s  %-6s %-24s %-32s  %s"):format(
      time(row.time, "%Y-%m-%d %H:%M"), row.state, usd, row.model or "", row.id or "-",
      table.concat(words, "  "))):gsub("%s+$", ""))
  end
  words[#words + 1] = row.model
  words[#words + 1] = row.rest
  return cut(("%s  %-9s %5s  %-12s  %s"):format(time(row.time, "%m-%d %H:%M"), row.state, usd,
    (row.id or "-"):sub(1, records.SHORT), table.concat(words, "  ")), columns)
end

return records
