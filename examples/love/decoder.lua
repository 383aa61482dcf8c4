--- A thread: picture files in, decoded pictures out. Decoding a 512×512 PNG takes 12 ms, most of a
--- frame, so the frame only ever gets pixels. Each picture also comes small, every pixel of it the
--- mean of those it stands for: drawing the large one small would flicker.

require("love.image")
require("love.filesystem")
local ffi = require("ffi")

local requests, answers = ...
local THUMBNAIL = 320

local function read(path)
  local file, err = io.open(path, "rb")
  if not file then
    return nil, err
  end
  local bytes = file:read("*a")
  file:close()
  return bytes, not bytes and path .. " cannot be read" or nil
end

local function mean(pixels, stride, box, channel)
  local sum = 0
  for y = box.top, box.bottom - 1 do
    for x = box.left, box.right - 1 do
      sum = sum + pixels[(y * stride + x) * 4 + channel]
    end
  end
  return sum / ((box.right - box.left) * (box.bottom - box.top))
end

local function shrink(full)
  local width, height = full:getDimensions()
  local scale = math.max(width, height) / THUMBNAIL
  if scale <= 1 then
    return full
  end
  local w, h = math.max(1, math.floor(width / scale)), math.max(1, math.floor(height / scale))
  local small = love.image.newImageData(w, h)
  local from, to = ffi.cast("uint8_t *", full:getFFIPointer()),
    ffi.cast("uint8_t *", small:getFFIPointer())
  local box = {}
  for y = 0, h - 1 do
    box.top, box.bottom = math.floor(y * height / h), math.floor((y + 1) * height / h)
    for x = 0, w - 1 do
      box.left, box.right = math.floor(x * width / w), math.floor((x + 1) * width / w)
      for channel = 0, 3 do
        to[(y * w + x) * 4 + channel] = mean(from, width, box, channel)
      end
    end
  end
  return small
end

local function decode(path)
  local bytes = assert(read(path))
  if bytes:sub(1, 4) == "RIFF" then
    error("LÖVE reads PNG and JPEG, not WebP", 0)
  end
  local full = love.image.newImageData(love.filesystem.newFileData(bytes, "picture"))
  return full, shrink(full)
end

local request = requests:demand()
while request ~= "quit" do
  local ok, full, small = pcall(decode, request.path)
  answers:push(ok and { id = request.id, full = full, small = small }
    or { id = request.id, problem = tostring(full) })
  request = requests:demand()
end
