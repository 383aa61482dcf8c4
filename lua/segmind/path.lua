--- Paths as a caller names them. A relative one is of the folder that the host is in when it is
--- named: later the host may be elsewhere, and another picture of the same name would be paid for.

local path = {}

local absolute = function(name)
  return name
end

--- Who knows the folder of the host; segmind.client has the core do it.
---@param fn fun(name: string): string
function path.set_absolute(fn)
  absolute = fn
end

--- The absolute path, links and all. What is no path (nil, "~", a name with a zero byte) stays, for
--- its own check to refuse.
---@generic T
---@param name T
---@return T
function path.absolute(name)
  if type(name) ~= "string" or name == "" or name:find("\0", 1, true) or path.is_home(name) then
    return name
  end
  return absolute(name)
end

--- Whether a shell would have replaced the beginning; a folder called "~" is not what was meant.
---@param name string
---@return boolean
function path.is_home(name)
  return name == "~" or name:sub(1, 2) == "~/"
end

--- Why a name is no file's path, or nil.
---@param name string
---@return string?
function path.problem(name)
  if name:find("\0", 1, true) then
    return "the path holds a zero byte"
  elseif path.is_home(name) then
    return '~ is not expanded; write the folder\'s name, as os.getenv("HOME") has it'
  elseif name:find("^%a[%w+.-]*://") then
    return "a path is wanted, not an address"
  end
end

local formats = { png = "png", jpg = "jpeg", jpeg = "jpeg", webp = "webp", gif = "gif" }

--- A path without a picture's extension, and that with its dot: "a/b.PNG" is "a/b" and ".PNG",
--- "house v1.5" has none. (sm_format_is_named is the core's.)
---@param name string
---@return string stem
---@return string? extension
function path.split(name)
  local stem, extension = name:match("^(.*[^/])(%.%w+)$")
  if stem and formats[extension:sub(2):lower()] then
    return stem, extension
  end
  return name
end

--- The format that a path's extension stands for.
---@param name string
---@return string? format "png", "jpeg", "webp", "gif"
function path.format(name)
  local _, extension = path.split(name)
  return extension and formats[extension:sub(2):lower()]
end

--- One spelling for one place: without "//", "/./" and "/x/../".
---@param name string an absolute path
---@return string
function path.normal(name)
  local parts = {}
  for part in name:gmatch("[^/]+") do
    if part == ".." then
      table.remove(parts)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return "/" .. table.concat(parts, "/")
end

--- What a picture that is saved under an absolute path may be called in the end.
---@param name string?
---@return string[]
function path.targets(name)
  if not name then
    return {}
  elseif path.format(name) then
    return { path.normal(name) }
  end
  local targets = {}
  for _, extension in ipairs({ "png", "jpg", "webp", "gif" }) do
    targets[#targets + 1] = path.normal(name:gsub("%.$", "")) .. "." .. extension
  end
  return targets
end

return path
