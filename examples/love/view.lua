--- Draws the table: header, picture, prompt; the strip and the steps have files of their own.
--- What can be clicked is a region, noted while it is drawn.

local layout = require("layout")
local steps = require("steps")
local strip = require("strip")
local theme = require("theme")

local view = {}

local Regions = {}
Regions.__index = Regions

local function inside(rect, x, y)
  return x >= rect.x and y >= rect.y and x < rect.x + rect.w and y < rect.y + rect.h
end

function Regions:add(rect, fn)
  table.insert(self, { rect = rect, clip = self.clip, fn = fn })
end

function Regions:is_over(rect)
  local x, y = love.mouse.getPosition()
  return love.window.hasMouseFocus() and inside(rect, x, y)
    and (not self.clip or inside(self.clip, x, y))
end

local regions = setmetatable({}, Regions)

--- Runs what was drawn last at this place.
function view.click(x, y, button)
  for i = #regions, 1, -1 do
    local region = regions[i]
    if inside(region.rect, x, y) and (not region.clip or inside(region.clip, x, y)) then
      region.fn(button)
      return true
    end
  end
end

local service = (os.getenv("SEGMIND_BASE_URL") or "api.segmind.com"):gsub("^https?://", "")

local function draw_header(rect, desk)
  local y = rect.y + 17
  local width = theme.print("segmind", rect.x, y, { font = "title" })
  theme.print("an editing table", rect.x + width + 12, y + 7, { colour = "faint" })
  local making = desk:under_way()
  local facts = ("%s   ·   $%.2f spent"):format(theme.clean(service), desk.spent)
  if making > 0 then
    facts = ("%d in the making   ·   %s"):format(making, facts)
  end
  theme.print(facts, rect.x + rect.w / 2, y + 7, { colour = "soft", width = rect.w / 2,
    align = "right" })
end

-- The picture of a card, or of the nearest one before it that has one.
local function nearest_image(card)
  while card and not card.image do
    card = card.parent
  end
  return card
end

local function draw_making(card, rect, desk)
  local middle = rect.y + rect.h / 2
  theme.print(card.state:lower(), rect.x, middle - 44, { font = "large",
    colour = theme.of_state(card.state), width = rect.w, align = "center" })
  theme.print(card.title, rect.x + 40, middle + 2, { font = "input", width = rect.w - 80,
    align = "center" })
  local bar = { x = rect.x + rect.w / 2 - 110, y = middle + 38, w = 220, h = 5 }
  theme.box(bar, "line", 2.5)
  bar.w = math.max(5, bar.w * desk:progress(card))
  theme.box(bar, theme.of_state(card.state), 2.5)
  theme.print(("%.1f s"):format(desk.seconds(card)), rect.x, middle + 54, { colour = "soft",
    width = rect.w, align = "center" })
end

local function draw_note(rect, title, text, colour)
  local box = { x = rect.x + rect.w * 0.15, w = rect.w * 0.7, h = 150,
    y = rect.y + rect.h / 2 - 75 }
  theme.box(box, "raised", 10)
  theme.frame(box, colour, 1, 10)
  theme.print(title, box.x + 20, box.y + 18, { font = "input", colour = colour })
  theme.wrap(text, { x = box.x + 20, y = box.y + 50, w = box.w - 40, h = 84 }, {})
end

local function draw_caption(card, rect)
  local text = card.model and ("%s   ·   %s   ·   seed %s"):format(card.title, card.model,
    tostring(card.job.seed)) or card.title
  theme.print(text, rect.x + 20, rect.y + rect.h - 28, { colour = "soft", width = rect.w - 40,
    align = "center" })
end

local function draw_picture(rect, desk)
  theme.box(rect, "panel", 10)
  local card = desk.selected
  if not card then
    return
  end
  local inner = { x = rect.x + 14, y = rect.y + 14, w = rect.w - 28, h = rect.h - 54 }
  local shown = nearest_image(card)
  local age = card.shown_at and love.timer.getTime() - card.shown_at or 0
  if shown == card then
    local behind = age < 0.35 and nearest_image(card.parent)
    if behind then
      theme.picture(behind.image, inner, 1 - age / 0.35)
    end
    theme.picture(card.image, inner, math.min(1, age / 0.35))
  elseif shown then
    theme.picture(shown.image, inner, 0.22)
  end
  if card.problem then
    draw_note(rect, "This step failed", card.problem, "bad")
  elseif card.unshown then
    draw_note(rect, "No picture here", card.unshown, "soft")
  elseif not card.seconds then
    draw_making(card, inner, desk)
  end
  draw_caption(card, rect)
end

-- Room is short; the steps show the whole name.
local function short(name)
  return (name:gsub("^flux%-", ""):gsub("%-image%-kontext", ""))
end

local function draw_chip(x, y, name, desk)
  local chosen, label = name == desk.model, short(name)
  local rect = { x = x, y = y, h = 26, w = theme.fonts.small:getWidth(label) + 24 }
  if chosen or regions:is_over(rect) then
    theme.box(rect, chosen and "accent" or "raised", 13)
  else
    theme.frame(rect, "line", 1, 13)
  end
  theme.print(label, x + 12, y + 6, { font = "small", colour = chosen and "table" or "soft" })
  regions:add(rect, function()
    desk.model = name
  end)
  return rect.w
end

local function draw_hint(x, rect, desk)
  local hint, colour = "drop a picture to open it   ·   click a thumbnail to branch", "faint"
  if desk:inputs() > 1 then
    local second = desk.second and desk.second.number
    hint = second and ("picture %d is the second one"):format(second)
      or "right-click the second picture"
    colour = "busy"
  end
  theme.print(hint, x, rect.y + 6, { font = "small", colour = colour,
    width = rect.x + rect.w - x, align = "right" })
end

local NOTICE_SECONDS = 12

-- Over the strip's lower edge, until it has been there long enough to be read.
local function draw_notice(rect, desk)
  local notice = desk.notice
  if not notice or love.timer.getTime() - notice.at > NOTICE_SECONDS then
    return
  end
  local room = rect.w - 76
  local width, lines = theme.fonts.text:getWrap(theme.clean(notice.text), room)
  local height = math.min(3, #lines) * math.floor(theme.fonts.text:getHeight() * 1.35)
  local box = { x = rect.x + 20, y = rect.y + rect.h - height - 34, w = width + 36,
    h = height + 20 }
  theme.box(box, "raised", 8)
  theme.frame(box, notice.colour, 1, 8)
  theme.wrap(notice.text, { x = box.x + 18, y = box.y + 11, w = room, h = height }, {})
  regions:add(box, function()
    desk.notice = nil
  end)
end

local function draw_text(at, line)
  local font = theme.fonts.input
  local cursor = font:getWidth(line:left())
  local shift = math.max(0, cursor - at.w + 4)
  love.graphics.setScissor(at.x, at.y, at.w + 2, at.h)
  local y = at.y + (at.h - font:getHeight()) / 2
  if line.text == "" then
    theme.print("What should change in the picture?", at.x, y, { font = "input",
      colour = "faint" })
  else
    theme.print(line.text, at.x - shift, y, { font = "input" })
  end
  if love.timer.getTime() % 1 < 0.6 then
    theme.box({ x = at.x + cursor - shift, y = y - 1, w = 1.5, h = font:getHeight() + 2 }, "accent",
      0)
  end
  love.graphics.setScissor()
end

local function draw_button(rect, desk, on_edit)
  local active = desk.selected ~= nil
  theme.box(rect, active and "accent" or "line", 8)
  theme.print("Edit", rect.x, rect.y + rect.h / 2 - 10, { font = "input", width = rect.w,
    colour = active and "table" or "faint", align = "center" })
  regions:add(rect, on_edit)
end

local function draw_prompt(rect, desk, line, on_edit)
  local x = rect.x
  for _, name in ipairs(desk.models) do
    x = x + draw_chip(x, rect.y, name, desk) + 8
  end
  draw_hint(x + 12, rect, desk)
  local field = { x = rect.x, y = rect.y + 40, w = rect.w - 116, h = rect.h - 40 }
  theme.box(field, "panel", 10)
  theme.frame(field, "line", 1, 10)
  draw_text({ x = field.x + 18, y = field.y, w = field.w - 36, h = field.h }, line)
  draw_button({ x = rect.x + rect.w - 102, y = field.y, w = 102, h = field.h }, desk, on_edit)
end

function view.draw(desk, line, on_edit)
  local parts = layout(love.graphics.getWidth(), love.graphics.getHeight(),
    math.max(1, desk.rows))
  view.parts = parts
  for i = #regions, 1, -1 do
    regions[i] = nil
  end
  draw_header(parts.header, desk)
  draw_picture(parts.picture, desk)
  steps.draw(parts.steps, desk, regions)
  steps.draw_frames(parts.frames, desk.frames)
  strip.draw(parts.strip, desk, regions)
  draw_prompt(parts.prompt, desk, line, on_edit)
  draw_notice(parts.strip, desk)
end

function view.scroll(x, y)
  local mouse_x, mouse_y = love.mouse.getPosition()
  if view.parts and inside(view.parts.strip, mouse_x, mouse_y) then
    strip.scroll(x * 40, y * 40)
  end
end

return view
