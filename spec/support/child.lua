--- Programs of their own: a Lua script in a fresh process of the interpreter that runs this spec.
--- In it `segmind` is loaded and the library found as in the spec itself.
---
---     local code, output = child.run([[print(segmind.VERSION)]], { URL = service.url })

local interpreter = require("spec.support.interpreter")

local child = {}

local function quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

--- A file with the script; removed by the caller.
---@param script string
---@return string path
function child.script(script)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(("package.path, package.cpath = %q, %q\n"):format(package.path, package.cpath),
    "local segmind = require('segmind')\n", script)
  file:close()
  return path
end

--- The command that runs such a file.
---@param path string
---@param env table<string, any>? further environment
---@param preload string? a library of spec/c that is loaded before all others
---@return string
function child.command(path, env, preload)
  local words = {}
  for name, value in pairs(env or {}) do
    words[#words + 1] = name .. "=" .. quote(value)
  end
  table.sort(words)
  table.insert(words, 1, "env")
  words[#words + 1] = interpreter.command(preload)
  words[#words + 1] = quote(path)
  return table.concat(words, " ")
end

--- Runs a command of the shell.
---@param command string
---@return integer code of its end, above 128 for a signal
---@return string output of both streams
function child.shell(command)
  local pipe = assert(io.popen("(" .. command .. ") 2>&1; echo \"[$?]\"", "r"))
  local text = pipe:read("*a")
  pipe:close()
  local output, code = text:match("^(.*)%[(%d+)%]\n$")
  return tonumber(code), output
end

--- Runs a script to its end.
---@param script string
---@param env table<string, any>?
---@param preload string?
---@return integer code
---@return string output
function child.run(script, env, preload)
  local path = child.script(script)
  local code, output = child.shell(child.command(path, env, preload))
  os.remove(path)
  return code, output
end

return child
