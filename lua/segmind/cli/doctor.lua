--- `segmind doctor`: what is installed, where each setting is from, and whether it works.

local config = require("segmind.cli.config")
local exit = require("segmind.cli.exit")
local parameters = require("segmind.cli.parameters")
local pictures = require("segmind.cli.pictures")
local place = require("segmind.cli.place")
local plain = require("segmind.progress").plain
local shell = require("segmind.cli.shell")
local usage = require("segmind.cli.usage")

local verb = {
  name = "doctor",
  summary = "Check the installation, the settings, the ledger and the service.",
  examples = "  segmind doctor\n  segmind doctor --json",
}

function verb.declare() end

local function tell(context, mark, name, value, origin)
  context.out:line(plain(("%-5s %-16s %s%s"):format(mark, name, tostring(value),
    origin and "  (" .. origin .. ")" or "")))
  context.out:event({ what = "check", name = name, ok = mark ~= "FAIL", value = tostring(value),
    origin = origin })
end

-- A ledger's or a proxy's URL may hold a password.
local function shown(value)
  local text = type(value) == "table" and table.concat(value, " ") or tostring(value)
  text = text:gsub("(://[^/@:]*):[^/@]*@", "%1:...@"):gsub("(password=)[^&%s]*", "%1...")
  return text
end

-- Not in the oldest of Lua 5.1.
local search = rawget(package, "searchpath") or function() end

local function tell_versions(context)
  local jit = rawget(_G, "jit")
  tell(context, "ok", "segmind", require("segmind.version"),
    search("segmind.cli", package.path))
  tell(context, "ok", "lua", jit and jit.version or _VERSION)
  local core = search("segmind.core", package.cpath)
  local ok, why = pcall(require, "segmind")
  tell(context, ok and "ok" or "FAIL", "library", ok and core or why)
  tell(context, shell.has("chafa") and "ok" or "-", "chafa", shell.has("chafa") and "installed"
    or "not installed; only --show needs it")
  return ok and exit.DONE or exit.USAGE
end

-- What verbs refuse of a setting that reads well.
local checks = {
  model = function(context)
    parameters.check_edit(context.config.values.model)
  end,
  output = function(context)
    place.check_target((pictures.template(context, "picture")))
  end,
}

--- Why no verb would take a setting, or nil; without the library nobody knows.
local function problem_of(context, name)
  if not checks[name] or not pcall(require, "segmind") then
    return nil
  end
  local ok, problem = pcall(checks[name], context)
  if not ok and not usage.is(problem) then
    error(problem, 0)
  end
  return not ok and problem.message or nil
end

local function tell_settings(context)
  local values, origins, code = context.config.values, context.config.origins, exit.DONE
  tell(context, "ok", "config", context.config.path,
    shell.exists(context.config.path) and "read" or "there is none")
  for _, setting in ipairs(config.settings) do
    local name = setting[1]
    local problem = values[name] ~= nil and problem_of(context, name)
    if values[name] ~= nil then
      tell(context, problem and "FAIL" or "ok", name, problem or shown(values[name]),
        origins[name])
    end
    code = problem and exit.USAGE or code
  end
  return code
end

local function tell_key(context)
  local key, why = config.key(context.config)
  tell(context, key and "ok" or "FAIL", "key", key and "present, not shown" or why,
    key and why or nil)
  return key and exit.DONE or exit.REFUSED
end

-- A ledger is opened by a client, and the service is asked for what is left.
local function tell_service(context)
  local client, err = context.client()
  local spent, credits
  if client and context.config.values.ledger then
    spent, err = client:spent()
    tell(context, spent and "ok" or "FAIL", "ledger opens", spent
      and ("yes, $%.2f spent"):format(spent) or err)
  elseif not client then
    tell(context, "FAIL", "client", err)
    return exit.of(err)
  end
  credits, err = client:credits()
  tell(context, credits and "ok" or "FAIL", "service", credits
    and ("answers, %g credits"):format(credits.credits) or err)
  local ledger = (spent or not context.config.values.ledger) and exit.DONE or exit.REFUSED
  return exit.worst(ledger, credits and exit.DONE or exit.of(err))
end

function verb.run(context)
  local code = tell_versions(context)
  local settings = tell_settings(context)
  code = exit.worst(code, tell_key(context))
  if code == exit.DONE then
    code = tell_service(context)
  end
  code = exit.worst(code, settings)
  context.out:result({ ok = code == exit.DONE })
  return code
end

return verb
