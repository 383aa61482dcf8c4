--- What somebody has to say yes to before it is paid: the rule is that of the command line.

local config = require("segmind.nvim.config")
local consent = require("segmind.consent")

local ask = {}

-- Nobody sees a question where no screen is attached.
local function is_headless()
  return #vim.api.nvim_list_uis() == 0
end

--- Calls `on_answer`, with why where this must not be spent. With a budget, that decides.
---@param estimate segmind.Estimate
---@param opts { yes: boolean? }
---@param on_answer fun(refused: string?)
function ask.consent(estimate, opts, on_answer)
  local sum = consent.sum()
  consent.add(sum, estimate)
  if opts.yes or not consent.is_needed(sum, config.get("budget")) then
    return on_answer()
  end
  local text = consent.sentence(sum)
  if is_headless() then
    return on_answer(text .. "; say :SegmindChain!, or bound it with the option budget")
  end
  vim.ui.input({ prompt = text .. ". Go on? [y/N] " }, function(answer)
    on_answer(not (answer or ""):find("^%s*[Yy]") and "nothing was sent" or nil)
  end)
end

return ask
