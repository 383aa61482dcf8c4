--- The options of `setup`. The key is kept apart: printing the configuration never shows it.

local uv = vim.uv or vim.loop

local config = {}

--- The options of setup, and of `vim.g.segmind`.
---@class (exact) segmind.nvim.Options
---@field model segmind.Model? of edits that name none; "flux-kontext-pro"
---@field params table<string, table>? a model's parameters, sent unless an edit says otherwise
---@field output_dir string? a folder for results; else beside the picture
---@field timeout number? seconds that an edit may take; 600
---@field poll segmind.Poll? how often to ask for a state; "balanced"
---@field budget number? USD that all edits together may cost, over all that the ledger knows
---@field ledger (boolean|string)? a file for what was paid; true: one in the state folder
---@field api_key (string|fun(): string?)? the key, or what returns it; else SEGMIND_API_KEY
---@field api_key_command (string|string[])? prints the key, where SEGMIND_API_KEY is not set
---@field base_url string? else SEGMIND_BASE_URL, else the service
---@field ca_file string? certificates to trust, PEM
---@field max_active_jobs integer? edits under way at the same time; others wait for a place
--- whether the path is written into the text; a function makes what is written
---@field insert (boolean|fun(path: string, prompt: string, buffer: integer): string?)?
---@field show boolean? show the picture where the terminal can
---@field linger number? seconds that an ended edit stays in the progress window; 3

--- Option to its default (nil stands as false) and the types it may have.
local declared = {
  model = { "flux-kontext-pro", "string" },
  params = { {}, "table" },
  output_dir = { false, "string" },
  timeout = { 600, "number" },
  poll = { "balanced", "string number" },
  budget = { false, "number" },
  ledger = { true, "boolean string" },
  api_key = { false, "string function" },
  api_key_command = { false, "string table" },
  base_url = { false, "string" },
  ca_file = { false, "string" },
  max_active_jobs = { false, "number" },
  insert = { true, "boolean function" },
  show = { true, "boolean" },
  linger = { 3, "number" },
}

local values, key = {}, nil

local function check(name, value)
  local option = declared[name]
  if not option then
    local names = vim.tbl_keys(declared)
    table.sort(names)
    error(("segmind: there is no option %q; there are %s"):format(tostring(name),
      table.concat(names, ", ")), 0)
  elseif not option[2]:find(type(value), 1, true) and value ~= false then
    error(("segmind: the option %s is a %s, got a %s"):format(name, option[2]:gsub(" ", " or a "),
      type(value)), 0)
  end
end

local function fill(given)
  for name, option in pairs(declared) do
    values[name] = option[1]
    if given[name] ~= nil then
      values[name] = given[name]
    end
  end
  key, values.api_key = given.api_key or nil, nil
end

--- Takes the options over those of `vim.g.segmind`. Raises on one that does not exist or has the
--- wrong type; until that is mended nothing is sent, as it may have been the budget.
---@param given segmind.nvim.Options?
function config.set(given)
  local ok, problem = pcall(function()
    given = vim.tbl_extend("force", vim.g.segmind or {}, given or {})
    for name, value in pairs(given) do
      check(name, value)
    end
  end)
  config.problem = not ok and problem or nil
  if not ok then
    error(problem, 0)
  end
  fill(given)
end

--- An option, nil for one that is not set.
---@param name string
---@return any
function config.get(name)
  assert(declared[name], name)
  return values[name] or nil
end

--- Where what was paid is kept: a file a service, as a ledger is of one. Its folder is made.
---@return string?
function config.ledger()
  local ledger = values.ledger
  if ledger ~= true then
    return ledger and ledger:find("^~/") and uv.os_homedir() .. ledger:sub(2) or ledger or nil
  end
  local url = config.get("base_url") or vim.env.SEGMIND_BASE_URL or ""
  local host = url:gsub("^%a+://", ""):gsub("^[^/]*@", ""):match("^%[?[^/:%]]*") or ""
  local is_local = host == "localhost" or host:find("^127%.") or host:find("^%[")
  local name = is_local and "emulator" or host:find("%w") and host or "api.segmind.com"
  local has_state, folder = pcall(vim.fn.stdpath, "state") -- since 0.8
  folder = (has_state and folder or vim.fn.stdpath("data")) .. "/segmind"
  vim.fn.mkdir(folder, "p", tonumber("700", 8))
  return ("%s/%s.db"):format(folder, name)
end

local KEY_SECONDS = 60 -- somebody may have to unlock a store of passwords

--- What a command prints first. What else it says may hold a key, so it is not told.
local function run(command)
  local printed
  local ok, job = pcall(vim.fn.jobstart, command, { stdout_buffered = true,
    on_stdout = function(_, lines)
      printed = lines[1]
    end })
  local code = ok and job > 0 and vim.fn.jobwait({ job }, KEY_SECONDS * 1000)[1] or -1
  if code ~= 0 or not printed or printed == "" then
    error(code == -1 and "api_key_command could not be run to its end"
      or ("api_key_command printed no key; its exit status is %d"):format(code), 0)
  end
  return printed
end

--- The key, and where it is from; nil leaves it to the library, which reads SEGMIND_API_KEY without
--- showing it to Lua. Raises when the command fails.
---@return string? key
---@return string source
function config.api_key()
  local command = config.get("api_key_command")
  if key then
    return type(key) == "function" and key() or key, "the option api_key"
  elseif (vim.env.SEGMIND_API_KEY or "") == "" and command then
    return run(command), "api_key_command"
  end
  return nil, "SEGMIND_API_KEY"
end

-- What is wrong in `vim.g.segmind` is told by the first command, not by an error in its midst.
fill({})
pcall(config.set)

return config
