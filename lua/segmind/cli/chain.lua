--- `segmind chain FILE`: the steps of a chain file; see segmind.chain_file.

local chain_file = require("segmind.chain_file")
local consent = require("segmind.cli.consent")
local exit = require("segmind.cli.exit")
local parameters = require("segmind.cli.parameters")
local pictures = require("segmind.cli.pictures")
local place = require("segmind.cli.place")
local usage = require("segmind.cli.usage")

local verb = {
  name = "chain",
  summary = "Run the steps of a chain file.",
  examples = [[
  segmind chain poster.json
  segmind chain poster.json --set place="in a harbour" -o out
  segmind chain poster.json --until night --dry-run]],
}

function verb.declare(command)
  command:argument("file"):argname("FILE.json|.lua")
    :description("The file; doc/guide.md has its format. JSON is data; Lua is run as text, without "
      .. "os and io.")
  command:option("--set"):args(1):count("*"):argname("name=value")
    :description("A variable of the file; name=@file reads text.")
  command:option("--until"):argname("<step>")
    :description("Make this step, and what it needs; nothing else.")
  command:option("-o --output"):argname("<folder>")
    :description("Where pictures are saved; the file's own folder unless told. Final steps are "
      .. "saved under their names, others where the file says so.")
  pictures.declare_replace(command)
  consent.declare(command)
  command:flag("--fresh"):description("Make all pictures anew, even if they are paid already.")
  command:flag("--detach")
    :description("End when the service has accepted: print the ids and exit with 4.")
  command:option("--on-unknown"):argname("<hold|resubmit|ID>")
    :description("What to do about a submit whose answer was lost, as of run.")
  pictures.declare_queue(command)
end

local function variables(words)
  local set = {}
  for _, word in ipairs(words) do
    local name, value = word:match("^([%a_][%w_]*)=(.*)$")
    if not name then
      usage.fail("--set takes name=value, got %s", word)
    elseif set[name] ~= nil then
      usage.fail("--set %s is given twice", name)
    end
    set[name] = parameters.text(value, name)
  end
  return set
end

--- Tells everything that is wrong with a file, a line each.
local function refuse(context, err)
  for _, problem in ipairs(err.problems or { err.message }) do
    context.err(problem)
  end
  context.out:event({ what = "error", kind = err.kind, charged = err.charged,
    message = err.message, problems = err.problems })
  return exit.of(err)
end

-- Refuses a file that would replace a picture of its own; the names of what it saves.
local function check_places(file)
  local inputs, outputs = {}, {}
  for _, step in ipairs(file.steps) do
    place.add_inputs(inputs, step.model, step.params)
    outputs[#outputs + 1] = step.save
    if step.save then
      place.check_target(step.save)
      pictures.check_format(step.model, step.params, step.save)
    end
  end
  place.check(inputs, outputs)
  return outputs
end

local function submit(chain, file)
  local replaced = {}
  for n, step in ipairs(file.steps) do
    replaced[n] = step.save and place.maker(step.save)
  end
  local jobs, err = chain:submit()
  if not jobs then
    return nil, err
  end
  local list = {}
  for n, step in ipairs(file.steps) do
    list[n] = { job = jobs[n], is_saved = step.save ~= nil, replaces = replaced[n] or nil,
      label = ("%d of %d: %s"):format(n, #jobs, step.name or step.model),
      where = file.name .. ": step " .. (step.name or step.n) }
  end
  return list
end

function verb.run(context, args)
  if args.file == "-" then
    usage.fail("chain takes the name of a file, not standard input: its pictures are named from "
      .. "the file's folder")
  end
  local file, err = chain_file.read(args.file, { set = variables(args.set), upto = args["until"],
    out = args.output or args.file:match("^(.*/)") or "." })
  if not file then
    return refuse(context, err)
  end
  local client
  client, err = pictures.client(context, check_places(file))
  if not client then
    return context.fail(err)
  end
  local chain
  chain, err = file:chain(client, pictures.options(args))
  if not chain then
    return refuse(context, err)
  elseif args.dry_run then
    return pictures.estimate(context, client, { chain })
  end
  err = consent.refusal_of_chain(context, chain, #file.steps)
  if err then
    return context.fail(err)
  elseif args.queue then
    return pictures.enqueue(context, client, { chain })
  end
  local list
  list, err = submit(chain, file)
  if not list then
    return context.fail(err)
  end
  return pictures.finish(context, list)
end

return verb
