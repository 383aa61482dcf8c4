--- The words for a request's states, in whatever letters an answer has them.

local state = {}

local function capital(letter)
  return string.char(letter:byte() - 32)
end

--- A state as the service's pages spell it. Not string.upper: in the host's locale i may have
--- another capital than I.
---@param text string
---@return string
function state.of(text)
  return (text:gsub("[a-z]", capital))
end

return state
