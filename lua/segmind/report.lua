--- A page about a finished chain or graph: every picture with its model, prompt, seed, time and
--- cost, in columns by depth, with arrows along the edges. One HTML file without scripts; pictures
--- that were saved are linked relative to it, so a folder with both can be moved or sent.
---
---     require("segmind.report").write("out/report.html", jobs, { title = "Night and noon" })

local Error = require("segmind.error")
local options = require("segmind.options")
local paths = require("segmind.path")
local schema = require("segmind.schema")

local report = {}

-- -- the graph ------------------------------------------------------------------------------------
-- A node for every job and for every picture that came from outside, each with the nodes it hangs
-- on, and the nodes in columns by depth.

local function result_of(job)
  return job:result() or {}
end

local function job_node(job)
  local result, err = result_of(job), job:error()
  return { kind = err and "failed" or "job", title = job.name or ("%d"):format(job.id),
    model = job.model, prompt = job.params.prompt, seed = result.seed or job.seed,
    cost = result.cost, path = result.path, url = result.url, state = job.state,
    error = err and err.message, from = job.started, to = job.ended,
    seconds = job.started and job.ended and job.ended - job.started, from_nodes = {} }
end

local function source_node(input)
  local name = input.path or input.url or "a picture in memory"
  return { kind = "source", title = name:match("([^/]+)/*$") or name, path = input.path,
    url = input.url, model = "given", from_nodes = {} }
end

--- A job stands in the list as itself or by its result; each once.
local function jobs_of(items)
  local jobs, seen = {}, {}
  for _, item in ipairs(items) do
    local job = item.job or item
    if not seen[job] then
      seen[job] = true
      jobs[#jobs + 1] = job
    end
  end
  return jobs
end

--- The node that an input comes from; a job outside the list counts as a picture from outside.
local function node_of(input, by_id, sources, nodes)
  local node = input.job and by_id[input.job]
  local key = input.path or input.url
  node = node or key and sources[key]
  if not node then
    node = source_node(input)
    sources[key or node] = node
    nodes[#nodes + 1] = node
  end
  return node
end

local function depth_of(node)
  if not node.depth then
    node.depth = 1
    for _, from in ipairs(node.from_nodes) do
      node.depth = math.max(node.depth, depth_of(from) + 1)
    end
  end
  return node.depth
end

--- The column of a node: just before the first that needs it, so that no arrow runs behind others.
local function column_of(node)
  if not node.column then
    node.column = node.to_nodes and math.huge or depth_of(node)
    for _, to in ipairs(node.to_nodes or {}) do
      node.column = math.min(node.column, column_of(to) - 1)
    end
  end
  return node.column
end

local function connect(from, to)
  table.insert(to.from_nodes, from)
  from.to_nodes = from.to_nodes or {}
  table.insert(from.to_nodes, to)
end

---@param items (segmind.Job|segmind.Result)[]
---@return table[] nodes
---@return table[][] columns
local function graph_of(items)
  local nodes, by_id, sources, columns = {}, {}, {}, {}
  local jobs = jobs_of(items)
  for i, job in ipairs(jobs) do
    nodes[i] = job_node(job)
    by_id[job.id] = nodes[i]
  end
  for i, job in ipairs(jobs) do
    for _, input in ipairs(job.inputs) do
      connect(node_of(input, by_id, sources, nodes), nodes[i])
    end
  end
  for _, node in ipairs(nodes) do
    local column = column_of(node)
    while #columns < column do
      columns[#columns + 1] = {}
    end
    table.insert(columns[column], node)
  end
  return nodes, columns
end

-- -- the page ------------------------------------------------------------------------------------

local WIDTH, HEIGHT, GAP_X, GAP_Y = 264, 408, 84, 28

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

local function escape(text)
  text = tostring(text):gsub("[&<>\"']", entities)
  return (text:gsub("%c", " "))
end

local function parts_of(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." and parts[1] and parts[#parts] ~= ".." then
      table.remove(parts)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return parts
end

local function percent(path)
  return (path:gsub("[^%w/._~-]", function(char)
    return ("%%%02X"):format(char:byte())
  end))
end

--- The link from one file to another: relative when both names are, or both are absolute.
local function link(from, to)
  local both = (from:sub(1, 1) == "/") == (to:sub(1, 1) == "/")
  local a, b = parts_of(from), parts_of(to)
  if not both or a[1] == ".." then
    return percent(to)
  end
  local same = 0
  while same < #a - 1 and same < #b - 1 and a[same + 1] == b[same + 1] do
    same = same + 1
  end
  return percent(("../"):rep(#a - 1 - same) .. table.concat(b, "/", same + 1))
end

local function picture(node, page)
  local source = node.path and link(page, node.path)
    or node.url and node.url:find("^https?://") and node.url
  if not source then
    return ('<div class="none">%s</div>'):format(escape(node.error or node.state or "not saved"))
  end
  source = escape(source)
  return ('<a href="%s"><img src="%s" alt="%s"></a>'):format(source, source, escape(node.title))
end

local function figures(node)
  local out = {}
  for _, pair in ipairs({ { "seed %.14g", node.seed }, { "%.1f s", node.seconds },
    { "$%.2f", node.cost } }) do
    out[#out + 1] = pair[2] and pair[1]:format(pair[2]) or nil
  end
  return table.concat(out, " &middot; ")
end

local function card(node, page)
  local prompt = escape(node.prompt or "")
  return ([[
<article class="%s" style="left:%dpx;top:%dpx">
%s
<h2>%s</h2>
<p class="model">%s</p>
<p class="prompt" title="%s">%s</p>
<p class="figures">%s</p>
</article>]]):format(node.kind, node.x, node.y, picture(node, page), escape(node.title),
    escape(node.model or ""), prompt, prompt, figures(node))
end

local function arrow(from, to)
  local x1, y1 = from.x + WIDTH, from.y + HEIGHT / 2
  local x2, y2 = to.x - 8, to.y + HEIGHT / 2
  local bend = GAP_X / 2 + (x2 - x1) / 4
  return ('<path d="M%d %d C%d %d %d %d %d %d"/>'):format(x1, y1, x1 + bend, y1, x2 - bend, y2,
    x2, y2)
end

--- Gives every node its place; returns the size of the whole.
local function place(columns)
  local rows = 0
  for _, column in ipairs(columns) do
    rows = math.max(rows, #column)
  end
  for c, column in ipairs(columns) do
    for r, node in ipairs(column) do
      node.x = (c - 1) * (WIDTH + GAP_X)
      node.y = math.floor((r - 1 + (rows - #column) / 2) * (HEIGHT + GAP_Y))
    end
  end
  return #columns * (WIDTH + GAP_X) - GAP_X, rows * (HEIGHT + GAP_Y) - GAP_Y
end

local PAGE = [[
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
body{margin:0;padding:32px;background:#f6f5f2;color:#26241f;font:15px/1.45 system-ui,sans-serif}
h1{margin:0 0 4px;font-size:26px;font-weight:650}
.sum{margin:0 0 28px;color:#6d6a62}
main{overflow-x:auto;padding:4px 4px 24px}
.graph{position:relative;width:%dpx;height:%dpx}
svg{position:absolute;inset:0;width:100%%;height:100%%;overflow:visible}
path{fill:none;stroke:#b9b3a4;stroke-width:2;marker-end:url(#tip)}
marker path{fill:#b9b3a4;stroke:none;marker-end:none}
article{position:absolute;box-sizing:border-box;width:%dpx;height:%dpx;background:#fff;
border-radius:12px;box-shadow:0 1px 3px #0002,0 6px 20px #0000000d;overflow:hidden}
article.source{background:#efede6;box-shadow:none}
article.failed{outline:2px solid #c4553d}
img,.none{display:block;width:100%%;height:230px;object-fit:contain;background:#e9e6dd}
.none{box-sizing:border-box;padding:24px;color:#a2432e;overflow:hidden}
h2{margin:12px 16px 0;font-size:15px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
p{margin:2px 16px}
.model{color:#6d6a62;font-size:13px}
.prompt{height:66px;overflow:hidden;display:-webkit-box;-webkit-line-clamp:3;
-webkit-box-orient:vertical}
.figures{margin-top:8px;color:#6d6a62;font-size:13px;font-variant-numeric:tabular-nums}
</style></head>
<body>
<h1>%s</h1>
<p class="sum">%s</p>
<main><div class="graph">
<svg aria-hidden="true"><defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4"
markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>
%s
</svg>
%s
</div></main>
</body></html>
]]

local function summary(nodes)
  local jobs, cost, failed, from, to = 0, 0, 0, math.huge, 0
  for _, node in ipairs(nodes) do
    if node.kind ~= "source" then
      jobs, cost = jobs + 1, cost + (node.cost or 0)
      failed = failed + (node.kind == "failed" and 1 or 0)
      from, to = math.min(from, node.from or from), math.max(to, node.to or 0)
    end
  end
  return ("%d pictures, %.1f s, $%.2f%s"):format(jobs - failed, math.max(to - from, 0), cost,
    failed > 0 and (", %d failed"):format(failed) or "")
end

--- The page as text.
---@param page string the name it will have, for the links
---@param items (segmind.Job|segmind.Result)[]
---@param title string
---@return string
local function render(page, items, title)
  local nodes, columns = graph_of(items)
  local width, height = place(columns)
  local arrows, cards = {}, {}
  for i, node in ipairs(nodes) do
    cards[i] = card(node, page)
    for _, from in ipairs(node.from_nodes) do
      arrows[#arrows + 1] = arrow(from, node)
    end
  end
  return PAGE:format(escape(title), width, height, WIDTH, HEIGHT, escape(title),
    escape(summary(nodes)), table.concat(arrows, "\n"), table.concat(cards, "\n"))
end

--- Writes the page.
---@param path string
---@param items (segmind.Job|segmind.Result)[] what chain:submit or chain:run returned, or any jobs
---@param opts { title: string? }?
---@return string? path
---@return segmind.Error? err kind "io"
function report.write(path, items, opts)
  if type(path) ~= "string" or type(items) ~= "table" then
    Error.misuse("report.write takes a path and a list of jobs or results, got "
      .. schema.show(path) .. " and " .. schema.show(items))
  end
  opts = options.read(opts, { title = "text" }, "report.write")
  local text = render(paths.absolute(path), items, opts.title or "Pictures")
  local file, why = io.open(path, "wb")
  local written = file and file:write(text)
  if not (file and file:close() and written) then
    return nil, Error.new("io", "the report cannot be written: " .. (why or path))
  end
  return path
end

return report
