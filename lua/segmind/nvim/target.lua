--- Which picture is meant: the one whose name stands under the cursor, or the one that the buffer
--- is. A name is only ever looked up, never expanded: text of a buffer may hold `backticks`.

local link = require("segmind.nvim.link")

local uv = vim.uv or vim.loop

local target = {}

local extensions = { png = true, jpg = true, jpeg = true, webp = true, gif = true }

--- Whether it is the name of a picture.
---@param name string
---@return boolean
function target.is_picture(name)
  local path = name:find("^https?://") and name:gsub("[?#].*$", "") or name
  local extension = path:match("%.(%w+)$")
  return extension ~= nil and extensions[extension:lower()] == true
end

--- A path out of a `file:` URL or a `file:` link; other names are returned as they are.
local function without_scheme(name)
  local path = name:match("^file://localhost(/.*)$") or name:match("^file://(/.*)$")
  return path and link.unescape(path) or name:match("^[Ff]ile:(.+)$") or name
end

--- Where a name in this buffer may lie: in the buffer's folder, else in the current one.
---@param name string
---@param folder string?
---@return string
function target.resolve(name, folder)
  name = without_scheme(name)
  if name:find("^https?://") or name:sub(1, 1) == "/" then
    return name
  elseif name:find("^~/") or name == "~" then
    return uv.os_homedir() .. name:sub(2)
  end
  local beside = folder and folder .. "/" .. name
  if beside and uv.fs_stat(beside) then
    return beside
  end
  return uv.cwd() .. "/" .. name
end

--- The folder of the current buffer's file.
---@return string?
function target.folder()
  local name = vim.api.nvim_buf_get_name(0)
  local folder = name:match("^(/.*)/[^/]*$")
  return folder and uv.fs_stat(folder) and folder
end

--- What a name stands for; nil and true for a picture that is not there.
local function accept(name, folder)
  if name:find("%z") or not target.is_picture(name) then
    return nil
  end
  local path = target.resolve(name, folder)
  if path:find("^https?://") then
    return not path:find("%s") and path or nil
  end
  local stat = uv.fs_stat(path)
  if stat and stat.type == "file" then
    return path
  end
  return nil, true
end

--- The picture whose name is at a column of a line; nil and the name of one that is not there.
local function at(line, column)
  local folder, missing = target.folder(), nil
  local found = link.find(line, column, function()
    return vim.api.nvim_buf_get_lines(0, 0, -1, false)
  end, function(name)
    local path, is_missing = accept(name, folder)
    missing = missing or is_missing and name or nil
    return path, is_missing
  end)
  return found, missing
end

--- The picture that is meant, as an absolute path or a URL; nil when there is none, and the name
--- under the cursor that leads to none.
---@return string?
---@return string? missing
function target.picture()
  local found, missing = at(vim.api.nvim_get_current_line(), vim.api.nvim_win_get_cursor(0)[2] + 1)
  if found then
    return found
  end
  local name = vim.api.nvim_buf_get_name(0)
  return target.is_picture(name) and uv.fs_stat(name) and name or nil, missing
end

--- The first picture that these lines of the buffer name, and the row it stands in, from 1.
---@param first integer
---@param last integer
---@return string?
---@return integer row
function target.in_lines(first, last)
  for i, line in ipairs(vim.api.nvim_buf_get_lines(0, first - 1, last, false)) do
    for column, extension in line:gmatch("()%.(%a+)") do
      local found = extensions[extension:lower()] and at(line, column)
      if found then
        return found, first + i - 1
      end
    end
  end
  return nil, last
end

--- True when the buffer is itself a picture: nothing is written into it.
---@param buffer integer
---@return boolean
function target.is_picture_buffer(buffer)
  return target.is_picture(vim.api.nvim_buf_get_name(buffer))
end

return target
