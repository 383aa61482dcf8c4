--- The edits under way and those just ended, in the order they were begun; the progress window
--- shows them.

local client = require("segmind.nvim.client")
local config = require("segmind.nvim.config")
local progress = require("segmind.nvim.progress")
local say = require("segmind.nvim.say")

local jobs = {}

---@class segmind.nvim.Entry
---@field model string
---@field job segmind.Job? nil where the edit could not even begin
---@field label string
---@field about number? seconds that the model takes, as published
---@field ended boolean?
---@field error any a segmind.Error, or a text

-- Somebody who is writing reads why an edit failed when the sentence is done.
local FAILED_LINGERS = 4

local entries = {}

local function forget(entry)
  for i, other in ipairs(entries) do
    if other == entry then
      table.remove(entries, i)
      return
    end
  end
end

local function over(entry, err)
  entry.ended, entry.error = true, err
  vim.defer_fn(function()
    forget(entry)
  end, config.get("linger") * (err and FAILED_LINGERS or 1) * 1000)
end

--- Shows a new one, in the place of those that failed before: their reasons would cover the text.
local function add(entry)
  for i = #entries, 1, -1 do
    if entries[i].error then
      table.remove(entries, i)
    end
  end
  entries[#entries + 1] = entry
  progress.show(entries)
end

--- Tells why an edit cannot begin, in a message and in the progress window.
---@param model string
---@param label string
---@param problem any
function jobs.refuse(model, label, problem)
  local entry = { model = model, label = label }
  over(entry, problem)
  add(entry)
  say.error(problem)
end

--- Follows a job: in the progress window, and to `on_end(result, err)` when it is over.
---@param job segmind.Job
---@param label string
---@param on_end fun(result: segmind.Result?, err: segmind.Error?)
function jobs.follow(job, label, on_end)
  local spec = require("segmind").models.declared(job.model)
  local entry = { model = job.model, job = job, label = label, about = spec and spec.latency_s }
  local function ending(result, err)
    over(entry, err)
    client.tidy()
    on_end(result, err)
  end
  job:on("done", function(result)
    ending(result)
  end)
  job:on("error", function(err)
    ending(job:result(), err)
  end)
  add(entry)
end

--- Lets go of everything under way.
---@return integer count
function jobs.cancel()
  local count = 0
  for _, entry in ipairs(vim.list_slice(entries)) do
    count = count + (entry.job and entry.job:cancel() and 1 or 0)
  end
  return count
end

return jobs
