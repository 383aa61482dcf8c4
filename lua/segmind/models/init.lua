--- The declared models. A further model is one table beside this file and one word in this list:
--- validation, editor types, the README's table and the emulator all read the same table. It is
--- loaded when somebody asks for it; `segmind.models` has them all.

local lazy = require("segmind.lazy")

local names = {
  "flux-kontext-dev",
  "flux-kontext-pro",
  "flux-kontext-max",
  "multi-image-kontext-pro",
  "multi-image-kontext-max",
  "flux-2-pro",
  "flux-2-flex",
  "flux-2-max",
  "flux-2-klein-4b",
  "flux-2-klein-9b",
}

--- A parameter of a declared model.
---@class segmind.Parameter
---@field [1] string its name
---@field [2] "string"|"integer"|"number"|"boolean"|"image"|"images"
---@field required boolean?
---@field about string
---@field default any as the model's page says
---@field min number? with `max`: the least and the greatest
---@field max number?
---@field one_of string[]? the values that it takes
---@field formats string[]? of a picture: the file formats that it takes

--- A declared model.
---@class segmind.ModelTable
---@field name string
---@field title string
---@field page string the URL of its page
---@field caveat string? what is not known of it
---@field latency_s number seconds, as published
---@field price_usd number as published
---@field params segmind.Parameter[]

-- What is asked about the models stands apart: `pairs` over them gives models, and nothing else.
local questions = { names = names }

--- The declared models by name.
---@class segmind.Models: { [string]: segmind.ModelTable }
---@field names string[] in order
---@field declared fun(name: string): segmind.ModelTable?
---@field first_image fun(model: segmind.ModelTable): string? where a picture goes that has no name
local models = {}

local is_declared = {}
for _, name in ipairs(names) do
  is_declared[name] = true
end

--- The table of a model, or nil for one that is not declared; the service has hundreds.
---@param name string
---@return segmind.ModelTable?
function questions.declared(name)
  local model = rawget(models, name)
  if not model and is_declared[name] then
    model = lazy.load("segmind.models." .. name)
    models[name] = model
  end
  return model
end

setmetatable(models, { __index = function(_, name)
  return questions[name] or questions.declared(name)
end })

--- The first parameter of a model that takes a picture, or a list of them (where one picture stands
--- for a list of one): there a chain puts the picture of the step before.
---@param model segmind.ModelTable
---@return string?
function questions.first_image(model)
  for _, param in ipairs(model.params) do
    if param[2] == "image" or param[2] == "images" then
      return param[1]
    end
  end
end

return models
