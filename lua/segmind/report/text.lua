--- Text that others wrote, as HTML. Nothing in it is run, and nothing in it hides: what a terminal
--- or a browser would obey (control characters, marks that turn the direction) is shown by name.

local text = {}

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

-- Marks of direction, and blanks without width.
local hidden = { "\226\128[\139-\143\170-\174]", "\226\129[\160-\175]", "\239\187\191",
  "\216\156", "\194[\128-\159]" }

local function code_of(char)
  local a, b, c = char:byte(1, 3)
  return c and (a % 16) * 4096 + (b % 64) * 64 + c % 64 or (a % 32) * 64 + b % 64
end

local function name_mark(char)
  return ("\1U+%04X\2"):format(code_of(char))
end

-- Bytes that are no UTF-8 become U+FFFD; a browser would do the same, later.
local function valid(value)
  local out = {}
  local at, size = 1, #value
  while at <= size do
    local char = value:match("^[%z\1-\127]+", at)
      or value:match("^[\194-\223][\128-\191]", at)
      or value:match("^[\224-\239][\128-\191][\128-\191]", at)
      or value:match("^[\240-\244][\128-\191][\128-\191][\128-\191]", at)
    out[#out + 1] = char or "\239\191\189"
    at = at + (char and #char or 1)
  end
  return table.concat(out)
end

local function named(value)
  value = valid(tostring(value)):gsub("\r\n?", "\n"):gsub("[%z\1-\8\11-\31\127]", function(char)
    return ("\1U+%04X\2"):format(char:byte())
  end)
  for _, pattern in ipairs(hidden) do
    value = value:gsub(pattern, name_mark)
  end
  return value
end

--- For the content of an element.
---@param value any
---@return string
function text.html(value)
  value = named(value):gsub("[&<>\"']", entities)
  return (value:gsub("\1(U%+%x+)\2", '<span class="mark">%1</span>'))
end

--- For an attribute.
---@param value any
---@return string
function text.attribute(value)
  value = named(value):gsub("[&<>\"']", entities)
  return (value:gsub("\1(U%+%x+)\2", "(%1)"))
end

--- Cut at a character.
---@param value string
---@param most integer bytes
---@return string
function text.cut(value, most)
  if #value <= most then
    return value
  end
  return value:sub(1, most):gsub("[\192-\255][\128-\191]*$", "") .. "…"
end

--- Fills `{name}` in a template; a name that is not given stands for nothing.
---@param template string
---@param values table<string, any> HTML already
---@return string
function text.fill(template, values)
  return (template:gsub("{([%w_]+)}", function(name)
    return tostring(values[name] or "")
  end))
end

return text
