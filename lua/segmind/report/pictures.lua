--- The pictures of a report: beside the page or in it, never at an address of the service, which
--- dies in seven days. A file below the page's folder is linked as it is, any other is copied;
--- what was not saved is fetched.

local file = require("segmind.file")
local operation = require("segmind.operation")
local several = require("segmind.several")
local wait = require("segmind.wait")

local pictures = {}

-- Fetched at the same time, and for so many seconds.
local FETCHES, SECONDS = 8, 60

---@class segmind.report.Place
---@field page string absolute path of the page
---@field folder string absolute path of the folder for copies
---@field embed boolean
---@field fetch boolean

-- -- addresses ------------------------------------------------------------------------------------

local function parts_of(name)
  local parts = {}
  for part in name:gmatch("[^/]+") do
    if part == ".." and parts[1] then
      table.remove(parts)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return parts
end

--- The address of a file below the page's folder, relative to it; nil for one elsewhere.
local function link(page, name)
  local from, to = parts_of(page), parts_of(name)
  for i = 1, #from - 1 do
    if from[i] ~= to[i] then
      return nil
    end
  end
  local address = table.concat(to, "/", #from)
  return (address:gsub("[^%w/._~-]", function(char)
    return ("%%%02X"):format(char:byte())
  end))
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Two digits for each 12 bits.
local pairs_of_digits = {}
for i = 0, 4095 do
  local high, low = math.floor(i / 64) + 1, i % 64 + 1
  pairs_of_digits[i] = ALPHABET:sub(high, high) .. ALPHABET:sub(low, low)
end

---@param bytes string
---@return string
function pictures.base64(bytes)
  local out, missing = {}, -#bytes % 3
  bytes = bytes .. ("\0"):rep(missing)
  for at = 1, #bytes, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    out[#out + 1] = pairs_of_digits[a * 16 + math.floor(b / 16)]
    out[#out + 1] = pairs_of_digits[b % 16 * 256 + c]
  end
  local text = table.concat(out)
  return text:sub(1, #text - missing) .. ("="):rep(missing)
end

-- -- one picture ----------------------------------------------------------------------------------

local function slug(text)
  local name = tostring(text or ""):lower():gsub("%.%w+$", ""):gsub("[^%w]+", "-")
  name = name:gsub("^%-+", ""):sub(1, 40):gsub("%-+$", "")
  return name ~= "" and name or "picture"
end

local function describe(node, info)
  node.width, node.height = info.width, info.height
end

local function embed(node, info, bytes)
  node.src = ("data:image/%s;base64,%s"):format(info.format, pictures.base64(bytes))
  describe(node, info)
  return true
end

local function copy(place, node, bytes)
  local info = file.image(bytes)
  if not info then
    return nil, "it is no picture"
  elseif place.embed then
    return embed(node, info, bytes)
  end
  local name = ("%s/%03d-%s"):format(place.folder, node.index, slug(node.name or node.model))
  local written, err = file.write_picture(name, bytes)
  if not written then
    return nil, err.message
  end
  node.src = link(place.page, written)
  describe(node, info)
  return true
end

local function take_file(place, node, name)
  local info, why = file.probe(name)
  local address = info and not place.embed and link(place.page, file.absolute(name))
  if address then
    node.src = address
    describe(node, info)
    return true
  end
  local bytes = info and file.read(name)
  if not bytes then
    return nil, why or "it cannot be read"
  end
  return copy(place, node, bytes)
end

--- From where no network is needed.
local function take_local(place, node)
  for _, name in ipairs({ node.path or false, node.kept or false }) do
    local ok, why = nil, nil
    if name then
      ok, why = take_file(place, node, file.absolute(name))
    end
    if ok then
      node.missing = nil
      return
    end
    node.missing = why and ("Its file %s: %s"):format(name, why) or node.missing
  end
  local bytes = node.result and node.result._data
  local ok, why = nil, nil
  if bytes then
    ok, why = copy(place, node, bytes)
  end
  node.missing = not ok and (why or node.missing) or nil
end

local function fetch_bytes(node)
  if node.result then
    local bytes, err = node.result:bytes()
    node.seconds.download = node.result.download_time
    return bytes, err
  end
  local done, err = operation.await(node.client, "download", node.url, nil,
    { timeout = math.min(node.client._timeout, SECONDS) })
  return done and done.body, err
end

local function take_fetched(place, node)
  local bytes, err = fetch_bytes(node)
  local ok, why = nil, err and err.message
  if bytes then
    ok, why = copy(place, node, bytes)
  end
  node.missing = not ok and ("It could not be fetched: %s"):format(why or "nothing came") or nil
end

-- -- all of them ----------------------------------------------------------------------------------

local function can_fetch(place, node)
  return place.fetch and not node.src and type(node.url) == "string" and node.client ~= nil
    and not node.client._closed and wait.is_possible(node.client)
end

local function name_missing(node)
  local has_picture = node.kind == "source" or node.state == "COMPLETED"
  if not node.src and not node.missing and has_picture then
    node.missing = node.url and "It was not saved, and the page was written without fetching it."
      or "It is not at hand any more."
  end
end

--- Gives each node that has a picture its `src`, `width` and `height`, the others that should have
--- one a sentence, `missing`.
---@param nodes segmind.report.Node[]
---@param place segmind.report.Place
function pictures.place(nodes, place)
  local wanted = {}
  for _, node in ipairs(nodes) do
    take_local(place, node)
    wanted[#wanted + 1] = can_fetch(place, node) and node or nil
  end
  if wanted[1] then
    for i, outcome in ipairs(several.map(wanted, function(node)
      take_fetched(place, node)
      return true
    end, FETCHES)) do
      wanted[i].missing = outcome.error and outcome.error.message or wanted[i].missing
    end
  end
  for _, node in ipairs(nodes) do
    name_missing(node)
  end
end

return pictures
