--- `:checkhealth segmind`. Nothing is sent, and the key is never shown.

local client = require("segmind_nvim.client")
local config = require("segmind_nvim.config")
local library = require("segmind_nvim.library")
local output = require("segmind_nvim.output")
local show = require("segmind_nvim.show")

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
    say.error(problem, { "In the clone of the library: make build",
      "or name the build folder: require('segmind_nvim').setup({ library = '/path/to/build' })" })
    return nil
  end
  local core = require("segmind.core")
  say.ok(("the library %s, its core built for %s"):format(segmind.VERSION, core.LUA))
  say.info("its core is " .. library.core())
  say.info("JSON by " .. library.json)
  return segmind
end

--- Without user and password, should the URL have them.
local function base_url()
  local url = config.get("base_url") or vim.env.SEGMIND_BASE_URL
  return url and url ~= "" and url:gsub("//[^/]*@", "//") or "https://api.segmind.com"
end

local function check_client(say, segmind)
  local source = config.api_key() and "setup" or "SEGMIND_API_KEY"
  local ok, sm, err = pcall(segmind.new, { api_key = config.api_key(),
    base_url = config.get("base_url"), ca_file = config.get("ca_file") })
  if not ok or not sm then
    return say.error(tostring(err or sm), { "export SEGMIND_API_KEY before Neovim starts",
      "or: require('segmind_nvim').setup({ api_key = function() return … end })" })
  end
  say.ok("a key is set, by " .. source)
  local attached, why = pcall(require("segmind.loop.luv").attach, sm)
  sm:close()
  if attached then
    say.ok("the editor's loop turns it")
  else
    say.error("the editor's loop cannot turn it: " .. tostring(why))
  end
end

local function check_ledger(say)
  local ledger, why = client.ledger()
  if ledger then
    say.ok("what is paid is kept in " .. ledger)
  else
    say.warn("what is paid is not kept: " .. why)
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
  local segmind = check_library(say)
  if segmind then
    check_client(say, segmind)
    check_ledger(say)
    say.info("the service is " .. base_url())
    say.info("the model is " .. config.get("model"))
  end
  check_output(say)
  check_terminal(say)
end

return health
