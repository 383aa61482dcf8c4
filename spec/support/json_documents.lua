--- Random values that JSON has, and what becomes of their texts when bytes go wrong.

local documents = {}

local pieces = { "é", "€", "😀", "\\", "/", '"', "\127", "\0", "\31", "\n", "a", "b", "c", "1" }

local function text()
  local parts = {}
  for i = 1, math.random(0, 8) do
    parts[i] = pieces[math.random(#pieces)]
  end
  return table.concat(parts)
end

local scalars = {
  text,
  function() return math.random(-1000, 1000) / math.random(8) end,
  function() return math.random(-2 ^ 30, 2 ^ 30) * 1000 + math.random(0, 999) / 1000 end,
  function() return math.random(2) == 1 end,
}

--- A value, at most five levels deep and without null, which does not come back.
---@param depth integer?
---@return any
function documents.value(depth)
  depth = depth or 1
  local kind = math.random(depth < 5 and 7 or 4)
  if scalars[kind] then
    return scalars[kind]()
  end
  local value = {}
  for i = 1, math.random(0, 5) do
    value[kind == 5 and i or text()] = documents.value(depth + 1)
  end
  return value
end

-- No zero byte, behind which lua-cjson does not look. No number has an exponent, which may become
-- one that it reads as infinity.
local wrong = { "", "}", "]", ",", '"', "\\u00", "\\ud800", "0", "-", ".", "\1", "\255", "null",
  "\\x", ":", " ", "{", "[" }

--- A text with up to three bytes changed.
---@param of string
---@return string
function documents.spoil(of)
  for _ = 1, math.random(3) do
    local at = math.random(#of + 1)
    of = of:sub(1, at - 1) .. wrong[math.random(#wrong)] .. of:sub(at + math.random(0, 1))
  end
  return of
end

return documents
