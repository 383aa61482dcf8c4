--- The order of a report's nodes: parents before what was made from them, a sweep by its prompts
--- and seeds. What files and a ledger tell of is shown newest first: each graph as a whole.

local layout = require("segmind.report.layout")

local order = {}

-- -- time -----------------------------------------------------------------------------------------

local function comes_before(a, b)
  if (a.at or math.huge) ~= (b.at or math.huge) then
    return (a.at or math.huge) < (b.at or math.huge)
  end
  return (a.id or a.index) < (b.id or b.index)
end

--- The first parent that is not placed. One that waits for the node itself, as rows may name each
--- other in a circle, is none of its parents.
local function open_parent(node, state)
  for i = #node.from, 1, -1 do
    if state[node.from[i]] == "open" then
      table.remove(node.from, i)
    end
  end
  for _, parent in ipairs(node.from) do
    if not state[parent] then
      return parent
    end
  end
end

--- Places a node, its parents before it. A stack, not a recursion: chains are long.
local function place(node, out, state)
  local stack = { not state[node] and node or nil }
  while stack[1] do
    local top = stack[#stack]
    state[top] = "open"
    local parent = open_parent(top, state)
    if parent then
      stack[#stack + 1] = parent
    else
      state[top], out[#out + 1], stack[#stack] = "placed", top, nil
    end
  end
end

--- In the order of their beginnings, none before its parents, a source before the first that needs
--- it.
local function by_time(nodes)
  local given, out, state = {}, {}, {}
  for _, node in ipairs(nodes) do
    given[#given + 1] = node.kind == "step" and node or nil
  end
  table.sort(given, comes_before)
  for _, node in ipairs(given) do
    place(node, out, state)
  end
  return out
end

-- -- variations -----------------------------------------------------------------------------------

--- The number of each value of a field, in the order of their appearance.
local function ranks_of(nodes, field)
  local ranks, count = {}, 0
  for _, node in ipairs(nodes) do
    local value = node[field] or ""
    if not ranks[value] then
      count = count + 1
      ranks[value] = count
    end
  end
  return function(node)
    return ranks[node[field] or ""]
  end
end

local function seed_of(node)
  return tonumber(node.seed) or math.huge
end

local function place_of(node)
  return node.place
end

local function sort_by(nodes, keys)
  for i, node in ipairs(nodes) do
    node.place = i
  end
  table.sort(nodes, function(a, b)
    for _, key in ipairs(keys) do
      local of_a, of_b = key(a), key(b)
      if of_a ~= of_b then
        return of_a < of_b
      end
    end
    return false
  end)
end

local function age_of(node)
  return -(node.at or 0)
end

-- A ledger counts in seconds: of two of the same one the later row is newer.
local function newer_place_of(node)
  return node.at and node.at > 0 and -node.place or node.place
end

--- Each family in the places that it has, by prompt, model and seed.
local function sort_families(nodes, is_record)
  local places = {}
  for i, node in ipairs(nodes) do
    places[node] = i
  end
  for _, family in pairs(layout.families_of(nodes)) do
    local taken = {}
    for i, node in ipairs(family) do
      taken[i] = places[node]
    end
    if is_record then
      sort_by(family, { age_of, newer_place_of })
    end
    sort_by(family, { ranks_of(family, "prompt"), ranks_of(family, "model"), seed_of, place_of })
    for i, node in ipairs(family) do
      nodes[taken[i]] = node
    end
  end
  return nodes
end

-- -- the newest first -----------------------------------------------------------------------------

local function newest_first(nodes)
  local graphs, out = layout.connected(nodes), {}
  for _, graph in ipairs(graphs) do
    graph.at = 0
    for _, node in ipairs(graph) do
      graph.at = math.max(graph.at, node.at or 0)
    end
  end
  sort_by(graphs, { age_of, function(graph)
    return graph.at > 0 and -graph[#graph].index or graph.place
  end })
  for _, graph in ipairs(graphs) do
    for _, node in ipairs(graph) do
      out[#out + 1] = node
    end
  end
  return out
end

local function are_records(nodes)
  for _, node in ipairs(nodes) do
    if node.kind == "step" and not node.record then
      return false
    end
  end
  return true
end

--- The nodes in the order in which they are shown.
---@param nodes segmind.report.Node[] with their parents
---@return segmind.report.Node[]
function order.of(nodes)
  local is_record, list = are_records(nodes), by_time(nodes)
  for i, node in ipairs(list) do
    node.index = i
  end
  return sort_families(is_record and newest_first(list) or list, is_record)
end

return order
