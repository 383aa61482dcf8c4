--- `--sweep seed=1..4 guidance=3,7`: every combination of the values.

local usage = require("segmind.cli.usage")

local sweep = {}

local MOST = 100000

local function range(name, text)
  local first, last = text:match("^(-?%d+)%.%.(-?%d+)$")
  if not first then
    return nil
  end
  first, last = tonumber(first), tonumber(last)
  if first > last or last - first >= MOST then
    usage.fail("--sweep %s=%s: a range goes upwards, and has at most %d values", name, text, MOST)
  end
  local values = {}
  for value = first, last do
    values[#values + 1] = ("%.0f"):format(value)
  end
  return values
end

local function values_of(name, text)
  local values, seen = range(name, text) or {}, {}
  if not values[1] then
    for value in (text .. ","):gmatch("(.-),") do
      if value == "" or seen[value] then
        usage.fail(value == "" and "--sweep %s=%s: a value between commas is missing"
          or "--sweep %s=%s: a value stands there twice", name, text)
      end
      values[#values + 1], seen[value] = value, true
    end
  end
  return values
end

--- The combinations of what there is with each value of a further name.
local function multiply(combinations, name, values)
  local product = {}
  for _, combination in ipairs(combinations) do
    for _, value in ipairs(values) do
      local copy = { [name] = value }
      for other, given in pairs(combination) do
        copy[other] = given
      end
      product[#product + 1] = copy
    end
  end
  return product
end

--- Reads the words of the option.
---@param groups string[][] as argparse has them: a list for each time the option is given
---@return string[] names in their order
---@return table<string, string>[] combinations one, empty, without a sweep
function sweep.read(groups)
  local names, combinations, seen = {}, { {} }, {}
  for _, words in ipairs(groups or {}) do
    for _, word in ipairs(words) do
      local name, text = word:match("^([%a_][%w_]*)=(.*)$")
      if not name then
        usage.fail("--sweep takes name=1..4 or name=a,b, got %s; what follows it up to the next "
          .. "option is its own, so it stands at the end", word)
      elseif seen[name] then
        usage.fail("--sweep %s is given twice", name)
      end
      local values = values_of(name, text)
      if #combinations * #values > MOST then
        usage.fail("--sweep has more than %d combinations", MOST)
      end
      names[#names + 1], seen[name] = name, true
      combinations = multiply(combinations, name, values)
    end
  end
  return names, combinations
end

return sweep
