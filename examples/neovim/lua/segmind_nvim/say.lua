--- Messages. Whatever is printed here has passed the library's redactor: no key in it.

local say = {}

local function notify(text, level)
  vim.notify(text, level, { title = "Segmind" })
end

--- An error of the library, or a text.
---@param problem any
function say.error(problem)
  local text = tostring(problem)
  notify(text:find("^segmind: ") and text or "segmind: " .. text, vim.log.levels.ERROR)
end

---@param text string
function say.warning(text)
  notify("segmind: " .. text, vim.log.levels.WARN)
end

---@param text string
function say.info(text)
  notify("segmind: " .. text, vim.log.levels.INFO)
end

return say
