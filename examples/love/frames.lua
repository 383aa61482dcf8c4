--- How long the frames take: the last few hundred for the graph, all of them for the figures.
--- Seconds go in; figures come out in the unit of their name.

local Frames = {}
Frames.__index = Frames

local SHOWN = 300

function Frames.new()
  return setmetatable({ frame = {}, step = {}, count = 0, figures = nil }, Frames)
end

--- One frame: its whole time, and the part of it that client:step took.
function Frames:add(frame_s, step_s)
  self.count = self.count + 1
  self.frame[self.count], self.step[self.count] = frame_s, step_s
  if self.count % 30 == 1 then
    self.shown_figures = self:summary(math.max(1, self.count - SHOWN + 1))
  end
end

--- Begins anew, so that loading the program is in no figure.
function Frames:reset()
  self.frame, self.step, self.count = {}, {}, 0
end

local function sorted(values, first)
  local copy = {}
  for i = first, #values do
    copy[#copy + 1] = values[i]
  end
  table.sort(copy)
  return copy
end

local function quantile(list, q)
  return list[math.max(1, math.ceil(q * #list))] or 0
end

--- Median, 99th percentile and worst since frame `first`.
function Frames:summary(first)
  local frame, step = sorted(self.frame, first or 1), sorted(self.step, first or 1)
  local figures = { frames = #frame }
  for name, q in pairs({ median = 0.5, p99 = 0.99, worst = 1 }) do
    figures["frame_" .. name .. "_ms"] = quantile(frame, q) * 1e3
    figures["step_" .. name .. "_us"] = quantile(step, q) * 1e6
  end
  return figures
end

--- The last frames, newest last: `fn(i, frame_s, step_s)` with i from 1 to `room` at most.
function Frames:each_shown(room, fn)
  local shown = math.min(room, SHOWN, self.count)
  for i = 1, shown do
    local at = self.count - shown + i
    fn(i + room - shown, self.frame[at], self.step[at])
  end
end

return Frames
