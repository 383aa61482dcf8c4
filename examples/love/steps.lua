--- The right side: every step with its state and seconds, and the graph of the frames.

local theme = require("theme")

local steps = {}

local ROW = 54

local function draw_row(card, at, desk, regions)
  local state = card.problem and "FAILED" or card.state
  local colour = theme.of_state(state)
  if card == desk.selected or regions:is_over(at) then
    theme.box({ x = at.x + 6, y = at.y, w = at.w - 12, h = at.h - 4 }, "raised", 7)
  end
  local x, right = at.x + 16, at.x + at.w - 16
  theme.print(tostring(card.number), x, at.y + 8, { colour = "faint" })
  theme.print(card.title, x + 24, at.y + 8, { width = right - x - 82 })
  theme.print(("%.1f s"):format(desk.seconds(card)), right - 56, at.y + 8,
    { colour = card.seconds and "soft" or "accent", width = 56, align = "right" })
  local width = theme.print(state:lower(), x + 24, at.y + 27, { font = "small", colour = colour })
  theme.print("·  " .. card.model, x + 32 + width, at.y + 27, { font = "small", colour = "faint",
    width = right - x - 32 - width })
  local bar = { x = x + 24, y = at.y + 44, w = right - x - 24, h = 3 }
  if not card.seconds then
    theme.box(bar, "line", 1.5)
    bar.w = math.max(3, bar.w * desk:progress(card))
    theme.box(bar, colour, 1.5)
  end
  regions:add(at, function()
    desk.selected = card
  end)
end

local function edits_of(desk)
  local list = {}
  for _, card in ipairs(desk.cards) do
    if card.job then
      list[#list + 1] = card
    end
  end
  return list
end

--- The newest steps that have room, oldest of them first.
function steps.draw(rect, desk, regions)
  theme.box(rect, "panel", 10)
  theme.print("Steps", rect.x + 16, rect.y + 14, { colour = "soft" })
  local list = edits_of(desk)
  if #list == 0 then
    theme.wrap("Say below what to change in the picture, then press Enter. Each edit appears here "
      .. "with its state.", { x = rect.x + 16, y = rect.y + 44, w = rect.w - 32, h = rect.h - 60 },
      { colour = "faint" })
    return
  end
  local room = math.max(1, math.floor((rect.h - 44) / ROW))
  local first = math.max(1, #list - room + 1)
  if first > 1 then
    theme.print(("%d earlier"):format(first - 1), rect.x, rect.y + 15, { font = "small",
      colour = "faint", width = rect.w - 16, align = "right" })
  end
  for i = first, #list do
    draw_row(list[i], { x = rect.x, y = rect.y + 42 + (i - first) * ROW, w = rect.w, h = ROW },
      desk, regions)
  end
end

local FULL_MS = 40

-- A frame of 60 Hz is a third of the graph's height; what is longer than all of it is cut.
local function draw_bars(at, frames)
  local room = math.floor(at.w / 2)
  frames:each_shown(room, function(i, frame_s)
    local ms = frame_s * 1e3
    local height = math.max(1, math.min(1, ms / FULL_MS) * at.h)
    theme.set(ms > 33.4 and "bad" or ms > 20 and "accent" or "good", 0.85)
    love.graphics.rectangle("fill", at.x + (i - 1) * 2, at.y + at.h - height, 1.4, height)
  end)
end

local function draw_mark(at, left, ms)
  local y = math.floor(at.y + at.h * (1 - ms / FULL_MS)) + 0.5
  theme.set("line")
  love.graphics.line(at.x, y, at.x + at.w, y)
  theme.print(("%.1f ms"):format(ms), left, y - 8, { font = "small", colour = "faint" })
end

function steps.draw_frames(rect, frames)
  theme.box(rect, "panel", 10)
  theme.print("Frames", rect.x + 16, rect.y + 13, { colour = "soft" })
  local figures = frames.shown_figures
  if not figures then
    return
  end
  theme.print(("%.1f ms median  ·  %.1f worst"):format(figures.frame_median_ms,
    figures.frame_worst_ms), rect.x, rect.y + 14, { font = "small", colour = "soft",
    width = rect.w - 16, align = "right" })
  local at = { x = rect.x + 66, y = rect.y + 36, w = rect.w - 82, h = rect.h - 68 }
  draw_mark(at, rect.x + 16, 16.7)
  draw_mark(at, rect.x + 16, 33.3)
  draw_bars(at, frames)
  theme.print(("client:step  %.0f µs median  ·  %.0f µs p99"):format(figures.step_median_us,
    figures.step_p99_us), rect.x + 16, rect.y + rect.h - 24, { font = "small", colour = "faint",
    width = rect.w - 32 })
end

return steps
