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

---@class segmind
---@field VERSION string
---@field models segmind.Models
---@field null lightuserdata JSON's null, for a parameter that is to be sent as such
local segmind = {
  VERSION = require("segmind.version"),
  models = require("segmind.models"),
  null = json.null,
  bytes = input.bytes,
  is_error = Error.is_error,
  new = Client.new,
  -- Several ways at once.
  async = async.start,
  all = async.all,
  race = async.race,
  settled = async.settled,
}

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

guard.module(segmind, { "all", "race", "settled" })

return segmind
