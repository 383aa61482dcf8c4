--- `:SegmindChain`: the steps of a file, checked and priced together before the first is sent.

local Place = require("segmind.nvim.place")
local ask = require("segmind.nvim.ask")
local client = require("segmind.nvim.client")
local jobs = require("segmind.nvim.jobs")
local library = require("segmind.nvim.library")
local output = require("segmind.nvim.output")
local say = require("segmind.nvim.say")
local show = require("segmind.nvim.show")
local target = require("segmind.nvim.target")
local words = require("segmind.nvim.words")

local chain = {}

--- Where each step's picture goes: where the file says, else beside it under the file's own name.
local function set_saves(file, path)
  local folder, name = path:match("^(.*)/([^/]*)$")
  local into, problem = output.folder(folder)
  if not into then
    return problem
  end
  local series = output.series(("%s/%s"):format(into, (name:gsub("%.%w+$", "")
    :gsub("[^%w_-]", "-"))), #file.steps)
  for _, step in ipairs(file.steps) do
    step.save = step.save or series[step.n]
    output.reserve(step.save)
    vim.fn.mkdir(step.save:match("^(.*)/"), "p")
  end
end

local function release(file)
  for _, step in ipairs(file.steps) do
    output.release(step.save)
  end
end

local function label(step, n, count)
  return ("%d/%d %s"):format(n, count, tostring(step.params.prompt or step.model))
end

--- The end of the whole chain: the first error that is a reason, or the last picture.
local function report(results, failed, place, steps)
  if failed then
    failed.err.step = steps[failed.n].n
    say.error(("step %d: %s"):format(steps[failed.n].n, tostring(failed.err)))
    for n, result in pairs(results) do
      say.warning(("step %d is done and kept: %s"):format(steps[n].n, result.path))
    end
    return
  end
  local last = results[#steps]
  local inserted = place:insert(last.path, tostring(steps[#steps].params.prompt or "the chain"))
  if not show.picture(last.path, last:info()) and not inserted then
    say.info("the chain's last picture: " .. last.path)
  end
end

local function follow(steps, launched, place, on_end)
  local results, failed, left = {}, nil, #launched
  for n, job in ipairs(launched) do
    jobs.follow(job, label(steps[n], n, #launched), function(result, err)
      results[n], left = not err and result or nil, left - 1
      output.release(steps[n].save)
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

--- The library's chain, priced; or nil and why not.
local function prepare(sm, file)
  local made, err = file:chain(sm)
  local estimate
  if made then
    estimate, err = made:estimate()
  end
  return estimate and made, estimate or err
end

local function launch(made, file, path, estimate, opts)
  say.info(("%d steps, $%.2f, about %.0f s"):format(#file.steps, estimate.usd, estimate.seconds))
  local launched, err = made:submit()
  if not launched then
    release(file)
    return jobs.refuse("chain", path, err)
  end
  follow(file.steps, launched, opts.place, opts.on_end or function() end)
end

local function start(sm, file, path, opts)
  local problem = set_saves(file, path)
  if problem then
    return jobs.refuse("chain", path, problem)
  end
  local made, estimate = prepare(sm, file)
  if not made then
    release(file)
    return jobs.refuse("chain", path, estimate)
  end
  ask.consent(estimate, opts, function(refused)
    if refused then
      release(file)
      return jobs.refuse("chain", path, refused)
    end
    launch(made, file, path, estimate, opts)
  end)
end

--- Reads a file by the library. One in Lua would be run, so it is for the command line.
local function read(path)
  local segmind, missing = library.load()
  if not segmind then
    return nil, missing
  elseif path:find("%.lua$") then
    return nil, path .. ": the editor reads chain files in JSON only"
  end
  local file, err = require("segmind.chain_file").read(path)
  return file, err and table.concat(err.problems, "; ")
end

--- Runs a chain file, or the one in the buffer.
---@param path string "" for the buffer's
---@param opts segmind.nvim.ChainOptions
function chain.run(path, opts)
  local is_buffer = path == ""
  path = is_buffer and vim.api.nvim_buf_get_name(0) or target.resolve(words.value(path))
  if is_buffer and not path:find("%.json$") then
    return say.error("the buffer is no chain file (.json); :SegmindChain {file} names one")
  end
  local file, problem = read(path)
  if not file then
    return jobs.refuse("chain", path, problem)
  end
  local sm, missing = client.get()
  if not sm then
    return jobs.refuse("chain", path, missing)
  end
  start(sm, file, path, { place = Place.new(), on_end = opts.on_end, yes = opts.yes })
end

return chain
