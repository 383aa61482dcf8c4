--- The options of `setup`. The key is kept apart: printing the configuration never shows it.

local config = {}

--- Option to its default (nil stands as false) and the types it may have.
local declared = {
  model = { "flux-kontext-pro", "string" },
  params = { {}, "table" }, -- model to parameters that are sent unless the command says otherwise
  output_dir = { false, "string" }, -- beside the picture
  timeout = { 600, "number" },
  poll = { "balanced", "string number" },
  base_url = { false, "string" }, -- SEGMIND_BASE_URL, else the service
  ca_file = { false, "string" },
  max_active_jobs = { false, "number" },
  budget = { false, "number" }, -- US dollars that all edits together may cost
  ledger = { true, "boolean string" }, -- a file; true: one of this service in the state folder
  library = { false, "string" }, -- a build folder of the library
  insert = { true, "boolean function" },
  show = { true, "boolean" },
  linger = { 3, "number" }, -- seconds that a finished edit stays in the progress window
}

local values, key = {}, nil

local function check(name, value)
  local option = declared[name]
  if not option then
    local names = vim.tbl_keys(declared)
    table.sort(names)
    error(("segmind: setup has no option %q; it has api_key, %s"):format(tostring(name),
      table.concat(names, ", ")), 0)
  elseif not option[2]:find(type(value), 1, true) and value ~= false then
    error(("segmind: the option %s of setup is a %s, got a %s"):format(name,
      option[2]:gsub(" ", " or a "), type(value)), 0)
  end
end

--- Takes the options; raises on one that does not exist or has the wrong type.
---@param given table?
function config.set(given)
  given = given or {}
  for name, value in pairs(given) do
    if name ~= "api_key" then
      check(name, value)
    elseif type(value) ~= "string" and type(value) ~= "function" then
      error("segmind: the option api_key of setup is a string, or a function that returns it", 0)
    end
  end
  for name, option in pairs(declared) do
    values[name] = option[1]
    if given[name] ~= nil then
      values[name] = given[name]
    end
  end
  key = given.api_key
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
    return ledger and vim.fn.expand(ledger) or nil
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

--- The key of `setup`; nil leaves it to the library, which reads SEGMIND_API_KEY without showing it
--- to Lua.
---@return string?
function config.api_key()
  if type(key) == "function" then
    return key()
  end
  return key
end

config.set()

return config
