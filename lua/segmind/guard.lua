--- Calls across the border of this library, both ways.
---
--- Errors of whoever is called: Ctrl-C, which lua.c raises from a hook at whatever is running, a
--- watchdog's hook and no memory belong to nobody here. Whoever catches errors catches those of
--- what it has called, and lets these go on upwards: they are meant for the whole script.
---
--- Public methods and verbs: a dot in place of the colon, or the other way round, is what everybody
--- writes once; both raise with the sentence that says what to write. And Ctrl-C in a method that
--- waits ends it with one clean error, after a line for each job that goes on.

local Error = require("segmind.error")

local guard = {}

-- -- whose an error is ----------------------------------------------------------------------------

-- An error that is on its way upwards through the return values of a coroutine.
local Raised = {}

--- What an interrupted wait raises. The interpreters print it as it stands, without a traceback of
--- this library.
local Interrupt = { __name = "segmind.Interrupt", __concat = Error.__concat }

function Interrupt:__tostring()
  return self.message
end

-- What the interpreters' handler of SIGINT raises, wherever the program happens to be.
local function is_signal(err)
  return type(err) == "string" and err:find("interrupted!$") ~= nil
end

--- Whether what was raised is, by its words, Ctrl-C or want of memory.
---@param err any
---@return boolean
function guard.is_interruption(err)
  return is_signal(err) or getmetatable(err) == Interrupt
    or type(err) == "string" and err:find("not enough memory$") ~= nil
end

-- Lua 5.3 and 5.4 say which function a hook has called, or that a hook has raised; LuaJIT does not.
local function is_in_hook()
  local level = 2
  local info = debug.getinfo(level, "n")
  while info and info.namewhat ~= "hook" do
    level = level + 1
    info = debug.getinfo(level, "n")
  end
  return info ~= nil
end

--- For the handler of an xpcall round a function of the caller: nil for what that function raised
--- itself, else a wrapping that guard.pass raises.
---@param err any
---@return table?
function guard.wrap(err)
  if guard.is_interruption(err) or is_in_hook() then
    return setmetatable({ err = err }, Raised)
  end
end

---@param value any
---@return boolean
function guard.is_wrapped(value)
  return getmetatable(value) == Raised
end

--- Raises on what was wrapped; anything else is returned.
---@param value any
---@return any value
function guard.pass(value)
  if guard.is_wrapped(value) then
    error(value.err, 0)
  end
  return value
end

-- A function in C that raises was called by the xpcall itself; a hook, or `error`, was not.
local function judge(err)
  local raiser, caller = debug.getinfo(2, "S"), debug.getinfo(3, "f")
  local is_own = raiser.what == "C" and caller and caller.func == xpcall
  if not is_own or guard.is_interruption(err) or is_in_hook() then
    return setmetatable({ err = err }, Raised)
  end
  return err
end

local function settle(ok, a, ...)
  if ok then
    return true, a, ...
  end
  return false, tostring(guard.pass(a))
end

--- Calls a function in C and catches what that function raises itself, nothing else.
---@param fn function
---@param ... any
---@return boolean ok
---@return any ... what it returned, or the text of its error
function guard.attempt(fn, ...)
  return settle(xpcall(fn, judge, ...))
end

-- -- public methods -------------------------------------------------------------------------------

local tell

--- Hands over who is to hear of an interrupted wait.
---@param fn fun()
function guard.on_interrupt(fn)
  tell = fn
end

local function interrupt()
  tell()
  local where = Error.line_of_caller()
  return setmetatable({ message = (where and where .. ": " or "") .. "interrupted!" }, Interrupt)
end

-- A tail call leaves nothing of ours on the stack that a traceback would show.
local function pass_on(ok, ...)
  if ok then
    return ...
  end
  local problem = ...
  return error(is_signal(problem) and interrupt() or problem, 0)
end

local function waiting(method)
  return function(...)
    return pass_on(pcall(method, ...))
  end
end

local getmetatable = getmetatable -- an idle client:step is a matter of nanoseconds

-- The only method that tells nil from nothing.
local counts_arguments = { chain = true }

-- A frame's idle step feels the difference between three arguments and as many as there are, and a
-- submit that between four and those; no method takes more.
local function with_colon(class, noun, name, method, kin)
  local function refuse()
    Error.misuse(("%s is called with a colon: %s:%s(...)"):format(name, noun, name))
  end
  if name == "step" then
    return function(self, a, b, c)
      if getmetatable(self) ~= class then
        refuse()
      end
      return method(self, a, b, c)
    end
  end
  if counts_arguments[name] then
    return function(self, ...)
      if getmetatable(self) ~= class then
        refuse()
      end
      return method(self, ...)
    end
  end
  return function(self, a, b, c, d)
    local own = getmetatable(self)
    if own ~= class and own ~= kin then
      refuse()
    end
    return method(self, a, b, c, d)
  end
end

--- Guards the public methods of a class: those whose names begin with a letter.
---@param class table
---@param noun string what a variable of the class is called in messages
---@param waits string[] the methods that wait
---@param static table<string, boolean>? functions of the class that are called with a dot
---@param kin table? another metatable whose objects have the methods, too
function guard.class(class, noun, waits, static, kin)
  for _, name in ipairs(waits) do
    class[name] = waiting(class[name])
  end
  for name, method in pairs(class) do
    if type(method) == "function" and name:find("^%a") and not (static and static[name]) then
      class[name] = with_colon(class, noun, name, method, kin or class)
    end
  end
end

--- Guards the functions of the module, which are called with a dot.
---@param module table
---@param waits string[] the functions that wait and are not guarded as methods
function guard.module(module, waits)
  for _, name in ipairs(waits) do
    module[name] = waiting(module[name])
  end
  for name, verb in pairs(module) do
    if type(verb) == "function" then
      module[name] = function(...)
        if (...) == module then
          Error.misuse(("%s is called with a dot: segmind.%s(...)"):format(name, name))
        end
        return verb(...) -- as many as there were: chain(nil) is not chain()
      end
    end
  end
end

return guard
