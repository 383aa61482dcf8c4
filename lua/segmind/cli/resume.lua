--- `segmind resume [ID]`: what was begun and has not ended.

local pictures = require("segmind.cli.pictures")
local place = require("segmind.cli.place")
local usage = require("segmind.cli.usage")

local verb = {
  name = "resume",
  summary = "Go on with what was begun and has not ended.",
  pays = true,
  examples = [[
  segmind resume
  segmind resume -o 'out/{model}-{seed}'
  segmind resume 0123456789abcdef0123456789abcdef]],
}

function verb.declare(command)
  command:argument("id"):args("?")
    :description("The id of one request; else all that the ledger knows of.")
  command:option("-o --output"):argname("<name>")
    :description("Where the pictures go ({prompt}-{seed}), as the commands before are not known; "
      .. "the fields are those of run. No other picture is replaced.")
  command:option("-m --model"):argname("<model>")
    :description("The model of the id, where the request history does not tell it.")
end

-- Of several, each has its name from the start; what two of them have in common is told apart at
-- the end.
local function pictures_of(jobs, text)
  local list = {}
  for n, job in ipairs(jobs) do
    local prompt = type(job.params.prompt) == "string" and job.params.prompt or job.model
    list[n] = { job = job, label = job.seed and ("%s, seed %s"):format(prompt, job.seed) or prompt,
      template = #jobs > 1 and pictures.one_of(text, n, { "n", "seed", "id" }) or text,
      values = { model = job.model, n = n, seed = job.seed, prompt = prompt, name = job.model } }
  end
  return list
end

local function attach(client, id, model)
  if not model then
    local row, err = client:request(id)
    model = row and row.model
    if err then
      return nil, err
    elseif not model then
      usage.fail("the request history does not say of which model %s is: add -m MODEL", id)
    end
  end
  local job, err = client:attach(id, model)
  return job and { job }, err
end

function verb.run(context, args)
  local text = pictures.template(context, "{prompt}-{seed}")
  place.check_target(text)
  local client, err = context.client()
  local jobs
  if client and args.id then
    jobs, err = attach(client, args.id, args.model)
  elseif client and not context.config.values.ledger then
    usage.fail("without a ledger there is nothing to resume but by its id: segmind resume ID")
  elseif client then
    jobs, err = client:resume()
  end
  if not jobs then
    return context.fail(err)
  end
  local list = pictures_of(jobs, text)
  if #list == 0 then
    local waiting = #(client:jobs({ state = "waiting" }) or {})
    context.err(waiting == 0 and "nothing is unfinished"
      or ("nothing is unfinished; %d in the queue wait for segmind work"):format(waiting))
  end
  return pictures.finish(context, list)
end

return verb
