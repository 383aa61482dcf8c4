--- Whether a command may spend what it costs: where it needs consent a person is asked, and without
--- a terminal it is refused.

local Error = require("segmind.error")
local needed = require("segmind.consent")
local progress = require("segmind.progress")
local shell = require("segmind.cli.shell")

local consent = { sum = needed.sum, add = needed.add, sentence = needed.sentence }

--- Declares the option.
---@param command table of argparse
function consent.declare(command)
  command:flag("-y --yes"):description("Do not ask, whatever it costs.")
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
---@param sum segmind.ConsentSum
---@return segmind.Error?
function consent.refusal(context, sum)
  if context.args.yes or not needed.is_needed(sum, context.config.values.budget) then
    return nil
  end
  local text = needed.sentence(sum)
  if not is_terminal() then
    return Error.new("budget", text .. "; say --yes, or bound it with --budget DOLLARS")
  elseif not ask(context, text) then
    return Error.new("budget", "nothing was sent")
  end
end

-- Takes the rest for as dear as the last chain that was priced.
local function bound(sum, estimate, count)
  local rest = (count - sum.steps) / #estimate.steps
  sum.is_bound = rest > 0
  sum.steps, sum.usd, sum.unknown = count, sum.usd + rest * estimate.usd,
    sum.unknown + rest * estimate.unknown
end

--- The same of chains, which are priced for it where there are several pictures. They differ in no
--- price, so once they are too dear the rest is a product.
---@param context segmind.cli.Context
---@param count integer of their pictures
---@param chain_at fun(n: integer): segmind.Chain each is asked for once
---@return segmind.Error?
function consent.refusal_of(context, count, chain_at)
  local sum, budget, n = needed.sum(), context.config.values.budget, 0
  if count == 1 or budget or context.args.yes then
    return nil
  end
  while sum.steps < count do
    n = n + 1
    local estimate, err = chain_at(n):estimate()
    if not estimate then
      return err
    end
    needed.add(sum, estimate)
    if needed.is_needed(sum) then
      bound(sum, estimate, count)
    end
  end
  return consent.refusal(context, sum)
end

--- The same of one chain.
---@param context segmind.cli.Context
---@param chain segmind.Chain
---@param count integer of its pictures
---@return segmind.Error?
function consent.refusal_of_chain(context, chain, count)
  return consent.refusal_of(context, count, function()
    return chain
  end)
end

return consent
