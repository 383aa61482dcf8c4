--- `segmind models [NAME]`: the declared models, or the parameters of one.

local json = require("segmind.json")
local models = require("segmind.models")
local usage = require("segmind.cli.usage")

local verb = {
  name = "models",
  summary = "List the models, or the parameters of one.",
  examples = "  segmind models\n  segmind models flux-kontext-dev",
}

function verb.declare(command)
  command:argument("model"):args("?"):description("The model whose parameters are listed.")
end

local function shown(value)
  return type(value) == "string" and value or value ~= nil and json.encode(value) or nil
end

local function limits(param)
  if param.one_of then
    return table.concat(param.one_of, " ")
  end
  return param.min and ("%g to %g"):format(param.min, param.max) or ""
end

local function list(out)
  for _, name in ipairs(models.names) do
    local model = models[name]
    out:line(("%-24s $%.2f  %5.1f s  %s"):format(name, model.price_usd, model.latency_s,
      model.title))
    out:event({ what = "model", model = name, price = model.price_usd, seconds = model.latency_s,
      title = model.title, page = model.page })
  end
end

local function describe(out, model)
  out:line(("%s: %s, $%.2f, about %g s\n%s\n"):format(model.name, model.title, model.price_usd,
    model.latency_s, model.page))
  for _, param in ipairs(model.params) do
    local notes = { param.required and "required" or param.default ~= nil
      and "default " .. shown(param.default) or nil }
    notes[#notes + 1] = limits(param) ~= "" and limits(param) or nil
    out:line(("  %-24s %-8s %s%s"):format(param[1] .. "=", param[2], param.about,
      notes[1] and " (" .. table.concat(notes, "; ") .. ")" or ""))
    out:event({ what = "parameter", name = param[1], type = param[2], about = param.about,
      required = param.required or false, default = param.default, min = param.min,
      max = param.max, one_of = param.one_of })
  end
end

function verb.run(context, args)
  if not args.model then
    list(context.out)
    return 0
  end
  local model = models.declared(args.model)
  if not model then
    usage.fail("the model %s is not declared here%s; segmind models lists those that are",
      args.model, usage.nearest(args.model, models.names))
  end
  describe(context.out, model)
  return 0
end

return verb
