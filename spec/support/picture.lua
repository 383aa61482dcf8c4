--- Format and size of an encoded picture, read from its own bytes: an eye of the specs that shares
--- no code with the library.

local picture = {}

local function be16(bytes, at)
  local a, b = bytes:byte(at, at + 1)
  return a * 256 + b
end

local function le(bytes, at, count)
  local value = 0
  for i = count - 1, 0, -1 do
    value = value * 256 + bytes:byte(at + i)
  end
  return value
end

-- Among SOF0 to SOF15: DHT, JPG and DAC.
local NOT_A_FRAME = { [0xC4] = true, [0xC8] = true, [0xCC] = true }

local function jpeg_size(bytes)
  local at = 3
  while at + 8 < #bytes do
    local marker = bytes:byte(at + 1)
    if marker >= 0xC0 and marker <= 0xCF and not NOT_A_FRAME[marker] then
      return be16(bytes, at + 7), be16(bytes, at + 5)
    end
    at = at + 2 + be16(bytes, at + 2)
  end
end

local function webp_size(bytes)
  local kind = bytes:sub(13, 16)
  if kind == "VP8 " then
    return le(bytes, 27, 2) % 16384, le(bytes, 29, 2) % 16384
  elseif kind == "VP8L" then
    local bits = le(bytes, 22, 4)
    return bits % 16384 + 1, math.floor(bits / 16384) % 16384 + 1
  end
  return le(bytes, 25, 3) + 1, le(bytes, 28, 3) + 1
end

--- "png" | "jpg" | "webp", width, height; nil when it is none of them.
---@param bytes string
---@return string? format
---@return integer? width
---@return integer? height
function picture.read(bytes)
  if bytes:sub(1, 8) == "\137PNG\r\n\26\n" and bytes:find("IEND", -8, true) then
    return "png", le(bytes:sub(17, 20):reverse(), 1, 4), le(bytes:sub(21, 24):reverse(), 1, 4)
  elseif bytes:sub(1, 3) == "\255\216\255" and bytes:sub(-2) == "\255\217" then
    return "jpg", jpeg_size(bytes)
  elseif bytes:sub(1, 4) == "RIFF" and bytes:sub(9, 12) == "WEBP" then
    return "webp", webp_size(bytes)
  end
  return nil
end

return picture
