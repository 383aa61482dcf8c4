--- What lies on the table: pictures, and how each came from another. Nothing here draws; the view
--- reads it. An edit is a job of segmind, and a job stands for its picture before that exists, so
--- an edit of an edit can be asked for while the first is still in the making.

local Frames = require("frames")
local segmind = require("segmind")

---@class Card one picture, there or in the making
---@field title string its prompt, or its file's name
---@field state string of its job; "given" for a picture from outside
---@field depth integer column on the strip
---@field row integer
---@field parent Card?
---@field second Card? of a model that takes two pictures
---@field job segmind.Job?
---@field image love.Image? the picture
---@field thumbnail love.Image?
---@field problem string? why its step failed
---@field unshown string? why its picture is not shown
---@field started number
---@field seconds number? how long it took, once it is over

local Desk = {}
Desk.__index = Desk

--- The models that the table offers: those declared from a page of their own, a chip each.
Desk.models = {}
for _, name in ipairs(segmind.models.names) do
  if not segmind.models[name].caveat then
    table.insert(Desk.models, name)
  end
end

local now = love.timer.getTime

--- `pictures` decodes; `folder` is where results are saved; `poll` and `ledger` are the client's
--- options.
function Desk.new(pictures, folder, poll, ledger)
  local can_keep = require("segmind.core").SQLITE -- how the library was built
  local self = setmetatable({ cards = {}, rows = 0, spent = 0, model = Desk.models[1],
    pictures = pictures, folder = folder, frames = Frames.new(), took = {} }, Desk)
  local client, err = segmind.new({ poll = poll, ledger = can_keep and ledger or nil,
    on_event = function(event)
      if event.message and event.what ~= "state" then
        self:tell(event.message)
      end
    end })
  self.client = client
  if not can_keep then
    self:tell("what is paid is not kept: this build of segmind has no SQLite")
  end
  if err then
    self.no_client = err.message
    self:complain(err.message)
  end
  return self
end

--- A line for the person at the table.
function Desk:tell(text)
  self.notice = { text = tostring(text), at = now(), colour = "soft" }
end

function Desk:complain(text)
  self.notice = { text = tostring(text), at = now(), colour = "bad" }
end

local function place(self, card)
  local parent = card.parent
  card.depth = parent and parent.depth + 1 or 0
  if parent and not parent.has_children then
    card.row = parent.row
  else
    card.row, self.rows = self.rows, self.rows + 1
  end
  if parent then
    parent.has_children = true
  end
  self.deepest = math.max(self.deepest or 0, card.depth)
end

local function add(self, card)
  card.number, card.started = #self.cards + 1, now()
  self.cards[card.number] = card
  place(self, card)
  self.selected = card
  return card
end

local function show(self, card, path)
  card.path = path
  self.pictures:load(path, function(image, thumbnail, problem)
    card.image, card.thumbnail, card.shown_at = image, thumbnail, now()
    if problem then
      card.unshown = problem .. ": the picture is not shown, but can be edited all the same"
      self:complain(card.unshown)
    end
  end)
end

--- Puts a picture from a file on the table.
function Desk:open(path)
  local card = add(self, { title = path:match("[^/\\]+$"), state = "given", seconds = 0 })
  show(self, card, path)
  return card
end

local function is_image(param)
  return param[2] == "image"
end

--- How many pictures the model takes.
function Desk:inputs(model)
  local count = 0
  for _, param in ipairs(segmind.models[model or self.model].params) do
    count = count + (is_image(param) and 1 or 0)
  end
  return count
end

local function source(card)
  return card.job or card.path
end

local function accepts(param, value)
  for _, allowed in ipairs(param.one_of or {}) do
    if allowed == value then
      return true
    end
  end
  return false
end

--- The parameters of an edit. LÖVE reads PNG, so that is asked for where there is a choice.
local function parameters(self, prompt)
  local params, given = { prompt = prompt }, { self.selected, self.second }
  for _, param in ipairs(segmind.models[self.model].params) do
    if is_image(param) then
      params[param[1]] = source(table.remove(given, 1))
    elseif param[1] == "output_format" then
      params.output_format = "png"
    elseif param[1] == "aspect_ratio" and accepts(param, "match_input_image") then
      params.aspect_ratio = "match_input_image"
    end
  end
  return params
end

local function follow(self, card)
  card.job:on("state", function(state)
    card.state = state
    if state == "submitting" then
      card.started = now() -- until here it has waited for its inputs
    end
  end)
  card.job:on("done", function(result)
    card.seconds = now() - card.started
    self.took[card.model], self.spent = card.seconds, self.spent + (result.cost or 0)
    show(self, card, result.path)
  end)
  card.job:on("error", function(err)
    card.seconds, card.problem = now() - card.started, tostring(err)
    self:complain(("step %d: %s"):format(card.number, err.message))
  end)
end

local function lacks(self, prompt)
  if not self.client then
    return self.no_client .. "; then start again"
  elseif not self.selected then
    return "drop a picture on the window first"
  elseif not prompt:find("%S") then
    return "say what to change in the picture"
  elseif self:inputs() > 1 and not self.second then
    return self.model .. " takes two pictures: right-click the second one"
  end
end

--- Edits the selected picture with the chosen model; the new picture is selected.
---@return Card?
function Desk:edit(prompt)
  local problem = lacks(self, prompt)
  if problem then
    return self:complain(problem)
  end
  local name = ("%s/%03d"):format(self.folder, #self.cards + 1)
  -- The same words again ask for another picture.
  local job, err = self.client:submit(self.model, parameters(self, prompt),
    { save = name, fresh = true })
  if not job then
    return self:complain(err.message)
  end
  local second = self:inputs() > 1 and self.second or nil
  local card = add(self, { title = prompt, model = self.model, job = job, state = job.state,
    parent = self.selected, second = second })
  follow(self, card)
  self.notice, self.second = nil, nil
  return card
end

--- How far a card is, from 0 to 1: its time against that of the last one of its model, or the
--- published one; the service tells no percentage.
function Desk:progress(card)
  if card.seconds then
    return 1
  elseif card.state == "waiting" then
    return 0
  end
  local expected = self.took[card.model] or segmind.models[card.model].latency_s
  return 1 - math.exp(-2.2 * (now() - card.started) / expected)
end

--- Seconds that a card took or has taken so far.
function Desk.seconds(card)
  return card.seconds or card.state ~= "waiting" and now() - card.started or 0
end

--- Cards whose job is not over.
function Desk:under_way()
  local count = 0
  for _, card in ipairs(self.cards) do
    count = count + (card.seconds and 0 or 1)
  end
  return count
end

--- Chooses the next model.
function Desk:next_model(by)
  for i, name in ipairs(Desk.models) do
    if name == self.model then
      self.model = Desk.models[(i - 1 + by) % #Desk.models + 1]
      return
    end
  end
end

--- Selects the card before or after.
function Desk:move(by)
  local at = (self.selected and self.selected.number or 1) + by
  self.selected = self.cards[math.max(1, math.min(#self.cards, at))]
end

--- Once a frame: at most 32 events, 2 MB of answers and 0.05 ms or so, however much has come.
function Desk:update(dt)
  local before = now()
  if self.client then
    self.client:step(32, 2e6, 5e-5)
  end
  self.frames:add(dt, now() - before)
  self.pictures:update()
end

function Desk:close()
  if self.client then
    self.client:close()
  end
  self.pictures:close()
end

return Desk
