--- `segmind history`: the requests of the key, as the service tells of them.

local pictures = require("segmind.cli.pictures")
local records = require("segmind.cli.records")
local usage = require("segmind.cli.usage")

local verb = {
  name = "history",
  summary = "List the requests that the service knows of.",
  examples = "  segmind history\n  segmind history --from 2026-11-01 --status FAILED",
}

-- Rows a page of the service, unless told, and the most that it gives.
local PER_PAGE, MOST_PER_PAGE = 20, 100

local states = { "COMPLETED", "FAILED", "PENDING" }

function verb.declare(command)
  command:option("-m --model"):argname("<model>"):description("Whose name holds this.")
  command:option("--status"):argname("<COMPLETED|FAILED|PENDING>")
    :description("Those in this state alone.")
  command:option("--from"):argname("<day>"):description("As 2026-11-26; 7 days unless given.")
  command:option("--to"):argname("<day>")
  command:option("--page"):argname("<n>")
  command:option("-n --number"):argname("<n>"):description("Rows a page, at most 100 (20).")
end

local function day(value, name)
  if value and not value:find("^%d%d%d%d%-%d%d%-%d%d$") then
    usage.fail("%s takes a day such as 2026-11-26, got %s", name, value)
  end
  return value
end

local function status(value)
  value = value and value:upper()
  for _, state in ipairs(states) do
    if value == state then
      return value
    end
  end
  if value then
    usage.fail("--status is COMPLETED, FAILED or PENDING, got %s%s", value,
      usage.nearest(value, states))
  end
end

function verb.run(context, args)
  local opts = { model = args.model, status = status(args.status), from = day(args.from, "--from"),
    to = day(args.to, "--to"), page = pictures.whole(args.page, "--page", 1),
    per_page = pictures.whole(args.number, "-n", 1) }
  if (opts.per_page or 0) > MOST_PER_PAGE then
    usage.fail("-n takes at most %d rows, got %s: --page gives those behind them", MOST_PER_PAGE,
      args.number)
  end
  local client, err = context.client()
  local rows
  if client then
    rows, err = client:history(opts)
  end
  if not rows then
    return context.fail(err)
  end
  for _, row in ipairs(rows) do
    local params = row.params or {}
    context.out:line(records.line(context, { time = row.created, state = row.state or "",
      usd = row.cost, model = row.model, id = row.request_id, prompt = params.prompt,
      seed = type(params.seed) == "number" and params.seed or nil, rest = row.error or row.url }))
    context.out:event({ what = "request", request_id = row.request_id, model = row.model,
      state = row.state, cost = row.cost, url = row.url, error = row.error, created = row.created,
      ended = row.ended, seconds = row.seconds, params = row.params })
  end
  local is_full = #rows >= (opts.per_page or PER_PAGE)
  context.out:result({ requests = #rows, is_full = is_full })
  if is_full then
    context.err(("the page is full, there may be more: --page %d, or -n 100"):format(
      (opts.page or 1) + 1))
  end
  return 0
end

return verb
