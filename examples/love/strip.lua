--- The strip of thumbnails: time runs to the right, a branch takes a row of its own.

local theme = require("theme")

local strip = { scroll_x = 0, scroll_y = 0 }

local GAP_X, GAP_Y, PAD = 36, 10, 14

local function clamp(value, low, high)
  return math.max(low, math.min(high, value))
end

-- Rows share the height down to a size below which they are scrolled instead.
local function measure(rect, desk)
  local rows = math.max(1, desk.rows)
  local height = clamp((rect.h - 2 * PAD - (rows - 1) * GAP_Y) / rows, 64, 190)
  local size = { w = math.floor(height * 1.4), h = math.floor(height) }
  size.total_w = ((desk.deepest or 0) + 1) * (size.w + GAP_X) - GAP_X + 2 * PAD
  size.total_h = math.max(1, desk.rows) * (size.h + GAP_Y) - GAP_Y + 2 * PAD
  return size
end

local function where(card, rect, size)
  return { x = math.floor(rect.x + PAD + card.depth * (size.w + GAP_X) - strip.scroll_x),
    y = math.floor(rect.y + PAD + card.row * (size.h + GAP_Y) - strip.scroll_y),
    w = size.w, h = size.h }
end

local function bound(rect, size)
  strip.scroll_x = clamp(strip.scroll_x, 0, math.max(0, size.total_w - rect.w))
  strip.scroll_y = clamp(strip.scroll_y, 0, math.max(0, size.total_h - rect.h))
end

-- A newly selected card comes into sight.
local function reveal(rect, size, card)
  if not card or strip.revealed == card then
    return
  end
  strip.revealed = card
  local x, y = PAD + card.depth * (size.w + GAP_X), PAD + card.row * (size.h + GAP_Y)
  strip.scroll_x = clamp(strip.scroll_x, x + size.w + PAD - rect.w, x - PAD)
  strip.scroll_y = clamp(strip.scroll_y, y + size.h + PAD - rect.h, y - PAD)
end

local function connect(from, to, colour, alpha)
  local x1, y1, x2, y2 = from.x + from.w, from.y + from.h / 2, to.x, to.y + to.h / 2
  local reach = math.max(14, (x2 - x1) * 0.55)
  local curve = love.math.newBezierCurve(x1, y1, x1 + reach, y1, x2 - reach, y2, x2, y2)
  theme.set(colour, alpha)
  love.graphics.setLineWidth(2)
  love.graphics.line(curve:render(4))
  love.graphics.setLineWidth(1)
end

local function fill(card, at, age)
  local clip = { love.graphics.getScissor() }
  love.graphics.intersectScissor(at.x, at.y, at.w, at.h)
  love.graphics.setColor(1, 1, 1, math.min(1, age / 0.35))
  local x, y, scale = theme.place(card.thumbnail, at, true)
  love.graphics.draw(card.thumbnail, x, math.max(y, at.y - (at.y - y) * 0.4), 0, scale)
  love.graphics.setScissor(unpack(clip))
end

local function draw_pending(card, at, desk)
  local colour = theme.of_state(card.problem and "FAILED" or card.state)
  local label = card.problem and "failed" or card.unshown and "not shown" or card.state:lower()
  theme.print(label, at.x, at.y + at.h / 2 - 16, { font = "small", colour = colour,
    width = at.w, align = "center" })
  if not card.problem and not card.unshown then
    local bar = { x = at.x + at.w * 0.2, y = at.y + at.h / 2 + 6, w = at.w * 0.6, h = 4 }
    theme.box(bar, "line", 2)
    bar.w = math.max(4, bar.w * desk:progress(card))
    theme.box(bar, colour, 2)
  end
end

local function draw_badge(card, at, desk)
  local is_second = card == desk.second
  local text = is_second and card.number .. "  second" or tostring(card.number)
  local badge = { x = at.x + 5, y = at.y + 5, w = theme.fonts.small:getWidth(text) + 12, h = 17 }
  theme.box(badge, is_second and "busy" or "table", 8)
  theme.print(text, badge.x + 6, badge.y + 2, { font = "small",
    colour = is_second and "table" or "ink" })
end

local function draw_edge(card, at, desk, regions)
  if card == desk.selected then
    theme.frame(at, "accent", 3, 4)
  elseif card == desk.second then
    theme.frame(at, "busy", 3, 4)
  elseif regions:is_over(at) then
    theme.frame(at, "soft", 2, 4)
  else
    theme.frame(at, "panel", 3, 4)
  end
end

local function draw_card(card, at, desk, regions)
  theme.box(at, "raised", 4)
  if card.thumbnail then
    fill(card, at, love.timer.getTime() - card.shown_at)
  else
    draw_pending(card, at, desk)
  end
  draw_edge(card, at, desk, regions)
  draw_badge(card, at, desk)
  regions:add(at, function(button)
    if button == 1 then
      desk.selected = card
    else
      desk.second = desk.second ~= card and card or nil
    end
  end)
end

local function draw_empty(rect)
  theme.print("Drop a PNG or JPEG on the window to begin", rect.x, rect.y + rect.h / 2 - 8,
    { colour = "faint", width = rect.w, align = "center" })
end

function strip.draw(rect, desk, regions)
  theme.box(rect, "panel", 10)
  if #desk.cards == 0 then
    return draw_empty(rect)
  end
  local size = measure(rect, desk)
  reveal(rect, size, desk.selected)
  bound(rect, size)
  love.graphics.setScissor(rect.x, rect.y, rect.w, rect.h)
  regions.clip = rect
  for _, card in ipairs(desk.cards) do
    local at = where(card, rect, size)
    if card.parent then
      connect(where(card.parent, rect, size), at, "line")
    end
    if card.second then
      connect(where(card.second, rect, size), at, "busy", 0.45)
    end
  end
  for _, card in ipairs(desk.cards) do
    draw_card(card, where(card, rect, size), desk, regions)
  end
  regions.clip = nil
  love.graphics.setScissor()
end

function strip.scroll(x, y)
  strip.scroll_x, strip.scroll_y = strip.scroll_x - x, strip.scroll_y - y
end

return strip
