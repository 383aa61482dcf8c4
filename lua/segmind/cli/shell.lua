--- Programs of the system. Values reach them in single quotes or in their environment, so nothing
--- in a prompt or a file's name is evaluated by a shell.

local shell = {}

--- A word in single quotes.
---@param word any
---@return string
function shell.quote(word)
  return "'" .. tostring(word):gsub("%z", ""):gsub("'", "'\\''") .. "'"
end

--- Several words, each in quotes.
---@param words any[]
---@return string
function shell.words(words)
  local out = {}
  for i, word in ipairs(words) do
    out[i] = shell.quote(word)
  end
  return table.concat(out, " ")
end

--- Runs a command of the shell to its end.
---@param command string
---@return integer code above 128 for a signal
function shell.run(command)
  local ok, how, code = os.execute(command)
  if type(ok) == "number" then -- Lua 5.1: the status of wait()
    return ok % 256 == 0 and math.floor(ok / 256) or 128 + ok % 128
  end
  return how == "signal" and 128 + code or code or (ok and 0 or 1)
end

--- The beginning of a command: its environment.
---@param environment table<string, any>
---@return string
function shell.env(environment)
  local words = {}
  for name, value in pairs(environment) do
    words[#words + 1] = name .. "=" .. shell.quote(value)
  end
  table.sort(words)
  return "env " .. table.concat(words, " ") .. " "
end

--- What a command prints, and whether it ended well.
---@param command string
---@return string? text
---@return boolean ok
function shell.output(command)
  local pipe = io.popen(command .. "\necho \"[$?]\"", "r")
  local text = pipe and pipe:read("*a") or ""
  if pipe then
    pipe:close()
  end
  local output, code = text:match("^(.*)%[(%d+)%]\n$")
  return output, code == "0"
end

--- Whether a program is installed.
---@param name string
---@return boolean
function shell.has(name)
  return shell.run("command -v " .. shell.quote(name) .. " >/dev/null 2>&1") == 0
end

--- Whether a file can be read; a folder when its name ends with "/.".
---@param name string
---@return boolean
function shell.exists(name)
  local file = io.open(name, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

--- How wide the terminal is that standard output is; nil when it is none.
---@return integer?
function shell.columns()
  local is_terminal = shell.run("test -t 1") == 0
  local columns = is_terminal and shell.output("stty size 2>/dev/null </dev/tty"):match(" (%d+)")
  return tonumber(columns)
end

--- Makes a folder, and those that it is in, for its owner alone.
---@param name string
---@return boolean
function shell.make_folder(name)
  return shell.exists(name .. "/.") or shell.run("mkdir -p -m 700 -- " .. shell.quote(name)) == 0
end

return shell
