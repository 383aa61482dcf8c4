--- Which part of the window belongs to what: all rectangles from the window's size alone.

local function clamp(value, low, high)
  return math.floor(math.max(low, math.min(high, value)))
end

--- Left: picture, strip of thumbnails below it. Right: steps, frames below them. The prompt under
--- both. The strip grows with its rows, as long as the picture keeps most of the height.
---@param rows integer of the strip
local function layout(width, height, rows)
  local margin, gap = 20, 14
  local prompt_h, top = 96, 56
  local side_w = clamp(width * 0.28, 250, 380)
  local left_w = width - 2 * margin - side_w - gap
  local side_x = margin + left_w + gap
  local prompt_y = height - margin - prompt_h
  local body_h = prompt_y - gap - top
  local strip_h = clamp(body_h * 0.14 + 62 * rows, 130, math.max(130, body_h * 0.42))
  local picture_h = body_h - gap - strip_h
  local frames_h = clamp(body_h * 0.28, 120, 180)
  return {
    header = { x = margin, y = 0, w = width - 2 * margin, h = top },
    picture = { x = margin, y = top, w = left_w, h = picture_h },
    strip = { x = margin, y = top + picture_h + gap, w = left_w, h = strip_h },
    steps = { x = side_x, y = top, w = side_w, h = body_h - frames_h - gap },
    frames = { x = side_x, y = top + body_h - frames_h, w = side_w, h = frames_h },
    prompt = { x = margin, y = prompt_y, w = width - 2 * margin, h = prompt_h },
  }
end

return layout
