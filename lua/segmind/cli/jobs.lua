--- `segmind jobs`: the steps of the ledger.

local progress = require("segmind.progress")
local records = require("segmind.cli.records")

local verb = {
  name = "jobs",
  summary = "List what the ledger holds.",
  offline = true,
  examples = "  segmind jobs\n  segmind jobs --unfinished\n  segmind jobs --waiting\n"
    .. "  segmind jobs --doubt --json",
}

function verb.declare(command)
  command:flag("--doubt"):description("Only those that may have been paid: nobody knows.")
  command:flag("--unfinished"):description("Only those that segmind resume goes on with.")
  command:flag("--waiting")
    :description("Only those of the queue: waiting, blocked by a failed one, or failed there.")
end

local function is_in_doubt(one)
  return one.state == "unknown" or one.state == "intent" and not one.is_held or one.doubt > 0
    or one.damage ~= nil
end

-- It has no submit yet.
local function is_queued(one)
  return one.generation == 0
end

local function is_unfinished(one)
  return one.state ~= "completed" and one.state ~= "failed" and one.state ~= "expired"
    and not is_queued(one)
end

local function is_wanted(one, args)
  return (not args.doubt or is_in_doubt(one)) and (not args.unfinished or is_unfinished(one))
    and (not args.waiting or is_queued(one))
end

-- What tells a step apart from others: its prompt, as far as there is room for the rest.
local function about(one)
  local prompt = type(one.params.prompt) == "string" and one.params.prompt or ""
  local words = { prompt ~= "" and progress.cut(progress.plain(prompt), 80) or nil }
  words[#words + 1] = one.seed and ("seed %.0f"):format(one.seed)
  words[#words + 1] = one.damage or one.error or one.kept
  return table.concat(words, "  ")
end

local function line_of(context, one)
  return records.row(context, "%s  %-9s  $%.2f  %-24s %-32s  %s", records.time(one.submitted),
    one.state, one.usd, one.model, one.request_id or "-", about(one))
end

local function event_of(one)
  return { what = "job", key = one.key, generation = one.generation, model = one.model,
    name = one.name, state = one.state, held = one.is_held, request_id = one.request_id,
    usd = one.usd, cost = one.cost, seed = one.seed, submitted = one.submitted, ended = one.ended,
    error = one.error, params = one.params, kept = one.kept, url = one.url, damage = one.damage,
    doubt = one.doubt }
end

function verb.run(context, args)
  local list, err = records.of(context, "jobs")
  if not list then
    return context.fail(err)
  end
  local count, usd = 0, 0
  for _, one in ipairs(list) do
    if is_wanted(one, args) then
      count, usd = count + 1, usd + one.usd
      context.out:line(line_of(context, one))
      context.out:event(event_of(one))
    end
  end
  context.out:result({ jobs = count, usd = tonumber(("%.6f"):format(usd)) })
  if args.doubt and count > 0 then
    context.err("what is in doubt is decided by looking: segmind history shows what the service "
      .. "knows; run the command again with --on-unknown ID, or resubmit")
  elseif count == 0 then
    context.err(args.doubt and "nothing is in doubt" or "the ledger holds nothing of the kind")
  end
  return 0
end

return verb
