--- Files of the host's: what is written is there whole or not at all, and missing folders are made.
--- The core does it; segmind.client hands it over.

local Error = require("segmind.error")

local file = {}

local core

--- Hands the core over.
---@param given table segmind.core
function file.use(given)
  core = given
end

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
---@return string? path as it is in the end
---@return segmind.Error? err kind "io", or "protocol" when they are no picture
function file.write_picture(path, bytes)
  return written(core.save(path, bytes))
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
function file.image(bytes)
  return (core.image(bytes))
end

---@param bytes string
---@return string hex
function file.sha256(bytes)
  return core.sha256(bytes)
end

return file
