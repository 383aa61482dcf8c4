--- The page of a report, as HTML of one piece. Everything that others wrote goes through
--- segmind.report.text.

local advice = require("segmind.report.advice")
local file = require("segmind.file")
local layout = require("segmind.report.layout")
local pictures = require("segmind.report.pictures")
local script = require("segmind.report.script")
local style = require("segmind.report.style")
local text = require("segmind.report.text")
local version = require("segmind.version")

local page = {}

local html, attribute, fill = text.html, text.attribute, text.fill

-- The script is named by its hash: nothing else on the page can run, whatever stands in it.
local PAGE = [[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
  img-src 'self' file: data:; style-src 'unsafe-inline'; script-src 'sha256-{hash}';
  base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="segmind for Lua {version}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1 dir="auto">{title}</h1>
<p class="about">{about}</p>
<dl class="totals">{totals}</dl>
{time}</header>
<main class="all">
{components}</main>
<script>{script}</script>
</body>
</html>
]]

local COMPONENT = [[
<section class="component {class}" style="{style}">
{edges}{items}</section>
]]

local EDGES = [[
<svg class="edges" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">
{paths}
</svg>
]]

local ITEM = [[
<div class="item{class}" style="{style}">{content}</div>
]]

local GROUP = [[
<div class="group"><div class="common"><h2>{head}</h2>{model}{prompt}</div>
<div class="grid">
{cards}</div></div>]]

local CARD = [[
<article class="card {class}" id="n{id}"{before}>
{shot}<div class="words">
<h2 dir="auto">{number}{name}</h2>
{model}{origin}{prompt}{failure}{facts}{bar}<div class="foot">{details}</div></div>
</article>
]]

local FAILURE = [[
<div class="failure"><p class="kind">{kind} <span>{charged}</span></p>
<p class="message" dir="auto">{message}</p>
<p class="advice">{advice}</p></div>
]]

-- -- figures --------------------------------------------------------------------------------------

local function money(usd)
  return (usd > 0 and usd < 0.01 and "$%.4f" or "$%.2f"):format(usd)
end

local function duration(seconds)
  if seconds >= 90 then
    return ("%d min %02d s"):format(math.floor(seconds / 60), math.floor(seconds % 60))
  end
  return seconds < 0.005 and "under 0.01 s"
    or (seconds < 0.1 and "%.2f s" or "%.1f s"):format(seconds)
end

local function moment(time)
  return os.date("%Y-%m-%d %H:%M", math.floor(time))
end

local parts = { { "queue", "in the service's queue" }, { "inference", "inference" },
  { "download", "download" }, { "rest", "upload and polling" } }

--- The parts of a step's time, `rest` being what none of them explains.
local function shares_of(seconds)
  local known = (seconds.queue or 0) + (seconds.inference or 0) + (seconds.download or 0)
  local rest = seconds.total and math.max(seconds.total - known, 0) or nil
  return { queue = seconds.queue, inference = seconds.inference, download = seconds.download,
    rest = rest }, math.max(known, seconds.total or 0)
end

local function bar(shares, total)
  local pieces, words = {}, {}
  for _, part in ipairs(parts) do
    local share = shares[part[1]]
    if share and share > 0 then
      pieces[#pieces + 1] = ('<i class="%s" style="flex-grow:%.4f"></i>'):format(part[1],
        share / total)
      words[#words + 1] = duration(share) .. " " .. part[2]
    end
  end
  local told = attribute(table.concat(words, ", "))
  return pieces[1] and ('<div class="bar" role="img" aria-label="%s" title="%s">%s</div>\n')
    :format(told, told, table.concat(pieces)) or ""
end

-- -- a card ---------------------------------------------------------------------------------------

local function label(node)
  return node.name or node.model or "a step"
end

local function element(name, class, content)
  return content and content ~= "" and ('<%s class="%s">%s</%s>\n'):format(name, class, content,
    name) or ""
end

local charged = { no = "not charged", yes = "paid", unknown = "perhaps paid" }

local function failure(node)
  local err = node.error
  local message = text.cut(type(err.message) == "string" and err.message or "no reason is known",
    1200)
  return fill(FAILURE, { kind = html(err.kind:gsub("_", " ")), message = html(message),
    charged = charged[err.charged] or "", advice = html(advice(err)) })
end

local function shot(node)
  if node.src then
    local image = ('<img src="%s" alt="%s" width="%d" height="%d"%s>')
      :format(attribute(node.src), attribute(text.cut(node.prompt or label(node), 300)),
        node.width, node.height, node.index > 12 and ' loading="lazy"' or "")
    local is_file = node.src:sub(1, 5) ~= "data:"
    return is_file and ('<a class="shot" href="%s">%s</a>\n'):format(attribute(node.src), image)
      or ('<div class="shot">%s</div>\n'):format(image)
  elseif node.error then
    return ""
  end
  local is_over = node.missing or node.kind == "source"
  return ('<div class="shot missing">%s</div>\n'):format(html(is_over and (node.missing or "")
    or ("Not finished when this page was written: %s"):format(node.state)))
end

local function facts(node, differing)
  local out = {}
  for _, param in ipairs(differing and node.params or {}) do
    out[#out + 1] = differing[param[1]] and ("<span>%s <b>%s</b></span>"):format(html(param[1]),
      html(text.cut(param[2], 40))) or nil
  end
  out[#out + 1] = node.seed and ("<span>seed %s</span>"):format(html(node.seed)) or nil
  out[#out + 1] = node.cost and ("<span>%s</span>"):format(money(node.cost)) or nil
  local _, total = shares_of(node.seconds)
  out[#out + 1] = total > 0 and ("<span>%s</span>"):format(duration(total)) or nil
  out[#out + 1] = node.replayed and "<span>from the ledger</span>" or nil
  return table.concat(out)
end

local function rows_of(node)
  local rows = {}
  local function row(name, value)
    rows[#rows + 1] = value ~= nil and ('<dt>%s</dt><dd dir="auto">%s</dd>'):format(html(name),
      html(value)) or nil
  end
  row("prompt", node.prompt)
  for _, param in ipairs(node.params) do
    row(param[1], text.cut(param[2], 2000))
  end
  row("seed", node.seed)
  row("price", node.cost and money(node.cost))
  local shares = shares_of(node.seconds)
  for _, part in ipairs(parts) do
    row(part[2], shares[part[1]] and duration(shares[part[1]]))
  end
  row("began", node.at and moment(node.at))
  row("request", node.request_id)
  return table.concat(rows, "\n")
end

local function details(node)
  if node.kind == "source" then
    return ""
  end
  return ('<details><summary>Details</summary><div class="sheet"><dl>\n%s\n</dl></div></details>\n')
    :format(rows_of(node))
end

local function link_to(node)
  return ('<a href="#n%d"><bdi>%s</bdi></a>'):format(node.index, html((node.number
    and node.number .. " " or "") .. text.cut(label(node), 60)))
end

local function origin(node)
  local links = {}
  for i, parent in ipairs(node.from) do
    links[i] = link_to(parent)
  end
  return links[1] and "from " .. table.concat(links, " and ") or ""
end

--- What the slider compares a picture with.
local function before(node)
  for _, parent in ipairs(node.from) do
    if parent.src then
      return (' data-before="n%d"'):format(parent.index)
    end
  end
  return ""
end

local function prompt(node)
  return node.prompt and ('<p class="prompt" dir="auto">%s</p>\n'):format(html(text.cut(node.prompt,
    1200))) or ""
end

local function class_of_card(node)
  return node.kind == "source" and "source" or node.error and not node.src and "step failed"
    or "step"
end

--- A node as a card; `common` says what a group's head has told of all its cards.
local function card(node, common)
  common = common or {}
  local shares, total = shares_of(node.seconds)
  local number = node.number and ('<span class="n">%d</span> '):format(node.number) or ""
  local name = common.model and not node.name and "" or html(text.cut(label(node), 200))
  local model = not common.model and node.name and node.model
  return fill(CARD, { class = class_of_card(node), id = node.index, before = before(node),
    shot = shot(node), number = number, name = name,
    model = element("p", "model", model and html(model)),
    origin = element("p", "origin", not common.origin and origin(node)),
    prompt = not common.prompt and prompt(node) or "", failure = node.error and failure(node),
    facts = element("p", "facts", facts(node, common.differing)), bar = bar(shares, total),
    details = details(node) })
end

-- -- a grid of variations -------------------------------------------------------------------------

local function same(nodes, field)
  for _, node in ipairs(nodes) do
    if node[field] ~= nodes[1][field] then
      return nil
    end
  end
  return nodes[1][field]
end

--- The parameters in which variations differ, by name.
local function differing(nodes)
  local seen, differ, counts = {}, {}, {}
  for _, node in ipairs(nodes) do
    for _, param in ipairs(node.params) do
      local name, value = param[1], param[2]
      counts[name] = (counts[name] or 0) + 1
      differ[name] = differ[name] or seen[name] ~= nil and seen[name] ~= value or nil
      seen[name] = value
    end
  end
  for name, count in pairs(counts) do
    differ[name] = differ[name] or count < #nodes or nil
  end
  return differ
end

local function group(item)
  local nodes, cards = item.nodes, {}
  local parents = origin(nodes[1])
  local common = { model = same(nodes, "model"), prompt = same(nodes, "prompt"), origin = true,
    differing = differing(nodes) }
  for i, node in ipairs(nodes) do
    cards[i] = card(node, common)
  end
  return fill(GROUP, { head = ("%d %s"):format(#nodes, parents ~= "" and "variations"
    or "pictures"), cards = table.concat(cards), model = element("p", "model",
    (common.model and html(common.model) or "") .. (parents ~= "" and ' <span class="origin">'
    .. parents .. "</span>" or "")),
    prompt = common.prompt and prompt(nodes[1]) })
end

-- -- a component ----------------------------------------------------------------------------------

-- Widths of a picture on a desk, in pixels: the only thing on the page, one of several columns, one
-- of several components.
local ONLY, ONE_OF_MANY, SMALL = 520, 480, 300

-- Where in its row an arrow meets a card: at the picture.
local ANCHOR = 0.34

local function edge(component, from, to)
  local left = layout.extent(component, from.column)
  local x1, x2 = (left + from.size) * 100, layout.extent(component, to.column) * 100
  local y1, y2 = (from.row + ANCHOR) * 100, (to.row + ANCHOR) * 100
  local bend = layout.GUTTER * 55
  return ('<path d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f"/>'):format(x1, y1, x1 + bend, y1,
    x2 - bend, y2, x2, y2)
end

local function edges(component)
  local paths = {}
  for _, item in ipairs(component.items) do
    for _, parent in ipairs(item.from) do
      paths[#paths + 1] = edge(component, parent, item)
    end
  end
  return component.is_graph and fill(EDGES, { width = ("%.1f"):format(component.width * 100),
    height = ("%.1f"):format(component.rows * 100), paths = table.concat(paths) }) or ""
end

local function item_html(component, item)
  local row, column = math.floor(item.row * 2) + 1, item.column * 2 - 1
  local weight = component.weights[item.column]
  local class = (item.is_group and " wide" or "") .. (item.from[1] and " has-from" or "")
  local where = ("--area:%d/%d/%d/%d;--share:%.2f%%;--tip:%.2f%%;--across:%d"):format(row, column,
    row + item.span * 2, column + 1, 100 * item.size / weight, 100 * ANCHOR / item.span,
    item.across)
  return fill(ITEM, { class = class, style = where,
    content = item.is_group and group(item) or card(item.nodes[1]) })
end

local function columns_of(component)
  local tracks = {}
  for i, weight in ipairs(component.weights) do
    tracks[#tracks + 1] = i > 1 and ("minmax(0,%.2ffr)"):format(layout.GUTTER) or nil
    tracks[#tracks + 1] = ("minmax(0,%.2ffr)"):format(weight)
  end
  return table.concat(tracks, " ")
end

-- The frame that suits the pictures of a component: width to height.
local function shape_of(component)
  local sum, count = 0, 0
  for _, item in ipairs(component.items) do
    for _, node in ipairs(item.nodes) do
      if node.width and node.width > 0 and node.height > 0 then
        sum, count = sum + math.log(node.width / node.height), count + 1
      end
    end
  end
  local mean = count > 0 and math.exp(sum / count) or 1
  return ("%.4f"):format(math.max(0.7, math.min(mean, 1.6)))
end

local function class_of(component, is_only)
  local is_single = not component.items[2] and not component.items[1].is_group
  return is_single and "alone" or component.is_graph and ("c%d%s%s"):format(
    math.ceil(component.width), not is_only and component.width < 4 and " small" or "",
    component.rows > 2 and " high" or component.rows > 1 and " even" or "") or "list"
end

local function component_html(component, is_only)
  local items = {}
  for i, item in ipairs(component.items) do
    items[i] = item_html(component, item)
  end
  local each = is_only and component.columns < 4 and ONLY or is_only and ONE_OF_MANY
    or component.width < 4 and SMALL or ONE_OF_MANY
  return fill(COMPONENT, { class = class_of(component, is_only), edges = edges(component),
    items = table.concat(items), style = ("--columns:%s;--most:%.0fpx;--shape:%s"):format(
    columns_of(component), component.width * each, shape_of(component)) })
end

-- -- the head -------------------------------------------------------------------------------------

local function doubt_of(node)
  local is_doubtful = node.error and node.error.charged == "unknown"
  return is_doubtful and (node.price or 0) or 0
end

local function paid_of(node)
  local is_lost = node.error and node.error.charged == "yes"
  return node.cost or is_lost and node.price or 0
end

-- A file may be there twice, under two names: it was paid once.
local function was_counted(node, seen)
  local id = node.request_id
  local is_known = id ~= nil and seen[id] or false
  seen[id or false] = true
  return is_known
end

local function count_up(nodes)
  local seen = {}
  local sums = { pictures = 0, failed = 0, running = 0, paid = 0, earlier = 0, doubt = 0,
    from = math.huge, to = -math.huge, is_record = false, shares = {}, total = 0 }
  for _, node in ipairs(nodes) do
    if node.kind == "step" then
      local is_done = not node.error and node.state == "COMPLETED"
      local kind = node.error and "failed" or is_done and "pictures" or "running"
      local purse = node.replayed and "earlier" or "paid"
      local shares, total = shares_of(node.seconds)
      sums[kind] = sums[kind] + 1
      sums[purse] = sums[purse] + (was_counted(node, seen) and 0 or paid_of(node))
      sums.doubt = sums.doubt + doubt_of(node)
      sums.from = math.min(sums.from, node.at or math.huge)
      sums.to = math.max(sums.to, node.ended or -math.huge)
      sums.is_record = sums.is_record or node.record or node.replayed
      sums.total = sums.total + total
      for name, share in pairs(shares) do
        sums.shares[name] = (sums.shares[name] or 0) + share
      end
    end
  end
  return sums
end

local function total(value, name, class)
  return ('<div%s><dt>%s</dt><dd>%s</dd></div>'):format(class and ' class="bad"' or "", name, value)
end

local function wall_of(sums)
  local wall = not sums.is_record and sums.to - sums.from or 0
  return wall > 0 and wall < math.huge and wall or nil
end

local function totals(sums)
  local out = { total(sums.pictures, sums.pictures == 1 and "picture" or "pictures") }
  out[#out + 1] = sums.failed > 0 and total(sums.failed, "failed", "bad") or nil
  out[#out + 1] = sums.running > 0 and total(sums.running, "not finished") or nil
  out[#out + 1] = total(money(sums.paid), "paid")
  out[#out + 1] = sums.earlier > 0 and total(money(sums.earlier), "paid in earlier runs") or nil
  out[#out + 1] = sums.doubt > 0 and total(money(sums.doubt), "in doubt", "bad") or nil
  local wall = wall_of(sums)
  out[#out + 1] = wall and total(duration(wall), "from start to end") or nil
  return table.concat(out)
end

-- Why the parts are more than what passed on the clock.
local function time_words(sums)
  local wall = wall_of(sums)
  local is_shorter = wall and wall < sums.total * 0.98
  return ("The steps took %s together%s:"):format(duration(sums.total), is_shorter
    and (", in %s, since some ran at the same time"):format(duration(wall)) or "")
end

local function time_html(sums)
  local entries = {}
  for _, part in ipairs(parts) do
    local share = sums.shares[part[1]]
    entries[#entries + 1] = share and share > 0 and ('<span><i class="%s"></i>%s %s</span>'):format(
      part[1], part[2], duration(share)) or nil
  end
  return entries[1] and ('<div class="time"><p>%s</p>%s<div class="legend">%s</div></div>\n')
    :format(time_words(sums), bar(sums.shares, sums.total), table.concat(entries)) or ""
end

local function script_hash()
  local bytes = file.sha256(script):gsub("%x%x", function(hex)
    return string.char(tonumber(hex, 16))
  end)
  return pictures.base64(bytes)
end

--- The page.
---@param nodes segmind.report.Node[] with their pictures
---@param about { title: string, service: string, time: number }
---@return string
function page.html(nodes, about)
  local sums, components, laid = count_up(nodes), {}, layout.of(nodes)
  for i, component in ipairs(laid) do
    components[i] = component_html(component, #laid == 1)
  end
  return fill(PAGE, { title = html(text.cut(about.title, 300)), style = style, script = script,
    version = html(version), hash = script_hash(), about = html(("%s · %s · segmind for Lua %s")
    :format(moment(about.time), about.service, version)), totals = totals(sums),
    time = time_html(sums), components = table.concat(components) })
end

return page
