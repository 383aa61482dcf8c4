--- `:SegmindResume`: the edits that an editor left under way which is gone, by the ledger.

local client = require("segmind.nvim.client")
local config = require("segmind.nvim.config")
local jobs = require("segmind.nvim.jobs")
local output = require("segmind.nvim.output")
local say = require("segmind.nvim.say")

local resume = {}

local function finished(result, stem)
  local path, err = result:save(stem)
  if path then
    say.info("taken up: " .. path)
  else
    say.error(err)
  end
end

local function follow(job, opts)
  local label = tostring(job.params.prompt or job.model)
  local stem, blocked = output.stem(nil, label)
  if not stem then
    job:cancel()
    return jobs.refuse(job.model, label, blocked)
  end
  jobs.follow(job, label, function(result, failed)
    if failed then
      say.error(failed)
    else
      finished(result, stem)
    end
    output.release(stem)
    if opts.on_end then
      opts.on_end(result, failed)
    end
  end)
end

--- Takes up what is unfinished; results go to the folder of results under the words of their
--- prompts.
---@param opts { on_end: function? }
function resume.run(opts)
  local sm, problem = client.get()
  if not sm then
    return jobs.refuse(config.get("model"), "what is unfinished", problem)
  end
  local ledger, why = client.ledger()
  if not ledger then
    return say.info("nothing is kept: " .. why)
  end
  local found, err = sm:resume()
  if not found then
    return say.error(err)
  elseif #found == 0 then
    return say.info("nothing is unfinished")
  end
  for _, job in ipairs(found) do
    follow(job, opts)
  end
end

return resume
