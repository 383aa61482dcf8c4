--- The declared models. A further model is one table beside this file and one word in this list:
--- validation, editor types, the README's table and the emulator all read the same table.

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

-- What is asked about the models stands apart: `pairs` over them gives models, and nothing else.
local questions = { names = names }
local models = setmetatable({}, { __index = questions })
for _, name in ipairs(names) do
  models[name] = require("segmind.models." .. name)
end

--- The table of a model, or nil for one that is not declared; the service has hundreds.
---@param name string
---@return table?
function questions.declared(name)
  return rawget(models, name)
end

--- The first parameter of a model that takes a picture, or a list of them (where one picture stands
--- for a list of one): there a chain puts the picture of the step before.
---@param model table
---@return string?
function questions.first_image(model)
  for _, param in ipairs(model.params) do
    if param[2] == "image" or param[2] == "images" then
      return param[1]
    end
  end
end

return models
