--- What a report draws: a node for every job and for every picture that came from outside, each
--- with the nodes it hangs on, and the nodes in columns by depth.

local graph = {}

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
function graph.of(items)
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

return graph
