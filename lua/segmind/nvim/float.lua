--- A window in the lower right corner of the screen that nobody can enter. The editor refuses
--- windows at times (in the command-line window, say); then it comes with the next try. Anybody may
--- wipe or unload its buffer (`:%bwipeout`); then it gets another.

local Float = {}
Float.__index = Float

local space = vim.api.nvim_create_namespace("segmind")

function Float.new()
  return setmetatable({}, Float)
end

--- Its buffer; a new one where there is none that is loaded.
function Float:_loaded()
  if not self._buffer or not vim.api.nvim_buf_is_loaded(self._buffer) then
    self:close()
    self._buffer = vim.api.nvim_create_buf(false, true)
    vim.bo[self._buffer].bufhidden = "hide"
  end
  return self._buffer
end

function Float:_is_open()
  return self._window and vim.api.nvim_win_is_valid(self._window)
end

--- Opens it in this tab page or moves it to where the corner is now.
---@param size { width: integer, height: integer }
function Float:place(size)
  local buffer = self:_loaded()
  local config = { relative = "editor", anchor = "SE",
    width = math.min(size.width, vim.o.columns - 2),
    height = math.min(size.height, math.max(vim.o.lines - 4, 1)), col = vim.o.columns,
    row = vim.o.lines - vim.o.cmdheight - (vim.o.laststatus > 0 and 1 or 0), style = "minimal",
    border = "rounded", focusable = false, zindex = 60 }
  if vim.fn.has("nvim-0.9") == 1 then
    config.title = " Segmind "
  end
  if self:_is_open() then
    if vim.api.nvim_win_get_tabpage(self._window) == vim.api.nvim_get_current_tabpage() then
      return pcall(vim.api.nvim_win_set_config, self._window, config)
    end
    pcall(vim.api.nvim_win_close, self._window, true)
  end
  config.noautocmd = true
  local ok, window = pcall(vim.api.nvim_open_win, buffer, false, config)
  self._window = ok and window or nil
  if ok then
    vim.wo[window].winhighlight = "NormalFloat:Normal,FloatBorder:SegmindPrompt"
    vim.wo[window].wrap = false
  end
end

--- Writes the lines; a colour is { line, from, to, group }, counted from 0 and in bytes.
---@param lines string[]
---@param colours table[]
function Float:write(lines, colours)
  local buffer = self:_loaded()
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.api.nvim_buf_clear_namespace(buffer, space, 0, -1)
  for _, colour in ipairs(colours) do
    vim.api.nvim_buf_set_extmark(buffer, space, colour[1], colour[2],
      { end_col = colour[3], hl_group = colour[4] })
  end
end

function Float:close()
  if self:_is_open() then
    pcall(vim.api.nvim_win_close, self._window, true)
  end
  if self._buffer then
    pcall(vim.api.nvim_buf_delete, self._buffer, { force = true })
  end
end

return Float
