--- `segmind cost`: what was spent, as the ledger counts.

local records = require("segmind.cli.records")

local verb = {
  name = "cost",
  summary = "Print what was spent.",
  offline = true,
  examples = "  segmind cost\n  segmind cost --by day\n  segmind cost --by model",
}

function verb.declare(command)
  command:option("--by"):argname("<day|model>"):choices({ "day", "model" })
    :description("The sum of each day, or of each model.")
end

local key_of = {
  day = function(one)
    return os.date("%Y-%m-%d", math.floor(one.submitted))
  end,
  model = function(one)
    return one.model
  end,
}

local function sums(list, by)
  local sum, names = {}, {}
  for _, one in ipairs(list) do
    local name = one.generation > 0 and key_of[by](one) or nil -- what waits was not submitted
    if name and not sum[name] then
      sum[name], names[#names + 1] = { usd = 0, pictures = 0 }, name
    end
    if name then
      sum[name].usd = sum[name].usd + one.usd
      sum[name].pictures = sum[name].pictures + (one.state == "completed" and 1 or 0)
    end
  end
  table.sort(names)
  return sum, names
end

local function doubt_of(list)
  local usd = 0
  for _, one in ipairs(list) do
    usd = usd + one.doubt + ((one.state == "unknown" or one.state == "intent")
      and one.price or 0)
  end
  return usd
end

function verb.run(context, args)
  local list, err = records.of(context, "cost")
  local spent
  if list then
    spent, err = context.client():spent()
  end
  if not spent then
    return context.fail(err)
  end
  local sum, names = sums(list, args.by or "day")
  for _, name in ipairs(args.by and names or {}) do
    context.out:line(("%-26s $%8.2f  %d"):format(name, sum[name].usd, sum[name].pictures))
    context.out:event({ what = "cost", [args.by] = name, usd = sum[name].usd,
      pictures = sum[name].pictures })
  end
  context.out:line(args.by and ("%-26s $%8.2f"):format("together", spent)
    or ("$%.2f"):format(spent))
  context.out:result({ usd = tonumber(("%.6f"):format(spent)) })
  local doubt = doubt_of(list)
  if doubt > 0 then
    context.err(("$%.2f of it is in doubt or under way: segmind jobs --doubt"):format(doubt))
  end
  return 0
end

return verb
