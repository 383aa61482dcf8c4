--- Whether a command may spend what it costs: where no budget bounds it, a person is asked above a
--- dollar, and without a terminal it is refused.

local Error = require("segmind.error")
local progress = require("segmind.progress")
local shell = require("segmind.cli.shell")

local consent = {}

-- Dollars that are spent without asking where there is no budget; what one picture costs is, too,
-- whether its price is known or not.
local UNASKED = 1

--- Declares the option.
---@param command table of argparse
function consent.declare(command)
  command:flag("-y --yes"):description("Do not ask, whatever it costs.")
end

--- What pictures cost together.
---@class segmind.cli.Sum
---@field steps integer
---@field finished integer of them, in the ledger already
---@field unknown integer of them, without a known price
---@field usd number

--- Adds a chain to it.
---@param sum segmind.cli.Sum
---@param estimate segmind.Estimate
function consent.add(sum, estimate)
  sum.steps = sum.steps + #estimate.steps
  for _, name in ipairs({ "finished", "unknown", "usd" }) do
    sum[name] = sum[name] + estimate[name]
  end
end

--- Says it.
---@param sum segmind.cli.Sum
---@return string
function consent.sentence(sum)
  return ("%d picture%s%s cost%s $%.2f%s"):format(sum.steps, sum.steps == 1 and "" or "s",
    sum.finished > 0 and (" (%d in the ledger already)"):format(sum.finished) or "",
    sum.steps == 1 and "s" or "", sum.usd,
    sum.unknown > 0 and (", and %d without a known price"):format(sum.unknown) or "")
end

local function is_terminal()
  return shell.run("test -t 0 && test -t 2") == 0
end

local function ask(context, text)
  context.progress:finish()
  io.stderr:write("segmind: ", (progress.plain(text)), ". Go on? [y/N] ")
  io.stderr:flush()
  local answer = io.stdin:read("*l") or ""
  return answer:find("^%s*[Yy]") ~= nil
end

--- Nothing, or why this must not be spent. With a budget, that decides.
---@param context segmind.cli.Context
---@param sum segmind.cli.Sum
---@return segmind.Error?
function consent.refusal(context, sum)
  if context.config.values.budget or context.args.yes
    or not (sum.usd > UNASKED + 1e-9 or sum.unknown > 1) then
    return nil
  end
  local text = consent.sentence(sum)
  if not is_terminal() then
    return Error.new("budget", text .. "; say --yes, or bound it with --budget DOLLARS")
  elseif not ask(context, text) then
    return Error.new("budget", "nothing was sent")
  end
end

--- The same of chains, which are priced for it where there are several pictures.
---@param context segmind.cli.Context
---@param chains segmind.Chain[]
---@param count integer of their pictures
---@return segmind.Error?
function consent.refusal_of(context, chains, count)
  local sum = { steps = 0, finished = 0, unknown = 0, usd = 0 }
  if count == 1 or context.config.values.budget or context.args.yes then
    return nil
  end
  for _, chain in ipairs(chains) do
    local estimate, err = chain:estimate()
    if not estimate then
      return err
    end
    consent.add(sum, estimate)
  end
  return consent.refusal(context, sum)
end

return consent
