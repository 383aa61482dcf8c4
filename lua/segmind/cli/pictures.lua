--- What the verbs that make pictures share: their options, the wait, the pictures' names, what is
--- printed, the command that is run at the end of a job.

local consent = require("segmind.cli.consent")
local exit = require("segmind.cli.exit")
local file = require("segmind.file")
local models = require("segmind.models")
local place = require("segmind.cli.place")
local shell = require("segmind.cli.shell")
local names = require("segmind.cli.names")
local tables = require("segmind.tables")
local usage = require("segmind.cli.usage")

local pictures = {}

--- Declares the options.
---@param command table of argparse
function pictures.declare(command)
  command:option("-o --output"):argname("<name>")
    :description("Where the picture goes; {name} {model} {seed} {n} {id} {prompt} are filled in, "
      .. "folders are made, and an extension asks for its format.")
  pictures.declare_replace(command)
  consent.declare(command)
  command:option("--seed"):argname("<seed>"):description("The same seed, the same picture.")
  command:flag("--fresh"):description("Make another picture, even if this one is paid already.")
  command:flag("--detach")
    :description("End when the service has accepted: print the id and exit with 4.")
  command:option("--on-unknown"):argname("<hold|resubmit|ID>")
    :description("What to do about a submit whose answer was lost: hold (the default: exit with "
      .. "5), resubmit (may be paid twice), or take the request of this id for it.")
end

--- The option of the verbs whose names for pictures somebody writes.
---@param command table of argparse
function pictures.declare_replace(command)
  command:flag("--replace")
    :description("Replace what lies under a name of -o, even if the ledger has no copy of it.")
end

--- The option of the verbs that can leave their steps to workers.
---@param command table of argparse
function pictures.declare_queue(command)
  command:flag("--queue")
    :description("Put the steps into the ledger's queue, for segmind work on any machine that uses "
      .. "it; nothing is sent, and no key is needed. The same command without it fetches the "
      .. "pictures.")
end

--- A whole number that an option gives.
---@param value string?
---@param name string of the option
---@param least integer
---@return integer?
function pictures.whole(value, name, least)
  local number = value and tonumber(value)
  if value and not (number and number % 1 == 0 and number >= least and number < 2 ^ 53) then
    usage.fail("%s takes a whole number from %d, got %s", name, least, value)
  end
  return number
end

--- The options of a call.
---@param args table
---@return segmind.CallOptions
function pictures.options(args)
  local answer = args.on_unknown
  if answer and answer ~= "hold" and answer ~= "resubmit" then
    if not answer:find("^%w[%w._-]*%d[%w._-]*$") or #answer < 16 then
      usage.fail('--on-unknown is "hold", "resubmit" or the id of a request, got %s', answer)
    end
    local id = answer
    answer = function()
      return id
    end
  end
  return { fresh = args.fresh, on_unknown = answer }
end

--- The template of the names: as given, or in the folder that is given.
---@param context segmind.cli.Context
---@param default string
---@param more table<string, any>? further fields
---@return string
---@return boolean is_default whether nobody has written the name of the file
function pictures.template(context, default, more)
  local given, is_default = context.config.values.output, false
  if not given then
    return default, true
  elseif given:sub(-1) == "/" or shell.exists(given .. "/.") then
    given, is_default = given:gsub("/+$", "") .. "/" .. default, true
  end
  names.check(given, more)
  return given, is_default
end

--- The template of one of several pictures, which must differ from the others'.
---@param text string
---@param n integer
---@param differ string[] fields that differ from picture to picture
---@return string
function pictures.one_of(text, n, differ)
  for _, field in ipairs(differ) do
    if names.has(text, field) then
      return text
    end
  end
  return place.numbered(text, n)
end

-- What a model's table says of the format.
local function format_param(model)
  local spec = models.declared(model)
  return spec and tables.named(spec.params, "output_format")
end

local function format_named(word)
  return file.format("x." .. tostring(word))
end

--- Refuses a name with the extension of another format than the picture will have.
---@param model string
---@param params table
---@param name string? as somebody wrote it
function pictures.check_format(model, params, name)
  local param, wanted = format_param(model), name and file.format(name)
  local word = params.output_format or param and param.default
  local coming = format_named(word)
  if wanted and coming and coming ~= wanted then
    usage.fail("%s would hold a %s: name it %s.%s%s", name, coming, file.split(name), word,
      param and param.one_of and (", or give another output_format (%s)"):format(
      table.concat(param.one_of, ", ")) or "")
  end
end

--- Asks for the format that a name's extension says, where the model has a choice and neither its
--- default nor the caller says so already.
---@param model string
---@param params table changed
---@param name string? as somebody wrote it
function pictures.set_format(model, params, name)
  local param, wanted = format_param(model), name and file.format(name)
  if param and wanted and params.output_format == nil
    and format_named(param.default) ~= wanted then
    for _, format in ipairs(param.one_of or {}) do
      params.output_format = format_named(format) == wanted and format or params.output_format
    end
  end
  pictures.check_format(model, params, name)
end

-- -- before they are sent -------------------------------------------------------------------------

--- Why the budget would refuse what --dry-run has priced, as it is at the end of it.
---@param context segmind.cli.Context
---@param client segmind.Client
---@param usd number
---@return integer code
function pictures.judge(context, client, usd)
  local budget = context.config.values.budget
  if not budget then
    return exit.DONE
  end
  local spent, err = client:spent()
  if err then
    return context.fail(err)
  elseif usd > budget - spent + 1e-9 then
    context.err(("the budget would refuse it: $%.2f, and $%.2f of $%.2f are spent or under way")
      :format(usd, spent, budget))
    return exit.REFUSED
  end
  return exit.DONE
end

--- What the ledger knows of a step, in words; nil for nothing.
---@param step segmind.EstimateStep
---@return string?
function pictures.known(step)
  return step.finished and "in the ledger" or step.under_way and "under way" or nil
end

--- Says what chains would cost, of --dry-run.
---@param context segmind.cli.Context
---@param client segmind.Client
---@param chains segmind.Chain[]
---@return integer code
function pictures.estimate(context, client, chains)
  local usd, steps, finished = 0, 0, 0
  for _, chain in ipairs(chains) do
    local estimate, err = chain:estimate()
    if not estimate then
      return context.fail(err)
    end
    for _, step in ipairs(estimate.steps) do
      context.out:line(("%-26s %8s  %s"):format(step.model, step.usd
        and ("$%.2f"):format(step.usd) or "unknown", pictures.known(step)
        or step.seconds and ("about %g s"):format(step.seconds) or ""))
      context.out:event({ what = "step", model = step.model, usd = step.usd,
        seconds = step.seconds, finished = step.finished, under_way = step.under_way })
    end
    usd, steps, finished = usd + estimate.usd, steps + #estimate.steps,
      finished + estimate.finished
  end
  context.out:line(("%-26s %8s  %d of %d in the ledger, nothing was sent"):format("together",
    ("$%.2f"):format(usd), finished, steps))
  context.out:result({ usd = usd, steps = steps, finished = finished })
  return pictures.judge(context, client, usd)
end

-- What the queue holds, beside what this command has put there.
local function tell_queue(context, client, put, finished)
  local all = 0
  for _, one in ipairs(client:jobs() or {}) do
    all = all + (one.is_queued and 1 or 0)
  end
  context.err(("%d step%s put into the queue%s, which holds %d"):format(put, put == 1 and "" or "s",
    finished > 0 and (" (%d finished already)"):format(finished) or "", all))
end

--- Puts chains into the ledger's queue, and prints the keys of their steps.
---@param context segmind.cli.Context
---@param client segmind.Client
---@param chains segmind.Chain[]
---@param where string[]? what each was asked for by, for messages of its failure
---@return integer code
function pictures.enqueue(context, client, chains, where)
  local code, waiting, finished = exit.DONE, 0, 0
  for n, chain in ipairs(chains) do
    local queued, err = chain:enqueue()
    if err then
      code = exit.worst(code, context.fail(err, where and where[n]))
    end
    for _, step in ipairs(queued or {}) do
      local is_waiting = step.state == "waiting"
      waiting, finished = waiting + (is_waiting and 1 or 0), finished + (is_waiting and 0 or 1)
      context.out:line(step.key)
      context.out:event({ what = "queued", key = step.key, name = step.name, model = step.model,
        state = step.state })
    end
  end
  if waiting + finished > 0 then
    tell_queue(context, client, waiting, finished)
  end
  context.out:result({ waiting = waiting, finished = finished })
  return code
end

-- -- the end of a job -----------------------------------------------------------------------------

-- What this run has paid.
local function cost_of(job)
  local result = job:result()
  return result and (job.replayed and 0 or result.cost)
end

-- Values are in quotes or in the environment, so nothing in them is evaluated. What the command
-- prints is no result.
local function hook(context, job, path, err)
  local command = context.config.values.on_done
  if not command then
    return
  end
  local result = job:result() or {}
  local environment = { SEGMIND_STATE = job.state, SEGMIND_PATH = path or "",
    SEGMIND_COST = cost_of(job) or "", SEGMIND_ID = job.request_id or "",
    SEGMIND_MODEL = job.model, SEGMIND_SEED = result.seed or job.seed or "",
    SEGMIND_PROMPT = type(job.params.prompt) == "string" and job.params.prompt or "",
    SEGMIND_ERROR = err and err.message or "", SEGMIND_KIND = err and err.kind or "" }
  local code = shell.run(shell.env(environment) .. "sh -c " .. shell.quote(command)
    .. " </dev/null >&2")
  if code ~= 0 then
    context.err(("--on-done: the command ended with %d"):format(code))
  end
end

local function show(context, path)
  if not context.args.show then
    return
  elseif context.has_chafa == nil then
    context.has_chafa = shell.has("chafa")
    if not context.has_chafa then
      context.err("--show needs chafa, which is not installed (Debian: apt install chafa)")
    end
  end
  if context.has_chafa then
    shell.run("chafa -- " .. shell.quote(path) .. " >&2")
  end
end

local function save(one)
  local job = one.job
  local result, err = job:result(), job:error()
  if not result or err or result.path or not one.template then
    return result and result.path, err
  end
  local values = { seed = result.seed, id = result.request_id }
  for name, value in pairs(one.values) do
    values[name] = values[name] or value
  end
  return result:save(place.free(names.fill(one.template, values) or job.model, result))
end

-- Tells of the files that a written name has replaced.
local function tell_replaced(context, list)
  local count, last = 0, nil
  for _, one in ipairs(list) do
    local result = one.job:result()
    if one.replaces and result and result.path and one.replaces ~= result.request_id then
      count, last = count + 1, result.path
    end
  end
  if count == 1 then
    context.err(last .. " held another picture, which is replaced")
  elseif count > 1 then
    context.err(("%d files held other pictures, which are replaced"):format(count))
  end
end

local function take(context, one)
  local job = one.job
  local path, err = save(one)
  local result = job:result()
  context.out:event({ what = err and "failed" or "done", job = job.id, model = job.model,
    request_id = job.request_id, seed = result and result.seed or job.seed, path = path,
    cost = cost_of(job), replayed = job.replayed, url = result and result.url })
  if path and not err then
    context.out:path(path)
    show(context, path)
  end
  hook(context, job, path, err)
  if not err then
    return exit.DONE, cost_of(job) or 0
  end
  return context.fail(err, one.where), 0
end

-- Until the service has accepted it, or it has ended without that.
local function accept(context, one)
  local job = one.job
  while not job.request_id and not job:is_over() do
    job:wait(0.05)
    context.progress:draw()
  end
  if job:error() then
    return context.fail(job:error(), one.where)
  elseif job:is_over() then
    return take(context, one)
  end
  context.out:line(job.request_id)
  context.out:event({ what = "accepted", job = job.id, request_id = job.request_id,
    model = job.model })
  return exit.ACCEPTED
end

--- A picture under way.
---@class segmind.cli.Picture
---@field job segmind.Job
---@field label string? for the progress
---@field where string? what it was asked for by, for messages of its failure
---@field template string? for the name; nil for one that is not saved
---@field values table<string, any> of the template's fields
---@field is_saved boolean? by its own call, where it has no template
---@field is_default boolean? whether nobody has written its name
---@field replaces string? the request of the picture that lies under its name

--- Refuses pictures under whose names none can be written, or which the command reads.
---@param list segmind.cli.Picture[]
---@param inputs string[]
function pictures.check(list, inputs)
  local outputs = {}
  for _, one in ipairs(list) do
    if one.template then
      place.check_target(names.part(one.template, one.values) or one.template)
      outputs[#outputs + 1] = names.fill(one.template, one.values)
    end
  end
  place.check(inputs, outputs)
end

--- The names that somebody has written, as far as they are known.
---@param list segmind.cli.Picture[]
---@return string[]
function pictures.written(list)
  local outputs = {}
  for _, one in ipairs(list) do
    outputs[#outputs + 1] = not one.is_default and one.template
      and names.fill(one.template, one.values) or nil
  end
  return outputs
end

--- Refuses names under which files lie that would be lost.
---@param context segmind.cli.Context
---@param client segmind.Client
---@param outputs string[] names that somebody has written
---@return segmind.Error?
function pictures.check_lost(context, client, outputs)
  if context.args.replace then
    return nil
  end
  return place.check_lost(outputs, function()
    if not context.config.values.ledger then
      return {}
    end
    return client:jobs()
  end)
end

--- Opens the client, and refuses names under which files lie that would be lost.
---@param context segmind.cli.Context
---@param outputs string[] names that somebody has written
---@return segmind.Client?
---@return segmind.Error?
function pictures.client(context, outputs)
  local client, err = context.client()
  err = client and pictures.check_lost(context, client, outputs) or err
  return not err and client or nil, err
end

--- The option `save` of a call, when the name is known before its end. A name that nobody has
--- written replaces nothing: where a file lies, it is decided at the end.
---@param one segmind.cli.Picture
---@return string?
function pictures.aim(one)
  local name = one.template and names.fill(one.template, one.values)
  if not name or one.is_default and place.is_taken(name) then
    return nil
  end
  one.replaces = place.maker(name)
  return name
end

local function tell_states(context, job)
  if context.out.is_json then
    job:on("state", function(state)
      context.out:event({ what = "state", job = job.id, model = job.model, state = state,
        request_id = job.request_id })
    end)
  end
end

-- Of several pictures, what became of all.
local function sum_up(context, list, cost)
  local made, wanted, replayed = 0, 0, 0
  for _, one in ipairs(list) do
    local result = one.job:result()
    made = made + (result and result.path and not one.job:error() and 1 or 0)
    wanted = wanted + ((one.template or one.is_saved) and 1 or 0)
    replayed = replayed + (one.job.replayed and 1 or 0)
  end
  if #list > 1 and not context.args.quiet and not context.args.detach then
    context.err(("%d of %d pictures%s%s, $%.2f paid"):format(made, wanted, wanted < #list
      and (", of %d steps"):format(#list) or "", replayed > 0
      and (", %d of them from the ledger"):format(replayed) or "", cost))
  end
end

--- Waits for pictures, saves them and prints their paths in their order.
---@param context segmind.cli.Context
---@param list segmind.cli.Picture[]
---@return integer code
function pictures.finish(context, list)
  local code, cost = exit.DONE, 0
  for _, one in ipairs(list) do
    tell_states(context, one.job)
    context.progress:watch(one.job, one.label)
  end
  for _, one in ipairs(list) do
    local ended, paid
    if context.args.detach then
      ended, paid = accept(context, one)
    else
      context.progress:wait_for(one.job)
      ended, paid = take(context, one)
    end
    code, cost = exit.worst(code, ended), cost + (paid or 0)
  end
  context.progress:finish()
  tell_replaced(context, list)
  sum_up(context, list, cost)
  context.out:result({ cost = tonumber(("%.6f"):format(cost)) })
  return code
end

return pictures
