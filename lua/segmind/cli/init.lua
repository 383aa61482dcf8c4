--- The program `segmind`, over the public API alone. A verb is a module segmind.cli.<verb>:
---
---     { name = "credits", summary = "…", examples = "…",
---       declare = function(command) … end,             -- an argparse command
---       offline = true,           -- asks the ledger alone, and needs no key
---       pays = true,              -- makes pictures: an exit code is explained to the person
---       run = function(context, args) return code end }
---
--- `context` has `client()`, which opens the client of the common options; `out` for results
--- (see output.lua); `err(line)` for everything else; `fail(err, where)`, which tells an error and
--- returns its exit code; `config` (its `values`); `progress`.

local Error = require("segmind.error")
local config = require("segmind.cli.config")
local exit = require("segmind.cli.exit")
local output = require("segmind.cli.output")
local parser = require("segmind.cli.parser")
local progress = require("segmind.progress")
local submit = require("segmind.cli.submit")
local usage = require("segmind.cli.usage")

local cli = {}

---@class segmind.cli.Context
---@field args table as parsed
---@field config segmind.cli.Config
---@field out segmind.cli.Output
---@field progress segmind.Progress

-- What of the settings is an option of a client.
local for_client = { "base_url", "ledger", "budget", "timeout", "poll", "rpm", "max_active_jobs",
  "proxy", "ca_file", "media_hosts", "metadata" }

local function on_event(context)
  return function(event)
    if event.what == "note" or event.what == "warning" or event.what == "resubmit" then
      context.err(("%s: %s"):format(event.what == "resubmit" and "note" or event.what,
        event.message))
      context.out:event({ what = event.what, message = event.message,
        job = event.job and event.job.id })
    end
  end
end

-- For what asks the ledger alone and sends nothing, so that it needs no key.
local NO_KEY = "SG_0000000000000000"

local function open_client(context)
  local key, why = NO_KEY, nil
  if not (context.is_offline or context.args.queue or context.args.dry_run) then
    key, why = config.key(context.config)
  end
  if not key then
    return nil, Error.new("auth", why)
  end
  local options = { api_key = key, on_event = on_event(context) }
  for _, name in ipairs(for_client) do
    options[name] = context.config.values[name]
  end
  local folder = context.config.origins.ledger == "default"
    and options.ledger:match("^(.*)/[^/]*$")
  if folder then
    require("segmind.cli.shell").make_folder(folder)
  end
  local ok, segmind = pcall(require, "segmind")
  if not ok then
    usage.broken((tostring(segmind):gsub("^segmind: ", "")))
  end
  local made, client, err = pcall(segmind.new, options)
  if not made and type(client) == "string" and not client:find("interrupted!$") then
    usage.fail((client:gsub("^.-segmind: ", ""))) -- a setting that is out of bounds
  elseif not made then
    error(client, 0)
  end
  return client, err
end

-- The sentence of an error; where in our code it was refused is nobody's business.
local function sentence(err)
  local text = tostring(err)
  if err.where then
    text = text:gsub(" at " .. err.where:gsub("%p", "%%%0") .. "$", "")
  end
  return (text:gsub("^segmind: ", ""))
end

-- Whether an address of this machine refuses connections: no emulator runs there.
local function is_nobody_here(context, err)
  local host = (context.config.values.base_url or ""):match("^%a+://%[?([^/%]]*)") or ""
  local is_here = host:find("^127%.") or host:find("^localhost") or host == "::1"
  return is_here and err.kind == "not_sent" and err.message:find("onnect to ", 1, true) ~= nil
end

local function new_context(args, verb)
  local context = { args = args, kinds = {}, is_offline = verb.offline, config = config.read(args),
    progress = progress.new({ is_quiet = args.quiet }) }
  context.out = output.new(args.json, context.progress)
  function context.err(line)
    context.progress:print("segmind: " .. line)
  end
  function context.client()
    if not context._client then
      local err
      context._client, err = open_client(context)
      if not context._client then
        return nil, err
      end
    end
    return context._client
  end
  function context.fail(err, where)
    context.err((where and where .. ": " or "") .. sentence(err))
    context.is_nobody_here = context.is_nobody_here or is_nobody_here(context, err)
    context.kinds[err.kind] = true
    context.out:event({ what = "error", kind = err.kind, charged = err.charged,
      message = err.message, request_id = err.request_id, status = err.status })
    return exit.of(err)
  end
  return context
end

local function close(context)
  context.progress:finish()
  if context._client then
    context._client:close()
  end
end

-- What came out of a verb that raised.
local function trouble(context, problem)
  if usage.is(problem) then
    context.err(problem.message)
    return problem.is_broken and exit.REFUSED or exit.USAGE
  elseif tostring(problem):find("interrupted!$") then
    context.progress:leave()
    context.err("interrupted; "
      .. (context.config.values.ledger and "run the same command again to go on; or segmind "
        .. "resume, which names the pictures by itself or by its own -o"
      or "without a ledger: segmind resume ID goes on with what was accepted"))
    return exit.INTERRUPTED
  end
  local sent = context._client and context._client:stats().submits or 0
  context.err("this is a fault of the program: " .. tostring(problem))
  return sent > 0 and exit.DOUBT or exit.FAILED
end

local function run(context, verb)
  local ok, code = xpcall(verb.run, function(problem)
    local is_ours = type(problem) ~= "string" or problem:find("interrupted!$")
    return is_ours and problem or debug.traceback(problem, 2)
  end, context, context.args)
  if not ok then
    code = trouble(context, code)
  end
  local advice = exit.advise(code, context.kinds)
  if advice and context.config.values.ledger and verb.pays then
    context.err(advice)
  end
  if context.is_nobody_here then
    context.err(("nothing listens at %s: segmind emulate runs the service on this machine")
      :format(context.config.values.base_url))
  end
  close(context)
  local why = context.out:finish(code)
  if why then
    context.err("standard output cannot be written: " .. why)
    code = exit.worst(code, verb.pays and exit.PAID or exit.FAILED)
  end
  return code
end

local function complain(message, code)
  io.stderr:write("segmind: ", (progress.plain(message)), "\n")
  return code
end

--- Runs a command.
---@param argv string[]
---@return integer code
function cli.main(argv)
  local ok, context, verb = pcall(function()
    local root, verbs = parser.new()
    argv = submit.expand(argv)
    local args = root:parse(argv[1] == "help" and { argv[2] or "--help", "--help" } or argv)
    if not args.verb then
      usage.fail("say what to do: segmind edit PICTURE \"prompt\", for example; segmind --help "
        .. "lists the verbs")
    end
    return new_context(args, verbs[args.verb]), verbs[args.verb]
  end)
  if ok then
    return run(context, verb)
  elseif usage.is(context) then
    return complain(context.message, context.is_broken and exit.REFUSED or exit.USAGE)
  elseif tostring(context):find("interrupted!$") then
    return exit.INTERRUPTED
  end
  return complain("this is a fault of the program: " .. tostring(context), exit.FAILED)
end

return cli
