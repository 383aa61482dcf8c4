--- Words and commands of the shell.

local shell = {}

--- A word in single quotes.
---@param word any
---@return string
function shell.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

--- What a command prints.
---@param command string
---@return string
function shell.output(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

--- Runs a command to its end.
---@param command string
---@return integer code of its end, above 128 for a signal
---@return string output of both streams
function shell.run(command)
  local text = shell.output("(" .. command .. ") 2>&1; echo \"[$?]\"")
  local output, code = text:match("^(.*)%[(%d+)%]\n$")
  return tonumber(code), output
end

return shell
