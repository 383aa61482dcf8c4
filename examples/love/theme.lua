--- Colours, type and the few shapes that everything on the table is drawn with.

local utf8 = require("utf8")

local theme = {}

local function hex(code)
  local value = tonumber(code, 16)
  return { math.floor(value / 65536) / 255, math.floor(value / 256) % 256 / 255,
    value % 256 / 255 }
end

theme.colours = { table = hex("1b1a1d"), panel = hex("252429"), raised = hex("312f36"),
  line = hex("403d46"), ink = hex("f1ece4"), soft = hex("b5aea6"), faint = hex("7f7983"),
  accent = hex("e9a84a"), good = hex("86bd8b"), bad = hex("e5766a"), busy = hex("79aee0") }

local states = { waiting = "faint", uploading = "busy", submitting = "busy", QUEUED = "busy",
  PROCESSING = "accent", saving = "good", COMPLETED = "good", FAILED = "bad" }

--- The colour of a job's state.
function theme.of_state(state)
  return states[state] or "soft"
end

function theme.load()
  theme.fonts = {}
  for name, size in pairs({ small = 11, text = 13, input = 16, title = 20, large = 30 }) do
    theme.fonts[name] = love.graphics.newFont(size)
  end
  love.graphics.setBackgroundColor(theme.colours.table)
  love.graphics.setLineStyle("smooth")
end

function theme.set(colour, alpha)
  local c = theme.colours[colour]
  love.graphics.setColor(c[1], c[2], c[3], alpha or 1)
end

--- A filled rectangle with round corners; the line of the same colour smooths its edge.
function theme.box(rect, colour, radius, alpha)
  theme.set(colour, alpha)
  radius = math.min(radius or 8, rect.w / 2, rect.h / 2)
  love.graphics.rectangle("fill", rect.x, rect.y, rect.w, rect.h, radius, radius, 12)
  if not alpha or alpha == 1 then
    love.graphics.setLineWidth(1)
    love.graphics.rectangle("line", rect.x, rect.y, rect.w, rect.h, radius, radius, 12)
  end
end

function theme.frame(rect, colour, width, radius, alpha)
  theme.set(colour, alpha)
  love.graphics.setLineWidth(width or 1)
  love.graphics.rectangle("line", rect.x, rect.y, rect.w, rect.h, radius or 8)
  love.graphics.setLineWidth(1)
end

--- Text that LÖVE can draw: file names and answers may hold anything, and it raises at bad UTF-8.
function theme.clean(text)
  text = tostring(text):gsub("%c", " ")
  local _, bad = utf8.len(text)
  while bad do
    text = text:sub(1, bad - 1) .. "?" .. text:sub(bad + 1)
    _, bad = utf8.len(text)
  end
  return text
end

local fitted, count = {}, 0

local function cut(font, text, width)
  if font:getWidth(text) <= width then
    return text
  end
  local last = utf8.len(text)
  while last > 0 and font:getWidth(text:sub(1, utf8.offset(text, last + 1) - 1) .. "…") > width do
    last = last - 1
  end
  return text:sub(1, utf8.offset(text, last + 1) - 1) .. "…"
end

--- The text, shortened to a width. Remembered: most of it is the same in the next frame.
function theme.fit(font, text, width)
  local key = ("%s|%d|%s"):format(font, width, text)
  if not fitted[key] then
    if count > 500 then
      fitted, count = {}, 0
    end
    fitted[key], count = cut(theme.fonts[font], theme.clean(text), width), count + 1
  end
  return fitted[key]
end

--- Draws one line of text; `width` shortens it or, with `align`, is what it is aligned in.
function theme.print(text, x, y, style)
  local font = theme.fonts[style.font or "text"]
  local shown = style.width and theme.fit(style.font or "text", text, style.width) or text
  local left = x
  if style.align == "right" then
    left = x + (style.width or 0) - font:getWidth(shown)
  elseif style.align == "center" then
    left = x + (style.width - font:getWidth(shown)) / 2
  end
  theme.set(style.colour or "ink", style.alpha)
  love.graphics.setFont(font)
  love.graphics.print(shown, math.floor(left + 0.5), math.floor(y + 0.5))
  return font:getWidth(shown)
end

--- Draws wrapped text and returns its height.
function theme.wrap(text, rect, style)
  local font = theme.fonts[style.font or "text"]
  local _, lines = font:getWrap(theme.clean(text), rect.w)
  theme.set(style.colour or "ink")
  love.graphics.setFont(font)
  local height = math.floor(font:getHeight() * 1.35)
  for i = 1, math.min(#lines, math.max(1, math.floor(rect.h / height))) do
    local offset = style.align == "center" and (rect.w - font:getWidth(lines[i])) / 2 or 0
    local y = rect.y + (i - 1) * height
    love.graphics.print(lines[i], math.floor(rect.x + offset), math.floor(y))
  end
  return #lines * height
end

--- Where a picture goes in a rectangle: whole ("fit") or filling it.
function theme.place(image, rect, fills)
  local width, height = image:getDimensions()
  local pick = fills and math.max or math.min
  local scale = pick(rect.w / width, rect.h / height)
  return rect.x + (rect.w - width * scale) / 2, rect.y + (rect.h - height * scale) / 2, scale
end

function theme.picture(image, rect, alpha)
  local x, y, scale = theme.place(image, rect)
  love.graphics.setColor(1, 1, 1, alpha or 1)
  love.graphics.draw(image, x, y, 0, scale)
  return { x = x, y = y, w = image:getWidth() * scale, h = image:getHeight() * scale }
end

return theme
