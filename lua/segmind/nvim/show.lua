--- Shows a picture inside the terminal by kitty's graphics protocol, where the terminal speaks it
--- (https://sw.kovidgoyal.net/kitty/graphics-protocol/): kitty, Ghostty, WezTerm. The terminal
--- reads the file itself, so nothing large passes through the editor; it takes PNG only.

local config = require("segmind.nvim.config")

local show = {}

local CELL = 2 -- a cell is about twice as high as wide
local last_id = 0

--- True when this terminal shows pictures; else false and why not.
---@return boolean
---@return string why
function show.can()
  local env = vim.env
  if env.TMUX or env.STY then
    return false, "tmux and screen do not let pictures through"
  elseif env.SSH_CONNECTION or env.SSH_TTY then
    return false, "the terminal is on another machine and cannot read the file"
  elseif env.KITTY_WINDOW_ID or (env.TERM or ""):find("kitty") then
    return true, "kitty"
  elseif env.TERM == "xterm-ghostty" or env.TERM_PROGRAM == "WezTerm" then
    return true, env.TERM_PROGRAM or "Ghostty"
  end
  return false, ("the terminal (TERM=%s) is not known to speak kitty's graphics protocol"):format(
    env.TERM or "")
end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- Base64 of a short text (Debian's Neovim has none).
---@param text string
---@return string
function show.base64(text)
  local out = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    for i = 3, 0, -1 do
      local index = math.floor(bits / 64 ^ i) % 64 + 1
      out[#out + 1] = alphabet:sub(index, index)
    end
    out[#out] = c and out[#out] or "="
    out[#out - 1] = b and out[#out - 1] or "="
  end
  return table.concat(out)
end

local function command(keys, payload)
  return ("\27_G%s;%s\27\\"):format(keys, payload or "")
end

--- The bytes that put the picture at a cell (from 1), in so many cells; the cursor stays.
---@param path string
---@param id integer
---@param area { row: integer, col: integer, width: integer, height: integer }
---@return string
function show.sequence(path, id, area)
  local keys = ("a=T,f=100,t=f,q=2,C=1,i=%d,c=%d,r=%d"):format(id, area.width, area.height)
  return ("\27[s\27[%d;%dH%s\27[u"):format(area.row, area.col, command(keys, show.base64(path)))
end

local function send(bytes)
  if vim.api.nvim_ui_send then
    vim.api.nvim_ui_send(bytes)
  else
    vim.api.nvim_chan_send(vim.v.stderr, bytes)
  end
end

--- How many cells a picture takes: at most 60 % of the screen, in its own shape.
---@param info { width: integer, height: integer }
---@return integer width
---@return integer height
function show.cells(info)
  local most_wide, most_high = math.floor(vim.o.columns * 0.6), math.floor(vim.o.lines * 0.6)
  local scale = math.min(most_wide / info.width, most_high * CELL / info.height)
  return math.max(math.floor(info.width * scale), 1),
    math.max(math.floor(info.height * scale / CELL), 1)
end

local function open_window(path, width, height)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.bo[buffer].bufhidden = "wipe"
  local row = math.max(math.floor((vim.o.lines - height) / 2) - 1, 0)
  local col = math.max(math.floor((vim.o.columns - width) / 2), 0)
  local ok = pcall(vim.api.nvim_open_win, buffer, true, { relative = "editor", row = row, col = col,
    width = width, height = height, style = "minimal", border = "rounded" })
  vim.api.nvim_buf_set_name(buffer, "segmind://" .. path)
  for _, key in ipairs({ "q", "<Esc>" }) do
    vim.api.nvim_buf_set_keymap(buffer, "n", key, "<Cmd>close<CR>", { silent = true })
  end
  return ok and buffer, { row = row + 2, col = col + 2, width = width, height = height }
end

--- Shows a picture in a window that q closes; false where that cannot be. Nobody who is typing is
--- interrupted: then it is not shown either.
---@param path string
---@param info { format: string, width: integer, height: integer }?
---@return boolean
function show.picture(path, info)
  local is_wanted = config.get("show") and show.can() and vim.fn.mode() == "n"
  if not is_wanted or not info or info.format ~= "png" then
    return false
  end
  local buffer, area = open_window(path, show.cells(info))
  if not buffer then
    return false
  end
  last_id = last_id % 1000 + 1
  local id = last_id + 7000
  vim.api.nvim_create_autocmd("BufWipeout", { buffer = buffer, once = true, callback = function()
    send(command(("a=d,d=I,q=2,i=%d"):format(id)))
  end })
  vim.cmd("redraw")
  send(show.sequence(path, id, area))
  return true
end

return show
