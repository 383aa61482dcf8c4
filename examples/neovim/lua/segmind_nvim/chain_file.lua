--- Reads a chain file. It is data, read as JSON and never run:
---
---     { "input": "portrait.webp",
---       "steps": [
---         { "model": "flux-kontext-pro", "params": { "prompt": "the same at night" } },
---         { "model": "multi-image-kontext-max", "save": "duo.png",
---           "params": { "prompt": "the two side by side", "input_image_2": { "step": 1 } } } ] }
---
--- Pictures lie beside the file unless their path says otherwise; `{ "step": n }` is the picture of
--- an earlier step; `save` stays below the file's folder, for the file may come from anybody.

local target = require("segmind_nvim.target")

local chain_file = {}

local is_every_list = vim.islist or vim.tbl_islist
local empty_object = getmetatable(vim.empty_dict())

local function is_list(value)
  return type(value) == "table" and is_every_list(value) and getmetatable(value) ~= empty_object
end

local MAX_BYTES = 1024 * 1024

local function kind(value)
  if value == vim.NIL or value == nil then
    return "nothing"
  elseif type(value) == "table" then
    return is_list(value) and (next(value) and "a list" or "an empty list") or "an object"
  end
  return type(value) == "string" and ("%q"):format(value:sub(1, 40)) or "a " .. type(value)
end

local function is_object(value)
  return type(value) == "table" and not is_list(value)
end

local function unknown_names(object, known, where, problems)
  local names = vim.tbl_keys(object)
  table.sort(names)
  for _, name in ipairs(names) do
    if not vim.tbl_contains(known, name) then
      problems[#problems + 1] = ("%s has no %q; it has %s"):format(where, name,
        table.concat(known, ", "))
    end
  end
end

--- What `save` may be: a name below the folder.
local function save_problem(save)
  if type(save) ~= "string" or save == "" then
    return "save is the name of a file, got " .. kind(save)
  elseif save:find("^[/~]") or ("/" .. save .. "/"):find("/../", 1, true) or save:find("%c") then
    return ("save stays below the folder of the chain file, got %q"):format(save)
  end
end

local function is_step(value)
  return is_object(value) and value.step ~= nil
end

local function param_problem(name, value, n)
  if not is_step(value) then
    return nil
  end
  local earlier = value.step
  if type(earlier) ~= "number" or earlier % 1 ~= 0 or earlier < 1 or earlier >= n then
    return ("%s: { \"step\": … } names an earlier step, 1 to %d"):format(name, n - 1)
  end
end

local function check_step(step, n, problems)
  local where = "step " .. n
  if not is_object(step) then
    problems[#problems + 1] = ("%s is an object, got %s"):format(where, kind(step))
    return
  end
  unknown_names(step, { "model", "params", "save" }, where, problems)
  if type(step.model) ~= "string" then
    problems[#problems + 1] = ("%s: model is a name, got %s"):format(where, kind(step.model))
  end
  if not is_object(step.params) then
    problems[#problems + 1] = ("%s: params is an object, got %s"):format(where, kind(step.params))
  else
    for name, value in pairs(step.params) do
      local problem = param_problem(name, value, n)
      problems[#problems + 1] = problem and ("%s: %s"):format(where, problem)
    end
  end
  local problem = step.save ~= nil and save_problem(step.save)
  problems[#problems + 1] = problem and ("%s: %s"):format(where, problem) or nil
end

local function check(data)
  local problems = {}
  if not is_object(data) then
    return { "a chain file is an object with input and steps, got " .. kind(data) }
  end
  unknown_names(data, { "input", "steps" }, "a chain file", problems)
  if data.input ~= nil and type(data.input) ~= "string" then
    problems[#problems + 1] = "input is a path or a URL, got " .. kind(data.input)
  end
  if not is_list(data.steps) or #data.steps == 0 then
    problems[#problems + 1] = "steps is a list of at least one step, got " .. kind(data.steps)
    return problems
  end
  for n, step in ipairs(data.steps) do
    check_step(step, n, problems)
  end
  return problems
end

--- "… at character 12" says little in a file of many lines.
local function syntax_problem(text, message)
  local at = tonumber(message:match("character (%d+)"))
  local _, lines = text:sub(1, at or 0):gsub("\n", "")
  return ("line %d: %s"):format(lines + 1, message:gsub("^.-:%d+: ", ""))
end

local function contents(path)
  local file, message = io.open(path, "rb")
  local text = file and file:read(MAX_BYTES + 1)
  if file then
    file:close()
  end
  if text and #text > MAX_BYTES then
    return nil, path .. ": too long for a chain file"
  end
  return text, message or path .. ": cannot be read"
end

--- Reads and checks a file; what the models say about the parameters comes later.
---@param path string
---@return { input: string?, steps: table[] }?
---@return string? message everything that is wrong with it
function chain_file.read(path)
  local text, unreadable = contents(path)
  if not text then
    return nil, unreadable
  end
  local ok, data = pcall(vim.json.decode, text)
  if not ok then
    return nil, ("%s: %s"):format(path, syntax_problem(text, tostring(data)))
  end
  local problems = check(data)
  if problems[1] then
    return nil, ("%s: %s"):format(path, table.concat(problems, "; "))
  end
  data.input = data.input and target.resolve(data.input, path:match("^(.*)/[^/]*$"))
  return data
end

return chain_file
