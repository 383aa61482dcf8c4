--- The FLUX.1 Kontext models of Segmind as Lua functions. A table is a request, a job is a value,
--- and a job put where an image is expected is the edge of a graph.
---
---     local segmind = require("segmind")
---     local photo = assert(segmind.edit("flux-kontext-pro", "portrait.webp", "a real photograph"))
---     photo:save("photo.png")
---
--- The verbs here use one client that is made on first use, from SEGMIND_API_KEY; `segmind.new`
--- makes one with options. Runtime failures return `nil, err`; misuse raises an error.

local Client = require("segmind.client")
local Error = require("segmind.error")
local async = require("segmind.async")
local guard = require("segmind.guard")
local input = require("segmind.input")
local json = require("segmind.json")
local lazy = require("segmind.lazy")
local models = require("segmind.models")

local several = lazy.require("segmind.several")

---@class segmind
---@field VERSION string
---@field models segmind.Models
---@field null lightuserdata JSON's null, for a parameter that is to be sent as such
local segmind = {
  VERSION = require("segmind.version"),
  null = json.null,
  bytes = input.bytes,
  is_error = Error.is_error,
  new = Client.new,
  async = async.start,
}

-- Whoever looks at the models may go through them: then all are loaded.
setmetatable(segmind, { __index = function(self, name)
  if name ~= "models" then
    return nil
  end
  for _, model in ipairs(models.names) do
    models.declared(model)
  end
  self.models = models
  return models
end })

local shared

--- The client of the module's verbs. A failure to open it is not kept: the key may come later.
local function client()
  if not shared or shared._closed then
    local err
    shared, err = Client.new()
    return shared, err
  end
  return shared
end

local function call(verb, ...)
  local sm, err = client()
  if not sm then
    return nil, err
  end
  return sm[verb](sm, ...)
end

--- Makes one picture and waits for it; see segmind.Client.run.
---@param model segmind.Model
---@param params table by name, as the model takes them
---@param opts segmind.CallOptions?
---@return segmind.Result?
---@return segmind.Error?
function segmind.run(model, params, opts)
  return call("run", model, params, opts)
end

--- Edits a picture and waits for it; see segmind.Client.edit.
---@param model segmind.Model
---@param picture segmind.Image
---@param params string|table
---@param opts segmind.CallOptions?
---@return segmind.Result?
---@return segmind.Error?
function segmind.edit(model, picture, params, opts)
  return call("edit", model, picture, params, opts)
end

--- As `run`, over the synchronous v1 way; see segmind.Client.run_sync.
---@param model segmind.Model
---@param params table by name, as the model takes them
---@param opts segmind.CallOptions?
---@return segmind.Result?
---@return segmind.Error?
function segmind.run_sync(model, params, opts)
  return call("run_sync", model, params, opts)
end

--- Sends a job on its way; see segmind.Client.submit.
---@param model segmind.Model
---@param params table by name, as the model takes them
---@param opts segmind.CallOptions?
---@return segmind.Job?
---@return segmind.Error?
function segmind.submit(model, params, opts)
  return call("submit", model, params, opts)
end

--- Starts a chain of edits; see segmind.Client.chain.
---@param ... segmind.Image? the picture of the first step
---@return segmind.Chain?
---@return segmind.Error?
function segmind.chain(...)
  return call("chain", ...)
end

--- Reads a chain file and makes a chain of it; see segmind.Client.chain_file.
---@param source string|table
---@param opts segmind.ChainFileOptions?
---@return segmind.Chain?
---@return segmind.Error?
function segmind.chain_file(source, opts)
  return call("chain_file", source, opts)
end

--- Uploads pictures; see segmind.Client.upload.
---@param source string|segmind.Bytes|(string|segmind.Bytes)[]
---@return string|string[]|nil
---@return segmind.Error?
function segmind.upload(source)
  return call("upload", source)
end

--- Waits until all have ended well, or one has failed. Waits as `job:wait` does.
---
---     local got, err, key = segmind.all{ night = night_job, noon = noon_job,
---       poster = function() return sm:run("flux-kontext-max", { prompt = "a poster" }) end }
---     if got then print(got.night.url, got.poster.url) else print(key, err) end
---
--- When it gives up, the functions are cancelled and the jobs go on.
---@param items table<any, segmind.Job|segmind.Task|fun(): any>
---@param timeout number? seconds
---@return table<any, any>? results under the same keys; of a function the first value
---@return segmind.Error? err of the first that failed
---@return any key of the first that failed
function segmind.all(items, timeout)
  return several.all(items, timeout)
end

--- Waits until all have ended, well or not, and loses none of them: what failed has an error beside
--- what succeeded.
---
---     for _, one in ipairs(segmind.settled(jobs)) do print(one.result or one.error) end
---@param items table<any, segmind.Job|segmind.Task|fun(): any>
---@param timeout number? seconds; what is not over then has an error with `running`
---@return table<any, { result: any, error: segmind.Error? }> outcomes under the same keys
function segmind.settled(items, timeout)
  return several.settled(items, timeout)
end

--- Waits until the first has ended, well or not: a failure, too, may be the first. The other
--- functions are cancelled, the other jobs go on.
---@param items table<any, segmind.Job|segmind.Task|fun(): any>
---@param timeout number? seconds
---@return any result
---@return segmind.Error? err
---@return any key
function segmind.race(items, timeout)
  return several.race(items, timeout)
end

guard.module(segmind, { "all", "race", "settled" })

return segmind
