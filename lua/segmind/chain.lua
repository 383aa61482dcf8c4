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

local Budget = require("segmind.budget")
local Error = require("segmind.error")
local Job = require("segmind.job")
local file = require("segmind.file")
local guard = require("segmind.guard")
local input = require("segmind.input")
local key = require("segmind.step_key")
local lazy = require("segmind.lazy")
local models = require("segmind.models")
local operation = require("segmind.operation")
local options = require("segmind.options")
local queued = lazy.require("segmind.queued")
local request = require("segmind.request")
local schema = require("segmind.schema")
local slots = require("segmind.slots")
local step = require("segmind.step")
local tables = require("segmind.tables")
local wait = require("segmind.wait")

--- Edits one after the other, as data: collected by `step`, sent by `submit` or `run`.
---@class segmind.Chain
local Chain = {}
Chain.__index = Chain
Chain.__name = "segmind.Chain"

--- Stands for the picture of a step until the chain is launched.
---@class segmind.Output
local Output = { _image_kind = "step" }
Output.__index = Output
Output.__name = "segmind.Output"

--- The options of a run, for every step that does not say otherwise.
---@class (exact) segmind.ChainOptions
---@field timeout number? seconds for a step once its inputs are there; 600
---@field poll segmind.Poll? how often to ask for a state
--- with the number of the step: "out/night.png" makes out/night-1.png, out/night-2.png, ...
---@field save string?
local run_options = { timeout = "seconds", poll = "poll", save = "text" }

---@param client segmind.Client
---@param picture segmind.Image?
---@return segmind.Chain
function Chain.new(client, picture)
  return setmetatable({ _client = client, _input = slots.named(picture), _steps = {} }, Chain)
end

--- Adds a step. Nothing is checked yet but that the arguments are of the right type.
---@param model segmind.Model
---@param params table by name; copied
---@param opts segmind.CallOptions?
---@return segmind.Chain self
function Chain:step(model, params, opts)
  if type(model) ~= "string" or type(params) ~= "table" or getmetatable(params) ~= nil then
    Error.misuse("chain:step takes the name of a model and a table of parameters, got "
      .. schema.show(model) .. " and " .. schema.show(params))
  end
  opts = options.read(opts, request.options, "chain:step")
  if opts.save then
    opts.save = file.absolute(opts.save)
  end
  params = slots.named_in(model, params)
  table.insert(self._steps, { model = model, params = params, opts = opts })
  return self
end

--- Adds a step of a chain file, which names all its pictures: none is put into their places.
function Chain:_add_whole(model, params, opts)
  self:step(model, params, opts)
  self._steps[#self._steps].is_whole = true
end

--- A chain of one step that names all its pictures.
---@param client segmind.Client
---@param model string
---@param params table
---@param opts segmind.CallOptions?
---@return segmind.Chain
function Chain.whole(client, model, params, opts)
  local self = Chain.new(client)
  self:_add_whole(model, params, opts)
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
  if input.kind(value) == "step" then
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
  local entry = self._steps[n]
  local copy = tables.merge({}, entry.params)
  if entry.is_whole then
    return copy
  end
  local picture = self._input
  if n > 1 then
    picture = self:output(n - 1)
  end
  local spec = models.declared(entry.model)
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
  local entry, opts = self._steps[n], tables.merge({}, defaults)
  if opts.save then
    local stem, extension = file.split(opts.save)
    opts.save = ("%s-%d%s"):format(stem, n, extension or "")
  end
  tables.merge(opts, entry.opts)
  local params, problem = with_picture(self, n)
  if not params then
    return nil, problem
  end
  local prepared, err = request.prepare(self._client, entry.model, params, opts, self)
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

--- A picture that another step sends is none to write, either.
local function check_inputs(requests, problems)
  for n, prepared in ipairs(requests) do
    for _, other in ipairs(prepared.targets and requests or {}) do
      local problem = other ~= prepared and request.replaced(prepared, other.inputs)
      if problem then
        problems[#problems + 1] = ("step %d (%s): %s"):format(n, prepared.model, problem)
        return n
      end
    end
  end
end

--- Checks every step; the requests in order, or an error that tells of all bad steps.
local function prepare(self, defaults)
  wait.check_open(self._client)
  local requests, problems, first, told = {}, {}, nil, {}
  for n, entry in ipairs(self._steps) do
    local prepared, problem = prepare_step(self, n, defaults)
    requests[n], problem = prepared, check_save(told, prepared, problem, n)
    if problem then
      first = first or n
      problems[#problems + 1] = ("step %d (%s): %s"):format(n, entry.model, problem)
    end
  end
  if #self._steps == 0 then
    problems[1] = "the chain has no steps"
  end
  first = first or check_inputs(requests, problems)
  if problems[1] then
    return nil, Error.refusal(table.concat(problems, "; "), { step = first, results = {},
      problems = problems })
  end
  return requests
end

-- -- what it will cost ---------------------------------------------------------------------------

--- What a chain will cost and how long it will take, from the figures that the service publishes. A
--- model that is not declared has none, and the sum says so. A step that the ledger knows to be
--- finished costs and takes nothing; one that is under way costs nothing more.
---@class segmind.Estimate
---@field steps segmind.EstimateStep[]
---@field usd number the sum of the known prices, beside what `client:spent()` has
---@field seconds number along the longest way; steps that do not need each other run together
---@field unknown integer steps without a published price
---@field finished integer steps that are finished already
---@field under_way integer steps that are under way or in doubt, whose price is spent already
local Estimate = {}
Estimate.__index = Estimate
Estimate.__name = "segmind.Estimate"

--- A step of an estimate.
---@class segmind.EstimateStep
---@field n integer
---@field model string
---@field usd number?
---@field seconds number?
---@field finished boolean
---@field under_way boolean

--- When the pictures that a request needs are there.
local function begins(prepared, ends)
  local at = 0
  for _, slot in ipairs(prepared.slots) do
    if slot.kind == "step" then
      at = math.max(at, ends[slot.value.step] or 0)
    end
  end
  return at
end

-- A step with its figures; what the ledger counts as spent already costs nothing more.
local function priced(prepared, n, known)
  local is_finished = known and known.finished[n] or false
  local is_under_way = known and known.under_way[n] or false
  local usd, seconds = Budget.declared(prepared), prepared.spec and prepared.spec.latency_s
  return { n = n, model = prepared.model, usd = (is_finished or is_under_way) and 0 or usd or nil,
    seconds = is_finished and 0 or seconds or nil, finished = is_finished,
    under_way = is_under_way }
end

---@param requests table[] from request.prepare
---@param known table? from find_known
---@return segmind.Estimate
local function estimate(requests, known)
  local self = setmetatable({ steps = {}, usd = 0, seconds = 0, unknown = 0, finished = 0,
    under_way = 0 }, Estimate)
  local ends = {}
  for n, prepared in ipairs(requests) do
    local one = priced(prepared, n, known)
    self.steps[n] = one
    self.usd = self.usd + (one.usd or 0)
    self.unknown = self.unknown + (one.usd and 0 or 1)
    self.finished = self.finished + (one.finished and 1 or 0)
    self.under_way = self.under_way + (one.under_way and 1 or 0)
    ends[n] = begins(prepared, ends) + (one.seconds or 0)
    self.seconds = math.max(self.seconds, ends[n])
  end
  return self
end

-- Read here, where nobody can wait for the worker thread.
local function digest_here(sources)
  local digests = {}
  for _, source in ipairs(sources) do
    digests[source] = file.sha256(input.is_bytes(source) and source.data or file.read(source) or "")
  end
  return digests
end

--- The hashes of the local pictures of prepared requests. The worker thread reads them, unless this
--- is a callback, which cannot wait for it.
local function digest_all(client, requests)
  local sources, seen = {}, {}
  for _, prepared in ipairs(requests) do
    for _, source in ipairs(key.sources(prepared)) do
      sources[#sources + 1] = not seen[source] and source or nil
      seen[source] = true
    end
  end
  if not wait.is_possible(client) then
    return digest_here(sources)
  end
  return wait.result(client, "chain:estimate", function(fn)
    client._uploads:digest_all(sources, client._timeout, fn)
  end)
end

--- Names the steps and jobs that a prepared request takes its pictures from. A job that has not
--- come so far that it has a name is none that anything finished can hang on.
local function name_inputs(prepared, names)
  for _, slot in ipairs(prepared.slots) do
    if slot.kind == "step" then
      slot.of = names[slot.value.step]
    elseif slot.kind == "job" then
      slot.of = ("%s:%d"):format(slot.value.key or "?", slot.value.generation or 1)
    end
  end
end

-- Whether a submit whose outcome may be lost may be sent again, and paid a second time.
local function may_be_paid_again(client, prepared, row)
  local policy = prepared.opts.on_unknown or client._on_unknown or "hold"
  return policy ~= "hold" and (row.state == "intent" or row.state == "unknown")
end

--- Which steps of a chain a ledger knows. The keys are computed as they will be when the chain
--- runs, with the generation that each step has or will have. `counted` are those whose price is
--- spent or under way, `under_way` those of them that will cost nothing more.
---@param client segmind.Client
---@param requests table[] from request.prepare
---@return table? known by number `finished`, `counted`, `under_way`, `names` (key, text); `digests`
---@return segmind.Error? err kind "ledger"
local function find_known(client, requests)
  local digests, failed = digest_all(client, requests)
  if not digests then
    return nil, failed
  end
  local names, known = {}, { finished = {}, counted = {}, under_way = {}, names = {},
    digests = digests }
  for n, prepared in ipairs(requests) do
    name_inputs(prepared, names)
    local name, text = key.compute(client._core, prepared, digests)
    local fresh = prepared.opts.fresh
    local found, err = operation.ask(client, "find", name)
    if not found then
      return nil, err
    end
    local row = found[1]
    known.names[n] = { key = name, text = text }
    known.finished[n] = row ~= nil and row.state == "completed" and not fresh
    known.counted[n] = row ~= nil and row.state ~= "failed" and not fresh
    known.under_way[n] = known.counted[n] and not known.finished[n]
      and not may_be_paid_again(client, prepared, row)
    names[n] = ("%s:%d"):format(name, row and row.generation + (fresh and 1 or 0) or 1)
  end
  return known
end

local function row(name, usd, seconds, state)
  if state then
    return ("%-32s %8s %9s"):format(name, "$0.00", state)
  end
  return ("%-32s %8s %9s"):format(name, usd and ("$%.2f"):format(usd) or "unknown",
    seconds and ("%.1f s"):format(seconds) or "unknown")
end

function Estimate:__tostring()
  local lines = {}
  for i, one in ipairs(self.steps) do
    lines[i] = row(("%d  %s"):format(one.n, one.model), one.usd, one.seconds,
      one.finished and "finished" or one.under_way and "under way")
  end
  lines[#lines + 1] = row("together", self.usd, self.seconds)
  if self.unknown > 0 then
    lines[#lines + 1] = ("without %d of %d steps, whose models are not declared"):format(
      self.unknown, #self.steps)
  end
  return table.concat(lines, "\n")
end

--- What the chain will cost and take, from the published figures. Checks every step; free. With a
--- ledger, steps that are finished or under way cost nothing; the chain's local pictures are read
--- for that.
---@return segmind.Estimate?
---@return segmind.Error? err kind "invalid", naming the step, or "ledger"
function Chain:estimate()
  local requests, err = prepare(self, {})
  local known
  if requests and self._client._has_ledger then
    known, err = find_known(self._client, requests)
  end
  if err then
    return nil, err
  end
  return estimate(requests, known)
end

-- What is paid for the first steps is lost on a chain that cannot come to its end.
local function check_budget(self, requests)
  local client, budget = self._client, self._client._budget
  if not budget then
    return nil
  end
  local spent, err = budget:spent(), nil
  if client._has_ledger then
    spent, err = operation.ask(client, "spent")
  end
  if err or not client._has_ledger then
    return err or budget:refusal_of_chain(requests, {}, spent)
  elseif not budget:refusal_of_chain(requests, {}, spent) then
    return nil
  end
  -- Only now is it worth reading the pictures: which steps are in the sum already?
  local known, failed = find_known(client, requests)
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

-- -- running it ----------------------------------------------------------------------------------

local function launch(self, requests)
  local jobs = {}
  for n, prepared in ipairs(requests) do
    slots.bind(prepared, jobs)
    prepared.step = n
    jobs[n] = step.launch(Job.new(self._client, prepared))
  end
  return jobs
end

--- Sends all steps on their way and returns their jobs at once; each starts when its pictures are
--- there.
---@param opts segmind.ChainOptions?
---@return segmind.Job[]?
---@return segmind.Error? err kind "invalid", naming the step, or "budget" for the whole chain
function Chain:submit(opts)
  local requests, err = prepare_all(self, options.read(opts, run_options, "chain:submit"))
  if not requests then
    return nil, err
  end
  return launch(self, requests)
end

--- Puts all steps into the ledger's queue, for a worker on any machine (client:work), and returns
--- at once. See client:enqueue.
---
---     local queued = assert(chain:enqueue())
---     print(#queued, queued[1].state)
---@return segmind.Queued[]?
---@return segmind.Error? err kind "invalid", naming the step, or "ledger"
function Chain:enqueue()
  wait.check(self._client, "chain:enqueue")
  if not self._client._has_ledger then
    Error.misuse("chain:enqueue writes into a ledger; this client has none")
  end
  local requests, err = prepare(self, {})
  local known
  if requests then
    known, err = find_known(self._client, requests)
  end
  if not known then
    return nil, err
  end
  return queued.enqueue(self._client, requests, known.names, known.digests)
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
---@param opts segmind.ChainOptions?
---@return segmind.Result[]? results one a step; the last is also `results.final`
---@return segmind.Error? err `step` is the step that failed, `results` the finished ones by step
function Chain:run(opts)
  opts = options.read(opts, run_options, "chain:run")
  wait.check(self._client, "chain:run")
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

guard.class(Chain, "chain", { "run", "estimate", "enqueue" }, { new = true, whole = true })

return Chain
