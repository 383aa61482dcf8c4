--- A small window in the corner that tells how far each edit is. It takes no focus, follows the
--- screen's size and the tab page, and goes away by itself.

local float = require("segmind.nvim.float")
local text_lines = require("segmind.nvim.lines")

local uv = vim.uv or vim.loop

local progress = {}

local WIDTH, MOST = 58, 4
-- Of the newest failure, and of each of the others, which mostly say the same; :messages has all.
local REASON_LINES, FURTHER_LINES = 6, 1
local SPINNER = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" }

local shown, window, timer, is_drawing

--- Seconds since the job began, 0 while it waits for others.
local function seconds(entry)
  return entry.job and (entry.job:progress()) or 0
end

local function fit(text, width)
  text = text_lines.cut(text, width)
  return text .. (" "):rep(width - vim.fn.strdisplaywidth(text))
end

local function bar(entry, width)
  local part = entry.ended and 1 or math.min(seconds(entry) / (entry.about or 20), 0.97)
  local full = math.floor(part * width + 0.5)
  return ("█"):rep(full) .. ("░"):rep(width - full)
end

local function sign(entry)
  if entry.ended then
    return entry.error and "✗" or "✓"
  end
  return SPINNER[math.floor(uv.now() / 100) % #SPINNER + 1]
end

local function state(entry)
  if entry.error then
    return type(entry.error) == "table" and entry.error.kind or "refused"
  elseif entry.ended then
    return ("done in %.1f s"):format(seconds(entry))
  elseif not entry.job.started then
    return entry.job.state
  elseif entry.about then
    return ("%s %.0f s of %.0f"):format(entry.job.state, seconds(entry), entry.about)
  end
  return ("%s %.0f s"):format(entry.job.state, seconds(entry))
end

local function group(entry)
  return entry.error and "SegmindFailed" or entry.ended and "SegmindDone" or "SegmindState"
end

--- Why an edit has ended without a picture.
local function draw_reason(entry, lines, colours, most)
  local reason = tostring(entry.error):gsub("^segmind: ", "")
  for _, line in ipairs(text_lines.wrap(reason, WIDTH - 4, most)) do
    lines[#lines + 1] = fit("   " .. line, WIDTH)
    colours[#colours + 1] = { #lines - 1, 0, #lines[#lines], group(entry) }
  end
end

--- The lines of an edit, and which part of them has which colour.
local function draw_entry(entry, lines, colours, reason_lines)
  local inside = WIDTH - 2
  local name, what = entry.model, state(entry)
  local gap = inside - 2 - vim.fn.strdisplaywidth(name) - vim.fn.strdisplaywidth(what)
  lines[#lines + 1] = fit((" %s %s%s%s "):format(sign(entry), name, (" "):rep(math.max(gap, 1)),
    what), WIDTH)
  colours[#colours + 1] = { #lines - 1, 0, #lines[#lines], group(entry) }
  local drawn = bar(entry, 18)
  lines[#lines + 1] = " " .. drawn .. "  " .. fit(entry.label, WIDTH - 22) .. " "
  colours[#colours + 1] = { #lines - 1, 1, 1 + #drawn, group(entry) }
  colours[#colours + 1] = { #lines - 1, 2 + #drawn, #lines[#lines], "SegmindPrompt" }
  if entry.error then
    draw_reason(entry, lines, colours, reason_lines)
  end
end

local function last_failed()
  for i = math.min(#shown, MOST), 1, -1 do
    if shown[i].error then
      return shown[i]
    end
  end
end

local function draw()
  local lines, colours, last = {}, {}, last_failed()
  for i, entry in ipairs(shown) do
    if i > MOST then
      lines[#lines + 1] = fit((" and %d more"):format(#shown - MOST), WIDTH)
      break
    end
    draw_entry(entry, lines, colours, entry == last and REASON_LINES or FURTHER_LINES)
  end
  return lines, colours
end

local function stop()
  if timer then
    timer:stop()
    timer:close()
    timer = nil
  end
  if window then
    window:close()
    window = nil
  end
end

local function render()
  is_drawing = false
  if not timer then
    return
  elseif #shown == 0 then
    return stop()
  end
  local lines, colours = draw()
  window = window or float.new()
  window:place({ width = WIDTH, height = #lines })
  window:write(lines, colours)
end

local function highlights()
  for name, link in pairs({ State = "Identifier", Prompt = "Comment", Done = "String",
    Failed = "ErrorMsg" }) do
    vim.api.nvim_set_hl(0, "Segmind" .. name, { link = link, default = true })
  end
end

--- No window is drawn while the editor takes its buffers away.
local function stop_when_leaving()
  vim.api.nvim_create_autocmd("VimLeavePre", {
    group = vim.api.nvim_create_augroup("segmind-progress", {}), callback = stop })
end

--- Shows these edits for as long as there are any in the list.
---@param entries segmind.nvim.Entry[]
function progress.show(entries)
  shown = entries
  if timer then
    return
  end
  highlights()
  stop_when_leaving()
  timer = uv.new_timer()
  timer:start(0, 100, function()
    if not is_drawing then
      is_drawing = true
      vim.schedule(render)
    end
  end)
end

return progress
