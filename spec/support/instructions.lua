--- How many of Lua's own instructions a function takes, to a hundred: a measure that does not hang
--- on what else the machine does. A hook sees no compiled ones.
---@param fn fun()
---@return integer
return function(fn)
  local jit, count = rawget(_G, "jit"), 0
  if jit then
    jit.off()
  end
  debug.sethook(function()
    count = count + 100
  end, "", 100)
  fn()
  debug.sethook()
  if jit then
    jit.on()
  end
  return count
end
