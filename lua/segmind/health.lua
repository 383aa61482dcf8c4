--- `:checkhealth segmind`. Nothing is sent, and the key is never shown.

local client = require("segmind.nvim.client")
local config = require("segmind.nvim.config")
local library = require("segmind.nvim.library")
local output = require("segmind.nvim.output")
local show = require("segmind.nvim.show")

local uv = vim.uv or vim.loop

--- The reporting functions: vim.health since 0.8, older names before.
local function reporter()
  local given = vim.health or require("health")
  local function pick(name)
    return given[name] or given["report_" .. name]
  end
  return { start = pick("start"), ok = pick("ok"), warn = pick("warn"), error = pick("error"),
    info = pick("info") }
end

local function check_library(say)
  local segmind, problem = library.load()
  if not segmind then
    say.error(problem, { "In the plugin's folder: make nvim (it says what it lacks)",
      "As lazy.nvim's build step: build = \"make nvim\"" })
    return nil
  end
  local core = require("segmind.core")
  say.ok(("the library %s, its core %s built for %s"):format(segmind.VERSION, core.VERSION,
    core.LUA))
  say.info("its core is " .. tostring(library.core()))
  say.info("libcurl " .. core.CURL)
  say.info("JSON is read by " .. (pcall(require, "cjson") and "lua-cjson" or "the core"))
  return segmind
end

--- Without user and password, should the URL have them.
local function base_url()
  local url = config.get("base_url") or vim.env.SEGMIND_BASE_URL
  return url and url ~= "" and url:gsub("//[^/]*@", "//") or "https://api.segmind.com"
end

--- A client with these options; nothing is sent.
local function open(segmind, opts)
  local ok, sm, err = pcall(segmind.new, vim.tbl_extend("force", { ca_file = config.get("ca_file"),
    base_url = config.get("base_url") }, opts))
  return ok and sm or nil, tostring(err or sm)
end

local function check_loop(say, sm)
  local attached, why = pcall(require("segmind.loop.luv").attach, sm)
  if attached then
    say.ok("the editor's loop turns it")
  else
    say.error("the editor's loop cannot turn it: " .. tostring(why))
  end
end

-- As the service gives them; the core takes any that can be a header.
local KEY = "^SG_" .. ("%x"):rep(16) .. "$"

local function tell_key(say, key, source)
  if (key or vim.env.SEGMIND_API_KEY or ""):find(KEY) then
    say.ok("a key is set, by " .. source)
  else
    say.warn(("what is set as the key, by %s, does not look like one (SG_ and 16 hexadecimal "
      .. "digits)"):format(source))
  end
end

--- The key, when there is one that can be used.
local function check_key(say, segmind)
  local ok, key, source = pcall(config.api_key)
  local sm, problem
  if ok then
    sm, problem = open(segmind, { api_key = key })
  end
  if not sm then
    say.error(problem or tostring(key), { "export SEGMIND_API_KEY before Neovim starts",
      "or: require('segmind.nvim').setup({ api_key_command = { 'pass', 'show', 'segmind' } })" })
    return nil
  end
  tell_key(say, key, source)
  check_loop(say, sm)
  sm:close()
  return { api_key = key }
end

local function money(spent)
  local budget = config.get("budget")
  return ("$%.2f spent%s"):format(spent, budget and (", the budget is $%.2f"):format(budget)
    or ", no budget is set")
end

--- Whether the ledger can be written: a client that opens it writes its tables.
local function check_ledger(say, segmind, opts)
  local ledger, why = client.ledger()
  if not ledger then
    return say.warn("what is paid is not kept: " .. why)
  end
  local sm, problem = open(segmind, vim.tbl_extend("force", opts, { ledger = ledger }))
  local spent
  if sm then
    spent, problem = sm:spent()
    sm:close()
  end
  if spent then
    say.ok(("what is paid is kept in %s: %s"):format(ledger, money(spent)))
  else
    say.error("what is paid cannot be kept: " .. tostring(problem))
  end
end

local function check_output(say)
  local folder, problem = output.folder(uv.cwd())
  if not folder or not uv.fs_access(folder, "W") then
    say.error(problem or folder .. " cannot be written to")
  elseif config.get("output_dir") then
    say.ok("results go to " .. folder)
  else
    say.ok("results go beside the picture they are made of")
  end
end

local function check_terminal(say)
  local can, why = show.can()
  if can then
    say.ok("results are shown in the terminal (" .. why .. ")")
  else
    say.info("results are not shown, only their path is inserted: " .. why)
  end
end

local health = {}

function health.check()
  local say = reporter()
  say.start("segmind")
  if vim.fn.has("nvim-0.7") == 0 then
    say.error("Neovim 0.7 or newer is needed")
  end
  if config.problem then
    say.error(config.problem)
  end
  local segmind = check_library(say)
  local opts = segmind and check_key(say, segmind)
  if opts then
    check_ledger(say, segmind, opts)
  end
  if segmind then
    say.info(("the service is %s; it was not asked whether it answers and takes the key, which the "
      .. "first edit tells, or segmind doctor"):format(base_url()))
    say.info("the model is " .. config.get("model"))
  end
  check_output(say)
  check_terminal(say)
end

return health
