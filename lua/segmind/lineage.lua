--- How a picture was made, as it is written into the file that it is saved to: the record of a job
--- and of those before it, in JSON, and the XMP packet that carries it. What only the end tells
--- (request id, cost, seed, date) has places in both texts that the worker fills, so that a picture
--- with a ledger gets to its file without a step of the host; see csrc/core/base/sm_metadata.h.
--- segmind.provenance reads them.
---
--- A record never holds a key, nor what stands in an address behind "?": that may be a signature.

local json = require("segmind.json")
local key = require("segmind.step_key")
local tables = require("segmind.tables")
local version = require("segmind.version")

local lineage = {}

--- The namespace of the record within XMP.
lineage.NAMESPACE = "https://segmind.com/ns/lua/1.0/"

--- What the text of a record begins with; sm_file knows its own files by so many bytes.
lineage.HEAD = '{"segmind":1'

-- Steps before a job's own that its record has, and the longest record with all of them.
local MOST_STEPS, MOST_BYTES = 32, 24 * 1024
-- A single value that is longer is left out.
local LONGEST = 512 * 1024

local SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"

-- -- what is known of a job -----------------------------------------------------------------------

--- An address without what may be a credential: user, query and fragment.
local function clean_address(text)
  local address = text:gsub("^(%a[%w+.-]*://)[^/?#]*@", "%1"):gsub("[?#].*$", "")
  return address
end

local function clean_text(text)
  if #text > LONGEST then
    return ("(%d bytes)"):format(#text)
  elseif text:find("^data:") then
    return text:match("^data:[^,]*") .. ",…"
  elseif text:find("^%a[%w+.-]*://%S+$") then
    return clean_address(text)
  end
  return text
end

local function clean(params)
  return tables.map(params, function(value)
    return type(value) == "string" and clean_text(value) or value
  end)
end

--- What a picture that is sent was: `step`, one before; or a file, an address, bytes.
local function input_of(slot, origin)
  local parent = slot.parent
  if parent then
    local made = lineage.made(parent)
    return { step = made and made.id, request_id = parent.request_id }
  end
  local url = origin.url and clean_address(origin.url)
  return { url = url, path = origin.path, sha256 = slot.sha256,
    is_cut = url ~= origin.url or nil }
end

--- A job as one of the steps before another's.
local function step_of(job, made)
  return { id = made.id, model = job.model, params = made.params, inputs = made.inputs,
    seed = job.seed, request_id = job.request_id }
end

-- Each once, and those before a step before it; the last that fit.
local function steps_before(slots)
  local steps, seen = {}, {}
  local function add(step)
    if not seen[step.id] then
      seen[step.id] = true
      steps[#steps + 1] = step
    end
  end
  for _, slot in ipairs(slots) do
    local made = slot.parent and lineage.made(slot.parent)
    for _, step in ipairs(made and made.before or {}) do
      add(step)
    end
    if made then
      add(step_of(slot.parent, made))
    end
  end
  while #steps > MOST_STEPS do
    table.remove(steps, 1)
  end
  return steps
end

local count = 0

local function made_of(params, inputs, before)
  count = count + 1
  params.seed = nil -- the job's
  return { id = count, params = params, inputs = inputs, before = before }
end

--- How a job with pictures that is about to be sent is made. It holds texts and numbers alone, so
--- it may be kept when the job is over.
---@param job segmind.Job
---@return table
function lineage.of(job)
  local slots, inputs = job._request.slots, {}
  for i, slot in ipairs(slots) do
    inputs[i] = input_of(slot, job.inputs[i] or {})
  end
  return made_of(clean(key.numbered(job._request)), inputs, steps_before(slots))
end

-- Of jobs without pictures, whose parameters say all.
local made_of_job = setmetatable({}, { __mode = "k" })

--- How a job was made: as it was noted (`lineage.of`), or as its parameters say; nil for one of
--- which only the id is known.
---@param job segmind.Job
---@return table?
function lineage.made(job)
  local made = job._made
  if made == nil then
    made = made_of_job[job] or made_of(clean(job.params), {}, {})
    made_of_job[job] = made
  end
  return made or nil
end

--- The parameter that took each picture, by the picture's number.
---@param params table with pictures as `{ input = i }`
---@return table<integer, string>
function lineage.params_by_input(params)
  local names = {}
  for name, value in pairs(params) do
    for _, item in ipairs(type(value) == "table" and (value.input and { value } or value) or {}) do
      local number = type(name) == "string" and type(item) == "table" and item.input
      names[number or 0] = name
    end
  end
  return names
end

--- How the step of a row of the ledger was made: its name tells what its pictures were.
---@param text string? what the step's key is the hash of
---@return table?
function lineage.of_key(text)
  local named = type(text) == "string" and json.decode(text, math.huge)
  if type(named) ~= "table" or type(named.params) ~= "table" then
    return nil
  end
  local inputs, names = {}, lineage.params_by_input(named.params)
  for i, identity in ipairs(type(named.inputs) == "table" and named.inputs or {}) do
    local kind, value = tostring(identity):match("^(%w+):(.*)$")
    inputs[i] = { param = names[i], sha256 = kind == "sha256" and value or nil,
      url = kind == "url" and clean_address(value) or nil,
      request_id = kind == "step" and value:match("^request:(.*)$") or nil }
  end
  return made_of(clean(named.params), inputs, {})
end

-- -- what a file says -----------------------------------------------------------------------------

local core

--- Who reads files; segmind.client has the core do it.
---@param module table segmind.core
function lineage.use(module)
  core = module
end

--- What a picture's file holds, read on this thread: format, width, height, `is_signed`, `xmp`;
--- `sha256` when it is asked for.
---@param name string
---@param has_hash boolean?
---@return table? facts
---@return string? why
function lineage.facts(name, has_hash)
  return core.metadata(name, has_hash)
end

-- -- the texts ------------------------------------------------------------------------------------

-- "/a/b/c.png" seen from the folder "/a/d": "../b/c.png". A path that leads further up tells more
-- of this machine than of the picture: its name has to do.
local MOST_UP = 2

local function path_from(folder, name)
  local from, to = {}, {}
  for part in folder:gmatch("[^/]+") do
    from[#from + 1] = part
  end
  for part in name:gmatch("[^/]+") do
    to[#to + 1] = part
  end
  local same = 0
  while same < #to - 1 and from[same + 1] and from[same + 1] == to[same + 1] do
    same = same + 1
  end
  local up = #from - same
  if up > MOST_UP or same == 0 then
    return nil, to[#to]
  end
  return ("../"):rep(up) .. table.concat(to, "/", same + 1)
end

local function inputs_of(step, places, folder)
  local out = {}
  for i, one in ipairs(step.inputs) do
    local relative, name
    if one.path then
      relative, name = path_from(folder, one.path)
    end
    local place = places[one.step]
    out[i] = { step = place, request_id = not place and one.request_id or nil, url = one.url,
      path = relative, name = name, sha256 = one.sha256, is_cut = one.is_cut }
  end
  return out
end

local function encode_steps(steps, first, folder)
  local places, out = {}, {}
  for i = first, #steps do
    places[steps[i].id] = i - first + 1
  end
  for i = first, #steps do
    local step = steps[i]
    out[#out + 1] = { model = step.model, params = step.params, seed = step.seed,
      request_id = step.request_id, inputs = inputs_of(step, places, folder) }
  end
  return out, places
end

-- lua-cjson escapes control characters; XML knows no U+FFFE and U+FFFF either, and "SG_…" is a key.
local function encode(value)
  return (json.encode(value):gsub("\239\191\190", "\\ufffe"):gsub("\239\191\191", "\\uffff")
    :gsub("SG_%w%w%w%w%w%w+", "[key]"))
end

-- The fields that are sure, in one line.
local function encode_body(job, folder)
  local made, first = lineage.made(job), 1
  local text
  repeat
    local steps, places = encode_steps(made.before, first, folder)
    text = encode({ model = job.model, params = made.params, steps = steps,
      inputs = inputs_of(made, places, folder), software = "segmind-lua " .. version })
    first = first + 1
  until #text <= MOST_BYTES or first > #made.before + 1
  return text:sub(2)
end

--- The record, a line for each field that may not be known.
local function record_text(job, folder)
  return lineage.HEAD .. ',\n"request_id":"\1i",\n"cost":\1c,\n"seed":\1s,\n"created":"\1d",\n'
    .. '"sha256":"\1h",\n' .. encode_body(job, folder) .. "\n"
end

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

local function escape(text)
  return (text:gsub("[&<>]", entities))
end

-- For readers of other programs: XML has no control characters.
local function describe(prompt)
  if type(prompt) ~= "string" then
    return ""
  end
  local text = escape(prompt):gsub("SG_%w%w%w%w%w%w+", "[key]")
    :gsub("\239\191[\190\191]", "\239\191\189"):gsub("\r\n?", "\n"):gsub("\n", "&#10;")
    :gsub("\t", "&#9;"):gsub("[%z\1-\31\127]", "\239\191\189")
  return '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">' .. text
    .. "</rdf:li></rdf:Alt></dc:description>\n"
end

local function packet(job, record)
  local made = lineage.made(job)
  local kind = made.inputs[1] and "compositeWithTrainedAlgorithmicMedia"
    or "trainedAlgorithmicMedia"
  return table.concat({ '<?xpacket begin="\239\187\191" id="W5M0MpCehiHzreSzNTczkc9d"?>\n',
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">',
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"',
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"',
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"',
    ' xmlns:segmind="', lineage.NAMESPACE, '">\n',
    "<Iptc4xmpExt:DigitalSourceType>", SOURCE_TYPE, kind, "</Iptc4xmpExt:DigitalSourceType>\n",
    "<xmp:CreatorTool>segmind-lua ", version, "</xmp:CreatorTool>\n",
    "<xmp:CreateDate>\1d</xmp:CreateDate>\n", describe(made.params.prompt),
    "<segmind:model>", escape(job.model), "</segmind:model>\n",
    "<segmind:seed>\1s</segmind:seed>\n", "<segmind:requestId>\1i</segmind:requestId>\n",
    "<segmind:cost>\1c</segmind:cost>\n", "<segmind:record>", escape(record),
    "</segmind:record>\n</rdf:Description></rdf:RDF></x:xmpmeta>\n", '<?xpacket end="w"?>' })
end

--- The two texts for a picture that is saved under an absolute path: the packet, and what goes
--- beside a picture that cannot take one. Nil when nothing is known of the job.
---@param job segmind.Job
---@param target string
---@return string? xmp
---@return string? beside
function lineage.texts(job, target)
  if not lineage.made(job) then
    return nil
  end
  local record = record_text(job, target:match("^(.*)/") or "")
  return packet(job, record), record
end

local function fill(text, values)
  return text and text:gsub("\1(%a)", function(place)
    return values[place]
  end)
end

--- The same for a job that is over: the places are filled, but that of the hash. The date is that
--- of the ledger's row: a copy, which may be a further step's picture, is the same in every run.
---@param result segmind.Result
---@param target string
---@return string? xmp
---@return string? beside
function lineage.texts_of(result, target)
  local job = result.job
  local seed = result.seed
  local id = type(result.request_id) == "string" and result.request_id:match("^[%w._-]+$")
  local values = { i = id, c = result.cost and json.encode(result.cost), s = seed
    and (type(seed) == "number" and json.encode(seed) or seed),
    d = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(result._at or job.ended or os.time())) }
  local xmp, beside = lineage.texts(job, target)
  return fill(xmp, values), fill(beside, values)
end

return lineage
