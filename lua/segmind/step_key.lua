--- The name of a step in the ledger: a hash of its model, the parameters as the caller wrote them
--- and what its pictures are. The content of a file, not its path; a URL; or the step that a
--- picture comes from. So a step keeps its name as long as nothing before it changes, and a changed
--- step renames those that hang on it. A seed that was drawn here is no part of it, as the caller
--- did not ask for it.

local Budget = require("segmind.budget")
local json = require("segmind.json")

local key = {}

local function identity(slot, digests)
  if slot.of then
    return "step:" .. slot.of
  elseif slot.kind == "bytes" or slot.kind == "path" then
    slot.sha256 = digests[slot.value]
    return "sha256:" .. slot.sha256
  end
  return "url:" .. slot.holder[slot.key]
end

--- The paths and bytes whose hash must be known before the key is.
---@param prepared table from request.prepare
---@return (string|segmind.Bytes)[]
function key.sources(prepared)
  local sources, seen = {}, {}
  for _, slot in ipairs(prepared.slots) do
    local is_content = slot.kind == "path" or slot.kind == "bytes"
    if is_content and not slot.of and not seen[slot.value] then
      seen[slot.value] = true
      sources[#sources + 1] = slot.value
    end
  end
  return sources
end

local function number(params, places)
  local copy = {}
  for name, value in pairs(params) do
    local i = places[params] and places[params][name]
    if i then
      copy[name] = { input = i }
    else
      copy[name] = type(value) == "table" and getmetatable(value) == nil
        and number(value, places) or value
    end
  end
  return copy
end

--- A copy of a request's parameters with the pictures' numbers in their places. The parameters stay
--- as they are: an error may be raised at any line of this.
---@param prepared table from request.prepare
---@return table
function key.numbered(prepared)
  local places = {}
  for i, slot in ipairs(prepared.slots) do
    places[slot.holder] = places[slot.holder] or {}
    places[slot.holder][slot.key] = i
  end
  return number(prepared.params, places)
end

--- Computes the key. Every input is known: jobs and steps have become `slot.of`.
---@param core table segmind.core
---@param prepared table from request.prepare
---@param digests table<string|segmind.Bytes, string> SHA-256
---@return string key
---@return string text what was hashed, in canonical JSON
function key.compute(core, prepared, digests)
  local inputs, params = {}, key.numbered(prepared)
  for i, slot in ipairs(prepared.slots) do
    inputs[i] = identity(slot, digests)
  end
  if prepared.is_seed_drawn then
    params.seed = nil
  end
  local text = json.encode({ inputs = inputs, model = prepared.model, params = params })
  return core.sha256(text), text
end

--- What the core is told of a job's step.
---@param job segmind.Job whose key is known
---@return table
function key.step(job)
  return { key = job.key, params = job._key_text, name = job.name, seed = job.seed,
    price = Budget.price(job), fresh = job._request.opts.fresh, generation = job.generation }
end

return key
