--- Names for the pictures that come back. No file is ever written over: the names of edits under
--- way are kept aside, too. The extension is the picture's own and is added when it is there.

local config = require("segmind.nvim.config")
local target = require("segmind.nvim.target")

local uv = vim.uv or vim.loop

local output = {}
local reserved = {}

local function slug(text, longest)
  local words = text:lower():gsub("[^%w]+", "-"):gsub("^%-+", "")
  return (words:sub(1, longest):gsub("%-+$", ""))
end

local function is_taken(stem)
  if reserved[stem] then
    return true
  end
  for _, extension in ipairs({ "png", "jpg", "jpeg", "webp", "gif" }) do
    if uv.fs_stat(stem .. "." .. extension) then
      return true
    end
  end
  return false
end

--- A stem that no file has: night, night-2, night-3, ...
---@param stem string
---@return string
function output.unique(stem)
  local free, n = stem, 1
  while is_taken(free) do
    n = n + 1
    free = ("%s-%d"):format(stem, n)
  end
  reserved[free] = true
  return free
end

local function row(name, count)
  local list, is_free = {}, true
  for n = 1, count do
    list[n] = ("%s-%d"):format(name, n)
    is_free = is_free and not is_taken(list[n])
  end
  return is_free and list
end

--- Stems for a row of pictures, none of which has a file: chain-1, chain-2, or, on the next run,
--- chain-b-1, chain-b-2; after chain-z comes chain-27.
---@param stem string
---@param count integer
---@return string[]
function output.series(stem, count)
  local list, run = row(stem, count), 1
  while not list do
    run = run + 1
    list = row(("%s-%s"):format(stem, run <= 26 and string.char(96 + run) or run), count)
  end
  return list
end

--- Keeps a stem for an edit under way.
---@param stem string
function output.reserve(stem)
  reserved[stem] = true
end

---@param stem string
function output.release(stem)
  reserved[stem] = nil
end

--- The folder for results: `output_dir`, made when it is missing, else the one given.
---@param beside string
---@return string? folder
---@return string? message
function output.folder(beside)
  local folder = config.get("output_dir")
  if not folder then
    return beside
  end
  folder = target.resolve(folder):gsub("/+$", "")
  local ok = uv.fs_stat(folder) or pcall(vim.fn.mkdir, folder, "p")
  return ok and folder or nil, not ok and "the output folder cannot be made: " .. folder or nil
end

--- Where the edit of a picture goes: portrait-the-same-at-night, without extension.
---@param picture string? a path or a URL
---@param prompt string
---@return string? stem
---@return string? message
function output.stem(picture, prompt)
  local is_local = picture and not picture:find("^https?://")
  local folder, problem = output.folder(is_local and picture:match("^(.*)/[^/]*$") or uv.cwd())
  if not folder then
    return nil, problem
  end
  local path = is_local and picture or (picture or ""):gsub("[?#].*$", "")
  local name = path:match("([^/]*)$"):gsub("%.%w+$", "")
  local parts = vim.tbl_filter(function(part)
    return part ~= ""
  end, { (name:gsub("[^%w_-]+", "-"):gsub("^%-+", ""):sub(1, 40):gsub("%-+$", "")),
    slug(prompt, 40) })
  local words = parts[1] and table.concat(parts, "-") or "picture"
  return output.unique(("%s/%s"):format(folder:gsub("/$", ""), words))
end

return output
