--- Programs of their own: a Lua script in a fresh process of the interpreter that runs this spec.
--- In it `segmind` is loaded and the library found as in the spec itself.
---
---     local code, output = child.run([[print(segmind.VERSION)]], { URL = service.url })

local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local shell = require("spec.support.shell")

local quote = shell.quote

local child = {}

--- A file with the script; removed by the caller.
---@param script string
---@return string path
function child.script(script)
  return files.new(("package.path, package.cpath = %q, %q\nlocal segmind = require('segmind')\n")
    :format(package.path, package.cpath) .. script)
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

--- Runs a script to its end.
---@param script string
---@param env table<string, any>?
---@param preload string?
---@return integer code
---@return string output
function child.run(script, env, preload)
  local path = child.script(script)
  local code, output = shell.run(child.command(path, env, preload))
  os.remove(path)
  return code, output
end

return child
