--- The rows of `segmind each`: pictures, folders, tables (CSV, JSONL), lists of paths. A row has
--- the values of its columns by name, and where it stands, for messages.

local file = require("segmind.file")
local json = require("segmind.json")
local json_reader = require("segmind.json_reader")
local shell = require("segmind.cli.shell")
local tables = require("segmind.tables")
local usage = require("segmind.cli.usage")

---@class segmind.cli.Row
---@field values table<string, any> by column
---@field where string "list.csv:3", or the path of a picture
---@field folder string? where the relative paths in the row lie, with a slash at its end

local rows = {}

local pictures = { png = true, jpg = true, jpeg = true, webp = true, gif = true }

local function extension(name)
  return (name:match("%.(%w+)$") or ""):lower()
end

-- -- tables ---------------------------------------------------------------------------------------

-- Texts go into requests, which are UTF-8.
local function check_utf8(text, name)
  if text:find("^\255\254") or text:find("^\254\255") then
    usage.fail("%s is UTF-16; save it as UTF-8", name)
  end
  local bad = json.find_bad_utf8(text)
  if bad then
    local _, breaks = text:sub(1, bad - 1):gsub("\n", "")
    usage.fail("%s:%d: these bytes are not UTF-8; save the file as UTF-8 (iconv -f latin1 -t utf8)",
      name, breaks + 1)
  end
end

--- A field in quotes that begins at `at`: its text, where it ends, and the line there.
local function quoted(text, at, delimiter, name, line)
  local begins, parts = line, {}
  while true do
    local stop = text:find('"', at + 1, true)
    if not stop then
      usage.fail('%s:%d: the quote " that begins in this line is not closed', name, begins)
    end
    local part = text:sub(at + 1, stop - 1)
    local _, breaks = part:gsub("\n", "")
    line = line + breaks
    parts[#parts + 1] = part
    at = stop + 1
    if text:sub(at, at) ~= '"' then
      break
    end
    parts[#parts + 1] = '"'
  end
  if at <= #text and not text:find("^[\r\n" .. delimiter .. "]", at) then
    usage.fail('%s:%d: text stands behind a closing quote; a quote in a text is written ""', name,
      line)
  end
  return table.concat(parts), at, line
end

--- One record that begins at `at`: its fields, where the next begins, and the line there.
local function record(text, at, delimiter, name, line)
  local fields = {}
  while true do
    if text:sub(at, at) == '"' then
      fields[#fields + 1], at, line = quoted(text, at, delimiter, name, line)
    else
      local stop = text:find("[" .. delimiter .. "\r\n]", at) or #text + 1
      fields[#fields + 1], at = text:sub(at, stop - 1), stop
    end
    if text:sub(at, at) ~= delimiter then
      break
    end
    at = at + 1
  end
  local _, stop = text:find("^\r?\n?", at)
  return fields, stop + 1, line + 1
end

-- The most frequent of the first line: spreadsheets write a semicolon where numbers have a comma.
local function find_delimiter(text)
  local first = text:match("^[^\r\n]*"):gsub('"[^"]*"', "")
  local best, most = ",", 0
  for _, delimiter in ipairs({ ",", ";", "\t" }) do
    local _, count = first:gsub(delimiter, "")
    if count > most then
      best, most = delimiter, count
    end
  end
  return best
end

local function read_header(fields, name)
  local columns, seen = {}, {}
  for i, field in ipairs(fields) do
    local column = field:match("^%s*(.-)%s*$")
    if column == "" then
      usage.fail("%s:1: column %d has no name; the first line names the columns", name, i)
    elseif seen[column] then
      usage.fail("%s:1: two columns are called %s", name, column)
    end
    columns[i], seen[column] = column, true
  end
  return columns
end

local function record_values(fields, columns, where)
  if #fields ~= #columns then
    usage.fail("%s: %d fields, but the header has %d (%s); a text with a comma stands in quotes",
      where, #fields, #columns, table.concat(columns, ", "))
  end
  local values = {}
  for i, column in ipairs(columns) do
    values[column] = fields[i]
  end
  return values
end

--- CSV as RFC 4180 has it, with or without a byte order mark and carriage returns.
---@param text string
---@param name string
---@return segmind.cli.Row[]
---@return string[] columns
function rows.csv(text, name)
  check_utf8(text, name)
  text = text:gsub("^\239\187\191", "")
  if not text:find("%S") then
    usage.fail("%s is empty; its first line names the columns, each further one is a picture", name)
  end
  local delimiter, columns, list = find_delimiter(text), nil, {}
  local at, line = 1, 1
  while at <= #text do
    local fields, after, next_line = record(text, at, delimiter, name, line)
    local is_blank = #fields == 1 and not fields[1]:find("%S")
    if not columns then
      columns = read_header(fields, name)
    elseif not is_blank then
      local where = ("%s:%d"):format(name, line)
      list[#list + 1] = { values = record_values(fields, columns, where), where = where }
    end
    at, line = after, next_line
  end
  if not list[1] then
    usage.fail("%s has a header (%s) and no rows", name, table.concat(columns, ", "))
  end
  return list, columns
end

--- Gives each row the fields that others have, as null, and returns all names.
local function complete(list)
  local columns, seen = {}, {}
  for _, row in ipairs(list) do
    for _, name in ipairs(tables.keys(row.values)) do
      columns[#columns + 1] = not seen[name] and name or nil
      seen[name] = true
    end
  end
  for _, row in ipairs(list) do
    for _, name in ipairs(columns) do
      if row.values[name] == nil then
        row.values[name] = json.null
      end
    end
  end
  return columns
end

--- A JSON object a line.
---@param text string
---@param name string
---@return segmind.cli.Row[]
---@return string[] columns
function rows.jsonl(text, name)
  check_utf8(text, name)
  local list, n = {}, 0
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    n = n + 1
    local document, problem, _, column
    if line:find("[^%s\239\187\191]") then
      document, problem, _, column = json_reader.read(line)
    end
    if problem then
      usage.fail("%s:%d:%d: %s", name, n, column, problem)
    elseif document then
      if type(document.value) ~= "table" or document:is_list(document.value) then
        usage.fail("%s:%d: a line is a JSON object: { \"prompt\": \"…\" }", name, n)
      end
      list[#list + 1] = { values = document.value, where = ("%s:%d"):format(name, n) }
    end
  end
  if not list[1] then
    usage.fail("%s is empty; each line is a JSON object", name)
  end
  return list, complete(list)
end

-- -- pictures -------------------------------------------------------------------------------------

local COLUMNS = { "path", "file", "name" }

local function is_address(name)
  return name:find("^[Hh][Tt][Tt][Pp][Ss]?://") ~= nil
end

---@param path string or an address
---@return segmind.cli.Row
function rows.picture(path)
  local plain = is_address(path) and path:gsub("[?#].*$", "") or path
  local last = plain:match("([^/]+)/*$") or plain
  return { where = path, values = { path = path, file = last, name = (last:gsub("%.%w+$", "")) } }
end

--- The pictures of a folder, by name; not those of the folders in it.
--- The paths of the pictures in a folder, sorted.
---@param path string
---@return string[]
function rows.pictures_in(path)
  local root = path:gsub("/+$", "")
  root = root == "" and "/" or root
  local listing, is_well = shell.output("find -L " .. shell.quote(root:find("^%-") and "./" .. root
    or root) .. " -maxdepth 1 -type f -print0")
  if not is_well then
    usage.fail("the folder %s cannot be read", path)
  end
  local list = {}
  for name in listing:gmatch("[^%z]+") do
    if pictures[extension(name)] and not name:find("/%.[^/]*$") then
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

local function folder(path)
  local list = rows.pictures_in(path)
  if not list[1] then
    usage.fail("the folder %s has no pictures (png, jpg, jpeg, webp, gif)", path)
  end
  for i, name in ipairs(list) do
    list[i] = rows.picture(name)
  end
  return list, COLUMNS
end

local function paths(text, name)
  local list = {}
  for line in text:gmatch("[^\r\n]+") do
    list[#list + 1] = line:find("%S") and rows.picture(line) or nil
  end
  if not list[1] then
    usage.fail("%s is empty; each line is the path of a picture", name)
  end
  return list, COLUMNS
end

-- -- sources --------------------------------------------------------------------------------------

local formats = { csv = rows.csv, tsv = rows.csv, jsonl = rows.jsonl, ndjson = rows.jsonl,
  paths = paths }

local function read_file(path)
  local text, why = file.read(path)
  if not text then
    usage.fail("%s", why or path .. " cannot be read")
  end
  return text
end

local function stdin_format(text)
  return text:find("^[%s\239\187\191]*{") and "jsonl" or "paths"
end

--- Whether all pictures of a source are those of a folder.
---@param source string
---@return boolean
function rows.is_folder(source)
  return not is_address(source) and source ~= "-" and shell.exists(source .. "/.")
end

local function read_source(source, format)
  if is_address(source) then
    return { rows.picture(source) }, COLUMNS
  elseif rows.is_folder(source) then
    return folder(source)
  elseif source ~= "-" and not shell.exists(source) then
    usage.fail("there is no file or folder %s: give pictures, a folder, a CSV or JSONL file, or - "
      .. "for standard input", source)
  elseif not format and pictures[extension(source)] then
    return { rows.picture(source) }, COLUMNS
  end
  local name = source == "-" and "standard input" or source
  local text = source == "-" and (io.stdin:read("*a") or "") or read_file(source)
  format = format or source == "-" and stdin_format(text) or extension(source)
  if not formats[format] then
    usage.fail("%s is no picture, folder, CSV or JSONL by its name; --format csv, jsonl or paths "
      .. "says what it is", source)
  end
  local list, columns = formats[format](text, name)
  for _, row in ipairs(format ~= "paths" and list or {}) do
    row.folder = source:match("^(.*/)")
  end
  return list, columns
end

--- Reads the rows of sources.
---@param sources string[]
---@param format string?
---@return segmind.cli.Row[]
---@return string[]? columns where all rows have the same
function rows.read(sources, format)
  if format and not formats[format] then
    usage.fail("--format is csv, tsv, jsonl or paths, got %s", format)
  elseif #sources == 1 then
    return read_source(sources[1], format)
  end
  local list, columns = {}, COLUMNS
  for _, source in ipairs(sources) do
    local more, others = read_source(source, format)
    columns = others == COLUMNS and columns or nil
    for _, row in ipairs(more) do
      list[#list + 1] = row
    end
  end
  return list, columns
end

return rows
