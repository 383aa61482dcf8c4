--- A page of Markdown as specs read it: its fenced blocks, its links, its headings, and the
--- programs that its blocks make.
---
---     local page = require("spec.support.page")
---     local guide = page.read("doc/guide.md")
---     guide:program("lua")    the blocks as one program; line n of it is line n of the page
---     guide:aside("lua")      the blocks that say they are not run, one by one
---     guide.links[1].target   "errors.md#kinds"
---
--- A block that cannot run on the emulator says so in its first line, which readers see, too:
--- "-- not run here: needs LÖVE", or with "#" in a block of the shell.

local files = require("spec.support.files")
local paths = require("spec.support.paths")

---@class spec.Block
---@field language string "" when the fence names none
---@field line integer of its first line
---@field text string

--- A page.
---@class spec.Page
---@field name string its path from the repository's root
---@field blocks spec.Block[]
---@field links { target: string, line: integer }[]
---@field anchors table<string, true> of its headings, as GitHub makes them
---@field code { text: string, line: integer }[] what stands between backticks in the prose
---@field claims { name: string, file: string, line: integer }[] "`name` in `file.c`"
local Page = {}
Page.__index = Page

local page = {}

-- "## A submit of *unknown* outcome" -> "a-submit-of-unknown-outcome"
local function anchor_of(heading)
  local text = heading:gsub("%[(.-)%]%b()", "%1"):lower()
  return (text:gsub("[^%w%s_\128-\255-]", ""):gsub("%s", "-"))
end

local function read_line(self, line, number)
  local heading = line:match("^#+%s+(.-)%s*$")
  if heading then
    self.anchors[anchor_of(heading)] = true
  end
  for target in line:gmatch("%]%(([^%s)]+)%)") do
    self.links[#self.links + 1] = { target = target, line = number }
  end
  for text in line:gmatch("`([^`]+)`") do
    self.code[#self.code + 1] = { text = text, line = number }
  end
end

-- A claim may go over the end of a line.
local function read_claims(self, text)
  for before, name, file in text:gmatch("()`([%w_]+)`%s+in%s+`([%w_]+%.?[ch]?)`") do
    local line = select(2, text:sub(1, before):gsub("\n", "")) + 1
    self.claims[#self.claims + 1] = { name = name, file = file, line = line }
  end
end

local function read_lines(self, text)
  local block, number = nil, 0
  read_claims(self, text)
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local fence = line:match("^%s*```(.*)$")
    if block and fence then
      self.blocks[#self.blocks + 1], block = block, nil
    elseif fence then
      block = { language = fence:match("^%S*"), line = number + 1, text = "" }
    elseif block then
      block.text = block.text .. line .. "\n"
    else
      read_line(self, line, number)
    end
  end
  return self
end

--- Reads a page.
---@param name string from the repository's root
---@return spec.Page
function page.read(name)
  local self = setmetatable({ name = name, blocks = {}, links = {}, anchors = {}, code = {},
    claims = {} }, Page)
  return read_lines(self, assert(files.read(paths.root .. "/" .. name)))
end

local function is_aside(block)
  return block.text:find("^%s*%-%-+ not run here: %S") or block.text:find("^%s*# not run here: %S")
end

local function select_blocks(self, language, wants_aside)
  local found = {}
  for _, block in ipairs(self.blocks) do
    if block.language == language and (is_aside(block) ~= nil) == wants_aside then
      found[#found + 1] = block
    end
  end
  return found
end

--- The blocks of a language that are to run, as one program: what a block declares, the next ones
--- know.
---@param language string
---@return string? program nil when there are none
function Page:program(language)
  local lines, at = {}, 1
  for _, block in ipairs(select_blocks(self, language, false)) do
    lines[#lines + 1] = ("\n"):rep(block.line - at)
    lines[#lines + 1] = block.text
    at = block.line + select(2, block.text:gsub("\n", ""))
  end
  return lines[1] and table.concat(lines)
end

--- The blocks of a language that say that they are not run.
---@param language string
---@return spec.Block[]
function Page:aside(language)
  return select_blocks(self, language, true)
end

return page
