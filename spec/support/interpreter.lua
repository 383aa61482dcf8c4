--- The interpreter that runs this spec, as the beginning of a shell command, for specs that start a
--- program of their own. In a sanitized build the program needs what this one was started with.

local files = require("spec.support.files")
local paths = require("spec.support.paths")
local shell = require("spec.support.shell")

local quote = shell.quote

local function name()
  if rawget(_G, "jit") then
    return os.getenv("LUAJIT") or "luajit"
  end
  local version = _VERSION:match("%d+%.%d+")
  return os.getenv("LUA" .. version:gsub("%.", "")) or "lua" .. version
end

local interpreter = {}

--- What stands before an interpreter that loads a sanitized module, or is to load a library before
--- all others: "" or "env LD_PRELOAD=... ".
---@param library string? a name in the folder spec of the build folder
---@return string
function interpreter.preload(library)
  local preload = (files.read(paths.build .. "/preload") or ""):match("[^\n]+")
  preload = preload and library and preload .. ":" .. library or preload or library
  return preload and ("env LD_PRELOAD=%s LD_LIBRARY_PATH=%s "):format(quote(preload),
    quote(paths.build .. "/spec")) or ""
end

--- "lua5.4", or "env LD_PRELOAD=... lua5.4"; behind the command in SEGMIND_SPEC_UNDER, which is
--- valgrind's.
---@param library string? to be loaded before all others
---@return string
function interpreter.command(library)
  local under = os.getenv("SEGMIND_SPEC_UNDER")
  return interpreter.preload(library) .. (under and under .. " " or "") .. name()
end

--- Fills a folder with `segmind` and the interpreter as commands of a shell: what a program
--- starts needs what a sanitized module needs, too, and does not inherit it.
---@param folder string
---@return string folder
function interpreter.commands(folder)
  files.make_folder(folder)
  local lua = shell.output("command -v " .. name()):match("[^\n]+")
  local root = shell.output("cd " .. quote(paths.root) .. " && pwd"):match("[^\n]+")
  for command, words in pairs({ [name():match("[^/]+$")] = quote(lua),
    segmind = quote(lua) .. " " .. quote(root .. "/bin/segmind") }) do
    local path = folder .. "/" .. command
    files.write(path, ('#!/bin/sh\nexec %s%s "$@"\n'):format(interpreter.preload(), words))
    shell.run("chmod +x " .. quote(path))
  end
  return folder
end

--- Whether programs are watched in a way that makes them many times slower.
---@return boolean
function interpreter.is_slow()
  return interpreter.preload() ~= "" or os.getenv("SEGMIND_SPEC_UNDER") ~= nil
end

return interpreter
