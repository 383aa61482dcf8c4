--- The frame's side of the decoder: `load` asks for a picture, `update` hands out what is ready, at
--- most one a frame, because making a texture takes its time too.

local Pictures = {}
Pictures.__index = Pictures

function Pictures.new()
  local self = setmetatable({ requests = love.thread.newChannel(),
    answers = love.thread.newChannel(), waiting = {}, last_id = 0 }, Pictures)
  self.thread = love.thread.newThread("decoder.lua")
  self.thread:start(self.requests, self.answers)
  return self
end

--- fn(picture, thumbnail), or fn(nil, nil, problem); called from `update`.
function Pictures:load(path, fn)
  self.last_id = self.last_id + 1
  self.waiting[self.last_id] = fn
  self.requests:push({ id = self.last_id, path = path })
end

function Pictures:update()
  local answer = self.answers:pop()
  if not answer then
    return
  end
  local fn = self.waiting[answer.id]
  self.waiting[answer.id] = nil
  if answer.problem then
    return fn(nil, nil, answer.problem)
  end
  fn(love.graphics.newImage(answer.full), love.graphics.newImage(answer.small))
end

--- True when every picture that was asked for has come.
function Pictures:is_idle()
  return next(self.waiting) == nil
end

function Pictures:close()
  self.requests:clear()
  self.requests:push("quit")
  self.thread:wait()
end

return Pictures
