--- Finds the library: `setup{ library = … }` or SEGMIND_BUILD, the clone that this plugin lies in,
--- or wherever Lua finds it by itself.

local config = require("segmind_nvim.config")

local uv = vim.uv or vim.loop
local here = debug.getinfo(1, "S").source:match("^@(.*)$")

local library = {}

--- The clone above examples/neovim/lua/segmind_nvim, when there is one.
local function clone()
  for _, path in ipairs({ here, uv.fs_realpath(here) }) do
    local root = path:match("^(/.*)/examples/neovim/lua/[^/]*/[^/]*$")
    if root and uv.fs_stat(root .. "/lua/segmind/init.lua") then
      return root
    end
  end
end

local function builds(root)
  local found = { config.get("library"), vim.env.SEGMIND_BUILD, root and root .. "/build" }
  local list = {}
  for i = 1, 3 do
    list[#list + 1] = found[i]
  end
  return list
end

local function add_paths()
  local root = clone()
  for _, build in ipairs(builds(root)) do
    local folder = build .. "/lib/lua/5.1"
    if uv.fs_stat(folder .. "/segmind/core.so") then
      package.cpath = folder .. "/?.so;" .. package.cpath
      if root then
        package.path = ("%s/lua/?.lua;%s/lua/?/init.lua;%s"):format(root, root, package.path)
      end
      return
    end
  end
end

--- Neovim brings a lua-cjson of its own; it serves where the package is missing.
local function lend_json()
  if not pcall(require, "cjson") and vim.json and vim.json.new then
    package.preload["cjson"] = function()
      return vim.json
    end
    return "Neovim's vim.json"
  end
  return "lua-cjson"
end

local loaded

--- The file that the core came from.
---@return string
function library.core()
  for place in package.cpath:gmatch("[^;]+") do
    local path = place:gsub("%?", "segmind/core")
    if uv.fs_stat(path) then
      return path
    end
  end
  return "not on package.cpath"
end

--- The library, loaded on first use.
---@return table? segmind
---@return string? message why it cannot be loaded
function library.load()
  if loaded then
    return loaded
  end
  add_paths()
  library.json = lend_json()
  local ok, segmind = pcall(require, "segmind")
  if not ok then
    return nil, "the library cannot be loaded: " .. tostring(segmind):match("^[^\n]*")
  end
  loaded = segmind
  return segmind
end

return library
