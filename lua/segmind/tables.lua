--- Tables of plain values, as parameters are: their names in order, and copies.

local tables = {}

--- The keys of a table, which are of one type, always in the same order.
---@param values table
---@return any[]
function tables.keys(values)
  local keys = {}
  for key in pairs(values) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

--- A copy in which `convert` has been over everything that is not a list or an object; what has a
--- metatable (a picture, a job) is neither.
---@param value any
---@param convert fun(leaf: any): any
---@return any
function tables.map(value, convert)
  if type(value) ~= "table" or getmetatable(value) ~= nil then
    return convert(value)
  end
  local copy = {}
  for key, item in pairs(value) do
    copy[key] = tables.map(item, convert)
  end
  return copy
end

--- Puts the values of one table into another, over those that it has.
---@param into table
---@param values table?
---@return table into
function tables.merge(into, values)
  for name, value in pairs(values or {}) do
    into[name] = value
  end
  return into
end

--- The entry of a list that begins with a name, as a model's parameters do.
---@param list table[]
---@param name any
---@return table?
function tables.named(list, name)
  for _, entry in ipairs(list) do
    if entry[1] == name then
      return entry
    end
  end
end

return tables
