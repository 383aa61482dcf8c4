--- Lua processes of their own over a ledger, on the interpreter that runs the specs.

local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local ledger = require("spec.support.ledger")
local paths = require("spec.support.paths")
local shell = require("spec.support.shell")

local quote, output_of = shell.quote, shell.output

local processes = {}

-- The shell's parent is this process.
local program = output_of("readlink /proc/$PPID/exe"):match("%S+")
local script = paths.root .. "/spec/support/ledger_child.lua"

-- A process may be started in another folder.
local here = output_of("pwd"):match("[^\n]+")

local function absolute(list)
  return ((";" .. list):gsub(";([^/;])", ";" .. here .. "/%1"):sub(2))
end

local Process = {}
Process.__index = Process

--- Starts ledger_child.lua. `options`: what, log (a name), on_unknown, timeout, files (the folder
--- for pictures, or false for the library's own choice), before (words of the shell that come
--- before).
---@param url string
---@param options table
function processes.start(url, options)
  local log = ledger.path(options.log or "log")
  local pictures = options.files == nil and ledger.path("edits.db.files") or options.files or ""
  local words = { interpreter.preload() .. quote(program), quote(absolute(script)), quote(url),
    quote(ledger.target()), quote(options.what or "chain"), quote(log),
    quote(options.on_unknown or "hold"), tostring(options.timeout or 30),
    quote(pictures) }
  local command = ("export LUA_PATH=%s LUA_CPATH=%s; unset LUA_PATH_5_4 LUA_CPATH_5_4 "
    .. "LUA_PATH_5_3 LUA_CPATH_5_3; %s %s >/dev/null 2>>%s & echo $!"):format(
    quote(absolute(package.path)), quote(absolute(package.cpath)), options.before or "",
    table.concat(words, " "), quote(log))
  return setmetatable({ pid = output_of(command):match("%d+"), log = log }, Process)
end

function Process:is_running()
  local state = (files.read("/proc/" .. self.pid .. "/stat") or ""):match("%) (%a)")
  return state ~= nil and state ~= "Z"
end

function Process:kill()
  os.execute("kill -9 " .. self.pid .. " 2>/dev/null")
  while self:is_running() do
    os.execute("sleep 0.002")
  end
end

--- What it has said so far.
function Process:said()
  return files.read(self.log) or ""
end

--- Waits until a line of it matches; false when it ends before.
function Process:wait_for(pattern)
  for _ = 1, 3000 do
    local running = self:is_running()
    if self:said():find(pattern) then
      return true
    elseif not running then
      return false
    end
    os.execute("sleep 0.01")
  end
  error("it neither ends nor says " .. pattern)
end

--- Waits for its end: the word after "end" in its last line, and the rest.
function Process:join()
  self:wait_for("\1")
  local word, rest = self:said():match("end (%S+) ([^\n]*)\n$")
  return word or "no end: " .. self:said(), rest
end

return processes
