--- Messages. Whatever is printed here has passed the library's redactor: no key in it.
---
--- A plugin that has replaced `vim.notify` gets the whole text. On the editor's own message line a
--- text of more than one line stops the editor with "Press ENTER", so it is cut there, and the
--- whole goes to `:messages` in lines that fit. `:SegmindLog` has it as it is.

local lines = require("segmind.nvim.lines")
local log = require("segmind.nvim.log")

local say = {}

local RETRY_MS = 200 -- how often to look whether the command line is free

local levels = vim.log.levels
local groups = { [levels.ERROR] = "ErrorMsg", [levels.WARN] = "WarningMsg" }
local names = { [levels.ERROR] = "error", [levels.WARN] = "warning", [levels.INFO] = "info" }

--- Whether nobody has replaced the editor's own `vim.notify`.
local function is_plain()
  local source = debug.getinfo(vim.notify, "S").source
  return source:find("^@?vim/") ~= nil or source:find(vim.env.VIMRUNTIME, 1, true) ~= nil
end

local function echo(text, group, is_kept)
  vim.cmd("redraw") -- else it comes below the message before, and that makes two lines
  vim.api.nvim_echo({ { text, group } }, is_kept, {})
end

--- Shows one line, and keeps all of them.
local function show(text, group)
  if vim.fn.mode():find("^[cr]") then -- a command or an answer is being typed
    return vim.defer_fn(function()
      show(text, group)
    end, RETRY_MS)
  end
  local width = vim.v.echospace
  local list = lines.wrap(text, width)
  for _, line in ipairs(list) do
    echo(line, group, true)
  end
  if #list > 1 then
    echo(lines.cut(text, width), group, false)
  end
end

local function notify(text, level)
  log.add(names[level], text)
  if vim.v.exiting ~= vim.NIL then
    return -- nobody is there to read it, and a message would hold up the exit
  elseif is_plain() then
    show(text, groups[level])
  else
    vim.notify(text, level, { title = "Segmind" })
  end
end

--- An error of the library, or a text.
---@param problem any
function say.error(problem)
  local text = tostring(problem)
  if type(problem) == "table" and problem.kind == "budget" then
    text = text .. "; the option budget allows no more"
  end
  notify(text:find("^segmind: ") and text or "segmind: " .. text, levels.ERROR)
end

---@param text string
function say.warning(text)
  notify("segmind: " .. text, levels.WARN)
end

---@param text string
function say.info(text)
  notify("segmind: " .. text, levels.INFO)
end

return say
