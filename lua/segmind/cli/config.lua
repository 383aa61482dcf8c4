--- What a command is told beside its arguments: a flag, else the environment, else the file
--- $XDG_CONFIG_HOME/segmind/config.json, else a default. `doctor` shows where each value is from.

local file = require("segmind.file")
local json_reader = require("segmind.json_reader")
local shell = require("segmind.cli.shell")
local usage = require("segmind.cli.usage")

local config = {}

--- A folder of the user's, by the rules of XDG.
---@param variable string "XDG_STATE_HOME"
---@param default string below HOME
---@return string
function config.home(variable, default)
  local given, home = os.getenv(variable), os.getenv("HOME")
  if given and given:sub(1, 1) == "/" then
    return given
  elseif not home or home == "" then
    usage.fail("HOME is not set, so there is no place for settings and the ledger: set it, or %s",
      variable)
  end
  return home .. "/" .. default
end

local function number(value)
  return type(value) == "number" and value - value == 0
end

local kinds = {
  text = { "a text", function(value)
    return type(value) == "string" and value ~= ""
  end },
  money = { "an amount of US dollars, 0 or more", function(value)
    return number(value) and value >= 0
  end },
  seconds = { "a number of seconds above 0, at most 1e7", function(value)
    return number(value) and value > 0 and value <= 1e7
  end },
  count = { "a whole number above 0", function(value)
    return number(value) and value >= 1 and value <= 1e9 and value % 1 == 0
  end },
  poll = { '"eager", "balanced", "relaxed" or a number of seconds', function(value)
    return value == "eager" or value == "balanced" or value == "relaxed"
      or number(value) and value >= 0.001 and value <= 1e5
  end },
  flag = { "true or false", function(value)
    return type(value) == "boolean"
  end },
  list = { "a list of texts", function(value)
    for i, item in pairs(type(value) == "table" and value or { false }) do
      if type(i) ~= "number" or type(item) ~= "string" then
        return false
      end
    end
    return true
  end },
}

--- The settings: what each holds, its flag (a field of the parsed arguments) and its variable.
config.settings = {
  { "api_key_command", "text", about = "a command that prints the key, where SEGMIND_API_KEY is "
    .. "not set" },
  { "base_url", "text", variable = "SEGMIND_BASE_URL", about = "another service: the emulator" },
  { "ledger", "text", flag = "ledger", variable = "SEGMIND_LEDGER",
    about = "a file, or postgresql://…" },
  { "budget", "money", flag = "budget", variable = "SEGMIND_BUDGET", about = "US dollars" },
  { "timeout", "seconds", flag = "timeout", variable = "SEGMIND_TIMEOUT",
    about = "seconds for a job" },
  { "model", "text", flag = "model", about = "the model of edit" },
  { "output", "text", flag = "output", about = "a template for the names of pictures" },
  { "on_done", "text", flag = "on_done", about = "a command that is run when a job has ended" },
  { "metadata", "flag", about = "whether saved pictures say how they were made" },
  { "poll", "poll", about = "how often a job is asked for: eager, balanced, relaxed, or seconds" },
  { "rpm", "count", about = "requests a minute, as the plan allows" },
  { "max_active_jobs", "count", about = "jobs under way at the same time" },
  { "proxy", "text", about = "an HTTP proxy" },
  { "ca_file", "text", about = "certificates to trust, PEM" },
  { "media_hosts", "list", about = "further hosts that pictures are fetched from" },
}

local defaults = { model = "flux-kontext-pro", metadata = true }

local names, by_name = {}, {}
for i, setting in ipairs(config.settings) do
  names[i], by_name[setting[1]] = setting[1], setting
end

---@return string
function config.path()
  return config.home("XDG_CONFIG_HOME", ".config") .. "/segmind/config.json"
end

--- The file's object, and a function that fails with where in the file something is wrong.
local function read_file(path)
  local text, why = file.read(path)
  if not text and why then
    return {}
  elseif not text then
    usage.fail("%s cannot be read: is it a file?", path)
  end
  local document, problem, line, column = json_reader.read(text)
  local value = document and document.value
  if not document then
    usage.fail("%s:%d:%d: %s", path, line, column, problem)
  elseif type(value) ~= "table" or document:is_list(value) then
    usage.fail("%s:1:1: the configuration is a JSON object", path)
  end
  return value, function(name, is_name)
    return ("%s:%d:%d"):format(path, document:place(value, name, is_name))
  end
end

local function check(name, value, where)
  local kind = kinds[by_name[name][2]]
  if not kind[2](value) then
    usage.fail("%s: %s is %s", where, name, kind[1])
  end
  return value
end

--- What a text means for a setting that is a number.
local function typed(name, text)
  local kind = by_name[name][2]
  if kind == "money" or kind == "seconds" or kind == "count" then
    return tonumber((text:gsub("^%$", "")))
  end
  return text
end

local function check_file(values, place_of)
  for name, value in pairs(values) do
    if name == "api_key" then
      usage.fail("%s: the key does not belong into a file: put it into SEGMIND_API_KEY, or a "
        .. "command that prints it into api_key_command", place_of(name, true))
    elseif not by_name[name] then
      usage.fail("%s: there is no setting %s%s", place_of(name, true), name,
        usage.nearest(name, names))
    end
    check(name, value, place_of(name))
  end
end

---@class segmind.cli.Config
---@field values table<string, any>
---@field origins table<string, string> "--budget", "SEGMIND_BUDGET", the file's name or "default"
---@field path string of the file

-- The ledger is on unless --no-ledger says otherwise. A ledger belongs to one service: another
-- than Segmind's own has one of its own.
local function place_ledger(self, args)
  if args.no_ledger then
    self.values.ledger, self.origins.ledger = nil, "--no-ledger"
  elseif not self.values.ledger then
    local host = (self.values.base_url or ""):match("^%a+://([^/]+)")
    local mark = host and "-" .. host:gsub("[^%w.]", "-") or ""
    self.values.ledger = ("%s/segmind/ledger%s.db"):format(
      config.home("XDG_STATE_HOME", ".local/state"), mark)
    self.origins.ledger = "default"
  end
end

--- Reads all settings; raises for one that makes no sense.
---@param args table as parsed
---@return segmind.cli.Config
function config.read(args)
  local path = config.path()
  local written, place_of = read_file(path)
  check_file(written, place_of)
  local self = { values = {}, origins = {}, path = path }
  for _, setting in ipairs(config.settings) do
    local name, flag = setting[1], setting.flag and args[setting.flag]
    local env = setting.variable and os.getenv(setting.variable)
    local value, origin = defaults[name], "default"
    if flag ~= nil then
      origin = "--" .. setting.flag:gsub("_", "-")
      value = check(name, typed(name, flag), origin)
    elseif env and env ~= "" then
      value, origin = check(name, typed(name, env), setting.variable), setting.variable
    elseif written[name] ~= nil then
      value, origin = written[name], path
    end
    self.values[name], self.origins[name] = value, value ~= nil and origin or nil
  end
  place_ledger(self, args)
  return self
end

--- The key: SEGMIND_API_KEY, else what `api_key_command` prints. It is never kept or shown.
---@param self segmind.cli.Config
---@return string? key
---@return string why there is none, or where it is from
function config.key(self)
  local key, command = os.getenv("SEGMIND_API_KEY"), self.values.api_key_command
  if key and key ~= "" then
    return key, "SEGMIND_API_KEY"
  elseif not command then
    return nil, "there is no key: put one (https://cloud.segmind.com) into SEGMIND_API_KEY, or a "
      .. "command that prints it into api_key_command of " .. self.path
      .. "; `segmind emulate` runs without one"
  end
  local text, ok = shell.output(command)
  key = ok and text and text:match("^%s*(%S+)")
  if key then
    return key, "api_key_command"
  end
  return nil, ("api_key_command of %s %s"):format(self.path,
    ok and "prints nothing" or "fails; run it by hand")
end

return config
