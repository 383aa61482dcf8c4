--- What the files of pictures say of how they were made, for the pages that show files and rows of
--- a ledger: the facts of each, and what it was made from. A file may come from anybody: see
--- segmind.provenance.

local file = require("segmind.file")
local lineage = require("segmind.lineage")
local provenance = require("segmind.provenance")

local origins = {}

-- "2026-11-26T14:59:09Z" as Unix time; the offset is that of local time at that moment.
local function time_of(text)
  local year, month, day, hour, min, sec = (text or ""):match(
    "^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)Z$")
  local local_time = year and os.time({ year = year, month = month, day = day, hour = hour,
    min = min, sec = sec, isdst = false })
  local utc = local_time and os.date("!*t", local_time)
  if not utc then
    return nil
  end
  utc.isdst = false
  return local_time + (local_time - os.time(utc))
end

--- What a file says of itself, with `at` in Unix time; nil where it says nothing.
---@param name string
---@return table?
function origins.read(name)
  local made = type(name) == "string" and name ~= "" and not name:find("%z")
    and provenance.read(name) or nil
  if made then
    made.at = time_of(made.created)
  end
  return made
end

-- An input as one of a job is; `step` is the step that made it, where the record has that.
local function input_of(made, one, param)
  local step = one.step and made.steps[one.step]
  return { kind = "file", param = param, request_id = step and step.request_id or one.request_id,
    path = one.path, name = one.name, url = not one.is_cut and one.url or nil,
    sha256 = one.sha256, step = step, made = made, picture = made.path }
end

--- The pictures that a picture was made from, as its file says.
---@param made table? as origins.read returns it
---@param step segmind.ProvenanceStep? of it, the last unless given
---@return table[]? inputs
function origins.inputs(made, step)
  step = step or made
  local out, names = {}, lineage.params_by_input(step and step.params or {})
  for i, one in ipairs(step and step.inputs or {}) do
    out[i] = input_of(made, one, names[i])
  end
  return made and out[1] and out or nil
end

--- The inputs of a row, whose addresses its parameters have; nil when they are not told one by one.
---@param one segmind.Record
---@return table[]?
function origins.of_row(one)
  local out = {}
  for i, input in ipairs(one.inputs or {}) do
    if type(one.params[input.param or ""]) ~= "string" then
      return nil
    end
    out[i] = { kind = "file", param = input.param, sha256 = input.sha256,
      request_id = input.request_id }
  end
  return out[1] and out or nil
end

--- The first of the files with each SHA-256.
---@param names string[]
---@return table<string, string>
function origins.by_hash(names)
  local found = {}
  for _, name in ipairs(names) do
    local facts = lineage.facts(name, true)
    if facts then
      found[facts.sha256] = found[facts.sha256] or name
    end
  end
  return found
end

--- The inputs, where a step whose picture is not shown gives way to its own.
---@param inputs table[]
---@param by_request table<string, segmind.report.Node>
---@return table[]
function origins.shown(inputs, by_request)
  local out, seen = {}, {}
  local function add(list)
    for _, input in ipairs(list) do
      local step = input.step
      if not step or by_request[input.request_id or ""] then
        out[#out + 1] = input
      elseif not seen[step] then
        seen[step] = true
        add(origins.inputs(input.made, step) or {})
      end
    end
  end
  add(inputs)
  return out
end

--- Whether the file that an input names may be shown: for a picture that names it, by its bytes, or
--- as one that lies below that picture's folder.
---@param input table
---@return boolean
function origins.is_same(input)
  if not input.picture or not input.path then
    return true
  elseif input.sha256 then
    local facts = lineage.facts(input.path, true)
    return facts ~= nil and facts.sha256 == input.sha256
  end
  local folder = input.picture:match("^(.*/)") or ""
  return not input.path:sub(#folder + 1):find("..", 1, true)
end

--- A path as one of its kind: absolute, without "." and "..".
---@param name string
---@return string
function origins.place(name)
  return file.normal(file.absolute(name))
end

return origins
