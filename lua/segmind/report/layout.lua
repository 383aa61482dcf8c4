--- Where the nodes of a report stand on a wide window. The graph falls into its components; each
--- has columns by depth. Variations (steps of the same parents, from which nothing was made) are
--- one item, a grid. On a narrow window none of this counts: the page is a list.

local layout = {}

-- Between two columns, in widths of a picture.
layout.GUTTER = 0.14

-- More columns than these are too narrow to read: the component is a list on every window.
local MOST_COLUMNS = 6

-- What was given is smaller than what was made of it, and the last picture is larger.
local SOURCE, LAST = 0.5, 1.4

-- So many variations make a grid.
local FEWEST = 3

---@class segmind.report.Item a node, or variations
---@field nodes segmind.report.Node[]
---@field is_group boolean
---@field from segmind.report.Item[]
---@field to segmind.report.Item[]
---@field column integer from 1
---@field row number from 0, in rows of a card
---@field span integer rows
---@field across integer of a group: pictures side by side
---@field size number its width, in widths of a picture

---@class segmind.report.Component
---@field items segmind.report.Item[] in order
---@field weights number[] of the columns
---@field width number of all columns and the gutters between them
---@field rows number
---@field is_graph boolean

-- -- components -----------------------------------------------------------------------------------

local function spread(node, component, seen)
  local queue, at = { node }, 1
  seen[node] = component
  while queue[at] do
    for _, list in ipairs({ queue[at].from, queue[at].to }) do
      for _, other in ipairs(list) do
        if not seen[other] then
          seen[other], queue[#queue + 1] = component, other
        end
      end
    end
    at = at + 1
  end
end

--- The nodes of each component, in order.
---@param nodes segmind.report.Node[]
---@return segmind.report.Node[][]
function layout.connected(nodes)
  local seen, list = {}, {}
  for _, node in ipairs(nodes) do
    if not seen[node] then
      list[#list + 1] = {}
      spread(node, list[#list], seen)
    end
    table.insert(seen[node], node)
  end
  return list
end

--- The same, where the pictures that hang on nothing stand together.
---@return segmind.report.Node[][]
local function components_of(nodes)
  local list, loose = {}, nil
  local connections = layout.connected(nodes)
  local singles = 0
  for _, members in ipairs(connections) do
    singles = singles + (#members == 1 and 1 or 0)
  end
  for _, members in ipairs(connections) do
    if #members > 1 or singles < FEWEST then
      list[#list + 1] = members
    elseif loose then
      loose[#loose + 1] = members[1]
    else
      loose, list[#list + 1] = members, members
    end
  end
  return list
end

-- -- items ----------------------------------------------------------------------------------------

--- What variations have in common: their parents. Pictures without any are one another's.
local function family_of(node)
  local parents = {}
  for i, parent in ipairs(node.from) do
    parents[i] = parent.index
  end
  table.sort(parents)
  local is_variation = node.kind == "step" and not node.to[1]
  return is_variation and table.concat(parents, " ") or nil
end

--- The variations by what they have in common, each family in order.
---@param nodes segmind.report.Node[]
---@return table<string, segmind.report.Node[]>
function layout.families_of(nodes)
  local families = {}
  for _, node in ipairs(nodes) do
    local family = family_of(node)
    if family then
      families[family] = families[family] or {}
      table.insert(families[family], node)
    end
  end
  return families
end

local function across_of(count)
  return count <= 4 and 2 or count <= 9 and 3 or 4
end

local function new_item(nodes, is_group)
  local across = is_group and across_of(#nodes) or 1
  -- a card in a grid is lower than one that stands alone
  local span = is_group and math.max(1, math.ceil(math.ceil(#nodes / across) * 0.8)) or 1
  return { nodes = nodes, is_group = is_group, from = {}, to = {}, across = across, span = span }
end

local function items_of(nodes)
  local items, of, families = {}, {}, layout.families_of(nodes)
  for _, node in ipairs(nodes) do
    local family = families[family_of(node) or ""]
    local is_group = family ~= nil and #family >= FEWEST
    if not of[node] then
      local item = new_item(is_group and family or { node }, is_group)
      items[#items + 1] = item
      for _, member in ipairs(item.nodes) do
        of[member] = item
      end
    end
  end
  for _, item in ipairs(items) do
    for _, parent in ipairs(item.nodes[1].from) do
      table.insert(item.from, of[parent])
      table.insert(of[parent].to, item)
    end
  end
  return items
end

-- -- places ---------------------------------------------------------------------------------------

--- Columns by depth; then each moves right, up to the first that needs it, so that no arrow runs
--- behind others. Items are in the order of their making, parents first.
local function set_columns(items)
  local last = 1
  for _, item in ipairs(items) do
    item.column = 1
    for _, parent in ipairs(item.from) do
      item.column = math.max(item.column, parent.column + 1)
    end
    last = math.max(last, item.column)
  end
  for i = #items, 1, -1 do
    local first = math.huge
    for _, child in ipairs(items[i].to) do
      first = math.min(first, child.column)
    end
    items[i].column = items[i].to[1] and first - 1 or items[i].column
  end
  return last
end

--- The row in the middle of its parents; what has none stands below the others.
local function mean_row(item)
  local sum = 0
  for _, parent in ipairs(item.from) do
    sum = sum + parent.row
  end
  return #item.from > 0 and sum / #item.from or math.huge
end

-- table.sort keeps no order among equals.
local function sort_column(column)
  for i, item in ipairs(column) do
    item.wish, item.place = mean_row(item), i
  end
  table.sort(column, function(a, b)
    if a.wish ~= b.wish then
      return a.wish < b.wish
    end
    return a.place < b.place
  end)
end

local function height_of(column)
  local rows = 0
  for _, item in ipairs(column) do
    rows = rows + item.span
  end
  return rows
end

--- Low graphs stand on their middle line. In a high one that would put the beginning below the
--- first screen: there everything stands as high as it can, beside its parents.
local function set_rows(columns, rows)
  local is_low = rows <= 2
  for _, column in ipairs(columns) do
    sort_column(column)
    local next_row = is_low and (rows - height_of(column)) / 2 or 0
    for _, item in ipairs(column) do
      local wish = item.from[1] and math.floor(item.wish * 2) / 2 or 0
      item.row = is_low and next_row or math.max(next_row, wish)
      next_row = item.row + item.span
    end
  end
end

local function total_rows(items)
  local rows = 0
  for _, item in ipairs(items) do
    rows = math.max(rows, item.row + item.span)
  end
  return rows
end

local function has_only(column, is_such)
  for _, item in ipairs(column) do
    if not is_such(item) then
      return false
    end
  end
  return true
end

local function is_source(item)
  return item.nodes[1].kind == "source"
end

local function is_single(item)
  return not item.is_group
end

-- The width of a column; each of its items has as much, but a single picture beside a grid.
local function weigh(column, is_last)
  local weight = 1
  if has_only(column, is_source) then
    weight = SOURCE
  elseif is_last and has_only(column, is_single) then
    weight = LAST
  end
  for _, item in ipairs(column) do
    item.size = item.is_group and item.across or weight
  end
  for _, item in ipairs(column) do
    weight = math.max(weight, item.size)
  end
  return weight
end

local function component_of(nodes)
  local items = items_of(nodes)
  local columns, weights, width, rows = {}, {}, 0, 0
  for i = 1, set_columns(items) do
    columns[i] = {}
  end
  for _, item in ipairs(items) do
    table.insert(columns[item.column], item)
  end
  for i, column in ipairs(columns) do
    weights[i] = weigh(column, i > 1 and i == #columns)
    width, rows = width + weights[i] + (i > 1 and layout.GUTTER or 0),
      math.max(rows, height_of(column))
  end
  set_rows(columns, rows)
  return { items = items, weights = weights, width = width, rows = total_rows(items),
    columns = #columns, is_graph = #columns > 1
      and width <= MOST_COLUMNS + layout.GUTTER * (MOST_COLUMNS - 1) }
end

--- Lays nodes out.
---@param nodes segmind.report.Node[] parents first
---@return segmind.report.Component[]
function layout.of(nodes)
  local components = {}
  for i, members in ipairs(components_of(nodes)) do
    components[i] = component_of(members)
  end
  return components
end

--- Where a column begins and ends, in widths of a picture.
---@param component segmind.report.Component
---@param column integer
---@return number left
---@return number right
function layout.extent(component, column)
  local left = 0
  for i = 1, column - 1 do
    left = left + component.weights[i] + layout.GUTTER
  end
  return left, left + component.weights[column]
end

return layout
