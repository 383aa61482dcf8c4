--- `segmind completion bash|zsh|fish`: made from the declarations that the command line is read by.

local models = require("segmind.models")

local verb = {
  name = "completion",
  summary = "Print a script that completes commands in a shell.",
  examples = [[
  segmind completion bash >~/.local/share/bash-completion/completions/segmind
  segmind completion zsh >~/.zfunc/_segmind
  segmind completion fish >~/.config/fish/completions/segmind.fish]],
}

local shells = { "bash", "zsh", "fish" }

function verb.declare(command)
  command:argument("shell"):choices(shells):description("bash, zsh or fish.")
end

local function lists(root)
  local verbs, options = {}, {}
  for _, command in ipairs(root._commands) do
    verbs[#verbs + 1] = command
    options[command._name] = {}
    for _, option in ipairs(command._options) do
      table.insert(options[command._name], option)
    end
    for _, option in ipairs(root._options) do
      table.insert(options[command._name], option)
    end
  end
  return verbs, options
end

local function aliases_of(list)
  local out, seen = {}, {}
  for _, option in ipairs(list) do
    for _, alias in ipairs(option._aliases) do
      out[#out + 1] = not seen[alias] and alias or nil
      seen[alias] = true
    end
  end
  return table.concat(out, " ")
end

local function parameters_of(model)
  local names = {}
  for i, param in ipairs(models[model].params) do
    names[i] = param[1] .. "="
  end
  return names
end

local function names_of(verbs)
  local names = {}
  for i, command in ipairs(verbs) do
    names[i] = command._name
  end
  return table.concat(names, " ")
end

local scripts = {}

function scripts.bash(root)
  local verbs, options = lists(root)
  local out = { "# Completion of segmind for bash; made by: segmind completion bash",
    "_segmind() {", '  local word=${COMP_WORDS[COMP_CWORD]} verb= model= one words',
    "  for one in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do", "    case $one in -*) continue ;; esac",
    "    if [ -z \"$verb\" ]; then verb=$one; elif [ -z \"$model\" ]; then model=$one; fi",
    "  done", "  COMPREPLY=()", "  case $word in", "  -*)", "    case $verb in" }
  for _, command in ipairs(verbs) do
    out[#out + 1] = ("    %s) words='%s' ;;"):format(command._name,
      aliases_of(options[command._name]))
  end
  out[#out + 1] = ("    *) words='%s' ;;"):format(aliases_of(root._options))
  out[#out + 1] = "    esac ;;\n  *)\n    case $verb:$model in"
  out[#out + 1] = ("    :) words='%s' ;;"):format(names_of(verbs))
  out[#out + 1] = ("    run: | models:) words='%s' ;;"):format(table.concat(models.names, " "))
  out[#out + 1] = ("    completion:) words='%s' ;;"):format(table.concat(shells, " "))
  for _, name in ipairs(models.names) do
    out[#out + 1] = ("    run:%s) words='%s' ; compopt -o nospace ;;"):format(name,
      table.concat(parameters_of(name), " "))
  end
  out[#out + 1] = "    *) words= ;;\n    esac ;;\n  esac"
  out[#out + 1] = "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))"
  out[#out + 1] = "  [ -n \"${COMPREPLY[*]}\" ] || COMPREPLY=($(compgen -f -- \"$word\"))\n}"
  out[#out + 1] = "complete -o filenames -F _segmind segmind"
  return table.concat(out, "\n")
end

local function quoted(text)
  return "'" .. (text or ""):gsub("%s*\n%s*", " "):gsub("'", "'\\''") .. "'"
end

-- In zsh's specifications a colon parts the word from what it means.
local function described(word, about)
  return quoted(word:gsub(":", "\\:") .. ":" .. ((about or ""):gsub(":", "\\:")))
end

function scripts.zsh(root)
  local verbs, options = lists(root)
  local out = { "#compdef segmind",
    "# Completion of segmind for zsh; made by: segmind completion zsh",
    "_segmind() {", "  local -a words_ verbs_", "  local one verb= model=",
    "  for one in ${words[2,CURRENT-1]}; do", "    [[ $one == -* ]] && continue",
    "    if [[ -z $verb ]]; then verb=$one; elif [[ -z $model ]]; then model=$one; fi", "  done",
    "  if [[ $PREFIX == -* ]]; then", "    case $verb in" }
  for _, command in ipairs(verbs) do
    out[#out + 1] = ("    %s) words_=(%s) ;;"):format(command._name,
      aliases_of(options[command._name]))
  end
  out[#out + 1] = ("    *) words_=(%s) ;;\n    esac"):format(aliases_of(root._options))
  out[#out + 1] = "    compadd -- $words_\n    return\n  fi\n  case $verb:$model in\n  :)"
  out[#out + 1] = "    verbs_=("
  for _, command in ipairs(verbs) do
    out[#out + 1] = "      " .. described(command._name, command._summary or command._description)
  end
  out[#out + 1] = "    )\n    _describe verb verbs_ ;;"
  out[#out + 1] = ("  run:|models:) compadd -- %s ;;"):format(table.concat(models.names, " "))
  out[#out + 1] = ("  completion:) compadd -- %s ;;"):format(table.concat(shells, " "))
  for _, name in ipairs(models.names) do
    out[#out + 1] = ("  run:%s) compadd -S '' -- %s; _files ;;"):format(name,
      table.concat(parameters_of(name), " "))
  end
  out[#out + 1] = "  *) _files ;;\n  esac\n}"
  out[#out + 1] = "if [ \"$funcstack[1]\" = _segmind ]; then _segmind \"$@\""
  out[#out + 1] = "else compdef _segmind segmind; fi"
  return table.concat(out, "\n")
end

local function fish_option(condition, option)
  local out = { "complete -c segmind" }
  out[#out + 1] = condition and "-n " .. quoted(condition) or nil
  for _, alias in ipairs(option._aliases) do
    local long = alias:match("^%-%-(.+)")
    out[#out + 1] = long and "-l " .. long or "-s " .. alias:sub(2)
  end
  out[#out + 1] = option._maxargs > 0 and "-r" or nil
  out[#out + 1] = "-d " .. quoted(option._description)
  return table.concat(out, " ")
end

function scripts.fish(root)
  local verbs = lists(root)
  local out = { "# Completion of segmind for fish; made by: segmind completion fish" }
  for _, option in ipairs(root._options) do
    out[#out + 1] = fish_option(nil, option)
  end
  for _, command in ipairs(verbs) do
    out[#out + 1] = ("complete -c segmind -f -n __fish_use_subcommand -a %s -d %s"):format(
      command._name, quoted(command._summary or command._description))
    for _, option in ipairs(command._options) do
      out[#out + 1] = fish_option("__fish_seen_subcommand_from " .. command._name, option)
    end
  end
  for _, pair in ipairs({ { "run models", models.names }, { "completion", shells } }) do
    out[#out + 1] = ("complete -c segmind -n '__fish_seen_subcommand_from %s' -a %s"):format(
      pair[1], quoted(table.concat(pair[2], " ")))
  end
  for _, name in ipairs(models.names) do
    out[#out + 1] = ("complete -c segmind -n '__fish_seen_subcommand_from %s' -a %s"):format(name,
      quoted(table.concat(parameters_of(name), " ")))
  end
  return table.concat(out, "\n")
end

--- The script for a shell.
---@param shell "bash"|"zsh"|"fish"
---@return string
function verb.script(shell)
  return scripts[shell](require("segmind.cli.parser").new())
end

function verb.run(context, args)
  context.out:line(verb.script(args.shell))
  return 0
end

return verb
