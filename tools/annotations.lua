--- Reads the LuaCATS comments of the library as an editor does: the blocks of `---` lines, their
--- tags, the types in them, and the statement below each. What an editor would not understand is a
--- problem: a tag or a type that does not parse, a class that nobody declares, a parameter that the
--- function does not have, text that would be shown with another field.

local annotations = {}

-- -- types ----------------------------------------------------------------------------------------

local parse_type

local function skip(text, at)
  return text:match("^ *()", at)
end

--- The position behind a word that must come next, or an error that says what was read.
local function expect(text, at, word)
  at = skip(text, at)
  if text:sub(at, at + #word - 1) ~= word then
    error({ problem = ("%q expected at %q"):format(word, text:sub(at)) })
  end
  return at + #word
end

--- `read_one(at)` for each item between here and `close`; items stand apart by commas.
local function parse_items(text, at, close, read_one)
  at = skip(text, at)
  while text:sub(at, at) ~= close do
    at = skip(text, read_one(at))
    if text:sub(at, at) == "," then
      at = skip(text, at + 1)
    elseif text:sub(at, at) ~= close then
      expect(text, at, close)
    end
  end
  return at + 1
end

local function parse_list(text, at, names)
  repeat
    at = parse_type(text, at, names)
    local comma = text:match("^ *,()", at)
    at = comma or at
  until not comma
  return at
end

local function parse_function(text, at, names)
  at = parse_items(text, at, ")", function(from)
    local after = text:match("^[%w_]+%??()", from) or text:match("^%.%.%.()", from)
      or expect(text, from, "a parameter")
    local colon = text:match("^ *:()", after)
    return colon and parse_type(text, colon, names) or after
  end)
  local colon = text:match("^ *:()", at)
  return colon and parse_list(text, colon, names) or at
end

local function parse_table(text, at, names)
  return parse_items(text, at, "}", function(from)
    local after = text:match("^[%a_][%w_]*%??()", from)
    if not after then
      after = expect(text, parse_type(text, expect(text, from, "["), names), "]")
    end
    return parse_type(text, expect(text, after, ":"), names)
  end)
end

local function parse_name(text, at, names)
  local name, after = text:match("^([%a_][%w_.]*%*?)()", at)
  if not name then
    error({ problem = ("a type expected at %q"):format(text:sub(at)) })
  elseif name == "fun" and text:sub(after, after) == "(" then
    return parse_function(text, after + 1, names)
  end
  names[#names + 1] = name
  if text:sub(after, after) == "<" then
    return parse_items(text, after + 1, ">", function(from)
      return parse_type(text, from, names)
    end)
  end
  return after
end

local function parse_one(text, at, names)
  at = skip(text, at)
  local char = text:sub(at, at)
  local after = text:match('^"[^"]*"()', at) or text:match("^%-?%d[%d.]*()", at)
  if char == "(" then
    after = expect(text, parse_type(text, at + 1, names), ")")
  elseif char == "{" then
    after = parse_table(text, at + 1, names)
  end
  after = after or parse_name(text, at, names)
  repeat
    local more = text:match("^%[%]()", after) or text:match("^%?()", after)
    after = more or after
  until not more
  return after
end

function parse_type(text, at, names)
  repeat
    at = parse_one(text, at, names)
    local bar = text:match("^ *|()", at)
    at = bar or at
  until not bar
  return at
end

--- Takes a type from the beginning of a text.
---@param text string
---@return string? type
---@return string rest what stands behind it, or what is wrong with it
---@return string[]? names of the types in it
function annotations.type(text)
  local names = {}
  local ok, at = pcall(parse_type, text, 1, names)
  if not ok then
    return nil, type(at) == "table" and at.problem or error(at, 0)
  end
  return text:sub(1, at - 1), (text:sub(at):gsub("^%s*#?%s*", "")), names
end

-- -- tags -----------------------------------------------------------------------------------------

-- Each takes what stands behind the tag and fills in its entry; what it returns is a problem.
local tags = {}

local function typed(entry, text)
  local kind, rest, names = annotations.type(text)
  if not kind then
    return rest
  end
  entry.type, entry.about, entry.names = kind, rest, names
end

local function named(entry, text)
  local name, optional, rest = text:match("^([%w_.]+)(%??)%s+(.*)$")
  if not name then
    name, rest = text:match("^(%[%d+%])%s+(.*)$")
  end
  if not name then
    return "a name and a type expected, got " .. text
  end
  entry.name, entry.is_optional = name, optional == "?"
  return typed(entry, rest)
end

tags.param, tags.field = named, named

tags["return"] = function(entry, text)
  local problem = typed(entry, text)
  local name, rest = (entry.about or ""):match("^([%w_]+)%s*(.*)$")
  if problem or text:find("#", 1, true) then
    return problem
  elseif entry.about:find("^%.%.%.") then
    name, rest = "...", entry.about:match("^%.%.%.%s*(.*)$")
  elseif name == "true" or name == "false" or name == "nil" then
    return ("%q would be the name of what is returned; put # before the text"):format(name)
  end
  entry.name, entry.about = name, rest or entry.about
end

function tags.class(entry, text)
  local flags, name, rest = text:match("^(%b()) ([%w_.]+)%s*(.*)$")
  if not name then
    name, rest = text:match("^([%w_.]+)%s*(.*)$")
  end
  if not name then
    return "the name of a class expected, got " .. text
  end
  entry.name, entry.is_exact, entry.about = name, flags == "(exact)", rest
  local parent = rest:match("^:%s*(.*)$")
  return parent and typed(entry, parent)
end

function tags.alias(entry, text)
  entry.name, text = text:match("^([%w_.]+)%s*(.*)$")
  entry.cases, entry.names = {}, {}
  if not entry.name then
    return "the name of an alias expected"
  elseif text ~= "" then
    return typed(entry, text)
  end
end

function tags.overload(entry, text)
  return typed(entry, text)
end

function tags.generic(entry, text)
  entry.name = text:match("^[%w_]+")
end

function tags.meta()
end

-- -- blocks ---------------------------------------------------------------------------------------

local function problem_at(block, text)
  block.problems[#block.problems + 1] = ("%s:%d: %s"):format(block.file, block.at, text)
end

--- One case of an alias that has a line for each.
local function add_case(block, text)
  local alias, case = block.tags[#block.tags], {}
  local problem = not (alias and alias.tag == "alias") and "a case without its alias"
    or typed(case, text)
  if problem then
    return problem_at(block, problem)
  end
  alias.cases[#alias.cases + 1] = case
  for _, name in ipairs(case.names) do
    alias.names[#alias.names + 1] = name
  end
end

local function add_tag(block, name, text)
  local entry = { tag = name, text = block.pending }
  block.pending = {}
  local problem = not tags[name] and "no such tag: @" .. name or tags[name](entry, text)
  if problem then
    problem_at(block, problem)
  else
    block.tags[#block.tags + 1] = entry
  end
end

--- Text above the first tag is the block's, text above a field that field's.
local function add_text(block, text)
  local list = #block.tags > 0 and block.pending or block.text
  list[#list + 1] = text
end

local function add_line(block, line)
  local name, rest = line:match("^@([%a]+)%s*(.*)$")
  if name then
    add_tag(block, name, rest)
  elseif line:find("^|") then
    add_case(block, line:match("^|%s*(.*)$"))
  else
    add_text(block, (line:gsub("^ ", "")))
  end
end

local function finish(block, statement)
  block.statement = statement
  for _, entry in ipairs(block.tags) do
    if entry.tag ~= "field" and #entry.text > 0 and entry ~= block.tags[1] then
      problem_at(block, "text between tags is shown nowhere: " .. entry.text[1])
    end
  end
  if #block.pending > 0 then
    problem_at(block, "text behind the tags is shown nowhere: " .. block.pending[1])
  end
  return block
end

local function blocks_of(file, text)
  local blocks, block, number = {}, nil, 0
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local comment = line:match("^%s*%-%-%-([^-].*)$") or line:match("^%s*%-%-%-$") and ""
    if comment then
      block = block or { file = file, line = number, text = {}, tags = {}, pending = {},
        problems = {} }
      block.at = number
      add_line(block, comment)
    elseif block then
      blocks[#blocks + 1] = finish(block, line)
      block = nil
    end
  end
  return blocks
end

-- -- a library ------------------------------------------------------------------------------------

local function add_function(library, file, block, classes)
  local owner, mark, name, list = block.statement:match("^function ([%w_]+)([.:])([%w_]+)%((.-)%)")
  if not owner then
    return
  end
  local entry = { file = file, line = block.line, owner = owner, is_method = mark == ":",
    name = name, class = classes[owner], args = {}, text = block.text, params = {}, returns = {} }
  for arg in list:gmatch("[%w_.]+") do
    entry.args[#entry.args + 1] = arg
  end
  for _, tag in ipairs(block.tags) do
    if tag.tag == "param" then
      entry.params[#entry.params + 1] = tag
    elseif tag.tag == "return" then
      entry.returns[#entry.returns + 1] = tag
    end
  end
  library.functions[#library.functions + 1] = entry
end

--- A class may be declared in several places, as the overloads of the exporter are.
local function add_class(library, block, tag, classes)
  local class = library.classes[tag.name] or { name = tag.name, fields = {}, text = {} }
  library.classes[tag.name] = class
  class.is_exact, class.parents = class.is_exact or tag.is_exact, tag.names or class.parents or {}
  class.parent = tag.type or class.parent
  if not class.file or not block.file:find("/meta/") then
    class.file, class.line, class.statement = block.file, block.line, block.statement
    class.about = tag.about
    class.text = #tag.text > 0 and tag.text or block.text
  end
  local variable = block.statement:match("^local ([%w_]+) =")
  if variable then
    classes[variable] = tag.name
  end
  return class
end

local function add_block(library, block, classes)
  local class
  for _, tag in ipairs(block.tags) do
    if tag.tag == "class" then
      class = add_class(library, block, tag, classes)
    elseif tag.tag == "alias" then
      tag.text, tag.file = #tag.text > 0 and tag.text or block.text, block.file
      library.aliases[tag.name] = tag
    elseif tag.tag == "field" then
      if class then
        class.fields[#class.fields + 1] = tag
      else
        problem_at(block, "a field without its class")
      end
    end
  end
  add_function(library, block.file, block, classes)
end

local builtin = {}
for name in ("any boolean fun function integer lightuserdata nil number self string table thread "
  .. "unknown userdata file*"):gmatch("%S+") do
  builtin[name] = true
end

local function is_known(library, block, name)
  for _, tag in ipairs(block.tags) do
    if tag.tag == "generic" and tag.name == name then
      return true
    end
  end
  return builtin[name] or library.classes[name] or library.aliases[name]
end

local function check_names(library, block)
  for _, tag in ipairs(block.tags) do
    for _, name in ipairs(tag.names or {}) do
      if not is_known(library, block, name) then
        block.at = block.line
        problem_at(block, "no such type: " .. name)
      end
    end
  end
end

--- Reads files. The order of what is found is that of the files.
---@param list string[] paths
---@return table library `classes` and `aliases` by name, `functions`, `problems`
function annotations.read(list)
  local library = { classes = {}, aliases = {}, functions = {}, problems = {}, sources = {} }
  local all = {}
  for _, path in ipairs(list) do
    local file = assert(io.open(path, "rb"))
    local text, classes = file:read("*a"), {}
    file:close()
    library.sources[path] = text
    for _, block in ipairs(blocks_of(path, text)) do
      all[#all + 1] = block
      add_block(library, block, classes)
    end
  end
  for _, block in ipairs(all) do
    check_names(library, block)
    for _, problem in ipairs(block.problems) do
      library.problems[#library.problems + 1] = problem
    end
  end
  return library
end

return annotations
