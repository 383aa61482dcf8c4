--- `:SegmindLog`: everything that was told in this session, whole, and what the ledger knows of
--- earlier ones.

local config = require("segmind.nvim.config")

local log = {}

local NAME = "segmind://log"
local MOST = 500 -- entries of the session, and rows of the ledger

local entries = {}

--- Keeps a text.
---@param level string "error", "warning", "info" or "note"
---@param text string
function log.add(level, text)
  entries[#entries + 1] = { time = os.time(), level = level, text = text }
  if #entries > MOST then
    table.remove(entries, 1)
  end
end

--- Puts a text that may have several lines below a head.
local function put(lines, head, text)
  for i, line in ipairs(vim.split(text, "\n", { plain = true })) do
    lines[#lines + 1] = (i == 1 and head or (" "):rep(#head)) .. line
  end
end

local function put_session(lines)
  lines[#lines + 1] = "This session"
  for _, entry in ipairs(entries) do
    put(lines, os.date("  %H:%M:%S ", entry.time) .. ("%-8s "):format(entry.level), entry.text)
  end
  if not entries[1] then
    lines[#lines + 1] = "  nothing was told"
  end
end

local function text_of(record)
  local parts = { record.model, tostring(record.params.prompt or "") }
  parts[#parts + 1] = record.request_id and "id " .. record.request_id
  parts[#parts + 1] = record.kept
  parts[#parts + 1] = record.error or record.damage
  return table.concat(parts, "\n")
end

--- What was spent, of what may be.
local function money(sm)
  local spent, budget = sm:spent(), config.get("budget")
  return spent and (": $%.2f spent"):format(spent)
    .. (budget and (" of $%.2f"):format(budget) or "") or ""
end

--- What the ledger holds, the newest first.
local function put_ledger(lines, sm, path)
  local records, err = sm:jobs()
  lines[#lines + 1] = ""
  lines[#lines + 1] = "The ledger " .. path .. money(sm)
  if not records then
    return put(lines, "  ", tostring(err))
  end
  for i = #records, math.max(#records - MOST + 1, 1), -1 do
    local record = records[i]
    put(lines, os.date("  %Y-%m-%d %H:%M:%S ", record.submitted) .. ("%-9s $%.2f "):format(
      record.state, record.usd), text_of(record))
  end
end

local function buffer()
  for _, number in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_get_name(number) == NAME then
      return number
    end
  end
  local number = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(number, NAME)
  vim.bo[number].bufhidden = "wipe"
  return number
end

--- Shows the log in a window of its own.
---@param sm segmind.Client? one with a ledger
---@param path string? of the ledger
function log.open(sm, path)
  local lines = {}
  put_session(lines)
  local last = #lines
  if sm and path then
    put_ledger(lines, sm, path)
  end
  local number = buffer()
  vim.bo[number].modifiable = true
  vim.api.nvim_buf_set_lines(number, 0, -1, false, lines)
  vim.bo[number].modifiable = false
  local window = vim.fn.bufwinid(number)
  if window == -1 then
    vim.cmd("botright sbuffer " .. number)
    window = vim.api.nvim_get_current_win()
  end
  vim.api.nvim_set_current_win(window)
  vim.wo[window].wrap, vim.wo[window].linebreak, vim.wo[window].breakindent = true, true, true
  vim.api.nvim_win_set_cursor(window, { last, 0 })
end

return log
