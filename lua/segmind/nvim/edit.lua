--- `:SegmindEdit`: from the words of the command to a file and a line in the text.

local Place = require("segmind.nvim.place")
local client = require("segmind.nvim.client")
local config = require("segmind.nvim.config")
local jobs = require("segmind.nvim.jobs")
local output = require("segmind.nvim.output")
local say = require("segmind.nvim.say")
local show = require("segmind.nvim.show")
local target = require("segmind.nvim.target")
local words = require("segmind.nvim.words")

local edit = {}

--- The picture and the place that are meant now: at the cursor, else in these lines.
---@param lines { [1]: integer, [2]: integer }?
function edit.begin(lines)
  local row = vim.api.nvim_win_get_cursor(0)[1]
  local is_here = not lines or lines[1] <= row and row <= lines[2]
  local picture, missing
  if is_here then
    picture, missing = target.picture()
  end
  if lines and not picture then
    picture, row = target.in_lines(lines[1], lines[2])
  end
  return { picture = picture, missing = missing, folder = target.folder(),
    place = Place.new(row) }
end

local function kinds_of(spec)
  local kinds = {}
  for _, param in ipairs(spec and spec.params or {}) do
    kinds[param[1]] = param[2]
  end
  return kinds
end

--- The call that the words ask for.
local function read(text, folder)
  local models = require("segmind").models
  local found, model = words.split(text), config.get("model")
  for _, pair in ipairs(found.pairs) do
    model = pair.name == "model" and pair.value or model
  end
  local spec = models.declared(model)
  local kinds, params = kinds_of(spec), vim.deepcopy((config.get("params") or {})[model] or {})
  for _, pair in ipairs(found.pairs) do
    if pair.name ~= "model" then
      local value = words.convert(spec and (kinds[pair.name] or "string"), pair.value)
      local is_picture = (kinds[pair.name] or ""):find("^image") -- one stands for a list, too
      params[pair.name] = is_picture and target.resolve(value, folder) or value
    end
  end
  params.prompt = found.prompt ~= "" and found.prompt or params.prompt
  return { model = model, params = params,
    image = not spec and "input_image" or models.first_image(spec) }
end

--- Puts the picture into the call; nil and why when there is none where one is meant.
local function add_picture(call, edited, from_text)
  local picture = edited.picture
  if call.params[call.image] ~= nil then
    return call.params[call.image]
  elseif from_text then
    return nil
  elseif not picture then
    local missing = edited.missing
    return nil, ("there is no picture under the cursor, nor in the buffer%s; :SegmindEdit! draws "
      .. "one from the text alone"):format(missing and (" (%s is not there)"):format(missing) or "")
  end
  call.params[call.image] = picture
  return picture
end

local function finished(result, place, label)
  local cost = result.cost and (" $%.2f"):format(result.cost) or ""
  say.info(result.path .. cost .. (result.seed and " seed " .. result.seed or ""))
  place:insert(result.path, label)
  show.picture(result.path, result:info())
end

local function launch(sm, call, stem, edited, opts)
  local label = tostring(call.params.prompt or call.model)
  -- The same words again ask for another picture, unless one of them was left under way.
  local ok, job, err = pcall(sm.submit, sm, call.model, call.params, { save = stem, fresh = true })
  if not ok or not job then
    output.release(stem)
    if err then
      err.where = nil -- a line of this file
    end
    return jobs.refuse(call.model, label, not ok and job or err)
  end
  jobs.follow(job, label, function(result, failed)
    output.release(stem)
    if failed then
      say.error(failed)
    else
      finished(result, edited.place, label)
    end
    if opts.on_end then
      opts.on_end(result, failed)
    end
  end)
end

--- Reads the words and sends the edit on its way; every problem is told, nothing raises.
---@param text string
---@param opts table
---@param edited table what `begin` returned
function edit.run(text, opts, edited)
  local sm, problem = client.get()
  if not sm then
    return jobs.refuse(config.get("model"), text, problem)
  end
  local call = read(text, edited.folder)
  local picture, missing = add_picture(call, edited, opts.from_text)
  if missing then
    return jobs.refuse(call.model, text, missing)
  end
  local stem, blocked = output.stem(picture, tostring(call.params.prompt or ""))
  if not stem then
    return jobs.refuse(call.model, text, blocked)
  end
  launch(sm, call, stem, edited, opts)
end

return edit
