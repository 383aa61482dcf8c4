--- Modules that few programs use, loaded when something of them is first looked at. Not for what a
--- step needs: a host's frame would wait for the file.

local lazy = {}

--- LuaJIT keeps a mark for each file whose loading has failed, and says no more than that of it
--- from then on.
function lazy.forget_failures()
  for name, value in pairs(package.loaded) do
    if name:find("^segmind") and type(value) ~= "table" and type(value) ~= "string" then
      package.loaded[name] = nil
    end
  end
end

--- What `require` gives, a table, or its error; after one (Ctrl-C, no memory) the next call loads
--- the module anew.
---@param name string
---@return table
function lazy.load(name)
  local ok, module = pcall(require, name)
  if not ok then
    lazy.forget_failures()
    error(module, 0)
  end
  return module
end

--- A table that stands for a module, to be looked at, and not to be written to.
---@param name string
---@return table
function lazy.require(name)
  return setmetatable({}, { __index = function(self, field)
    local module = lazy.load(name)
    setmetatable(self, { __index = module })
    return module[field]
  end })
end

return lazy
