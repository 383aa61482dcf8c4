--- How public methods and verbs are called. A dot in place of the colon, or the other way round, is
--- what everybody writes once: both raise with the sentence that says what to write. And Ctrl-C in
--- a method that waits ends it with one clean error, after a line for each job that goes on.

local Error = require("segmind.error")
local interruption = require("segmind.interruption")

local methods = {}

local tell

--- Hands over who is to hear of an interrupted wait.
---@param fn fun()
function methods.on_interrupt(fn)
  tell = fn
end

local function interrupt()
  tell()
  return interruption.new(Error.line_of_caller())
end

-- A tail call leaves nothing of ours on the stack that a traceback would show.
local function pass_on(ok, ...)
  if ok then
    return ...
  end
  local problem = ...
  return error(interruption.is_signal(problem) and interrupt() or problem, 0)
end

local function waiting(method)
  return function(...)
    return pass_on(pcall(method, ...))
  end
end

local getmetatable = getmetatable -- an idle client:step is a matter of nanoseconds

-- A frame's idle step feels the difference between three arguments and as many as there are.
local function with_colon(class, noun, name, method)
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
  return function(self, ...)
    if getmetatable(self) ~= class then
      refuse()
    end
    return method(self, ...)
  end
end

--- Guards the public methods of a class: those whose names begin with a letter.
---@param class table
---@param noun string what a variable of the class is called in messages
---@param waits string[] the methods that wait
---@param static table<string, boolean>? functions of the class that are called with a dot
function methods.guard(class, noun, waits, static)
  for _, name in ipairs(waits) do
    class[name] = waiting(class[name])
  end
  for name, method in pairs(class) do
    if type(method) == "function" and name:find("^%a") and not (static and static[name]) then
      class[name] = with_colon(class, noun, name, method)
    end
  end
end

--- Guards the functions of the module, which are called with a dot.
---@param module table
---@param waits string[] the functions that wait and are not guarded as methods
function methods.guard_module(module, waits)
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

return methods
