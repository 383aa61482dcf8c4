--- `segmind edit PICTURE "prompt"…`: a chain of prompts on one picture.

local consent = require("segmind.cli.consent")
local input = require("segmind.input")
local models = require("segmind.models")
local parameters = require("segmind.cli.parameters")
local schema = require("segmind.schema")
local pictures = require("segmind.cli.pictures")
local place = require("segmind.cli.place")
local shell = require("segmind.cli.shell")
local names = require("segmind.cli.names")
local usage = require("segmind.cli.usage")

local verb = {
  name = "edit",
  summary = "Edit a picture, by one prompt after the other.",
  pays = true,
  examples = [[
  segmind edit portrait.webp "make it a real photograph"
  segmind edit portrait.webp "a photograph" "the same at night" -o night.png
  segmind edit portrait.webp "at night" -m flux-kontext-dev --set guidance=4
  segmind edit portrait.webp "a photograph" "at night" -o 'out/{name}-{n}']],
}

function verb.declare(command)
  command:argument("picture"):description("A path, an address, or - for standard input.")
  command:argument("prompts"):args("+"):argname("prompt")
    :description("What to change; each prompt edits the picture of the one before. @file reads "
      .. "it from a file.")
  command:option("-m --model"):argname("<model>"):description("The model (flux-kontext-pro).")
  command:option("--set"):args(1):count("*"):argname("name=value")
    :description("A further parameter of every step.")
  pictures.declare(command)
end

local function check_picture(picture)
  if not picture:find("^%a[%w+.-]*://") and picture ~= "-" and not shell.exists(picture) then
    usage.fail("there is no picture %s: give the path of a file, or an address", picture)
  end
end

-- A list of pictures may have more than the argument.
local function check_once(args, params)
  local spec = models.declared(args.model)
  local picture = spec and models.first_image(spec)
  if params.prompt ~= nil then
    usage.fail("the prompt is given twice: as an argument, and by --set")
  elseif picture and params[picture] ~= nil and schema.types(spec)[picture] == "image" then
    usage.fail("the picture is given twice: as an argument, and by --set %s", picture)
  elseif args.seed and params.seed ~= nil then
    usage.fail("the seed is given twice: by --seed, and by --set")
  end
end

-- The last picture is what is wanted; with {n} in its name the others are, too.
local function plan(context, args, params)
  local text, is_default = pictures.template(context, "{name}-{prompt}-{seed}")
  local seed, keeps = pictures.whole(args.seed, "--seed", 0), names.has(text, "n")
  local steps, inputs = {}, input.kind(args.picture) == "path" and { args.picture } or {}
  local stem = names.stem(args.picture ~= "-" and args.picture or "stdin")
  for n, prompt in ipairs(args.prompts) do
    local step = { prompt = parameters.text(prompt, "the prompt"), seed = seed }
    for name, value in pairs(params) do
      step[name] = value
    end
    local values = { name = stem, model = args.model, n = n, seed = step.seed,
      prompt = step.prompt }
    local name = (keeps or n == #args.prompts) and text or nil
    pictures.set_format(args.model, step, not is_default and name or nil)
    steps[n] = { params = step, values = values, template = name, is_default = is_default,
      label = ("%d of %d: %s"):format(n, #args.prompts, step.prompt) }
    place.add_inputs(inputs, args.model, step)
  end
  pictures.check(steps, inputs)
  return steps
end

function verb.run(context, args)
  args.model = context.config.values.model
  parameters.check_edit(args.model)
  check_picture(args.picture)
  local params = parameters.read(args.model, args.set)
  check_once(args, params)
  local picture = parameters.picture(args.picture, "the picture")
  local steps = plan(context, args, params)
  local client, err = pictures.client(context, pictures.written(steps))
  if not client then
    return context.fail(err)
  end
  local chain = client:chain(picture)
  for _, step in ipairs(steps) do
    local opts = pictures.options(args)
    opts.save = not args.dry_run and pictures.aim(step) or nil
    chain:step(args.model, step.params, opts)
  end
  if args.dry_run then
    return pictures.estimate(context, client, { chain })
  end
  err = consent.refusal_of_chain(context, chain, #steps)
  if err then
    return context.fail(err)
  end
  local jobs
  jobs, err = chain:submit()
  if not jobs then
    return context.fail(err)
  end
  for n, step in ipairs(steps) do
    step.job = jobs[n]
  end
  return pictures.finish(context, steps)
end

return verb
