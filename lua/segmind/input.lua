--- Pictures as parameters. Where a model takes an image the caller may write a path, an http(s)
--- URL, `segmind.bytes(s)`, a Result or a Job; the service takes public URLs only. So a local
--- picture is uploaded first, once per content and client: its SHA-256 names it, and whoever needs
--- the same content while it is on its way waits for the same upload.

local Error = require("segmind.error")
local file = require("segmind.file")
local json = require("segmind.json")
local lazy = require("segmind.lazy")
local operation = require("segmind.operation")
local wait = require("segmind.wait")

local schema = lazy.require("segmind.schema")

--- A picture in memory, in its file format; made by `segmind.bytes`.
---@class segmind.Bytes
---@field data string
local Bytes = {}
Bytes.__index = Bytes
Bytes.__name = "segmind.Bytes"

function Bytes:__tostring()
  return ("segmind.bytes (%d bytes)"):format(#self.data)
end

local input = {}

--- Marks a string as the content of a picture, not the name of a file.
---@param data string a whole PNG, JPEG, WebP or GIF file
---@return segmind.Bytes
function input.bytes(data)
  if type(data) ~= "string" then
    Error.misuse("segmind.bytes takes the content of a picture as a string, got "
      .. schema.show(data))
  end
  return setmetatable({ data = data }, Bytes)
end

---@param value any
---@return boolean
function input.is_bytes(value)
  return getmetatable(value) == Bytes
end

local function string_kind(value)
  if value:find("^[Hh][Tt][Tt][Pp][Ss]?://") then
    return "url"
  elseif value:find("^[Dd][Aa][Tt][Aa]:") then
    return nil, "the service refuses data: URIs; give the content as segmind.bytes(s)"
  elseif value:find("^[Ff][Ii][Ll][Ee]:") then
    return nil, "file: URIs are not read; give the path itself"
  elseif value == "" then
    return nil, "an image must not be empty"
  elseif value:find("\0", 1, true) then
    return nil, "a path holds no zero byte; give the content of a picture as segmind.bytes(s)"
  elseif value:find("^%a[%w+.-]+://") then
    return nil, "only http and https URLs are read, got " .. schema.show(value)
  end
  return "path"
end

--- What an image parameter holds: "path", "url", "bytes", "job" or "result"; or nil and why not.
---@param value any
---@return string? kind
---@return string? problem
function input.kind(value)
  if type(value) == "string" then
    return string_kind(value)
  elseif type(value) == "table" then
    local class = getmetatable(value)
    local kind = class == Bytes and "bytes" or type(class) == "table" and class._image_kind
    if kind then
      return kind
    end
  end
  return nil, "an image is a path, an http(s) URL, segmind.bytes(s), a Result or a Job; got "
    .. schema.show(value)
end

--- Whether a picture is none: a misspelt variable, or the result of a call that failed. For a model
--- whose picture is optional it would be a paid picture of something else.
---@param value any
---@return boolean
function input.is_missing(value)
  return value == nil or value == false or value == json.null
end

---@param value any a picture that is missing
---@return string
function input.show_missing(value)
  return value == json.null and "null" or tostring(value)
end

-- A camera's picture is often stored as the sensor lay, with a note how to turn it.
local function turned(info)
  local orientation = info.orientation or 1
  return orientation > 1 and ("the JPEG is stored turned (Exif orientation %d), and the service "
    .. "may take it as it is stored; turn its pixels first"):format(orientation) or nil
end

local function local_problem(info, problem, what, formats)
  if not info then
    return problem
  elseif info.complete == false then
    return what .. " is cut short"
  end
  for _, format in ipairs(formats or { info.format }) do
    if format == info.format then
      return nil, turned(info)
    end
  end
  return ("%s is a %s; this model takes %s"):format(what, info.format, table.concat(formats, " "))
end

--- Looks at a value before anything is sent: reads a file's header, checks bytes in memory.
---@param value any
---@param formats string[]? the formats that the model takes
---@return string? problem
---@return string? warning what may become of it otherwise than expected
function input.problem(value, formats)
  local kind, problem = input.kind(value)
  if kind == "path" then
    local info, why = file.probe(value)
    if why and not why:find(value, 1, true) then
      why = ("%s: %s"):format(schema.show(value), why)
    end
    return local_problem(info, why, value, formats)
  elseif kind == "bytes" then
    local info, why = file.image(value.data)
    return local_problem(info, why, "the picture", formats)
  elseif kind == "result" and not (value.url or value._data or value.kept) then
    return "the result has no picture"
  end
  return problem
end

--- Uploads of one client: the URL per SHA-256, and who waits for one, or for the hash of a path.
local Uploads = {}
Uploads.__index = Uploads

---@param client segmind.Client
---@return table
function input.uploads(client)
  return setmetatable({ _client = client, _digests = {}, _urls = {}, _waiting = {} }, Uploads)
end

--- Begins `verb` for the first who asks under `name`. Who asks meanwhile gets its end, too, and may
--- get it twice when an error is raised in the midst; `read(done)` makes what they get.
local function share(client, shared, name, fn, read, verb, ...)
  local handler = shared[name]
  if operation.is_under_way(client, handler) and not operation.is_ending(client, handler) then
    table.insert(handler, fn)
    return
  end
  handler = { fn }
  function handler:_on_end(done, err)
    local value = done and read(done)
    if shared[name] == self then
      shared[name] = nil
    end
    for _, waiter in ipairs(self) do
      waiter(value, err)
    end
  end
  shared[name] = handler
  operation.start(client, handler, verb, ...)
end

function Uploads:_upload(sha256, source, format, timeout, fn)
  if self._urls[sha256] then
    return fn(self._urls[sha256])
  end
  source.media_type = "image/" .. format
  share(self._client, self._waiting, sha256, fn, function(done)
    self._urls[sha256] = done.url
    return done.url
  end, "upload", source, { timeout = timeout })
end

local function whole(done)
  return done
end

--- Hands `fn` what a path or a segmind.Bytes holds: `{ sha256, format, bytes }`, or nil and an
--- Error. Those who ask for the same meanwhile share the work, which is the worker thread's.
local function digest(self, source, timeout, fn)
  local given = input.is_bytes(source) and { bytes = source.data } or source
  share(self._client, self._digests, source, fn, whole, "digest", given, { timeout = timeout })
end

--- Hands `fn` the SHA-256 of each of a list of paths and segmind.Bytes, or nil and an Error. May
--- call `fn` before it returns, when the list is empty.
---@param sources (string|segmind.Bytes)[]
---@param timeout number seconds
---@param fn fun(digests: table<string|segmind.Bytes, string>?, err: segmind.Error?)
function Uploads:digest_all(sources, timeout, fn)
  local digests, left = {}, #sources
  if left == 0 then
    return fn(digests)
  end
  for _, source in ipairs(sources) do
    digest(self, source, timeout, function(done, err)
      if err then
        return fn(nil, err)
      end
      left = left - (digests[source] and 0 or 1)
      digests[source] = done.sha256
      if left == 0 then
        fn(digests)
      end
    end)
  end
end

--- Uploads a path or a segmind.Bytes and hands `fn` its URL, or nil and an Error. May call `fn`
--- before it returns, when the content is already there.
---@param source string|segmind.Bytes
---@param timeout number seconds
---@param fn fun(url: string?, err: segmind.Error?)
function Uploads:put(source, timeout, fn)
  local is_bytes = input.is_bytes(source)
  source = is_bytes and source or file.absolute(source)
  digest(self, source, timeout, function(done, err)
    if not done then
      return fn(nil, err)
    end
    local given = is_bytes and { bytes = source.data } or { path = source }
    self:_upload(done.sha256, given, done.format, timeout, fn)
  end)
end

-- The service keeps a picture for 7 days; a URL of 6 is not even asked.
local URL_LASTS = 6 * 24 * 3600

--- A picture that a ledger keeps: its URL is good enough, or the file goes up again.
local function fill_kept(self, slot, left, fn)
  local result = slot.result
  local function answered(is_there)
    if is_there then
      slot.holder[slot.key], slot.kind = result.url, "url"
      return fn()
    end
    slot.kind = "path"
    self:fill(slot, left, fn)
  end
  if os.time() - result._at > URL_LASTS then
    return answered(false)
  end
  operation.start(self._client, { _on_end = function(_, done)
    if left() then
      answered(done ~= nil)
    end
  end }, "download", result.url, nil, { timeout = math.max(left(), 0.001) })
end

--- Puts the URL of a local picture in its place and calls `fn()`, or `fn(err)`; nothing is called
--- once nobody waits for it. A shared upload that ran out of somebody else's time is begun again.
---@param slot table see segmind.slots
---@param left fun(): number? seconds that are left; nil when it is not wanted any more
---@param fn fun(err: segmind.Error?)
function Uploads:fill(slot, left, fn)
  if slot.kind == "kept" then
    return fill_kept(self, slot, left, fn)
  end
  self:put(slot.value, math.max(left(), 0.001), function(url, err)
    local seconds = left()
    if not seconds then
      return
    elseif url then
      slot.holder[slot.key] = url
      slot.kind = "url"
      return fn()
    elseif err.kind == "timeout" and seconds > 0.05 then
      return self:fill(slot, left, fn)
    end
    fn(err)
  end)
end

local function source_problem(source)
  local kind = input.kind(source)
  if kind and kind ~= "path" and kind ~= "bytes" then
    return "a path or segmind.bytes(s) is uploaded, got a " .. kind
  end
  return input.problem(source)
end

--- Uploads all of a list and waits for them.
---@param sources (string|segmind.Bytes)[]
---@param timeout number seconds
---@return string[]? urls
---@return segmind.Error?
function Uploads:all(sources, timeout)
  local urls, left = {}, #sources
  for _, source in ipairs(sources) do
    local problem = source_problem(source)
    if problem then
      return nil, Error.refusal(problem)
    end
  end
  if left == 0 then
    return urls
  end
  return wait.result(self._client, "upload", function(fn)
    for i, source in ipairs(sources) do
      self:put(source, timeout, function(url, err)
        left = left - (urls[i] and 0 or 1)
        urls[i] = url
        if err or left == 0 then
          fn(not err and urls or nil, err)
        end
      end)
    end
  end)
end

return input
