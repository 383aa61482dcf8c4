--- `segmind jobs`: the steps of the ledger.

local records = require("segmind.cli.records")
local shell = require("segmind.cli.shell")

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
    :description("Only those of the queue: waiting, picked by a worker or under way there, "
      .. "failed there, or blocked by a failed one.")
end

local function is_in_doubt(one)
  return one.state == "unknown" or one.state == "intent" and not one.is_held or one.doubt > 0
    or one.damage ~= nil
end

-- A step without a submit is nobody's to go on with but a worker's.
local function is_unfinished(one)
  return one.state ~= "completed" and one.state ~= "failed" and one.state ~= "expired"
    and one.generation > 0
end

local function is_wanted(one, args)
  return (not args.doubt or is_in_doubt(one)) and (not args.unfinished or is_unfinished(one))
    and (not args.waiting or one.is_queued)
end

-- The copy of a picture, where it is here: those of a server are fetched when they are asked for.
local function kept(one)
  return one.kept and shell.exists(one.kept) and one.kept or nil
end

-- A step of the queue has no id yet, but a key, as segmind work names it.
local function line_of(context, one)
  local is_picked = one.generation == 0 and one.is_held
  return records.line(context, { time = one.submitted, state = is_picked and "picked" or one.state,
    usd = one.usd, model = one.model, seed = one.seed, prompt = one.params.prompt, name = one.name,
    id = one.request_id or one.is_queued and one.key:sub(1, records.SHORT) or nil,
    rest = one.damage or one.error or kept(one) })
end

local function event_of(one)
  return { what = "job", key = one.key, generation = one.generation, model = one.model,
    name = one.name, state = one.state, held = one.is_held, request_id = one.request_id,
    usd = one.usd, cost = one.cost, seed = one.seed, submitted = one.submitted, ended = one.ended,
    error = one.error, params = one.params, kept = kept(one), url = one.url, damage = one.damage,
    doubt = one.doubt, queued = one.is_queued }
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
