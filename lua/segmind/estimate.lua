--- What a list of requests will cost and how long it will take, from the figures that the service
--- publishes. A model that is not declared has none, and the sum says so. A step that the ledger
--- knows to be finished costs and takes nothing.

local Budget = require("segmind.budget")
local image = require("segmind.image")
local key = require("segmind.step_key")

---@class segmind.Estimate
---@field steps { n: integer, model: string, usd: number?, seconds: number?, finished: boolean }[]
---@field usd number the sum of the known prices
---@field seconds number along the longest way; steps that do not need each other run together
---@field unknown integer steps without a published price
---@field finished integer steps that are finished already
local Estimate = {}
Estimate.__index = Estimate
Estimate.__name = "segmind.Estimate"

--- When the pictures that a request needs are there.
local function begins(prepared, ends)
  local at = 0
  for _, slot in ipairs(prepared.slots) do
    if slot.kind == "step" then
      at = math.max(at, ends[slot.value.step] or 0)
    end
  end
  return at
end

local function figures(prepared, is_finished)
  if is_finished then
    return 0, 0
  end
  return Budget.declared(prepared), prepared.spec and prepared.spec.latency_s
end

---@param requests table[] from request.prepare
---@param finished table<integer, boolean>? by number
---@return segmind.Estimate
function Estimate.new(requests, finished)
  local self = setmetatable({ steps = {}, usd = 0, seconds = 0, unknown = 0, finished = 0 },
    Estimate)
  local ends = {}
  for n, prepared in ipairs(requests) do
    local is_finished = finished and finished[n] or false
    local usd, seconds = figures(prepared, is_finished)
    self.steps[n] = { n = n, model = prepared.model, usd = usd, seconds = seconds,
      finished = is_finished }
    self.usd = self.usd + (usd or 0)
    self.unknown = self.unknown + (usd and 0 or 1)
    self.finished = self.finished + (is_finished and 1 or 0)
    ends[n] = begins(prepared, ends) + (seconds or 0)
    self.seconds = math.max(self.seconds, ends[n])
  end
  return self
end

--- The hashes of the local pictures of prepared requests, read here.
local function digest_all(core, requests)
  local digests = {}
  for _, prepared in ipairs(requests) do
    for _, source in ipairs(key.sources(prepared)) do
      local file = not image.is_bytes(source) and io.open(source, "rb")
      digests[source] = core.sha256(file and file:read("*a") or source.data or "")
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

--- Which steps of a chain a ledger knows. The keys are computed as they will be when the chain
--- runs, with the generation that each step has or will have.
---@param client segmind.Client
---@param requests table[] from request.prepare
---@return { finished: table<integer, boolean>, counted: table<integer, boolean> }? known by number;
--- `counted` are those whose price is spent or under way
---@return segmind.Error? err kind "ledger"
function Estimate.known(client, requests)
  local digests, names = digest_all(client._core, requests), {}
  local known = { finished = {}, counted = {} }
  for n, prepared in ipairs(requests) do
    name_inputs(prepared, names)
    local name, fresh = key.compute(client._core, prepared, digests), prepared.opts.fresh
    local found, err = client:_query("find", name)
    if not found then
      return nil, err
    end
    local row = found[1]
    known.finished[n] = row ~= nil and row.state == "completed" and not fresh
    known.counted[n] = row ~= nil and row.state ~= "failed" and not fresh
    names[n] = ("%s:%d"):format(name, row and row.generation + (fresh and 1 or 0) or 1)
  end
  return known
end

local function row(name, usd, seconds, is_finished)
  if is_finished then
    return ("%-32s %8s %9s"):format(name, "$0.00", "finished")
  end
  return ("%-32s %8s %9s"):format(name, usd and ("$%.2f"):format(usd) or "unknown",
    seconds and ("%.1f s"):format(seconds) or "unknown")
end

function Estimate:__tostring()
  local lines = {}
  for i, step in ipairs(self.steps) do
    lines[i] = row(("%d  %s"):format(step.n, step.model), step.usd, step.seconds,
      step.finished)
  end
  lines[#lines + 1] = row("together", self.usd, self.seconds)
  if self.unknown > 0 then
    lines[#lines + 1] = ("without %d of %d steps, whose models are not declared"):format(
      self.unknown, #self.steps)
  end
  return table.concat(lines, "\n")
end

return Estimate
