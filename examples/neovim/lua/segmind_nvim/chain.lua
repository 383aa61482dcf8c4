--- `:SegmindChain`: the steps of a file, checked and priced together before the first is sent.

local Place = require("segmind_nvim.place")
local chain_file = require("segmind_nvim.chain_file")
local client = require("segmind_nvim.client")
local jobs = require("segmind_nvim.jobs")
local output = require("segmind_nvim.output")
local say = require("segmind_nvim.say")
local show = require("segmind_nvim.show")
local target = require("segmind_nvim.target")
local words = require("segmind_nvim.words")

local chain = {}

--- A parameter as the library takes it: a step's picture, a path beside the file, JSON's null.
local function value_of(value, is_image, made, folder)
  if value == vim.NIL then
    return require("segmind").null
  elseif type(value) == "table" and value.step then
    return made:output(value.step)
  elseif is_image and type(value) == "string" then
    return target.resolve(value, folder)
  elseif is_image and type(value) == "table" then
    return vim.tbl_map(function(item)
      return value_of(item, true, made, folder)
    end, value)
  end
  return value
end

local function add_step(made, step, save, folder)
  local spec, params = require("segmind").models.declared(step.model), {}
  local is_image = {}
  for _, param in ipairs(spec and spec.params or {}) do
    is_image[param[1]] = param[2]:find("^image") ~= nil
  end
  for name, value in pairs(step.params) do
    params[name] = value_of(value, is_image[name], made, folder)
  end
  made:step(step.model, params, { save = save })
end

--- Where each step's picture goes: where the file says, else beside it under the file's own name.
local function saves(data, path)
  local folder, name = path:match("^(.*)/([^/]*)$")
  local into, problem = output.folder(folder)
  if not into then
    return nil, problem
  end
  local list = output.series(("%s/%s"):format(into, (name:gsub("%.%w+$", ""):gsub("[^%w_-]", "-"))),
    #data.steps)
  for n, step in ipairs(data.steps) do
    list[n] = step.save and folder .. "/" .. step.save or list[n]
    output.reserve(list[n])
    vim.fn.mkdir(list[n]:match("^(.*)/"), "p")
  end
  return list
end

--- The library's chain, every step in it; raises what a programmer's mistake would, for `pcall`.
local function build(sm, data, path, files)
  local made = sm:chain(data.input)
  for n, step in ipairs(data.steps) do
    add_step(made, step, files[n], path:match("^(.*)/"))
  end
  local estimate, err = made:estimate()
  if not estimate then
    return nil, err
  end
  return made, estimate
end

local function label(step, n, count)
  return ("%d/%d %s"):format(n, count, tostring(step.params.prompt or step.model))
end

--- The end of the whole chain: the first error that is a reason, or the last picture.
local function report(results, failed, place, steps)
  if failed then
    failed.err.step = failed.n
    say.error(("step %d: %s"):format(failed.n, tostring(failed.err)))
    for n, result in pairs(results) do
      say.warning(("step %d is done and kept: %s"):format(n, result.path))
    end
    return
  end
  local last = results[#steps]
  local inserted = place:insert(last.path, tostring(steps[#steps].params.prompt or "the chain"))
  if not show.picture(last.path, last:info()) and not inserted then
    say.info("the chain's last picture: " .. last.path)
  end
end

local function follow(steps, launched, place, files, on_end)
  local results, failed, left = {}, nil, #launched
  for n, job in ipairs(launched) do
    jobs.follow(job, label(steps[n], n, #launched), function(result, err)
      results[n], left = not err and result or nil, left - 1
      output.release(files[n])
      if err and (not failed or n < failed.n) then
        failed = { err = err, n = n }
      end
      if left == 0 then
        report(results, failed, place, steps)
        on_end(not failed and results or nil, failed and failed.err)
      end
    end)
  end
end

local function start(sm, data, path, opts)
  local files, problem = saves(data, path)
  if not files then
    return jobs.refuse("chain", path, problem)
  end
  local ok, made, estimate = pcall(build, sm, data, path, files)
  if not ok or not made then
    for _, file in ipairs(files) do
      output.release(file)
    end
    return jobs.refuse("chain", path, not ok and made or estimate)
  end
  say.info(("%d steps, $%.2f, about %.0f s"):format(#data.steps, estimate.usd, estimate.seconds))
  local place = Place.here()
  follow(data.steps, assert(made:submit()), place, files, opts.on_end or function() end)
end

--- Runs a chain file, or the one in the buffer.
---@param path string "" for the buffer's
---@param opts { on_end: function? }
function chain.run(path, opts)
  path = path == "" and vim.api.nvim_buf_get_name(0) or target.resolve(words.value(path))
  if path == "" then
    return say.error("which chain file? :SegmindChain {file}")
  end
  local data, problem = chain_file.read(path)
  if not data then
    return jobs.refuse("chain", path, problem)
  end
  local sm, missing = client.get()
  if not sm then
    return jobs.refuse("chain", path, missing)
  end
  start(sm, data, path, opts)
end

return chain
