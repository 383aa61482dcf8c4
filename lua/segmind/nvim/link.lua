--- The forms in which a line may name a file. A form is a pattern that captures where the name
--- begins and ends, and the readings that lead from the name as it is written to the one that is
--- meant. Nothing here looks at the disk or expands a name.

local link = {}

--- Turns percent escapes into the bytes they stand for.
---@param name string
---@return string
function link.unescape(name)
  return (name:gsub("%%(%x%x)", function(byte)
    return string.char(tonumber(byte, 16))
  end))
end

local entities = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'", ["#39"] = "'" }

--- The first capture of the first pattern that matches.
local function first_match(...)
  local patterns = { ... }
  return function(name)
    for _, pattern in ipairs(patterns) do
      local part = name:match(pattern)
      if part then
        return part
      end
    end
  end
end

local trim = first_match("^%s*(.-)%s*$")
local braces = first_match("^%((.*)%)$", "^{(.*)}$")
local quotes = first_match("^<(.*)>$", '^"(.*)"$', "^'(.*)'$", "^`(.*)`$")
local before_title = first_match('^(.-)%s+".*"$', "^(.-)%s+'.*'$", "^(.-)%s+%(.*%)$",
  "^(.-)%s+=%d*x?%d*$") -- the last is a size
local before_label = first_match("^(.-)%]%[", "^(.-)|") -- [[path][text]], [[path|text]]
local sentence = first_match("^(.-):%d+:?%d*:?$", "^(.-)[.,;:!?]*$") -- a.png:12:3: of a compiler
local emphasis = first_match("^[*_~]*(.-)[.,;:!?*_~)]*$")

local function entity(name)
  return (name:gsub("&(#?%w+);", entities))
end

local function backslash(name)
  return (name:gsub("\\([%p%s])", "%1"))
end

--- Of a path in an address; a whole address stays as it is.
local function query(name)
  return not name:find("^https?://") and name:match("^([^?#]+)[?#]") or nil
end

local function percent(name)
  return not name:find("^https?://") and link.unescape(name) or nil
end

local MARKDOWN = { braces, trim, before_title, quotes, backslash, query, percent }
local HTML = { quotes, trim, entity, query, percent }
local WIKI = { before_label, trim, backslash, query, percent }
local LATEX = { braces, trim, quotes, backslash }
local TEXT = { quotes, trim, backslash, query, percent }
local LINE = { before_title, quotes, sentence, backslash, query, percent }
local WORD = { sentence, braces, emphasis, backslash, query, percent }

--- The more telling first. `is_url`: the name is escaped as an address is, so the last reading is
--- the likeliest; elsewhere the name as it stands is. `is_whole`: where it is missing, a
--- part of it is not meant instead. `refers`: it is a Markdown reference's label.
--- `extensions`: which may be left out.
local forms = {
  { "!?%b[]()%b()()", MARKDOWN, is_url = true, is_whole = true }, -- ![text](path "title")
  { "!%b[]%[()[^%[%]]+()%]", MARKDOWN, is_url = true, refers = true }, -- ![text][label]
  { "!%[()[^%[%]]+()%]", MARKDOWN, is_url = true, refers = true }, -- ![label][], ![label]
  { "^%s*%[[^%]]+%]:%s*()%S.-()%s*$", MARKDOWN, is_url = true }, -- [label]: path "title"
  -- Obsidian, MediaWiki, Org: ![[path|300]], [[file:path][text]]
  { "%[%[()[^%[].-()%]%]", WIKI, is_whole = true },
  { "{{()[^{}]+()}}", WIKI, is_whole = true }, -- Vimwiki: {{path|text}}
  { "\\includegraphics%*?%s*%b[]%s*()%b{}()", LATEX, extensions = { "png", "jpg", "jpeg" } },
  { "\\includegraphics%*?%s*()%b{}()", LATEX, extensions = { "png", "jpg", "jpeg" } },
  { "%a::?()[^%s:%[][^%[]-()%b[]", HTML, is_url = true }, -- AsciiDoc: image::path[text]
  { "%a%s*=%s*()%b\"\"()", HTML, is_url = true }, -- src="path"
  { "%a%s*=%s*()%b''()", HTML, is_url = true },
  { "()%b<>()", HTML, is_url = true },
  { '()%b""()', TEXT }, -- Typst: image("path")
  { "()%b''()", TEXT },
  { "()%b``()", TEXT },
  { "\226\128[\156\158]()[^\226]+()\226\128[\156\157]", TEXT }, -- “path”, „path“
  { "\227\128[\140\142]()[^\227]+()\227\128[\141\143]", TEXT }, -- 「path」, 『path』
  { "|%s*()[^|]-()%s*%f[|]", TEXT }, -- a cell of a table
  { "%p%s+()%S.-()%s*$", LINE }, -- reStructuredText, YAML, lists: behind a mark
  { "^%s*()%S.-()%s*$", LINE },
  { "%f[^%s%z]()%S+()", WORD }, -- %z stands before the line
  { "%f[^%s%z\"'`<>()%[%]{}|,;]()[^%s\"'`<>()%[%]{}|,;]+()", WORD },
  { "%f[^%s%z\"'`<>()%[%]{}|,;:=*]()[^%s\"'`<>()%[%]{}|,;:=*]+()", WORD },
}

--- What a name may mean, the likeliest first.
local function meanings(name, form)
  local list = { name }
  for _, read in ipairs(form[2]) do
    local further = read(list[#list])
    if further and further ~= list[#list] and further ~= "" then
      list[#list + 1] = further
    end
  end
  for i = 1, form.extensions and #list or 0 do
    for _, extension in ipairs(form.extensions) do
      list[#list + 1] = list[i] .. "." .. extension
    end
  end
  local ordered = {}
  for i, meaning in ipairs(list) do
    ordered[form.is_url and #list + 1 - i or i] = meaning
  end
  return ordered
end

--- What stands behind `[label]:`.
local function definition(label, lines)
  for _, line in ipairs(lines) do
    local found, rest = line:match("^%s*%[([^%]]+)%]:%s*(.-)%s*$")
    if found and found:lower() == label:lower() then
      return rest
    end
  end
end

--- Adds the places of a form that hold the column. Escaped characters are masked in `shown`.
local function add_places(found, rank, line, shown, column)
  local form = forms[rank]
  local from, stop, first, last = shown:find(form[1])
  while from and from <= column do
    if column <= stop and first < last then
      found[#found + 1] = { form = form, name = line:sub(first, last - 1), rank = rank,
        length = stop - from, is_on_name = first <= column and column < last }
    end
    -- Links lie in links; but what begins the line begins it once.
    if form[1]:sub(1, 1) == "^" then
      return
    end
    from, stop, first, last = shown:find(form[1], from + 1)
  end
end

--- A name under the cursor comes before one whose text is there, then the form and the inner link.
local function is_nearer(a, b)
  if a.is_on_name ~= b.is_on_name then
    return a.is_on_name
  elseif a.rank ~= b.rank then
    return a.rank < b.rank
  end
  return a.length < b.length
end

local REACH = 2048 -- bytes of a line that are looked at on either side of the column

--- The places at a column of a line, the nearest first.
local function places(line, column)
  local start = math.max(column - REACH, 1)
  line = line:sub(start, column + REACH)
  local shown, found = line:gsub("\\[%p%s]", "\1\1"), {}
  for rank in ipairs(forms) do
    add_places(found, rank, line, shown, column - start + 1)
  end
  table.sort(found, is_nearer)
  return found
end

--- The first of the names at a column of a line that `accept` takes: it returns what a name is, or
--- nil and whether it is the name of a picture that is not there.
---@param line string
---@param column integer from 1, in bytes
---@param lines fun(): string[] where references are defined
---@param accept fun(name: string): string?, boolean?
---@return string?
function link.find(line, column, lines, accept)
  for _, place in ipairs(places(line, column)) do
    local form, name, is_broken = place.form, place.name, false
    if form.refers then
      name = definition(name, lines())
    end
    for _, meaning in ipairs(name and meanings(name, form) or {}) do
      local found, is_missing = accept(meaning)
      if found then
        return found
      end
      is_broken = is_broken or is_missing
    end
    if is_broken and form.is_whole and place.is_on_name then
      return nil
    end
  end
end

return link
