--- An editing table: a picture, a line to say what should change in it, and the pictures that came
--- of it. segmind does its work on a thread of its own; here it costs one call a frame, in
--- Desk:update.

-- Nobody reads LÖVE's blue screen in a test: there an error is printed and ends the program.
if arg[2] == "--demo" then
  love.errorhandler = function(message)
    io.stderr:write(debug.traceback("demo: " .. tostring(message), 2), "\n")
    return function()
      return 1
    end
  end
end

require("native").load()

local Demo = require("demo")
local Desk = require("desk")
local Line = require("line")
local Pictures = require("pictures")
local theme = require("theme")
local view = require("view")

local desk, line, demo

local function edit()
  if desk:edit(line.text) then
    line:take()
  end
end

-- --demo FOLDER [PICTURE], or [PICTURE]
local function read_arguments(words)
  if words[1] == "--demo" then
    return words[3], words[2] or "."
  end
  return words[1]
end

local function sample()
  local folder = os.getenv("SEGMIND_PICTURES") or love.filesystem.getSource()
    .. "/../../out"
  local path = folder .. "/noon.png"
  local file = io.open(path, "rb")
  return file and file:close() and path
end

-- Results of each session in a folder of their own, so that none is written over.
local function results_folder()
  local name = os.date("results/%Y-%m-%d_%H-%M-%S")
  assert(love.filesystem.createDirectory(name), "the save directory cannot be written")
  return love.filesystem.getSaveDirectory() .. "/" .. name
end

-- What was paid is kept beside the results, whatever becomes of the program; one file a service.
local function ledger()
  local base = os.getenv("SEGMIND_BASE_URL") or ""
  return ("%s/%s.db"):format(love.filesystem.getSaveDirectory(),
    base:match("^%a+://([^/:]+)") or "api.segmind.com")
end

function love.load(words)
  theme.load()
  love.keyboard.setKeyRepeat(true)
  line = Line.new()
  local picture, folder = read_arguments(words)
  local results = results_folder()
  -- A person at the table wants to know soon; the demo runs on an emulator, which is quicker still,
  -- and takes up nothing of the one before.
  desk = Desk.new(Pictures.new(), results, folder and 0.1 or "eager",
    folder and results .. "/edits.db" or ledger())
  picture = picture or sample()
  if picture then
    desk:open(picture)
  end
  if folder then
    demo = Demo.new(folder, desk, { text = love.textinput, key = love.keypressed })
  end
end

function love.update(dt)
  desk:update(dt)
  if demo then
    demo:update()
  end
end

function love.draw()
  view.draw(desk, line, edit)
end

function love.textinput(text)
  line:insert(text)
end

local keys = {
  ["return"] = edit,
  kpenter = edit,
  tab = function()
    desk:next_model(love.keyboard.isDown("lshift", "rshift") and -1 or 1)
  end,
  pageup = function()
    desk:move(-1)
  end,
  pagedown = function()
    desk:move(1)
  end,
  f11 = function()
    love.window.setFullscreen(not love.window.getFullscreen())
  end,
}

function love.keypressed(key)
  local control = love.keyboard.isDown("lctrl", "rctrl")
  if keys[key] then
    keys[key]()
  else
    line:key(key, control)
  end
end

function love.mousepressed(x, y, button)
  view.click(x, y, button)
end

function love.wheelmoved(x, y)
  view.scroll(x, y)
end

function love.filedropped(file)
  desk:open(file:getFilename())
end

function love.quit()
  desk:close()
end
