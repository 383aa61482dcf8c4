--- The table playing by itself, for tests and for a look without typing:
---
---     love examples/love --demo FOLDER [PICTURE]
---
--- writes working.png and finished.png into FOLDER, prints one line of figures and ends with status
--- 0, or 1 when a step failed or nothing came within SEGMIND_DEMO_SECONDS (60).

local Demo = {}
Demo.__index = Demo

-- { type = prompt, model =, from =, second = } edits; from and second are numbers of cards, without
-- `from` the newest one. { shot = } takes a screenshot once `ready` cards have a picture.
local script = {
  { type = "first snow on the roofs, a winter day", model = "flux-kontext-dev" },
  { type = "the same at night, with stars", model = "flux-kontext-pro" },
  { ready = 3 },
  { type = "a warm golden sunset", model = "flux-kontext-max", from = 2 },
  { type = "as a watercolour", model = "flux-kontext-dev", from = 1 },
  { type = "the two side by side", model = "multi-image-kontext-max", from = 3,
    second = 4 },
  { shot = "working.png", ready = 4, select = 4 },
  { shot = "finished.png", ready = 6, select = 4 },
}

local KEY_SECONDS = 0.02

function Demo.new(folder, desk, act)
  local limit = tonumber(os.getenv("SEGMIND_DEMO_SECONDS")) or 60
  return setmetatable({ folder = folder, desk = desk, act = act, at = 1, typed = 0, next_key = 0,
    deadline = love.timer.getTime() + limit }, Demo)
end

local function pictures_there(desk)
  local count = 0
  for _, card in ipairs(desk.cards) do
    local is_shown = card.image and love.timer.getTime() - card.shown_at > 0.4
    count = count + (is_shown and 1 or 0)
  end
  return count
end

local function write(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

local function shoot(self, step)
  self.pending = true
  if step.select then
    self.desk.selected = self.desk.cards[step.select]
  end
  love.graphics.captureScreenshot(function(data)
    -- Encoding it is no part of a frame's work: the figures are taken before.
    self.figures = self.desk.frames:summary()
    write(self.folder .. "/" .. step.shot, data:encode("png"):getString())
    self.pending = false
  end)
end

local function type_key(self, step)
  if self.typed == 0 then
    local desk = self.desk
    desk.model = step.model
    desk.selected = desk.cards[step.from or #desk.cards]
    desk.second = desk.cards[step.second or 0]
  end
  if self.typed < #step.type then
    self.typed = self.typed + 1
    self.act.text(step.type:sub(self.typed, self.typed))
  else
    self.act.key("return")
    self.typed, self.at = 0, self.at + 1
  end
end

local function failed(self)
  for _, card in ipairs(self.desk.cards) do
    if card.problem or card.unshown then
      return card.problem or card.unshown
    end
  end
  if not self.desk.client then
    return self.desk.notice.text
  elseif not self.desk.cards[1] then
    return "there is no picture to begin with: name one behind --demo DIR"
  elseif love.timer.getTime() > self.deadline then
    return "the demo did not end in time"
  end
end

local function finish(self)
  local f = self.figures
  print(("demo: %d cards, %d frames, median %.1f ms, p99 %.1f ms, worst %.1f ms; "
    .. "step median %.1f us, p99 %.1f us, worst %.1f us"):format(#self.desk.cards, f.frames,
    f.frame_median_ms, f.frame_p99_ms, f.frame_worst_ms, f.step_median_us, f.step_p99_us,
    f.step_worst_us))
  love.event.quit(0)
end

local function advance(self, step, now)
  if step.type then
    if now >= self.next_key then
      self.next_key = now + KEY_SECONDS
      type_key(self, step)
    end
  elseif pictures_there(self.desk) >= step.ready then
    self.at = self.at + 1
    if step.shot then
      shoot(self, step)
    end
  end
end

-- Opening the window and the first picture is in no figure.
local function has_begun(self)
  local first = self.desk.cards[1]
  if not self.begun and first and first.image then
    self.begun = true
    self.desk.frames:reset()
  end
  return self.begun
end

function Demo:update()
  local problem = failed(self)
  if problem then
    io.stderr:write("demo: ", problem, "\n")
    return love.event.quit(1)
  end
  local now, step = love.timer.getTime(), script[self.at]
  if self.pending or not has_begun(self) then
    return
  elseif step then
    advance(self, step, now)
  else
    finish(self)
  end
end

return Demo
