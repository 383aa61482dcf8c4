--- segmind.json as it is with lua-cjson and without it, for specs that hold for both.

local search = rawget(package, "searchpath")

local codecs = {}

--- Loads segmind.json where `require("cjson")` fails. What was loaded before stays.
---@return table json
function codecs.without_cjson()
  local loaded, preload = package.loaded, package.preload
  local json, cjson, preloaded = loaded["segmind.json"], loaded.cjson, preload.cjson
  loaded["segmind.json"], loaded.cjson = nil, nil
  preload.cjson = function()
    error("there is no lua-cjson here", 0)
  end
  local own = assert(loadfile(assert(search("segmind.json", package.path))))()
  loaded["segmind.json"], loaded.cjson, preload.cjson = json, cjson, preloaded
  return own
end

--- Calls a function that declares tests, once for each way to read.
---@param declare fun(json: table, reader: string)
function codecs.each(declare)
  declare(require("segmind.json"), "lua-cjson")
  declare(codecs.without_cjson(), "the core")
end

return codecs
