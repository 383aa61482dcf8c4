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

--- The words that a parameter takes; none where it is anything, or a picture.
local function words_of(param)
  local words = {}
  for i, value in ipairs(param.one_of or param[2] == "boolean" and { "true", "false" } or {}) do
    words[i] = tostring(value)
  end
  return words
end

local function names_of(verbs)
  local names = {}
  for i, command in ipairs(verbs) do
    names[i] = command._name
  end
  return table.concat(names, " ")
end

local function argname_of(option)
  local name = option._argname
  return ((type(name) == "table" and name[1] or name or ""):gsub("[<>]", ""))
end

local is_file = { name = true, file = true, folder = true }

--- What the value of an option is: words that its name lists ("<hold|resubmit|ID>"), or models; a
--- file; or anything.
---@return string[] words
---@return boolean is_file
local function values_of(option)
  local name, words = argname_of(option), {}
  if name == "model" then
    return models.names, false
  end
  for word in (name:find("|", 1, true) and name or ""):gmatch("[^|]+") do
    words[#words + 1] = word ~= "ID" and not word:find("=") and word or nil
  end
  return words, is_file[name] == true
end

--- All options that take a value, by how they are written: an alias is the same to every verb.
---@return { aliases: string, words: string[], is_file: boolean }[]
local function valued(root)
  local verbs, options = lists(root)
  local out, seen = {}, {}
  for _, command in ipairs(verbs) do
    for _, option in ipairs(options[command._name]) do
      local aliases = table.concat(option._aliases, "|")
      if option._maxargs > 0 and not seen[aliases] then
        local words, takes_file = values_of(option)
        out[#out + 1], seen[aliases] = { aliases = aliases, words = words, is_file = takes_file },
          true
      end
    end
  end
  return out
end

--- A line of `case` for each of `list`.
local function cases(list, indent)
  local out = {}
  for i, one in ipairs(list) do
    out[i] = ("%s%s) %s ;;"):format(indent, one[1], one[2])
  end
  return table.concat(out, "\n")
end

local function words_are(words)
  return ("words=(%s)"):format(type(words) == "table" and table.concat(words, " ") or words)
end

-- What fills the places of a script for bash or zsh.
local function parts_of(root)
  local verbs, options = lists(root)
  local valued_options, by_verb, choices, by_model, lists_of = {}, {}, {}, {}, {}
  local aliases = {}
  for _, one in ipairs(valued(root)) do
    aliases[#aliases + 1] = one.aliases
    if one.words[1] or one.is_file then
      table.insert(valued_options, { one.aliases, one.words[1] and words_are(one.words)
        or "files=1" })
    end
  end
  for i, command in ipairs(verbs) do
    by_verb[i] = { command._name, words_are(aliases_of(options[command._name])) }
  end
  for _, model in ipairs(models.names) do
    table.insert(by_model, { model, words_are(parameters_of(model)) })
    for _, param in ipairs(models[model].params) do
      local words = words_of(param)
      lists_of[#lists_of + 1] = param[2] == "images" and not lists_of[param[1]] and param[1] .. "="
        or nil
      lists_of[param[1]] = param[2] == "images"
      if words[1] then
        table.insert(choices, { model .. ":" .. param[1], words_are(words) })
      end
    end
  end
  return { VALUED = table.concat(aliases, "|"), MODELS = table.concat(models.names, "|"),
    LISTS = table.concat(lists_of, "*|") .. "*", VALUES = cases(valued_options, "      "),
    OPTIONS = cases(by_verb, "      "), COMMON = aliases_of(root._options),
    CHOICES = cases(choices, "      "), PARAMETERS = cases(by_model, "      "),
    VERBS = names_of(verbs), NAMES = table.concat(models.names, " "),
    SHELLS = table.concat(shells, " ") }
end

-- What bash and zsh do alike: what the words before say, and what the current one, $word, may be.
local SHARED = [==[
    if [[ -n $skip ]]; then
      case $skip in -m|--model) model=$one ;; esac
      skip=
      continue
    fi
    case $one in
    @VALUED@) skip=$one ;;
    -*|@LISTS@) ;;
    *=*) given+=" ${one%%=*}= " ;;
    *)
      if [[ -z $verb ]]; then verb=$one; continue; fi
      sources+=1
      case $verb:$one in run:*|each:*|submit:*) case $one in @MODELS@) model=$one ;; esac ;; esac ;;
    esac
  done
  if [[ $verb:$skip == edit:--set ]]; then skip= model=${model:-flux-kontext-pro} sources=set
  elif [[ $verb == edit ]]; then model=
  fi
  if [[ -n $skip ]]; then
    case $skip in
@VALUES@
    esac
  elif [[ $word == -* ]]; then
    case $verb in
@OPTIONS@
      *) words=(@COMMON@) ;;
    esac
  elif [[ $word == *=* ]]; then
    name=${word%%=*}
    case $model:$name in
@CHOICES@
      *) files=1 ;;
    esac
  elif [[ -n $model ]]; then
    case $model in
@PARAMETERS@
    esac
  else
    case $verb:$sources in
      :) words=(@VERBS@) ;;
      run:|models:|submit:) words=(@NAMES@) ;;
      each:?*|submit:?*) words=(@NAMES@) files=1 ;;
      completion:) words=(@SHELLS@) ;;
      *) files=1 ;;
    esac
  fi]==]

-- Readline takes a part of a word for the word: not what is before "=", ":" or a space, but of
-- "prompt=@a" the part from "@" on. It will replace $2, so that what is before it comes off. Of a
-- file's name it quotes what the shell would read, the "@" too, so those are quoted here.
local BASH = [==[
# Completion of segmind for bash; made by: segmind completion bash
_segmind() {
  local rest=${COMP_LINE:0:COMP_POINT} part one i n=-1 word= head= path=
  local skip= verb= model= given= sources= name= files=
  local -a items=() words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if [[ $i -eq 0 || $rest == [[:blank:]]* ]]; then
      n=$((n + 1)) rest=${rest#"${rest%%[![:blank:]]*}"}
      items[n]=
    fi
    part=${COMP_WORDS[i]}
    [[ $i -lt $COMP_CWORD ]] || part=$rest
    items[n]+=$part rest=${rest#"$part"}
  done
  word=${items[n]//[\"\'\\]/}
  for one in "${items[@]:1:n-1}"; do
@SHARED@
  COMPREPLY=()
  [[ -z $name ]] || head=$name=
  for one in "${words[@]}"; do
    [[ $head$one != "$word"* || $given == *" $one "* ]] || COMPREPLY+=("$head$one")
  done
  path=${word#"$head"}
  if [[ -n $files && ${#COMPREPLY[@]} -eq 0 && $path == @* ]]; then
    head+=@ path=${path#@}
    while IFS= read -r one; do
      [[ ! -d $one ]] || one+=/
      [[ ${items[n]} != "$word" ]] || printf -v one %q "$one"
      COMPREPLY+=("$head$one")
    done < <(compgen -f -- "$path")
    compopt -o nospace
  elif [[ -n $files && ${#COMPREPLY[@]} -eq 0 ]]; then
    while IFS= read -r one; do COMPREPLY+=("$head$one"); done < <(compgen -f -- "$path")
    compopt -o filenames
  fi
  [[ $word == *"$2" ]] || COMPREPLY=()
  head=${word%"$2"}
  for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$head"}; done
  [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace
} 2>/dev/null
complete -F _segmind segmind]==]

local function filled(script, root)
  local parts = parts_of(root)
  return (script:gsub("@SHARED@", function()
    return SHARED
  end):gsub("@(%u+)@", parts))
end

local scripts = {}

function scripts.bash(root)
  return filled(BASH, root)
end

local function quoted(text)
  return "'" .. (text or ""):gsub("%s*\n%s*", " "):gsub("'", "'\\''") .. "'"
end

-- In zsh's specifications a colon parts the word from what it means.
local function described(word, about)
  return quoted(word:gsub(":", "\\:") .. ":" .. ((about or ""):gsub(":", "\\:")))
end

local ZSH = [==[
#compdef segmind
# Completion of segmind for zsh; made by: segmind completion zsh
_segmind() {
  local one word=$PREFIX skip= verb= model= given= sources= name= files=
  local -a words_ verbs_
  for one in ${words[2,CURRENT-1]}; do
@SHARED@
  if [[ -z $verb$skip && $word != -* ]]; then
    verbs_=(
@DESCRIBED@
    )
    _describe verb verbs_
    return
  fi
  [[ -z $name ]] || compset -P 1 '*='
  for one in $words_; do
    [[ $given != *" $one "* ]] || words_=(${words_:#$one})
  done
  if [[ ${words_[1]} == *= ]]; then compadd -S '' -- $words_; else compadd -- $words_; fi
  if [[ -n $files ]]; then
    compset -P 1 '@'
    _files
  fi
}
if [ "$funcstack[1]" = _segmind ]; then _segmind "$@"
else compdef _segmind segmind; fi]==]

function scripts.zsh(root)
  local out = {}
  for i, command in ipairs(root._commands) do
    out[i] = "      " .. described(command._name, command._summary or command._description)
  end
  local script = filled(ZSH, root):gsub("words=%(", "words_=(")
  return (script:gsub("@DESCRIBED@", function()
    return table.concat(out, "\n")
  end))
end

local function fish_option(condition, option)
  local out = { "complete -c segmind" }
  out[#out + 1] = condition and "-n " .. quoted(condition) or nil
  for _, alias in ipairs(option._aliases) do
    local long = alias:match("^%-%-(.+)")
    out[#out + 1] = long and "-l " .. long or "-s " .. alias:sub(2)
  end
  local words, takes_file = values_of(option)
  if option._maxargs > 0 then
    out[#out + 1] = takes_file and "-r" or "-x"
    out[#out + 1] = words[1] and "-a " .. quoted(table.concat(words, " ")) or nil
  end
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
  for _, pair in ipairs({ { "run models each submit", models.names }, { "completion", shells } }) do
    out[#out + 1] = ("complete -c segmind -n '__fish_seen_subcommand_from %s' -a %s"):format(
      pair[1], quoted(table.concat(pair[2], " ")))
  end
  for _, name in ipairs(models.names) do
    local words = parameters_of(name)
    for _, param in ipairs(models[name].params) do
      for _, value in ipairs(words_of(param)) do
        words[#words + 1] = param[1] .. "=" .. value
      end
    end
    out[#out + 1] = ("complete -c segmind -n '__fish_seen_subcommand_from %s' -a %s"):format(name,
      quoted(table.concat(words, " ")))
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
