--- The plugin's client of the service, made on first use and turned by the editor's own loop.

local config = require("segmind.nvim.config")
local library = require("segmind.nvim.library")
local log = require("segmind.nvim.log")
local say = require("segmind.nvim.say")

local client = {}
local current
local retired = {} -- made with options that have changed since; their jobs go on

local has_warned = false -- that nothing is kept, which is said once

--- The ledger's file; nil and why where nothing is kept. A build that cannot keep one refuses only
--- the file that was asked for.
---@return string?
---@return string? message
function client.ledger()
  if not config.get("ledger") then
    return nil, "the option ledger of setup is off"
  elseif config.get("ledger") == true and not require("segmind.core").SQLITE then
    return nil, "this build of the library has no SQLite"
  end
  return config.ledger()
end

--- What the library tells beside the ends of edits: notes of retries, say. What is raised in a
--- function of the options is told, too.
local function hear(event)
  if event.what == "callback" then
    say.error(event.error)
  elseif event.what == "warning" then
    say.warning(event.message)
  elseif event.message then
    log.add(event.what, (event.job and tostring(event.job) .. ": " or "") .. event.message)
  end
end

local function options()
  local ledger, why = client.ledger()
  if config.get("ledger") and not ledger and not has_warned then
    say.warning("what is paid is not kept: " .. why)
    has_warned = true
  end
  local given = { api_key = config.api_key(), ledger = ledger, on_event = hear }
  for _, name in ipairs({ "base_url", "ca_file", "timeout", "poll", "max_active_jobs",
    "budget" }) do
    given[name] = config.get(name)
  end
  return given
end

--- Closes what is open before libuv's loop ends.
local function close_all()
  for _, sm in ipairs(retired) do
    sm:close()
  end
  if current then
    current:close()
  end
  current, retired = nil, {}
end

--- The client, or nil and why there is none (no library, no key, ...).
---@return segmind.Client?
---@return string? message
function client.get()
  if current then
    return current
  end
  local segmind, problem = library.load()
  if not segmind or config.problem then
    return nil, problem or config.problem
  end
  local ok, fresh, err = pcall(function()
    return segmind.new(options())
  end)
  if not ok or not fresh then
    return nil, tostring(err or fresh)
  end
  require("segmind.loop.luv").attach(fresh)
  local group = vim.api.nvim_create_augroup("segmind", {})
  vim.api.nvim_create_autocmd("VimLeavePre", { group = group, callback = close_all })
  current = fresh
  return current
end

--- Closes retired clients whose jobs are over.
function client.tidy()
  retired = vim.tbl_filter(function(sm)
    if sm:stats().pending > 0 then
      return true
    end
    sm:close()
    return false
  end, retired)
end

--- The options have changed: the next edit gets a new client.
function client.renew()
  retired[#retired + 1] = current
  current = nil
  client.tidy()
end

return client
