--- `segmind submit …`: run, chain or each, which write into the ledger's queue instead of running.
--- The words are theirs, so the command is turned into one of them before it is parsed.

local usage = require("segmind.cli.usage")

local verb = {
  name = "submit",
  summary = "Put steps into the ledger's queue, for segmind work on any machine.",
  offline = true,
  examples = [[
  segmind submit flux-kontext-pro prompt="a red house" aspect_ratio=16:9
  segmind submit poster.json --set place="a harbour"
  segmind submit each photos flux-kontext-pro prompt="at night" --yes]],
}

function verb.declare(command)
  command:usage("Usage: segmind submit [options] MODEL name=value… | FILE.json\n"
    .. "       | each SOURCE… MODEL name={column}…")
  command:argument("what"):target("words"):args("*")
    :argname("MODEL name=value… | FILE.json|.lua | each SOURCE… MODEL name={column}…")
    :description("What segmind run, chain or each takes, with their options. Nothing is sent and "
      .. "no key is needed; pictures of this machine go into the ledger. The same command with "
      .. "that verb in place of submit fetches the pictures when they are made, and pays nothing.")
  command:flag("--queue"):description("As --queue of run, chain and each, which submit implies.")
end

-- Options whose value is the next word.
local takes_value = { ["--ledger"] = true, ["--budget"] = true, ["--timeout"] = true,
  ["--on-done"] = true, ["-o"] = true, ["--output"] = true, ["--seed"] = true, ["-n"] = true,
  ["--number"] = true, ["--set"] = true, ["--until"] = true, ["--sweep"] = true,
  ["--format"] = true, ["--jobs"] = true, ["--limit"] = true, ["--on-unknown"] = true }

--- The first word from `at` on that is no option and no option's value.
local function next_word(argv, at)
  while argv[at] and argv[at]:sub(1, 1) == "-" and argv[at] ~= "-" do
    if argv[at] == "--help" or argv[at] == "-h" then
      return nil
    end
    at = at + (takes_value[argv[at]] and 2 or 1)
  end
  return argv[at] and at
end

--- Turns `submit …` into the verb that it stands for; other commands stay as they are.
---@param argv string[]
---@return string[]
function verb.expand(argv)
  local at = next_word(argv, 1)
  local what = at and argv[at] == "submit" and next_word(argv, at + 1)
  if not what then
    return argv
  end
  local name = argv[what] == "each" and "each"
    or argv[what]:find("%.json$") and "chain" or argv[what]:find("%.lua$") and "chain" or "run"
  local out = {}
  for i, word in ipairs(argv) do
    if i == at then
      out[#out + 1] = name
      out[#out + 1] = "--queue"
    elseif word ~= "--queue" and not (i == what and name == "each") then
      out[#out + 1] = word
    end
  end
  return out
end

function verb.run()
  usage.fail("submit takes what run, chain or each take: segmind submit flux-kontext-pro "
    .. "prompt=\"a house\", or submit FILE.json, or submit each photos MODEL …")
end

return verb
