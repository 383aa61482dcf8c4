--- `segmind work`: makes what waits in the ledger's queue.

local exit = require("segmind.cli.exit")
local pictures = require("segmind.cli.pictures")
local usage = require("segmind.cli.usage")

local verb = {
  name = "work",
  summary = "Make what waits in the ledger's queue.",
  pays = true,
  examples = [[
  segmind work --ledger postgresql://me@db/edits --jobs 8
  segmind work --until-empty --rpm 60 --budget 25]],
}

function verb.declare(command)
  command:option("--jobs"):argname("<n>"):description("So many steps at the same time (4).")
  command:flag("--until-empty")
    :description("End when nothing is left that can be made, by whichever worker.")
  command:option("--rpm"):argname("<n>")
    :description("So many submits a minute, of all workers of the ledger together. The ledger "
      .. "keeps the smallest that a worker has said; --budget likewise.")
  command:flag("--replace-limits")
    :description("Take --rpm and --budget as they are, though the ledger's are smaller.")
end

local function label(event)
  return ("%s (%s)"):format(event.name or event.model or "?", tostring(event.key):sub(1, 12))
end

local function said_of(event)
  local result = event.result
  return { what = event.what, key = event.key, name = event.name, model = event.model,
    request_id = event.job and event.job.request_id, path = result and result.kept,
    cost = result and (event.job.replayed and 0 or result.cost), kind = event.error
    and event.error.kind, message = event.error and event.error.message }
end

local lines = {
  picked = function(event)
    return "picked " .. label(event)
  end,
  done = function(event)
    return ("done %s%s"):format(label(event), event.job.replayed and ", from the ledger"
      or event.result.cost and (", $%.2f"):format(event.result.cost) or "")
  end,
  returned = function(event)
    return ("given back %s: %s"):format(label(event), event.error.message)
  end,
  away = function(event)
    return event.error.message .. "; waiting for it"
  end,
  back = function()
    return "the ledger is there again"
  end,
  paused = function(event)
    return event.error.message
  end,
  note = function(event)
    return ("%s: %s"):format(label(event), event.error.message)
  end,
}

--- What a worker tells, a line each; of a failure the sentence and the code.
local function teller(context, state)
  return function(event)
    context.out:event(said_of(event))
    if event.what == "failed" then
      state.code = exit.worst(state.code, context.fail(event.error, label(event)))
    elseif not context.args.quiet or event.what == "away" or event.what == "paused" then
      context.err(lines[event.what](event))
    end
    if event.what == "done" and event.result.kept then
      context.out:path(event.result.kept)
    end
  end
end

--- Of what is left when nothing can be made any more.
local function tell_rest(context, client)
  local blocked = #(client:jobs({ state = "blocked" }) or {})
  if blocked == 0 then
    return exit.DONE
  end
  context.err(("%d blocked by a step that has failed: segmind jobs --waiting; to submit that again "
    .. "makes them wait again"):format(blocked))
  return exit.FAILED
end

--- Of a limit that this command has not given.
local function tell_limit(context, err)
  local own = context.config.values.budget
  if err.kind == "budget" and err.budget and err.budget ~= own then
    context.err(("the $%.2f are the ledger's limit, which an earlier segmind work has set: "
      .. "--budget DOLLARS --replace-limits sets another"):format(err.budget))
  end
end

function verb.run(context, args)
  if not context.config.values.ledger then
    usage.fail("work makes what waits in a ledger: leave --no-ledger out")
  end
  local options = { jobs = pictures.whole(args.jobs, "--jobs", 1), until_empty = args.until_empty,
    rpm = pictures.whole(args.rpm, "--rpm", 1), replace_limits = args.replace_limits,
    budget = context.config.origins.budget == "--budget" and context.config.values.budget or nil,
    signals = true }
  local state = { code = exit.DONE }
  options.on_step = teller(context, state)
  local client, err = context.client()
  local made
  if client then
    made, err = client:work(options)
  end
  if not made then
    local code = exit.worst(state.code, context.fail(err))
    tell_limit(context, err)
    return code
  elseif made.is_stopped then
    context.err("stopped; what was accepted goes on, and the next worker takes it up")
    return exit.worst(state.code, exit.INTERRUPTED)
  end
  context.err(("%d done, %d failed"):format(made.done, made.failed))
  context.out:result({ done = made.done, failed = made.failed })
  return exit.worst(state.code, tell_rest(context, client))
end

return verb
