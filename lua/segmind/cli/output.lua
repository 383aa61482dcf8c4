--- Standard output: results, and nothing else. Paths (or ids, addresses, figures) one a line; with
--- --json one event a line, of which the last is the result.

local json = require("segmind.json")

---@class segmind.cli.Output
---@field is_json boolean
local Output = {}
Output.__index = Output

local output = {}

---@param is_json boolean
---@param progress segmind.Progress gives way, as both may be on one terminal
---@return segmind.cli.Output
function output.new(is_json, progress)
  return setmetatable({ is_json = is_json, _stream = io.stdout, _progress = progress, _result = {},
    _paths = {}, _failed = false }, Output)
end

local function write(self, text)
  self._progress:clear()
  local ok, why = self._stream:write(text, "\n")
  if ok then
    ok, why = self._stream:flush()
  end
  self._failed = self._failed or not ok and tostring(why)
end

--- A list that is a list in JSON even if it is empty.
---@param list table
---@return table
function output.list(list)
  return list[1] ~= nil and list or json.null
end

-- JSON has no infinity and no functions; a value that cannot be written is left out.
local function plain(value, depth)
  local kind = type(value)
  if kind == "table" and depth < 8 then
    local copy = {}
    for key, item in pairs(value) do
      copy[key] = plain(item, depth + 1)
    end
    return copy
  elseif kind == "number" then
    return value - value == 0 and value or nil
  end
  return (kind == "string" or kind == "boolean" or value == json.null) and value or nil
end

--- A picture's file.
---@param path string
function Output:path(path)
  self._paths[#self._paths + 1] = path
  if not self.is_json then
    write(self, path)
  end
end

--- A result that is no picture's file; not with --json, where `result` takes it.
---@param text string
function Output:line(text)
  if not self.is_json then
    write(self, text)
  end
end

--- Something that has happened; with --json only.
---@param event table `what` names it
function Output:event(event)
  if self.is_json then
    write(self, json.encode(plain(event, 0)))
  end
end

--- Fields of the result, the last event.
---@param fields table
function Output:result(fields)
  for name, value in pairs(fields) do
    self._result[name] = value
  end
end

--- The end of the command.
---@param code integer
---@return string? why standard output could not be written
function Output:finish(code)
  local result = self._result
  result.what, result.exit = "result", code
  result.paths = result.paths or self._paths[1] and self._paths or nil
  self:event(result)
  return self._failed or nil
end

return output
