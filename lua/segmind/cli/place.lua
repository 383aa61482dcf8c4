--- What lies where a picture is to go: a picture that the command reads is never replaced, one that
--- another step made only under a name that was written out, and what the ledger cannot give back
--- only when that is asked for.

local file = require("segmind.file")
local input = require("segmind.input")
local models = require("segmind.models")
local shell = require("segmind.cli.shell")
local tables = require("segmind.tables")
local usage = require("segmind.cli.usage")

local place = {}

-- A command of the shell is shorter than 128 KiB.
local MOST_BYTES = 60000

local function resolve(list, first, last)
  local words, out = {}, {}
  for i = first, last do
    words[#words + 1] = list[i]
  end
  local text, is_well = shell.output("realpath -zm -- " .. shell.words(words) .. " 2>/dev/null")
  for name in (is_well and text or ""):gmatch("[^%z]+") do
    out[#out + 1] = name
  end
  return out
end

--- Absolute paths without links; nothing needs to be there.
---@param list string[]
---@return string[]
function place.real(list)
  require("segmind.client") -- which knows the folder
  local out, first, size = {}, 1, 0
  for i, name in ipairs(list) do
    size = size + #name * 4
    if i == #list or size > MOST_BYTES or i - first > 200 then
      local found = resolve(list, first, i)
      for n = first, i do
        out[n] = found[n - first + 1] or file.absolute(list[n])
      end
      first, size = i + 1, 0
    end
  end
  return out
end

-- Codes of errno, the same everywhere: something is there that cannot be moved.
local is_fixed = { [1] = true, [13] = true, [16] = true, [30] = true } -- EPERM EACCES EBUSY EROFS

--- Whether something has a name, whatever it is and whoever may read it. To open a FIFO would wait.
local function is_there(name)
  local ok, _, code = os.rename(name, name) -- which does nothing, as POSIX has it
  return ok or is_fixed[code] == true
end

--- The files that may come to be under a name, as far as they are there.
local function present(name)
  require("segmind.client")
  local out = {}
  for _, target in ipairs(file.targets(file.absolute(name))) do
    out[#out + 1] = is_there(target) and target or nil
  end
  return out
end

--- Refuses a name under which no picture can be written. Fields of it may be open.
---@param name string
function place.check_target(name)
  require("segmind.client")
  local why = file.problem(name)
  if not why then
    why = select(2, file.is_target(file.absolute(name)))
  end
  if why then
    usage.fail("no picture can be saved as %s: %s", name, why)
  end
end

--- Whether a picture of this name would replace a file.
---@param name string
---@return boolean
function place.is_taken(name)
  return present(name)[1] ~= nil
end

-- -- pictures that are read -----------------------------------------------------------------------

local function is_image(model, name)
  local spec = models.declared(model)
  local param = spec and tables.named(spec.params, name)
  if param then
    return param[2] == "image" or param[2] == "images"
  end
  return not spec and name:find("image") ~= nil
end

--- Adds the files that the parameters of a step name.
---@param list string[]
---@param model string
---@param params table<string, any>
function place.add_inputs(list, model, params)
  for name, value in pairs(params) do
    local values = type(value) == "table" and getmetatable(value) == nil and value or { value }
    for _, one in ipairs(is_image(model, name) and values or {}) do
      list[#list + 1] = type(one) == "string" and input.kind(one) == "path" and one or nil
    end
  end
end

--- Refuses a name under which a picture lies that the command reads.
---@param inputs string[]
---@param outputs string[] names; those that are not known yet are left out
function place.check(inputs, outputs)
  local targets, is_read = {}, {}
  for _, name in ipairs(outputs) do
    for _, target in ipairs(present(name)) do
      targets[#targets + 1] = target
    end
  end
  for _, name in ipairs(targets[1] and place.real(inputs) or {}) do
    is_read[name] = true
  end
  for i, name in ipairs(place.real(targets)) do
    if is_read[name] then
      usage.fail("%s is a picture that this command reads, and would be replaced: another name in "
        .. "-o keeps it", targets[i])
    end
  end
end

local function folder_of(name)
  return name:match("^(.*/)[^/]*$") or "."
end

--- Refuses names in a folder of which all pictures are read: the next run would read what this one
--- has saved.
---@param folders string[]
---@param outputs string[]
function place.check_folders(folders, outputs)
  local list, seen, is_source = {}, {}, {}
  for _, name in ipairs(folders[1] and outputs or {}) do
    local folder = folder_of(name)
    list[#list + 1] = not seen[folder] and folder or nil
    seen[folder] = true
  end
  for i, name in ipairs(place.real(folders)) do
    is_source[name] = folders[i]
  end
  for _, name in ipairs(place.real(list)) do
    if is_source[name] then
      usage.fail("the pictures would be saved in %s, the folder that they are made from, and the "
        .. "next run would pay for those, too: -o 'FOLDER/{name}' names another folder",
        is_source[name])
    end
  end
end

-- -- pictures of other steps ----------------------------------------------------------------------

local function request_of(name)
  local record = require("segmind.provenance").read(name)
  return record and record.request_id
end

--- Whether a file is a picture with the record that it was saved with, byte for byte: editors keep
--- the record in what they change.
local function is_saved_from(kept, name)
  local facts = require("segmind.lineage").facts(name)
  local bytes, copy = file.read(kept), os.tmpname()
  local made = facts and bytes and file.write_picture(copy, bytes, facts.xmp, "")
  local is_same = made ~= nil and file.read(made) == file.read(name)
  os.remove(copy)
  os.remove(made or copy)
  return is_same
end

-- A picture that says nothing is compared as it is. What is no file holds none.
local function holds(name, result)
  local id = request_of(name)
  if id then
    return id == result.request_id and (not result.kept or is_saved_from(result.kept, name))
  end
  return file.is_target(name) and file.read(name) == result:bytes()
end

local function is_others(name, result)
  for _, target in ipairs(present(name)) do
    if not holds(target, result) then
      return true
    end
  end
  return false
end

-- -- what only its owner has ---------------------------------------------------------------------

--- The pictures of a ledger, by their hashes and by their requests.
local function index_of(records)
  local index = { by_sha256 = {}, by_request = {} }
  for _, one in ipairs(records) do
    if one.sha256 then
      index.by_sha256[one.sha256] = one
      index.by_request[one.request_id or ""] = one
    end
  end
  return index
end

--- Whether the ledger has the picture that a file holds. Of a picture of a server's ledger that is
--- not on this machine, the record has to do.
local function is_in(index, name)
  local facts = require("segmind.lineage").facts(name, true)
  if facts and index.by_sha256[facts.sha256 or ""] then
    return true
  end
  local one = facts and index.by_request[request_of(name) or false]
  return one and (not shell.exists(one.kept) or is_saved_from(one.kept, name)) or false
end

--- Whether there is nothing to lose: a name for a picture to come, as mktemp makes it.
local function is_empty(name)
  local stream = io.open(name, "rb")
  local first = stream and stream:read(1)
  if stream then
    stream:close()
  end
  return stream ~= nil and first == nil
end

--- Refuses names under which files lie that would be lost.
---@param outputs string[] names that somebody has written
---@param ask fun(): segmind.Record[]?, segmind.Error? what the ledger holds; nothing without one
---@return segmind.Error? err of the ledger
function place.check_lost(outputs, ask)
  local index, lost = nil, {}
  for _, name in ipairs(outputs) do
    for _, target in ipairs(present(name)) do
      if not index then
        local records, err = ask()
        if not records then
          return err
        end
        index = index_of(records)
      end
      lost[#lost + 1] = not is_empty(target) and not is_in(index, target) and target or nil
    end
  end
  if lost[1] then
    usage.fail("%s is there%s, and no ledger has a copy: name another with -o, or say --replace",
      lost[1], lost[2] and (" (and %d more)"):format(#lost - 1) or "")
  end
end

--- "out/night.png" -> "out/night-2.png"
---@param name string
---@param n integer|string
---@return string
function place.numbered(name, n)
  local stem, extension = name:match("^(.*[^/{])(%.%a%w+)$")
  return ("%s-%s%s"):format(stem or name, n, extension or "")
end

-- Names that are tried for one picture.
local MOST_NAMES = 10000

--- The name, or the first of "name-2", "name-3", … under which no other picture lies.
---@param name string
---@param result segmind.Result
---@return string
function place.free(name, result)
  local n, free = 1, name
  while n < MOST_NAMES and is_others(free, result) do
    n = n + 1
    free = place.numbered(name, n)
  end
  return free
end

--- The request that made the picture under a name, to tell later whether another one replaced it.
---@param name string
---@return string? request_id nil where no picture lies that says so
function place.maker(name)
  local first = present(name)[1]
  return first and request_of(first)
end

return place
