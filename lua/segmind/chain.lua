--- A chain: edits one after the other on one picture, as data. `step` only collects; every step is
--- checked and priced before the first is sent.
---
--- The picture goes to a step's first image parameter, unless the step names that one itself. A
--- step may use the picture of any earlier one through `chain:output(n)`:
---
---     local chain = sm:chain("portrait.webp")
---     chain:step("flux-kontext-dev", { prompt = "bokeh background" })
---     chain:step("flux-kontext-pro", { prompt = "the same at night" })
---     chain:step("multi-image-kontext-max", {
---       prompt = "the two side by side", input_image_2 = chain:output(1) })

local Error = require("segmind.error")
local Estimate = require("segmind.estimate")
local image = require("segmind.image")
local methods = require("segmind.methods")
local models = require("segmind.models")
local options = require("segmind.options")
local path = require("segmind.path")
local request = require("segmind.request")
local schema = require("segmind.schema")

---@class segmind.Chain
local Chain = {}
Chain.__index = Chain
Chain.__name = "segmind.Chain"

--- Stands for the picture of a step until the chain is launched.
local Output = { _image_kind = "step" }
Output.__index = Output
Output.__name = "segmind.Output"

-- The options of a run, for every step that does not say otherwise. `save` gets the number of the
-- step: "out/night.png" makes out/night-1.png, out/night-2.png, ...
local run_options = { timeout = "seconds", poll = "poll", save = "text" }

---@param client segmind.Client
---@param input segmind.Image?
---@return segmind.Chain
function Chain.new(client, input)
  return setmetatable({ _client = client, _input = request.named(input), _steps = {} }, Chain)
end

--- Adds a step. Nothing is checked yet but that the arguments are of the right type.
---@param model segmind.Model
---@param params segmind.Params copied
---@param opts segmind.CallOptions?
---@return segmind.Chain self
function Chain:step(model, params, opts)
  if type(model) ~= "string" or type(params) ~= "table" or getmetatable(params) ~= nil then
    Error.misuse("chain:step takes the name of a model and a table of parameters, got "
      .. schema.show(model) .. " and " .. schema.show(params))
  end
  opts = options.read(opts, request.options, "chain:step")
  opts.save = path.absolute(opts.save)
  params = request.named_in(model, params)
  table.insert(self._steps, { model = model, params = params, opts = opts })
  return self
end

--- The picture of an earlier step, as a parameter of a later one.
---@param n integer counted from 1
---@return segmind.Output
function Chain:output(n)
  if #self._steps == 0 then
    Error.misuse("chain:output takes the number of a step that was added, and none was yet; got "
      .. schema.show(n))
  elseif type(n) ~= "number" or not self._steps[n] then
    Error.misuse(("chain:output takes the number of a step that was added, 1 to %d, got %s"):format(
      #self._steps, schema.show(n)))
  end
  return setmetatable({ chain = self, step = n }, Output)
end

local function has_output(value)
  if image.kind(value) == "step" then
    return true
  end
  for _, item in pairs(type(value) == "table" and not getmetatable(value) and value or {}) do
    if has_output(item) then
      return true
    end
  end
  return false
end

--- The parameters of step `n` with the picture in its place, or nil and why it has none.
local function with_picture(self, n)
  local step, copy = self._steps[n], {}
  for name, value in pairs(step.params) do
    copy[name] = value
  end
  local picture = self._input
  if n > 1 then
    picture = self:output(n - 1)
  end
  local spec = models.declared(step.model)
  local name = spec and models.first_image(spec)
  if name and copy[name] == nil then
    copy[name] = picture
  elseif not spec and picture ~= nil and not has_output(copy) then
    return nil, "the model is not declared, so name the parameter that takes the picture: "
      .. (n == 1 and "give it there, not to the chain"
        or ("input_image = chain:output(%d), or the like"):format(n - 1))
  end
  return copy
end

local function prepare_step(self, n, defaults)
  local step, opts = self._steps[n], {}
  for name, value in pairs(defaults) do
    opts[name] = value
  end
  if opts.save then
    local stem, extension = path.split(opts.save)
    opts.save = ("%s-%d%s"):format(stem, n, extension or "")
  end
  for name, value in pairs(step.opts) do
    opts[name] = value
  end
  local params, problem = with_picture(self, n)
  if not params then
    return nil, problem
  end
  local prepared, err = self._client:_prepare(step.model, params, opts, self)
  return prepared, err and table.concat(err.problems, "; ")
end

--- Two steps write one file, or what one cannot write another cannot, for the same reason: that is
--- told once.
local function check_save(told, prepared, problem, n)
  for _, target in ipairs(prepared and prepared.targets or {}) do
    problem = problem or told[target] and ("save: step %d writes %s, too"):format(told[target],
      target)
    told[target] = n
  end
  if problem and problem:find("^save: ") then
    problem, told[problem] = not told[problem] and problem or nil, n
  end
  return problem
end

--- Checks every step; the requests in order, or an error that tells of all bad steps.
local function prepare(self, defaults)
  local requests, problems, first, told = {}, {}, nil, {}
  for n, step in ipairs(self._steps) do
    local prepared, problem = prepare_step(self, n, defaults)
    requests[n], problem = prepared, check_save(told, prepared, problem, n)
    if problem then
      first = first or n
      problems[#problems + 1] = ("step %d (%s): %s"):format(n, step.model, problem)
    end
  end
  if #self._steps == 0 then
    problems[1] = "the chain has no steps"
  end
  if problems[1] then
    return nil, Error.refusal(table.concat(problems, "; "), { step = first, results = {},
      problems = problems })
  end
  return requests
end

--- What the chain will cost and take, from the published figures. Checks every step; free. With a
--- ledger, steps that are finished count nothing; the chain's local pictures are read for that.
---@return segmind.Estimate?
---@return segmind.Error? err kind "invalid", naming the step, or "ledger"
function Chain:estimate()
  local requests, err = prepare(self, {})
  local known = {}
  if requests and self._client._has_ledger then
    known, err = Estimate.known(self._client, requests)
  end
  if err then
    return nil, err
  end
  return Estimate.new(requests, known.finished)
end

-- What is paid for the first steps is lost on a chain that cannot come to its end.
local function check_budget(self, requests)
  local client, budget = self._client, self._client._budget
  if not budget then
    return nil
  end
  local spent, err = client:spent()
  if err or not client._has_ledger then
    return err or budget:refusal_of_chain(requests, {}, spent)
  elseif not budget:refusal_of_chain(requests, {}, spent) then
    return nil
  end
  -- Only now is it worth reading the pictures: which steps are in the sum already?
  local known, failed = Estimate.known(client, requests)
  return failed or budget:refusal_of_chain(requests, known.counted, spent)
end

local function prepare_all(self, defaults)
  local requests, err = prepare(self, defaults)
  err = err or check_budget(self, requests)
  if err then
    err.results = {}
    return nil, err
  end
  return requests
end

local function launch(self, requests)
  local jobs = {}
  for n, prepared in ipairs(requests) do
    request.bind(prepared, jobs)
    prepared.step = n
    jobs[n] = self._client:_launch(prepared)
  end
  return jobs
end

--- Sends all steps on their way and returns their jobs at once; each starts when its pictures are
--- there.
---@param opts { timeout: number?, poll: any, save: string? }?
---@return segmind.Job[]?
---@return segmind.Error? err kind "invalid", naming the step, or "budget" for the whole chain
function Chain:submit(opts)
  local requests, err = prepare_all(self, options.read(opts, run_options, "chain:submit"))
  if not requests then
    return nil, err
  end
  return launch(self, requests)
end

local function collect(jobs)
  local results, failed = {}, nil
  for n, job in ipairs(jobs) do
    local _, err = job:wait()
    results[n] = job:result()
    -- A step needs earlier ones only, so the first that failed is the reason for those after it.
    if job:error() and not failed then
      failed = { err = err, n = n, model = job.model }
    end
  end
  return results, failed
end

--- Runs the chain and waits for it.
---
---     local results, err = chain:run{ save = "out/night.png" }
---     if not results then print(err, err.step, #err.results) end
---     print(results.final.path)
---@param opts { timeout: number?, poll: any, save: string? }?
---@return segmind.Result[]? results one a step; the last is also `results.final`
---@return segmind.Error? err `step` is the step that failed, `results` the finished ones by step
function Chain:run(opts)
  opts = options.read(opts, run_options, "chain:run")
  self._client:_may_block("chain:run")
  local requests, err = prepare_all(self, opts)
  if not requests then
    return nil, err
  end
  local results, failed = collect(launch(self, requests))
  if not failed then
    results.final = results[#requests]
    return results
  end
  err = failed.err
  if err.kind ~= "budget" then -- which names its step itself
    err.message = ("step %d (%s): %s"):format(failed.n, failed.model, err.message)
  end
  err.step, err.results = failed.n, results
  return nil, err
end

function Chain:__tostring()
  return ("segmind.Chain of %d steps"):format(#self._steps)
end

methods.guard(Chain, "chain", { "run" }, { new = true })

return Chain
