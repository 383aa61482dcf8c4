--- Files of the host's: their paths as a caller names them, and what is in them. A relative path is
--- of the folder that the host is in when it is named: later the host may be elsewhere, and another
--- picture of the same name would be paid for. What is written is there whole or not at all, and
--- missing folders are made. The core does it; segmind.client hands it over.

local Error = require("segmind.error")

local file = {}

local core

--- Hands the core over.
---@param given table segmind.core
function file.use(given)
  core = given
end

-- -- paths ----------------------------------------------------------------------------------------

--- Whether a shell would have replaced the beginning; a folder called "~" is not what was meant.
---@param path string
---@return boolean
function file.is_home(path)
  return path == "~" or path:sub(1, 2) == "~/"
end

--- The absolute path, links and all. What is no path (nil, "~", a name with a zero byte) stays, for
--- its own check to refuse.
---@generic T
---@param path T
---@return T
function file.absolute(path)
  if type(path) ~= "string" or path == "" or path:find("\0", 1, true) or file.is_home(path) then
    return path
  end
  return core and core.absolute(path) or path -- a chain file may be checked without the core
end

--- Why a name is no file's path, or nil.
---@param path string
---@return string?
function file.problem(path)
  if path:find("\0", 1, true) then
    return "the path holds a zero byte"
  elseif file.is_home(path) then
    return '~ is not expanded; write the folder\'s name, as os.getenv("HOME") has it'
  elseif path:find("^%a[%w+.-]*://") then
    return "a path is wanted, not an address"
  end
end

local formats = { png = "png", jpg = "jpeg", jpeg = "jpeg", webp = "webp", gif = "gif" }

--- A path without a picture's extension, and that with its dot: "a/b.PNG" is "a/b" and ".PNG",
--- "house v1.5" has none. (sm_format_is_named is the core's.)
---@param path string
---@return string stem
---@return string? extension
function file.split(path)
  local stem, extension = path:match("^(.*[^/])(%.%w+)$")
  if stem and formats[extension:sub(2):lower()] then
    return stem, extension
  end
  return path
end

--- The format that a path's extension stands for.
---@param path string
---@return string? format "png", "jpeg", "webp", "gif"
function file.format(path)
  local _, extension = file.split(path)
  return extension and formats[extension:sub(2):lower()]
end

--- One spelling for one place: without "//", "/./" and "/x/../".
---@param path string an absolute one
---@return string
function file.normal(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." then
      table.remove(parts)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return "/" .. table.concat(parts, "/")
end

--- What a picture that is saved under an absolute path may be called in the end.
---@param path string?
---@return string[]
function file.targets(path)
  if not path then
    return {}
  elseif file.format(path) then
    return { file.normal(path) }
  end
  local targets = {}
  for i, extension in ipairs({ ".png", ".jpg", ".webp", ".gif" }) do
    targets[i] = file.normal(path:gsub("%.$", "")) .. extension
  end
  return targets
end

--- Whether a picture can be written to a path, as far as can be told beforehand.
---@param path string
---@return boolean?
---@return string? why not
function file.is_target(path)
  return core.target(path)
end

-- -- contents -------------------------------------------------------------------------------------

local function written(path, err)
  if not path then
    return nil, Error.from(err)
  end
  return path
end

--- Writes a text.
---@param path string
---@param text string
---@return string? path
---@return segmind.Error? err kind "io"
function file.write(path, text)
  return written(core.write(path, text))
end

--- Writes the bytes of a picture, which are checked to be a whole one. A name without a picture's
--- extension gets the format's.
---@param path string
---@param bytes string
---@param xmp string? what goes into it, see segmind.lineage
---@param beside string? what goes into a file beside it where its format has no room for that
---@return string? path as it is in the end
---@return segmind.Error? err kind "io", or "protocol" when they are no picture
function file.write_picture(path, bytes, xmp, beside)
  return written(core.save(path, bytes, xmp, beside))
end

--- What a file holds.
---@param path string
---@return string? bytes nil when it cannot be read
---@return string? why it cannot be opened
function file.read(path)
  local stream, why = io.open(path, "rb")
  local bytes = stream and stream:read("*a")
  if stream then
    stream:close()
  end
  return bytes, why
end

--- Looks at a picture's file.
---@param path string
---@return { format: string, width: integer, height: integer, media_type: string }?
---@return string? why it is none
function file.probe(path)
  if path == "" or path:find("\0", 1, true) then
    return nil, "that is no path"
  end
  return core.probe(path)
end

--- Looks at the bytes of a picture.
---@param bytes string
---@return { format: string, width: integer, height: integer, media_type: string }?
---@return string? why it is none
function file.image(bytes)
  return core.image(bytes)
end

---@param bytes string
---@return string hex
function file.sha256(bytes)
  return core.sha256(bytes)
end

return file
