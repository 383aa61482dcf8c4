--- `segmind run MODEL name=value…`: one step, or several that differ in their seeds.

local consent = require("segmind.cli.consent")
local exit = require("segmind.cli.exit")
local parameters = require("segmind.cli.parameters")
local pictures = require("segmind.cli.pictures")
local place = require("segmind.cli.place")
local names = require("segmind.cli.names")
local usage = require("segmind.cli.usage")
local tables = require("segmind.tables")

local verb = {
  name = "run",
  summary = "Make a picture with a model.",
  pays = true,
  examples = [[
  segmind run flux-kontext-pro prompt="a red house" aspect_ratio=16:9
  segmind run flux-kontext-dev input_image=a.png prompt=@prompt.txt -n 4
  segmind run flux-2-pro image_urls=a.png image_urls=b.png prompt="both"
  echo "at night" | segmind run flux-kontext-pro input_image=a.png prompt=-]],
}

function verb.declare(command)
  command:argument("model"):description("A model; segmind models lists them.")
  command:argument("parameters"):args("*"):argname("name=value")
    :description("Its parameters; name=@file reads text, - is standard input. A picture is a path "
      .. "or an address; a name that is given again adds to a list.")
  pictures.declare(command)
  pictures.declare_queue(command)
  command:option("-n --number"):argname("<n>")
    :description("So many pictures, with the seeds 1 to n, or from --seed on.")
  command:flag("--allow-unknown")
    :description("Let parameters through that the model does not declare.")
end

local function stem_of(params)
  for _, name in ipairs(tables.keys(params)) do
    local value = params[name]
    local first = type(value) == "table" and value[1] or value
    if name:find("image") and type(first) == "string" then
      return names.stem(first)
    end
  end
end

-- The parameters of each picture. Seeds that the library draws would differ from run to run, and
-- each run would be paid: so several pictures have theirs from 1.
local function variations(args, params)
  local count = pictures.whole(args.number, "-n", 1) or 1
  local seed = pictures.whole(args.seed, "--seed", 0)
  if (seed or count > 1) and params.seed ~= nil then
    usage.fail("the seed is given twice: seed=%s, and by %s", tostring(params.seed),
      seed and "--seed" or "-n")
  end
  local list = {}
  for n = 1, count do
    local copy = {}
    for name, value in pairs(params) do
      copy[name] = value
    end
    if seed or count > 1 then
      copy.seed = (seed or 1) + n - 1
    end
    list[n] = copy
  end
  return list
end

-- The pictures, with their names.
local function plan(args, list, text, is_default)
  local out, inputs = {}, {}
  for n, params in ipairs(list) do
    out[n] = { params = params, is_default = is_default,
      template = #list > 1 and pictures.one_of(text, n, { "n", "seed", "id" }) or text,
      values = { model = args.model, n = n, seed = params.seed,
        prompt = params.prompt or args.model, name = stem_of(params) or args.model },
      label = params.seed and ("%s, seed %s"):format(args.model, params.seed) }
    place.add_inputs(inputs, args.model, params)
  end
  pictures.check(out, inputs)
  return out
end

local function submit(client, args, list)
  local out = {}
  for n, one in ipairs(list) do
    local opts = pictures.options(args)
    opts.allow_unknown, opts.save = args.allow_unknown, pictures.aim(one)
    local job, err = client:submit(args.model, one.params, opts)
    if not job then
      return out, err
    end
    one.job, out[n] = job, one
  end
  return out
end

-- A picture as a chain of one step, to be priced or enqueued.
local function chain_of(client, args, params)
  local opts = pictures.options(args)
  opts.allow_unknown = args.allow_unknown
  return client:chain():step(args.model, params, opts)
end

local function chains_of(client, args, list)
  local chains = {}
  for n, params in ipairs(list) do
    chains[n] = chain_of(client, args, params)
  end
  return chains
end

-- What is too dear is refused before a hundred thousand names are looked at.
local function refusal(context, client, args, list)
  if args.dry_run then
    return nil
  end
  return consent.refusal_of(context, #list, function(n)
    return chain_of(client, args, list[n])
  end)
end

function verb.run(context, args)
  parameters.check_model(args.model)
  local params = parameters.read(args.model, args.parameters)
  local text, is_default = pictures.template(context, "{prompt}-{seed}")
  pictures.set_format(args.model, params, not is_default and text or nil)
  local variants = variations(args, params)
  local client, err = context.client()
  err = err or refusal(context, client, args, variants)
  if err then
    return context.fail(err)
  end
  local list = plan(args, variants, text, is_default)
  err = pictures.check_lost(context, client, pictures.written(list))
  if err then
    return context.fail(err)
  elseif args.dry_run then
    return pictures.estimate(context, client, chains_of(client, args, variants))
  elseif args.queue then
    return pictures.enqueue(context, client, chains_of(client, args, variants))
  end
  local jobs
  jobs, err = submit(client, args, list)
  local code = err and context.fail(err) or exit.DONE
  return exit.worst(code, pictures.finish(context, jobs)) -- what was submitted is not given up
end

return verb
