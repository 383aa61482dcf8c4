--- The result of a job: the body that the service answered with, as a table (`status`, `output`,
--- `metrics` and whatever else a model adds), with a few fields made regular and three methods.
--- An output comes as a URL, a list of URLs, an object with a URL or as `images[].url`; a seed may
--- come as a string. The synchronous way answers with the picture itself, kept in memory here.

local Error = require("segmind.error")
local json = require("segmind.json")
local methods = require("segmind.methods")
local schema = require("segmind.schema")

---@class segmind.Result
---@field status string "COMPLETED"
---@field output any as the service wrote it; nil when the answer was the picture itself
---@field metrics table? cost (USD), inference_time, queue_time, total_time (seconds), ...
---@field url string? where the picture is, for about 7 days; nil when it is in memory
---@field urls string[] every output; the first is `url`
---@field cost number? USD
---@field seed integer? the seed it was made with
---@field request_id string?
---@field path string? the file, once it was saved
---@field kept string? the ledger's own copy
---@field job segmind.Job the job it came from; its `params` are what was sent
local Result = { _image_kind = "result" }
Result.__index = Result
Result.__name = "segmind.Result"

local function add_urls(value, out)
  if type(value) == "string" and value:find("^https?://") then
    out[#out + 1] = value
  elseif type(value) == "table" then
    add_urls(value.url, out)
    for _, item in ipairs(value) do
      add_urls(item, out)
    end
  end
  return out
end

-- Lua 5.3 and later.
local to_integer = rawget(math, "tointeger") or function() end

local function number(value)
  value = tonumber(value)
  return value and (to_integer(value) or value)
end

local function metric(body, name)
  return type(body.metrics) == "table" and tonumber(body.metrics[name]) or nil
end

-- Fields that only this side writes; `kept` is a file that is read.
local own = { "path", "kept", "_data", "_info", "_at" }

-- LuaJIT and 5.3 make room in a table even for a nil that was not there.
local function strip(body, name)
  if body[name] ~= nil then
    body[name] = nil
  end
end

--- Sets the regular fields on a body; a field of the service that has the name of one of ours goes.
local function dress(body, job, done)
  for name in pairs(Result) do
    strip(body, name)
  end
  for i = 1, #own do
    strip(body, own[i])
  end
  local urls = add_urls(body.output, {})
  if #urls == 0 then
    add_urls(body.images, urls)
  end
  body.urls, body.url = urls, urls[1]
  body.cost = metric(body, "cost") or tonumber(done.cost)
  body.seed = number(body.seed) or number(done.seed) or job.seed
  body.request_id = job.request_id
  body.job = job
  return setmetatable(body, Result)
end

local function of_picture(job, done)
  local body = { status = "COMPLETED", metrics = { cost = tonumber(done.cost),
    remaining_credits = tonumber(done.remaining_credits),
    total_time = tonumber(done.generation_time) } }
  local info, why = job._client._core.image(done.body or "")
  if not info or info.complete == false then
    return nil, Error.new("protocol", "the answer calls itself a picture, but "
      .. (why or "it is cut short"), { charged = "yes", request_id = job.request_id,
      body = done.body })
  end
  local result = dress(body, job, done)
  result._data, result._info = done.body, info
  return result
end

-- Almost every answer is JSON and says so in the same words.
local function is_picture(done)
  local kind = done.content_type
  return kind and kind ~= "application/json" and kind:lower():find("^%s*image/")
end

local function protocol(job, done, message)
  return nil, Error.new("protocol", message, { charged = "yes", body = done.body,
    request_id = job.request_id, status = done.status })
end

--- Makes a result of what the core hands out for a finished job.
---@param job segmind.Job
---@param done table
---@return segmind.Result?
---@return segmind.Error?
function Result.read(job, done)
  local client = job._client
  if is_picture(done) then
    return of_picture(job, done)
  end
  local body, why = json.decode(done.body, client._max_json)
  if type(body) ~= "table" then
    return protocol(job, done, "the result is not a JSON object: " .. (why or "something else"))
  elseif body.status == "FAILED" then
    return nil, Error.new("failed", tostring(body.error or "the service gives no reason"),
      { body = done.body, request_id = job.request_id, status = done.status })
  end
  local must_have = not job._sync or job._declared
  if must_have and body.output == nil and body.images == nil then
    return protocol(job, done, "COMPLETED without an output")
  end
  local result = dress(body, job, done)
  if job._declared and not result.url then
    return protocol(job, done, "COMPLETED, and the output holds no URL")
  end
  return result
end

function Result:_saved(done)
  self.path = done.path
  self._info = { format = done.format, width = done.width, height = done.height }
end

--- The picture without the network: in memory, or in the ledger's file.
local function at_hand(self)
  local file = not self._data and self.kept and io.open(self.kept, "rb")
  if not file then
    return self._data
  end
  local bytes = file:read("*a")
  file:close()
  return bytes
end

local function no_picture(self)
  return Error.new("io", "the result has no picture", { charged = "yes", body = self.body })
end

--- Fetches the picture; blocks.
local function fetch(self, path)
  local client = self.job._client
  client:_may_block("fetching a picture")
  if not self.url then
    return nil, no_picture(self)
  end
  local done, err = client:_await(client._handle:download(self.url, path,
    { timeout = client._timeout }))
  if not done then
    err.message = ("%s (the picture is at %s)"):format(err.message, self.url)
    err.charged, err.request_id = "yes", err.request_id or self.request_id
  end
  return done, err
end

--- Writes the picture (the first, when there are several) to a file; blocks. The file appears whole
--- or not at all. A name without extension gets the one of the format.
---@param path string
---@return string? path the name of the file
---@return segmind.Error? err kind "io", "timeout", "security", ...
function Result:save(path)
  if type(path) ~= "string" or path == "" then
    Error.misuse("result:save takes a path, got " .. schema.show(path))
  end
  local data = at_hand(self)
  if data then
    local final, err = self.job._client._core.save(path, data)
    self.path = final or self.path
    return final, err and Error.from(err)
  end
  local done, err = fetch(self, path)
  if not done then
    return nil, err
  end
  self:_saved(done)
  return done.path
end

--- The picture as a string; fetched anew at each call unless it is in memory or in the ledger;
--- blocks.
---@return string?
---@return segmind.Error?
function Result:bytes()
  local data = at_hand(self)
  if data then
    self._info = self._info or self.job._client._core.image(data)
    return data
  end
  local done, err = fetch(self)
  if not done then
    return nil, err
  end
  self._info = self.job._client._core.image(done.body)
  return done.body
end

--- The picture's format ("png", "jpeg", "webp", "gif"), width and height in pixels. Blocks when the
--- picture was not fetched before.
---@return { format: string, width: integer, height: integer }?
---@return segmind.Error?
function Result:info()
  if not self._info then
    local data, err = self:bytes()
    if not data then
      return nil, err
    end
  end
  return self._info
end

function Result:__tostring()
  local where = self.path or self.url or (self._data and #self._data .. " bytes") or "no picture"
  return ("segmind.Result %s %s%s"):format(self.job.model, where,
    self.cost and (" $%.2f"):format(self.cost) or "")
end

methods.guard(Result, "result", { "save", "bytes", "info" }, { read = true })

return Result
