--- The command line as declared: the options that all verbs share, and the verbs. Help, the man
--- page and the completions are made from the same declarations.

local tables = require("segmind.tables")
local usage = require("segmind.cli.usage")

local parser = {}

local has_argparse, argparse = pcall(require, "argparse")

--- The verbs in the order of the help; each is a module segmind.cli.<verb>.
parser.verbs = { "edit", "run", "chain", "each", "submit", "work", "resume", "jobs", "cost",
  "history", "report", "show", "upload", "credits", "models", "doctor", "completion", "emulate" }

parser.DESCRIPTION = [[
Edits pictures with the FLUX.1 Kontext models of Segmind.

Results go to standard output, everything else to standard error. What was
begun and paid stands in a ledger, so every command can be run twice and costs
once.]]

parser.EXAMPLES = [[
  segmind edit portrait.webp "make it a real photograph" -o photo.png
  segmind run flux-kontext-pro prompt="a red house" aspect_ratio=16:9 -n 3
  segmind run flux-kontext-dev input_image=a.png prompt=@prompt.txt
  segmind emulate -- segmind edit portrait.webp "at night"]]

local EPILOG = "Examples:\n" .. parser.EXAMPLES .. [[


segmind VERB --help tells more of a verb.

Exit codes:
  0   done                                4   accepted: run it again, it resumes
  1   failed, not charged                 5   perhaps paid: look, do nothing
  2   fix the command                     6   paid, not here: run it again, free
  3   refused before work: call a person  75  nothing was accepted: try again
  130 interrupted: as 4]]

local function declare_common(root)
  root:flag("--json"):description("Results and events as JSON, one a line.")
  root:flag("-q --quiet"):description("No progress.")
  root:option("--ledger"):argname("<file>")
    :description("What was begun and paid: a file, or postgresql://….")
  root:flag("--no-ledger"):description("Keep nothing; a command that is run again pays again.")
  root:option("--budget"):argname("<dollars>")
    :description("Refuse what could bring the ledger's sum above it.")
  root:option("--timeout"):argname("<seconds>"):description("How long a job may take (600).")
  root:flag("--dry-run")
    :description("Say what would be sent, its price and what is paid already; send nothing.")
  root:option("--on-done"):argname("<command>")
    :description("Run when a job has ended, with SEGMIND_STATE, SEGMIND_PATH, SEGMIND_COST, "
      .. "SEGMIND_ID, SEGMIND_MODEL, SEGMIND_SEED, SEGMIND_PROMPT, SEGMIND_KIND and "
      .. "SEGMIND_ERROR in its environment.")
  root:flag("--show"):description("Show each picture in the terminal (chafa).")
  root:flag("--version"):description("Print the version."):action(function()
    print("segmind " .. require("segmind.version"))
    os.exit(0, true)
  end)
end

--- The names of the options that a command understands.
local function options_of(...)
  local names = {}
  for _, command in ipairs({ ... }) do
    for _, option in ipairs(command._options) do
      for _, alias in ipairs(option._aliases) do
        names[#names + 1] = alias:find("^%-%-") and alias or nil
      end
    end
  end
  return names
end

local function is_parameter(word)
  local models = require("segmind.models")
  for _, name in ipairs(models.names) do
    if tables.named(models[name].params, word) then
      return true
    end
  end
  return false
end

-- What argparse says, in a sentence that tells what to do.
local function explain(root, command, message)
  local option = message:match("^unknown option '(.-)'")
  local verb = message:match("^unknown command '(.-)'")
  local name = option and option:gsub("^%-+", ""):gsub("%-", "_")
  if name == "key" or name == "api_key" then
    return "a key on the command line can be read by everybody on this machine: put it into "
      .. "SEGMIND_API_KEY"
  elseif option and is_parameter(name) then
    return ("there is no option %s; parameters of a model are written without dashes: %s=…"):format(
      option, name)
  elseif option and option:find("^%-%.?%d") then
    return ("there is no option %s; a value that begins with a dash is written behind =: "
      .. "--seed=%s"):format(option, option)
  elseif option then
    return ("there is no option %s%s"):format(option, usage.nearest(option,
      options_of(root, command)))
  elseif verb then
    return ("there is no verb %s%s"):format(verb, usage.nearest(verb, parser.verbs))
  end
  return (message:gsub("\n.*", ""))
end

--- Has the names of an option in one line, "-o, --output <name>": argparse gives each its own.
local function join_labels(option)
  local lines_of = option._get_label_lines
  function option._get_label_lines(self)
    local lines = lines_of(self)
    local last = table.remove(lines)
    for i = #lines, 1, -1 do
      last = lines[i]:match("%S+"):gsub(",$", "") .. ", " .. last:gsub("^%s+", "")
    end
    return { last }
  end
end

-- argparse's own help ends the program without closing Lua's state, and would break the lines of
-- `tail`, which are commands to be copied.
local function add_help(command, tail)
  return command:help_max_width(80):usage_max_width(80):add_help({ action = function()
    for _, option in ipairs(command._options) do
      join_labels(option)
    end
    print(command:get_help() .. "\n\n" .. tail)
    os.exit(0, true)
  end })
end

--- Declares the whole command line.
---@return table parser of argparse
---@return table<string, table> verbs by name
function parser.new()
  if not has_argparse then
    usage.broken("the command line needs lua-argparse, which is not installed for " .. _VERSION
      .. " (Debian: apt install lua-argparse; LuaRocks: luarocks install argparse)")
  end
  local root = add_help(argparse("segmind", parser.DESCRIPTION):command_target("verb")
    :require_command(false), EPILOG)
  local verbs = {}
  declare_common(root)
  for _, name in ipairs(parser.verbs) do
    local verb = require("segmind.cli." .. name)
    local command = add_help(root:command(verb.name, verb.summary), "Examples:\n" .. verb.examples
      .. "\n\nThe options that all verbs have: segmind --help.")
    verb.declare(command)
    verbs[name] = verb
  end
  root.error = function(command, message)
    local full = command == root and "segmind" or "segmind " .. command._name
    usage.fail("%s; %s --help tells how", explain(root, command, message), full)
  end
  return root, verbs
end

return parser
