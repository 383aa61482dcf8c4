--- How a picture was made, as its file says, and the command that makes it again.
---
---     local provenance = require("segmind.provenance")
---     local record, err = provenance.read("out/night.png")
---     if record then print(record.model, record.params.prompt, provenance.command(record)) end
---
--- A file may come from anybody: what it says is data, checked as such, and nothing in it is run.

local Error = require("segmind.error")
local json = require("segmind.json")
local lineage = require("segmind.lineage")
local models = require("segmind.models")
local schema = require("segmind.schema")
require("segmind.client") -- which knows the core

local provenance = {}

--- Where a picture that was sent came from; nothing at all for bytes without a ledger.
---@class segmind.ProvenanceInput
---@field step integer? one of the record's `steps`
---@field path string? a file, as seen from the folder of the program
---@field name string? of a file that was elsewhere
---@field url string? without user, query and fragment
---@field is_cut boolean? the address had one
---@field sha256 string? of the file's bytes; known with a ledger
---@field request_id string? of a step that the record does not have

--- A step before the picture's own.
---@class segmind.ProvenanceStep
---@field model string
---@field params table a picture is `{ input = i }`
---@field inputs segmind.ProvenanceInput[]
---@field seed integer|string|nil
---@field request_id string?

--- How a picture was made.
---@class segmind.Provenance: segmind.ProvenanceStep
---@field cost number? USD
---@field created string? "2026-11-26T14:59:09Z"
---@field software string?
---@field steps segmind.ProvenanceStep[] those before, in their order
---@field path string the picture
---@field is_beside boolean whether the record is in a file beside the picture

-- -- reading --------------------------------------------------------------------------------------

local MOST_BYTES = 4 * 1024 * 1024

local named = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }

local function utf8_of(code)
  if not code or code > 0x10FFFF or code < 1 then
    return "\239\191\189"
  end
  return json.utf8_char(code)
end

local function unescape(text)
  return (text:gsub("&(#?[%w]+);", function(name)
    local hex, digits = name:match("^#[xX](%x+)$"), name:match("^#(%d+)$")
    if hex or digits then
      return utf8_of(tonumber(hex or digits, hex and 16 or 10))
    end
    return named[name]
  end))
end

--- The record within a packet: an element or, where another program wrote it anew, an attribute.
local function record_in(xmp)
  local at = xmp:find(lineage.NAMESPACE, 1, true)
  local prefix = at and xmp:sub(1, at - 1):match("xmlns:([%w_.-]+)%s*=%s*[\"']$")
  if not prefix then
    return nil
  end
  local name = (prefix .. ":record"):gsub("%p", "%%%0")
  local text = xmp:match("<" .. name .. "[^>]*>([^<]*)</" .. name .. "%s*>")
    or xmp:match("%s" .. name .. '%s*=%s*"([^"<]*)"')
    or xmp:match("%s" .. name .. "%s*=%s*'([^'<]*)'")
  return text and unescape(text)
end

local function text_of(value)
  return type(value) == "string" and value or nil
end

local function list_of(value)
  return type(value) == "table" and value or {}
end

local function seed_of(value)
  return type(value) == "number" and value % 1 == 0 and value or nil
end

-- "../a.png" as it is written, from the picture's folder.
local function place_of(name, folder)
  if not text_of(name) or name:sub(1, 1) == "/" or name:find("%z") then
    return nil
  end
  return folder .. name
end

local function read_inputs(value, folder, count)
  local out = {}
  for i, one in ipairs(list_of(value)) do
    one = list_of(one)
    local step = seed_of(one.step)
    out[i] = { step = step and step >= 1 and step <= count and step or nil,
      path = place_of(one.path, folder), name = text_of(one.name), url = text_of(one.url),
      is_cut = one.is_cut == true or nil, sha256 = text_of(one.sha256),
      request_id = text_of(one.request_id) }
  end
  return out
end

-- `count` of the steps may be named: those before it.
local function read_step(value, folder, count)
  value = list_of(value)
  if not text_of(value.model) or not value.model:find("^%w[%w._-]*$") then
    return nil
  end
  return { model = value.model, params = list_of(value.params), seed = seed_of(value.seed),
    inputs = read_inputs(value.inputs, folder, count), request_id = text_of(value.request_id) }
end

local function read_record(text, name)
  local value = text and json.decode(text, MOST_BYTES)
  local folder = name:match("^(.*/)") or ""
  local given = type(value) == "table" and value.segmind == 1 and list_of(value.steps)
  local record = given and read_step(value, folder, #given)
  if not record then
    return nil
  end
  record.steps = {}
  for i, one in ipairs(given) do
    local step = read_step(one, folder, i - 1)
    if not step then
      return nil
    end
    record.steps[i] = step
  end
  record.cost = type(value.cost) == "number" and value.cost or nil
  record.created, record.software = text_of(value.created), text_of(value.software)
  record.path, record.is_beside = name, false
  return record, text_of(value.sha256)
end

-- The file beside a picture is of that picture when it knows its bytes.
local function read_beside(name)
  local file = io.open(name .. ".json", "rb")
  local text = file and file:read(MOST_BYTES)
  if file then
    file:close()
  end
  if not text or text:sub(1, #lineage.HEAD) ~= lineage.HEAD then
    return nil
  end
  local record, sha256 = read_record(text, name)
  local facts = record and sha256 and lineage.facts(name, true)
  if not facts or facts.sha256 ~= sha256 then
    return nil, ("%s.json is of another picture"):format(name)
  end
  record.is_beside = true
  return record
end

--- Reads how a picture was made, from its XMP or from the file beside it. It reads on the caller's
--- thread, and no more of a large file than it must (all of it, in pieces, for its hash, when there
--- is a file beside it).
---@param name string
---@return segmind.Provenance?
---@return segmind.Error? err kind "invalid" for what is no picture; "io" when it does not say
function provenance.read(name)
  if type(name) ~= "string" or name == "" or name:find("%z") then
    Error.misuse("provenance.read takes the path of a picture")
  end
  local facts, why = lineage.facts(name)
  if not facts then
    return nil, Error.refusal(("%s cannot be read: %s"):format(name, why))
  end
  local record = facts.xmp and read_record(record_in(facts.xmp), name)
  if record then
    return record
  end
  record, why = read_beside(name)
  if record then
    return record
  end
  return nil, Error.new("io", why or ("%s does not say how it was made here: %s"):format(name,
    facts.is_signed and "it is signed (C2PA) by whoever made it, which is not read"
    or "another program made it, or it was saved without metadata"))
end

-- -- the command that makes it again --------------------------------------------------------------

-- Characters that would move the cursor, or turn the line around, where the command is shown.
local function octal(text)
  return (text:gsub(".", function(byte)
    return ("\\%03o"):format(byte:byte())
  end))
end

local function printed(text)
  return "'\"$(printf '" .. octal(text) .. "')\"'"
end

--- A word of the shell. A prompt may hold anything: within single quotes nothing is run.
local function quote(word)
  if word:find("^[%w%._/:=@%%+,-]+$") then
    return word
  end
  word = word:gsub("%z", ""):gsub("'", "'\\''"):gsub("[\1-\8\11-\31\127]", printed)
    :gsub("\194[\128-\159]", printed):gsub("\226\128[\142\143\168-\174]", printed)
    :gsub("\226\129[\166-\169]", printed)
  return "'" .. word .. "'"
end

-- How segmind run would read a text of a model that is not declared.
local function is_taken_for_other(text)
  return text == "true" or text == "false" or text == "null" or text:find("^[%[{]") ~= nil
    or text:find("%d") ~= nil and json.number(text) ~= nil
end

--- A picture as a word, or nil and why there is none.
local function picture_word(name, one)
  if one.step then
    return name .. '="$step' .. one.step .. '"'
  elseif one.path or one.name then
    local place = one.path or one.name
    return quote(name .. "=" .. (place:find("^[%w./]") and place or "./" .. place))
  elseif one.url then
    return quote(name .. "=" .. one.url)
  end
  return nil, one.request_id and ("its picture is that of request %s, of which the record has no "
    .. "more"):format(one.request_id) or ("its picture was given as bytes%s; with them on standard "
    .. "input %s=- would take it"):format(one.sha256 and " (SHA-256 " .. one.sha256 .. ")" or "",
    name)
end

local function input_at(step, value)
  return type(value) == "table" and seed_of(value.input) and step.inputs[value.input] or nil
end

local function is_list_of_pictures(step, value)
  return type(value) == "table" and value[1] ~= nil and input_at(step, value[1]) ~= nil
end

-- A value, and what standard input has to be for it.
local function value_word(name, value, is_declared)
  if type(value) == "table" then
    return quote(name .. "=" .. json.encode(value))
  elseif type(value) ~= "string" then
    return quote(name .. "=" .. json.encode(value))
  elseif value == "-" or not is_declared and is_taken_for_other(value) then
    return name .. "=-", "printf %s " .. quote(value) .. " | "
  end
  return quote(name .. "=" .. (value:sub(1, 1) == "@" and "@" or "") .. value)
end

local function add_pictures(words, step, name, list)
  for _, item in ipairs(list) do
    local one = input_at(step, item)
    local word, why
    if one then
      word, why = picture_word(name, one)
    elseif type(item) == "string" then
      word = quote(name .. "=" .. item)
    end
    if not word then
      return nil, why or ("%s has a value that cannot be written in words"):format(name)
    end
    words[#words + 1] = word
  end
  return true
end

local function names_of(params)
  local names = {}
  for name in pairs(params) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
      return nil, "a parameter has a name that segmind run does not take"
    end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

--- The command of one step, or nil and why there is none.
local function step_command(step)
  local spec = models.declared(step.model)
  local types = schema.types(spec)
  local words, stdin, has_other = { "segmind run " .. step.model }, "", false
  local names, why = names_of(step.params)
  for _, name in ipairs(names or {}) do
    local value = step.params[name]
    has_other = has_other or spec and not types[name]
    if input_at(step, value) or is_list_of_pictures(step, value) then
      local ok
      ok, why = add_pictures(words, step, name, value[1] ~= nil and value or { value })
      if not ok then
        return nil, why
      end
    else
      local word, given = value_word(name, value, spec ~= nil)
      if given and stdin ~= "" then
        return nil, "two of its texts can only be given on standard input"
      end
      words[#words + 1], stdin = word, given or stdin
    end
  end
  if step.seed and (types.seed or not spec) then
    words[#words + 1] = "--seed " .. json.encode(step.seed)
  end
  words[#words + 1] = has_other and "--allow-unknown" or nil
  return names and stdin .. table.concat(words, " "), why
end

--- The command of the shell that makes a picture again: `segmind run`, once for each step before it
--- and once for itself. It is quoted for any POSIX shell: whatever a prompt or a name holds is not
--- run.
---@param record segmind.Provenance
---@return string? command
---@return segmind.Error? err kind "invalid" when the record does not tell enough
function provenance.command(record)
  if type(record) ~= "table" or type(record.params) ~= "table" then
    Error.misuse("provenance.command takes a record, as provenance.read returns it")
  end
  local lines = {}
  for i, step in ipairs(record.steps) do
    local command, why = step_command(step)
    if not command then
      return nil, Error.refusal(("step %d before it cannot be made again: %s"):format(i, why))
    end
    lines[i] = ("step%d=$(%s -o segmind-step-%d) &&\n"):format(i, command, i)
  end
  local command, why = step_command(record)
  if not command then
    return nil, Error.refusal("it cannot be made again: " .. why)
  end
  return table.concat(lines) .. command
end

return provenance
