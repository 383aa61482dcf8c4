--- The command line as a program of its own, with nothing of the caller's environment but what a
--- spec gives it.
---
---     local program = require("spec.support.program")
---     local segmind = program.fixture()           in a block of tests: an emulator, a folder
---     local run = segmind("run flux-kontext-pro prompt=x aspect_ratio=1:1")
---     run.code, run.out, run.err, segmind.folder

local cjson = require("cjson")
local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local paths = require("spec.support.paths")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

require("spec.support.sqlite") -- a command has a ledger unless it is told otherwise

local quote = shell.quote

local program = {}

---@class spec.Run
---@field code integer
---@field out string
---@field err string

---@class spec.Program
---@field folder string in which the program runs
---@field service spec.Emulator
---@field environment table<string, string> what it finds beside its own
local Program = {}
Program.__index = Program

local function absolute(path)
  return (shell.output("cd " .. quote(path) .. " && pwd"):gsub("\n$", ""))
end

--- The command that starts it, in its folder.
---@param words string of the shell
---@param environment table<string, string|false>? false takes a variable away
---@return string
function Program:command(words, environment)
  local given = { HOME = self.folder, XDG_STATE_HOME = self.folder .. "/state",
    XDG_CONFIG_HOME = self.folder .. "/config", PATH = os.getenv("PATH"), TERM = "dumb",
    SEGMIND_BUILD = absolute(paths.build), SEGMIND_API_KEY = emulator.KEY,
    SEGMIND_BASE_URL = self.service.url, TZ = "UTC", LANG = os.getenv("LANG") or "C" }
  for _, name in ipairs({ "LSAN_OPTIONS", "UBSAN_OPTIONS", "ASAN_OPTIONS", "SEGMIND_EMULATOR" }) do
    given[name] = os.getenv(name)
  end
  for _, list in ipairs({ self.environment, environment or {} }) do
    for name, value in pairs(list) do
      given[name] = value or nil
    end
  end
  local out = {}
  for name, value in pairs(given) do
    out[#out + 1] = name .. "=" .. quote(value)
  end
  return ("cd %s && exec env -i %s %s %s %s"):format(quote(self.folder), table.concat(out, " "),
    interpreter.command(), quote(absolute(paths.root) .. "/bin/segmind"), words)
end

--- Runs it to its end.
---@param words string of the shell
---@param environment table<string, string|false>?
---@return spec.Run
function Program:__call(words, environment)
  local out, err = self.folder .. "/.out", self.folder .. "/.err"
  local code = shell.run(("(%s) >%s 2>%s"):format(self:command(words, environment), quote(out),
    quote(err)))
  return { code = code, out = files.read(out), err = files.read(err) }
end

--- Starts it, interrupts it when the service has accepted `count` submits, and waits for its end.
---@param words string
---@param count integer
---@return spec.Run
function Program:interrupted(words, count)
  local out, err = self.folder .. "/.out", self.folder .. "/.err"
  local code = shell.run(([[
    (%s) >%s 2>%s & pid=$!; i=0
    until curl -s %s | grep -q '"accepted":%d' && grep -q queued %s || [ $i -gt 400 ]; do
      sleep 0.02; i=$((i + 1))
    done
    kill -INT $pid; wait $pid]]):format(self:command(words), quote(out), quote(err),
    quote(self.service.url .. "/_emulator/ledger"), count, quote(err)))
  return { code = code, out = files.read(out), err = files.read(err) }
end

--- The events that it printed with --json.
---@param run spec.Run
---@return table[]
function program.events(run)
  local events = {}
  for line in run.out:gmatch("[^\n]+") do
    events[#events + 1] = cjson.decode(line)
  end
  return events
end

--- The fixture of a block of tests: an emulator for all of them, a folder for each with two
--- pictures and settings that ask an emulator as quickly as it is.
---@param options table? of the emulator
---@return spec.Program
function program.fixture(options)
  local busted = require("busted")
  local given = { plain = true, speed = 400, credits = 10000 }
  for name, value in pairs(options or {}) do
    given[name] = value
  end
  local self = setmetatable({ service = emulator.fixture(given), folder = files.fixture(),
    environment = {} }, Program)
  busted.before_each(function()
    self.service:reset()
    self.environment = {}
    self:configure('{"poll": 0.01, "timeout": 30}')
    files.write(self.folder .. "/a.png", session.PIXEL)
    files.write(self.folder .. "/b.png", session.PIXEL .. "b")
  end)
  return self
end

--- Writes the configuration.
---@param text string JSON
function Program:configure(text)
  files.make_folder(self.folder .. "/config/segmind")
  files.write(self.folder .. "/config/segmind/config.json", text)
end

--- How many submits the service has accepted.
---@return integer
function Program:accepted()
  return self.service:ledger().totals.accepted
end

return program
