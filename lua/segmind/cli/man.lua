--- The man page, from the declarations that the command line is read by. `make man` writes it.

local config = require("segmind.cli.config")
local exit = require("segmind.cli.exit")
local parser = require("segmind.cli.parser")

local man = {}

--- Text as roff takes it: a backslash, and a dot or a quote that would begin a request.
local function roff(text)
  text = text:gsub("\\", "\\e"):gsub("-", "\\-"):gsub("\n([.'])", "\n\\&%1")
  return (text:gsub("^([.'])", "\\&%1"))
end

local function macro(name, text)
  return (".%s %s"):format(name, roff(text))
end

local function heading_of(option)
  local names = {}
  for i, alias in ipairs(option._aliases) do
    names[i] = "\\fB" .. roff(alias) .. "\\fR"
  end
  local name = option._argname
  name = type(name) == "table" and name[1] or name
  return table.concat(names, ", ") .. (option._maxargs > 0 and name and " \\fI"
    .. roff(name:gsub("[<>]", "")) .. "\\fR" or "")
end

local function add_options(out, command)
  for _, option in ipairs(command._options) do
    if option._aliases[1] ~= "-h" then
      out[#out + 1] = ".TP\n" .. heading_of(option)
      out[#out + 1] = roff(option._description or "")
    end
  end
end

local function examples_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do
    lines[#lines + 1] = roff(line)
  end
  return ".PP\n.nf\n" .. table.concat(lines, "\n") .. "\n.fi"
end

local function add_verb(out, command, verb)
  local words = {}
  for _, argument in ipairs(command._arguments) do
    local name = argument._argname or argument._name
    name = (type(name) == "table" and name[1] or name)
    words[#words + 1] = "\\fI" .. roff(name) .. "\\fR"
      .. (argument._maxargs > 1 and " ..." or "")
  end
  table.insert(words, 1, command._name)
  out[#out + 1] = ".SS " .. table.concat(words, " ")
  out[#out + 1] = roff(verb.summary)
  for _, argument in ipairs(command._arguments) do
    local name = argument._argname or argument._name
    out[#out + 1] = ".TP\n\\fI" .. roff(type(name) == "table" and name[1] or name) .. "\\fR"
    out[#out + 1] = roff(argument._description or "")
  end
  add_options(out, command)
  out[#out + 1] = verb.examples and examples_of(verb.examples) or nil
end

local function add_files(out)
  out[#out + 1] = macro("SH", "CONFIGURATION")
  out[#out + 1] = roff("$XDG_CONFIG_HOME/segmind/config.json (~/.config) is a JSON object. A flag "
    .. "stands before the environment, that before the file; segmind doctor says where each value "
    .. "is from.")
  for _, setting in ipairs(config.settings) do
    out[#out + 1] = (".TP\n\\fB%s\\fR%s"):format(roff(setting[1]), setting.variable
      and " (" .. setting.variable .. ")" or "")
    out[#out + 1] = roff(setting.about)
  end
  out[#out + 1] = macro("SH", "ENVIRONMENT")
  out[#out + 1] = ".TP\n\\fBSEGMIND_API_KEY\\fR"
  out[#out + 1] = roff("the key; it is never given on the command line")
  out[#out + 1] = ".TP\n\\fBNO_COLOR\\fR, \\fBTERM=dumb\\fR"
  out[#out + 1] = roff("no colours; no lines that are redrawn")
  out[#out + 1] = macro("SH", "FILES")
  out[#out + 1] = ".TP\n\\fI" .. roff("$XDG_STATE_HOME/segmind/ledger.db") .. "\\fR"
  out[#out + 1] = roff("the ledger (~/.local/state); the pictures are beside it. Another service "
    .. "than Segmind's has one of its own.")
end

--- The page as roff.
---@return string
function man.page()
  local root, verbs = parser.new()
  local out = { '.TH SEGMIND 1 "" "segmind ' .. require("segmind.version") .. '"',
    ".SH NAME\nsegmind \\- edit pictures with the FLUX.1 Kontext models of Segmind",
    ".SH SYNOPSIS\n\\fBsegmind\\fR \\fIverb\\fR [\\fIarguments\\fR] [\\fIoptions\\fR]",
    macro("SH", "DESCRIPTION"), roff(parser.DESCRIPTION), macro("SH", "VERBS") }
  for _, command in ipairs(root._commands) do
    add_verb(out, command, verbs[command._name])
  end
  out[#out + 1] = macro("SH", "OPTIONS OF ALL VERBS")
  add_options(out, root)
  out[#out + 1] = macro("SH", "EXIT STATUS")
  for _, row in ipairs(exit.table) do
    out[#out + 1] = (".TP\n%d\n%s. A script may: %s."):format(row[1], roff(row[2]), roff(row[3]))
  end
  add_files(out)
  out[#out + 1] = macro("SH", "EXAMPLES")
  out[#out + 1] = examples_of(parser.EXAMPLES)
  return table.concat(out, "\n") .. "\n"
end

return man
