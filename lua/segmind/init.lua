--- The FLUX.1 Kontext models of Segmind as Lua functions. A table is a request, a job is a value,
--- and a job put where an image is expected is the edge of a graph.
---
---     local segmind = require("segmind")
---     local house = { prompt = "a red house", aspect_ratio = "1:1" }
---     assert(segmind.run("flux-kontext-pro", house)):save("house.png")
---
--- The verbs here use one client that is made on first use, from SEGMIND_API_KEY; `segmind.new`
--- makes one with options. What the world does wrong is `nil, err`; what a programmer does wrong
--- raises.

local Client = require("segmind.client")
local Error = require("segmind.error")
local async = require("segmind.async")
local image = require("segmind.image")
local json = require("segmind.json")
local together = require("segmind.together")

local segmind = {
  VERSION = require("segmind.version"),
  --- The declared models: `segmind.models.names`, and a table under each name.
  models = require("segmind.models"),
  --- JSON's null, for a parameter that is to be sent as such.
  null = json.null,
  bytes = image.bytes,
  is_error = Error.is_error,
  new = Client.new,
  --- Several ways at once; see segmind.async and segmind.together.
  async = async.start,
  all = together.all,
  race = together.race,
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

local function verb(name)
  return function(...)
    local sm, err = client()
    if not sm then
      return nil, err
    end
    return sm[name](sm, ...)
  end
end

--- See segmind.Client for each.
segmind.run = verb("run")
segmind.run_sync = verb("run_sync")
segmind.submit = verb("submit")
segmind.chain = verb("chain")
segmind.upload = verb("upload")

return segmind
