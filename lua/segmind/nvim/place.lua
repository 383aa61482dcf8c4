--- Where a result is written: the place of the cursor when the edit was begun, wherever the text
--- has moved since.

local config = require("segmind.nvim.config")
local target = require("segmind.nvim.target")

local space = vim.api.nvim_create_namespace("segmind-place")

local Place = {}
Place.__index = Place

--- A place in the buffer: a row of it, from 1, else the cursor's.
---@param row integer?
function Place.new(row)
  local buffer = vim.api.nvim_get_current_buf()
  row = math.max(row or vim.api.nvim_win_get_cursor(0)[1], 1) - 1 -- 0 while the editor starts
  local self = { buffer = buffer, mark = vim.api.nvim_buf_set_extmark(buffer, space, row, 0, {}) }
  return setmetatable(self, Place)
end

local function takes_text(buffer)
  return vim.api.nvim_buf_is_loaded(buffer) and vim.bo[buffer].modifiable
    and vim.bo[buffer].buftype == "" and not target.is_picture_buffer(buffer)
end

--- The path as the buffer's own folder sees it, where it lies below.
local function relative(buffer, path)
  local folder = vim.api.nvim_buf_get_name(buffer):match("^(/.*)/[^/]*$")
  if folder and path:sub(1, #folder + 1) == folder .. "/" then
    return path:sub(#folder + 2)
  end
  return path
end

local markdown = { markdown = true, pandoc = true, quarto = true, rmd = true, vimwiki = true }

--- A path as Markdown has it, which reads escapes.
local function destination(path)
  path = path:gsub("%%(%x%x)", "%%25%1"):gsub("[<>\\]", "\\%0")
  return path:find("[%s()<>]") and "<" .. path .. ">" or path
end

local function line_for(buffer, path, label)
  local insert, shown = config.get("insert"), relative(buffer, path)
  if type(insert) == "function" then
    return insert(shown, label, buffer)
  elseif markdown[vim.bo[buffer].filetype] then
    return ("![%s](%s)"):format(label:gsub("[%[%]%c\\]", " "), destination(shown))
  end
  return shown
end

--- Takes the mark away and returns the row it was on, from 0.
function Place:_row()
  local row = vim.api.nvim_buf_get_extmark_by_id(self.buffer, space, self.mark, {})[1]
  vim.api.nvim_buf_del_extmark(self.buffer, space, self.mark)
  return row
end

--- Writes the path on a line of its own below, or into the line when that is empty.
---@param path string
---@param label string
---@return boolean written
function Place:insert(path, label)
  local buffer = self.buffer
  local row = vim.api.nvim_buf_is_valid(buffer) and self:_row()
  if not row or not config.get("insert") or not takes_text(buffer) then
    return false
  end
  local text = line_for(buffer, path, label)
  if not text then
    return false
  end
  local is_empty = vim.api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] == ""
  return pcall(vim.api.nvim_buf_set_lines, buffer, is_empty and row or row + 1, row + 1, false,
    vim.split(text, "\n"))
end

return Place
