--- Errors that belong to nobody here: Ctrl-C, which lua.c raises from a hook at whatever is
--- running, a watchdog's hook, no memory. Whoever catches errors catches those of what it has
--- called, and lets these go on upwards: they are meant for the whole script.

local interruption = {}

-- An error that is on its way upwards through the return values of a coroutine.
local Raised = {}

--- What an interrupted wait raises. The interpreters print it as it stands, without a traceback of
--- this library.
local Interrupt = { __name = "segmind.Interrupt" }

function Interrupt:__tostring()
  return self.message
end

function Interrupt.__concat(a, b)
  return tostring(a) .. tostring(b)
end

---@param where string? "file:line"
---@return table
function interruption.new(where)
  return setmetatable({ message = (where and where .. ": " or "") .. "interrupted!" }, Interrupt)
end

--- Whether what was raised is what the interpreters' handler of SIGINT raises, wherever the program
--- happens to be.
---@param err any
---@return boolean
function interruption.is_signal(err)
  return type(err) == "string" and err:find("interrupted!$") ~= nil
end

--- Whether what was raised is, by its words, Ctrl-C or want of memory.
---@param err any
---@return boolean
function interruption.is(err)
  return interruption.is_signal(err) or getmetatable(err) == Interrupt
    or type(err) == "string" and err:find("not enough memory$") ~= nil
end

-- Lua 5.3 and 5.4 say which function a hook has called, or that a hook has raised; LuaJIT does not.
local function is_in_hook()
  local level = 3
  local info = debug.getinfo(level, "n")
  while info do
    if info.namewhat == "hook" then
      return true
    end
    level = level + 1
    info = debug.getinfo(level, "n")
  end
  return debug.getinfo(2, "n").namewhat == "hook"
end

--- For the handler of an xpcall round a function of the caller: nil for what that function raised
--- itself, else a wrapping that interruption.pass raises.
---@param err any
---@return table?
function interruption.wrap(err)
  if interruption.is(err) or is_in_hook() then
    return setmetatable({ err = err }, Raised)
  end
end

---@param value any
---@return boolean
function interruption.is_wrapped(value)
  return getmetatable(value) == Raised
end

--- Raises on what was wrapped; anything else is returned.
---@param value any
---@return any value
function interruption.pass(value)
  if interruption.is_wrapped(value) then
    error(value.err, 0)
  end
  return value
end

-- A function in C that raises was called by the xpcall itself; a hook, or `error`, was not.
local function judge(err)
  local raiser, caller = debug.getinfo(2, "S"), debug.getinfo(3, "f")
  local is_own = raiser.what == "C" and caller and caller.func == xpcall
  if not is_own or interruption.is(err) or is_in_hook() then
    return setmetatable({ err = err }, Raised)
  end
  return err
end

local function settle(ok, a, ...)
  if ok then
    return true, a, ...
  end
  return false, tostring(interruption.pass(a))
end

--- Calls a function in C and catches what that function raises itself, nothing else.
---@param fn function
---@param ... any
---@return boolean ok
---@return any ... what it returned, or the text of its error
function interruption.attempt(fn, ...)
  return settle(xpcall(fn, judge, ...))
end

return interruption
