--- Which picture is meant: the one whose name stands under the cursor, or the one that the buffer
--- is. A name is only ever looked up, never expanded: text of a buffer may hold `backticks`.

local uv = vim.uv or vim.loop

local target = {}

local extensions = { png = true, jpg = true, jpeg = true, webp = true, gif = true }

local function is_picture(name)
  local extension = name:gsub("[?#].*$", ""):match("%.(%w+)$")
  return extension ~= nil and extensions[extension:lower()] == true
end

--- Where a name in this buffer may lie: in the buffer's folder, else in the current one.
---@param name string
---@param folder string?
---@return string
function target.resolve(name, folder)
  if name:find("^https?://") or name:sub(1, 1) == "/" then
    return name
  elseif name:sub(1, 2) == "~/" then
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

-- Around what a name may stand, the more telling first; the last takes a bare word.
local shapes = { "!%[[^%]]*%]%(<?([^)>]*)[^)]*%)()", '"([^"]*)"()', "'([^']*)'()", "<([^<>]*)>()",
  "([^%s\"'`<>()%[%]{}|,;]+)()" }

local function accept(name, folder)
  -- The title in ![…](name "title"), and the full stop of a sentence.
  name = name:gsub('%s+".*$', ""):gsub("[.,;:!?]+$", "")
  if not is_picture(name) then
    return nil
  end
  local path = target.resolve(name, folder)
  if path:find("^https?://") then
    return path
  end
  local stat = uv.fs_stat(path)
  return stat and stat.type == "file" and path or nil
end

local function under_cursor()
  local line, column = vim.api.nvim_get_current_line(), vim.api.nvim_win_get_cursor(0)[2] + 1
  local folder = target.folder()
  for _, shape in ipairs(shapes) do
    local at = 1
    while at do
      local from, _, name, stop = line:find(shape, at)
      if from and from <= column and column < stop then
        local path = accept(name, folder)
        if path then
          return path
        end
      end
      at = from and math.max(stop, from + 1)
    end
  end
end

--- The picture that is meant, as an absolute path or a URL; nil when there is none.
---@return string?
function target.picture()
  local found = under_cursor()
  if found then
    return found
  end
  local name = vim.api.nvim_buf_get_name(0)
  return is_picture(name) and uv.fs_stat(name) and name or nil
end

--- True when the buffer is itself a picture: nothing is written into it.
---@param buffer integer
---@return boolean
function target.is_picture_buffer(buffer)
  return is_picture(vim.api.nvim_buf_get_name(buffer))
end

return target
