--- Whether something may be spent without asking: where no budget bounds it, up to a dollar, and
--- one picture whatever it costs. The command line and the editor ask by it.

local consent = {}

-- Dollars; of pictures without a known price, one.
local UNASKED = 1

--- What pictures cost together.
---@class segmind.ConsentSum
---@field steps integer
---@field known integer of them, in the ledger already: finished, or under way
---@field finished integer of those, finished
---@field unknown integer of the steps, without a known price
---@field usd number
---@field is_bound boolean? whether not all of them were looked for: they cost no more than that

---@return segmind.ConsentSum
function consent.sum()
  return { steps = 0, known = 0, finished = 0, unknown = 0, usd = 0 }
end

--- Adds a chain to it.
---@param sum segmind.ConsentSum
---@param estimate segmind.Estimate
function consent.add(sum, estimate)
  sum.steps = sum.steps + #estimate.steps
  sum.known = sum.known + estimate.finished + estimate.under_way
  for _, name in ipairs({ "finished", "unknown", "usd" }) do
    sum[name] = sum[name] + estimate[name]
  end
end

--- Says it.
---@param sum segmind.ConsentSum
---@return string
function consent.sentence(sum)
  return ("%d picture%s%s cost%s %s$%.2f%s"):format(sum.steps, sum.steps == 1 and "" or "s",
    sum.known > 0 and (" (%d in the ledger already)"):format(sum.known) or "",
    sum.steps == 1 and "s" or "", sum.is_bound and "up to " or "", sum.usd,
    sum.unknown > 0 and (", and %d without a known price"):format(sum.unknown) or "")
end

--- Whether somebody has to say yes first. With a budget, that decides.
---@param sum segmind.ConsentSum
---@param budget number?
---@return boolean
function consent.is_needed(sum, budget)
  return not budget and sum.steps > 1 and (sum.usd > UNASKED + 1e-9 or sum.unknown > 1)
end

return consent
