--- Which steps of a chain a ledger has finished, for an estimate. The keys are computed as they
--- will be when the chain runs, with the generation that each step has or will have.

local key = require("segmind.ledger_key")
local rows = require("segmind.ledger_rows")

local outlook = {}

--- The content of the local pictures of prepared requests, read here.
local function digest_all(core, requests)
  local digests = {}
  for _, prepared in ipairs(requests) do
    for _, path in ipairs(key.paths(prepared)) do
      local file = io.open(path, "rb")
      digests[path] = core.sha256(file and file:read("*a") or "")
      if file then
        file:close()
      end
    end
  end
  return digests
end

--- Names the steps and jobs that a prepared request takes its pictures from. A job that has not
--- come so far that it has a name is none that anything finished can hang on.
local function name_inputs(prepared, names)
  for _, slot in ipairs(prepared.slots) do
    if slot.kind == "step" then
      slot.of = names[slot.value.step]
    elseif slot.kind == "job" then
      slot.of = ("%s:%d"):format(slot.value.key or "?", slot.value.generation or 1)
    end
  end
end

--- Which of the prepared requests are finished. Method of a Ledger.
---@param requests table[]
---@return table<integer, boolean>? finished by number
---@return segmind.Error?
---@return table<integer, boolean> counted by number: those whose price is spent or under way
function outlook:finished(requests)
  local core = self._client._core
  local names, out, digests = {}, {}, digest_all(core, requests)
  local counted = {}
  local _, err = self:_do(function(db)
    for n, prepared in ipairs(requests) do
      name_inputs(prepared, names)
      local name, fresh = key.compute(core, prepared, digests), prepared.opts.fresh
      local row, open = rows.best(db, name), fresh and rows.open(db, name)[1] or nil
      local generation = row and row.generation + (fresh and 1 or 0) or 1
      generation = open and open.generation or generation
      out[n] = row ~= nil and row.state == "completed" and not fresh
      counted[n] = open ~= nil or row ~= nil and row.state ~= "failed" and not fresh
      names[n] = ("%s:%d"):format(name, generation)
    end
  end)
  return not err and out or nil, err, counted
end

--- What all steps have cost or may yet cost, in USD. Method of a Ledger.
---@return number?
---@return segmind.Error?
function outlook:spent()
  return self:_do(rows.spent)
end

return outlook
