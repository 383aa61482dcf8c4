--- Text cut and wrapped to a width in cells of the screen.

local lines = {}

local function width_of(text)
  return vim.fn.strdisplaywidth(text)
end

--- On one line: what does not fit is cut off, with "…" in its place.
---@param text string
---@param width integer
---@return string
function lines.cut(text, width)
  text = text:gsub("%c+", " ")
  if width_of(text) <= width then
    return text
  end
  local count = math.min(vim.fn.strchars(text), width)
  local part
  repeat -- wide characters take two cells
    count = count - 1
    part = vim.fn.strcharpart(text, 0, count) .. "…"
  until width_of(part) <= width or count <= 0
  return part
end

--- The next line of the text, and what is left: up to a space, or as much as fits of a long word.
local function split(text, width)
  local rest = lines.cut(text, width + 1)
  local part = rest:sub(1, -#"…" - 1)
  local at = part:match("^.*()%s%S*$")
  at = at and at > #part / 2 and at or #part + 1
  return vim.trim(text:sub(1, at - 1)), vim.trim(text:sub(at))
end

--- On as many lines as it takes; with `most`, the last of so many is cut.
---@param text string
---@param width integer
---@param most integer?
---@return string[]
function lines.wrap(text, width, most)
  local list = {}
  text = vim.trim((text:gsub("%c+", " ")))
  while width_of(text) > width and #list + 1 ~= most do
    list[#list + 1], text = split(text, width)
  end
  list[#list + 1] = lines.cut(text, width)
  return list
end

return lines
