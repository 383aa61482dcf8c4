--- `segmind show PICTURE`: how a picture was made, and the command that makes it again.

local json = require("segmind.json")
local plain = require("segmind.progress").plain

local verb = {
  name = "show",
  summary = "Say how a picture was made.",
  examples = "  segmind show night.png\n  segmind show night.png --command\n"
    .. '  eval "$(segmind show night.png --command)"',
}

function verb.declare(command)
  command:argument("picture"):description("A file that was saved here.")
  command:flag("--command"):description("Print the command that makes it again.")
end

local function show_input(one)
  local hash = one.sha256 and (" (sha256 %s)"):format(one.sha256) or ""
  if one.step then
    return ("the picture of step %d"):format(one.step)
  elseif one.request_id then
    return "the picture of request " .. one.request_id
  end
  return (one.path or one.name or one.url or "bytes") .. hash
end

local function show_value(step, value)
  if type(value) ~= "table" then
    return tostring(value)
  elseif type(value.input) == "number" and step.inputs[value.input] then
    return show_input(step.inputs[value.input])
  end
  local parts = {}
  for i, item in ipairs(value) do
    parts[i] = show_value(step, item)
  end
  return parts[1] and table.concat(parts, ", ") or json.encode(value)
end

local function show_step(context, title, step)
  local names = {}
  for name in pairs(step.params) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  local function line(name, value)
    context.out:line(plain(("%-18s %s"):format(name, value)))
  end
  line(title, step.model)
  for _, name in ipairs(names) do
    line("  " .. name, show_value(step, step.params[name]))
  end
  if step.seed then
    line("  seed", ("%.0f"):format(step.seed))
  end
  if step.request_id then
    line("  request", step.request_id)
  end
end

local function show(context, record)
  for i, step in ipairs(record.steps) do
    show_step(context, ("step %d"):format(i), step)
  end
  show_step(context, record.steps[1] and "picture" or "model", record)
  if record.cost then
    context.out:line(("%-18s $%.4f"):format("  cost", record.cost))
  end
  if record.created then
    context.out:line(plain(("%-18s %s"):format("  created", record.created)))
  end
end

local function result_of(record, command)
  return { model = record.model, params = record.params, inputs = record.inputs,
    seed = record.seed, request_id = record.request_id, cost = record.cost,
    created = record.created, steps = record.steps, picture = record.path, command = command }
end

function verb.run(context, args)
  local provenance = require("segmind.provenance") -- which loads the core
  local record, err = provenance.read(args.picture)
  if not record then
    return context.fail(err)
  end
  local command, why = provenance.command(record)
  context.out:result(result_of(record, command))
  if not args.command then
    show(context, record)
  elseif command then
    context.out:line(command)
  else
    return context.fail(why)
  end
  return 0
end

return verb
