--- `segmind each SOURCE… MODEL name={column}…`: a step for each picture of a folder, or each row of
--- a table, and for each value of a sweep.

local Error = require("segmind.error")
local consent = require("segmind.cli.consent")
local exit = require("segmind.cli.exit")
local input = require("segmind.input")
local json = require("segmind.json")
local models = require("segmind.models")
local parameters = require("segmind.cli.parameters")
local pictures = require("segmind.cli.pictures")
local place = require("segmind.cli.place")
local progress = require("segmind.progress")
local rows = require("segmind.cli.rows")
local schema = require("segmind.schema")
local sweep = require("segmind.cli.sweep")
local tables = require("segmind.tables")
local template = require("segmind.template")
local names = require("segmind.cli.names")
local usage = require("segmind.cli.usage")

local verb = {
  name = "each",
  summary = "Make a picture for each file of a folder, or each row of a table.",
  examples = [[
  segmind each photos flux-kontext-pro prompt="at night" -o 'night/{name}'
  segmind each list.csv flux-kontext-dev input_image={file} prompt="in {style}"
  segmind each a.png b.png flux-kontext-dev prompt="in {style}" \
    --sweep style=ink,oil seed=1..4 -o 'out/{name}-{style}-{seed}'
  ls *.png | segmind each - flux-kontext-pro prompt="at night" --yes]],
}

function verb.declare(command)
  command:usage("Usage: segmind each [options] SOURCE… MODEL name={column}…")
  command:argument("source"):target("words"):args("+"):argname("SOURCE… MODEL name={column}…")
    :description("Pictures, a folder of pictures, a table (CSV with a header, or JSONL), or - for "
      .. "standard input (JSONL, or a path a line); then a model and its parameters. {column} is "
      .. "the value of a column; pictures have {path}, {file} and {name}, and go to the model's "
      .. "first picture unless it is named. An empty cell leaves its parameter out.")
  command:option("--sweep"):args("+"):count("*"):argname("name=1..4|name=a,b")
    :description("Every row with each of these values of a parameter, or of a {name} in the "
      .. "others.")
  command:option("--format"):argname("<csv|tsv|jsonl|paths>")
    :description("What the source is, where its name does not say it.")
  command:option("--jobs"):argname("<n>"):description("So many at the same time.")
  command:option("--limit"):argname("<n>"):description("The first n pictures only.")
  pictures.declare(command)
  pictures.declare_queue(command)
end

-- -- what is asked for ----------------------------------------------------------------------------

--- The words up to the model are sources: the model is the last in front of the parameters.
local function split(words)
  local sources, model, params = {}, nil, {}
  for _, word in ipairs(words) do
    if word:find("^[%a_][%w_]*=") then
      params[#params + 1] = word
    elseif params[1] then
      usage.fail("%s stands behind the parameters; sources and the model come before them: "
        .. "segmind each SOURCE… MODEL name=value…", word)
    else
      sources[#sources + 1] = model
      model = word
    end
  end
  if not sources[1] then
    usage.fail("each takes a source and a model: segmind each photos flux-kontext-pro "
      .. "prompt=\"at night\"")
  end
  parameters.check_model(model)
  return sources, model, params
end

local function relative(value, row)
  local is_local = type(value) == "string" and input.kind(value) == "path"
    and value:sub(1, 1) ~= "/"
  return is_local and row.folder and row.folder .. value or value
end

--- A text with the values of a row. One that is nothing, or no word, would be paid as a hole or as
--- what Lua calls it.
local function expand(text, row)
  local odd
  local value, problem = template.expand(text, row.values, function(given)
    if given == json.null or type(given) == "table" then
      odd = given == json.null and "nothing" or "no text"
    end
    return template.text(given)
  end)
  if problem or odd then
    usage.fail("%s: %s", row.where, problem or ("a {field} of %s is %s there"):format(
      schema.show(text), odd))
  end
  return value
end

--- A parameter of a row. A column alone keeps its value's type, and an empty one leaves the
--- parameter out; a path that stands in a table is relative to the table.
local function fill(text, row, type_name)
  local column = template.whole(text)
  local value = row.values[column or ""]
  if value == json.null or value == "" then
    return nil
  elseif value == nil then
    value = expand(text, row)
  elseif type_name == "image" or type_name == "images" then
    return relative(value, row)
  end
  if value == text or type(value) == "table" then
    return value
  end
  return schema.from_text(type_name, value)
end

local function fill_all(params, row, type_name)
  return tables.map(params, function(value)
    if type(value) == "string" then
      return fill(value, row, type_name)
    end
    return value
  end)
end

--- Refuses a name that no column has, before any row is looked at.
local function check_columns(given, columns, swept, source)
  local known, list = { n = true }, {}
  for _, name in ipairs(columns) do
    known[name], list[#list + 1] = true, name
  end
  for _, name in ipairs(swept) do
    if known[name] then
      usage.fail("--sweep %s: %s has a column of this name, too", name, source)
    end
    known[name], list[#list + 1] = true, name
  end
  for param, value in pairs(given) do
    for _, name in ipairs(type(value) == "string" and template.names(value) or {}) do
      if not known[name] and name:find("^[%a_][%w_]*$") then
        local near = usage.nearest(name, list)
        usage.fail("%s={%s}: %s has no column %s%s", param, name, source, name, near ~= "" and near
          or "; there is {" .. table.concat(list, "}, {") .. "}")
      end
    end
  end
end

--- The names that the texts of a value have in braces.
local function add_names(used, value)
  if type(value) == "table" and getmetatable(value) == nil then
    for _, item in pairs(value) do
      add_names(used, item)
    end
  elseif type(value) == "string" then
    for _, name in ipairs(template.names(value)) do
      used[name] = true
    end
  end
end

--- The names of a sweep that are parameters, not words in the texts of others.
local function swept_parameters(given, swept, model)
  local list, used = {}, {}
  add_names(used, given)
  for _, name in ipairs(swept) do
    if not used[name] and given[name] ~= nil then
      usage.fail("%s is given twice: among the parameters, and by --sweep", name)
    elseif not used[name] and not parameters.has(model, name) then
      usage.fail("--sweep %s: %s has no such parameter%s, and no text has {%s} in it", name, model,
        usage.nearest(name, schema.names(models.declared(model))), name)
    end
    list[#list + 1] = not used[name] and name or nil
  end
  return list
end

-- -- pictures to make -----------------------------------------------------------------------------

local function first_image(model)
  local spec = models.declared(model)
  return spec and models.first_image(spec)
end

--- What {name} is: the column of that name, the name of the picture, or the number of the row.
local function name_of(row, params, model)
  local name, picture = row.values.name, params[first_image(model) or ""]
  if name ~= nil and name ~= "" and name ~= json.null then
    return name
  end
  return names.stem(type(picture) == "table" and picture[1] or picture) or row.values.n
end

local function default_output(swept)
  local fields = { "{name}" }
  for _, name in ipairs(swept) do
    fields[#fields + 1] = "{" .. name .. "}"
  end
  if not table.concat(fields):find("{seed}", 1, true) then
    fields[#fields + 1] = "{seed}"
  end
  return table.concat(fields, "-")
end

--- The row with the values of a sweep and its number.
local function combined(plan, row, n, combination)
  local values, where = {}, { row.where }
  for name, value in pairs(row.values) do
    values[name] = value
  end
  values.n = (values.n == nil or values.n == json.null) and n or values.n
  for _, name in ipairs(plan.swept) do
    values[name] = combination[name]
    where[#where + 1] = ("%s=%s"):format(name, combination[name])
  end
  return { values = values, where = table.concat(where, " "), folder = row.folder }
end

--- What a picture's name may have in it: the columns, else the parameters.
local function fields_of(row, params, model)
  local fields = { model = model }
  for _, values in ipairs({ params, row.values }) do
    for name, value in pairs(values) do
      if type(value) ~= "table" and value ~= json.null then
        fields[name] = value
      end
    end
  end
  fields.name = name_of(row, params, model)
  return fields
end

local function parameters_of(plan, row, combination)
  local params = {}
  for name, value in pairs(plan.given) do
    params[name] = fill_all(value, row, plan.types[name])
  end
  for _, name in ipairs(plan.swept_parameters) do
    params[name] = schema.from_text(plan.types[name], combination[name])
  end
  local first = first_image(plan.model)
  if first and plan.given[first] == nil and type(row.values.path) == "string" then
    params[first] = relative(row.values.path, row)
  end
  return params
end

--- A value as text that equal values have in common.
local function canonical(value)
  if type(value) ~= "table" or getmetatable(value) ~= nil then
    return type(value) .. ":" .. tostring(value)
  end
  local keys = {}
  for key in pairs(value) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  for i, key in ipairs(keys) do
    keys[i] = ("%q=%q"):format(tostring(key), canonical(value[key]))
  end
  return "{" .. table.concat(keys, ",") .. "}"
end

--- Refuses two different pictures under one name.
local function check_output(writers, one)
  local other = not names.is_open(one.output) and writers[one.output]
  if other and other.same ~= one.same then
    usage.fail("%s and %s would both be saved as %s: put what they differ in into -o, {n} for "
      .. "example", other.where, one.where, one.output)
  end
  writers[one.output] = writers[one.output] or one
end

local function add(list, plan, row, combination)
  local params = parameters_of(plan, row, combination)
  local output, problem = names.part(plan.output, fields_of(row, params, plan.model))
  if problem then
    usage.fail("%s: -o %s: %s", row.where, plan.output, problem)
  end
  pictures.set_format(plan.model, params, not plan.is_default and output or nil)
  local one = { where = row.where, params = params, same = canonical(params), output = output,
    template = output, values = {}, is_default = plan.is_default,
    name = tostring(name_of(row, params, plan.model)) }
  local leader = plan.leaders[one.same]
  check_output(plan.writers, one)
  if not leader then
    plan.leaders[one.same], list[#list + 1], one.also = one, one, {}
  elseif leader.output ~= one.output then
    table.insert(leader.also, one.output)
  end
end

--- The pictures to make, equal ones once.
local function build(plan, source_rows, combinations, limit)
  local list, count = {}, 0
  plan.leaders, plan.writers = {}, {}
  for n, row in ipairs(source_rows) do
    for _, combination in ipairs(combinations) do
      if limit and count >= limit then
        return list
      end
      count = count + 1
      add(list, plan, combined(plan, row, n, combination), combination)
    end
  end
  return list
end

--- Refuses names of pictures that are read, and names in a folder that is read; the names that are
--- known.
local function check_places(sources, model, list)
  local folders, inputs, outputs = {}, {}, {}
  for _, source in ipairs(sources) do
    folders[#folders + 1] = rows.is_folder(source) and source or nil
  end
  for _, one in ipairs(list) do
    place.add_inputs(inputs, model, one.params)
    outputs[#outputs + 1] = one.output
    for _, name in ipairs(one.also) do
      outputs[#outputs + 1] = name
    end
  end
  place.check_folders(folders, outputs)
  for _, name in ipairs(outputs) do
    place.check_target(name)
  end
  for i = #outputs, 1, -1 do
    if names.is_open(outputs[i]) then
      table.remove(outputs, i)
    end
  end
  place.check(inputs, outputs)
  return outputs
end

local function read_parameters(args, model, words)
  local given = parameters.read(model, words)
  if args.seed and given.seed ~= nil then
    usage.fail("the seed is given twice: seed=%s, and by --seed", tostring(given.seed))
  end
  given.seed = given.seed or pictures.whole(args.seed, "--seed", 0)
  return given
end

--- The names that -o may have: those of the first row stand for all.
local function known_fields(row, given, combination)
  local fields = {}
  for _, values in ipairs({ row.values, given, combination }) do
    for name, value in pairs(values) do
      fields[name] = value
    end
  end
  return fields
end

local function read_plan(context, args)
  local sources, model, words = split(args.words)
  local given = read_parameters(args, model, words)
  local swept, combinations = sweep.read(args.sweep)
  local source_rows, columns = rows.read(sources, args.format)
  if columns then
    check_columns(given, columns, swept, sources[1])
  end
  local plan = { model = model, given = given, types = schema.types(models.declared(model)),
    options = pictures.options(args), swept = swept,
    swept_parameters = swept_parameters(given, swept, model) }
  plan.output, plan.is_default = pictures.template(context, default_output(swept),
    known_fields(source_rows[1], given, combinations[1]))
  local list = build(plan, source_rows, combinations, pictures.whole(args.limit, "--limit", 1))
  plan.known = check_places(sources, model, list)
  return plan, list
end

-- -- the price ------------------------------------------------------------------------------------

local function refuse(context, problems)
  for _, problem in ipairs(problems) do
    context.err(problem)
    context.out:event({ what = "error", kind = "invalid", charged = "no", message = problem })
  end
  return exit.USAGE
end

local function options_of(plan, one)
  local opts = {}
  for name, value in pairs(plan.options) do
    opts[name] = value
  end
  opts.save = pictures.aim(one)
  return opts
end

--- The step of a picture, named for whoever looks at the queue.
local function chain_of(client, plan, one)
  local opts = options_of(plan, one)
  opts.name = one.name
  return client:chain():step(plan.model, one.params, opts)
end

--- Checks and prices every picture; or the exit code, when one cannot be made.
local function price(context, client, plan, list)
  local sum, problems = consent.sum(), {}
  for _, one in ipairs(list) do
    local estimate, err = chain_of(client, plan, one):estimate()
    if estimate then
      one.estimate = estimate.steps[1]
      consent.add(sum, estimate)
    elseif err.kind ~= "invalid" then
      return nil, context.fail(err)
    else
      local why = (err.problems or { err.message })[1]:gsub("^step 1 %(.-%): ", "")
      problems[#problems + 1] = one.where .. ": " .. why
    end
  end
  if problems[1] then
    return nil, refuse(context, problems)
  end
  return sum
end

--- Nothing, or the error of what must not be spent.
local function refusal(context, client, sum)
  local budget = context.config.values.budget
  if not budget then
    return consent.refusal(context, sum)
  end
  local spent, err = client:spent()
  if err then
    return err
  elseif sum.usd > budget - spent + 1e-9 then
    return Error.new("budget", ("%s, and $%.2f of the budget of $%.2f is left; raise --budget, "
      .. "or take fewer with --limit"):format(consent.sentence(sum), math.max(budget - spent, 0),
      budget))
  end
end

--- --dry-run: a line each.
local function show(context, client, list, sum)
  for _, one in ipairs(list) do
    local step = one.estimate
    context.out:line(("%-40s %8s  %s"):format(progress.plain(one.output), step.usd
      and ("$%.2f"):format(step.usd) or "unknown", pictures.known(step) or one.where))
    context.out:event({ what = "step", output = one.output, where = one.where, usd = step.usd,
      seconds = step.seconds, finished = step.finished, under_way = step.under_way })
  end
  context.out:line(consent.sentence(sum) .. "; nothing was sent")
  context.out:result({ usd = sum.usd, steps = #list, finished = sum.finished })
  return pictures.judge(context, client, sum.usd)
end

-- -- making them ----------------------------------------------------------------------------------

local function submit(context, client, plan, list)
  local made, code = {}, exit.DONE
  for _, one in ipairs(list) do
    local job, err = client:submit(plan.model, one.params, options_of(plan, one))
    if job then
      one.job, one.label = job, one.output
      made[#made + 1] = one
    else
      code = exit.worst(code, context.fail(err, one.where))
    end
  end
  return made, code
end

local function enqueue(context, client, plan, list)
  local chains, where = {}, {}
  for i, one in ipairs(list) do
    chains[i], where[i] = chain_of(client, plan, one), one.where
  end
  return pictures.enqueue(context, client, chains, where)
end

--- The further names of a picture that several rows asked for.
local function save_copies(context, list)
  local code = exit.DONE
  for _, one in ipairs(list) do
    local result = one.job:result()
    for _, name in ipairs(result and not one.job:error() and one.also or {}) do
      name = names.fill(name, { seed = result.seed, id = result.request_id })
      local path, err = result:save(one.is_default and place.free(name, result) or name)
      if path then
        context.out:path(path)
      else
        code = exit.worst(code, context.fail(err, one.where))
      end
    end
  end
  return code
end

function verb.run(context, args)
  local plan, list = read_plan(context, args)
  context.config.values.max_active_jobs = pictures.whole(args.jobs, "--jobs", 1)
    or context.config.values.max_active_jobs
  local client, err = pictures.client(context, plan.is_default and {} or plan.known)
  if not client then
    return context.fail(err)
  end
  local sum, refused = price(context, client, plan, list)
  if not sum then
    return refused
  elseif args.dry_run then
    return show(context, client, list, sum)
  end
  err = refusal(context, client, sum)
  if err then
    return context.fail(err)
  end
  if args.queue then
    return enqueue(context, client, plan, list)
  end
  local made, code = submit(context, client, plan, list)
  code = exit.worst(code, pictures.finish(context, made))
  return exit.worst(code, save_copies(context, made))
end

return verb
