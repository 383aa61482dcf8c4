-- Completion as the command line asks for it.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/neovim/driver.lua")

local function completions(line)
  return table.concat(vim.fn.getcompletion(line, "cmdline"), " ")
end

driver.run(function()
  driver.plugin()
  assert(completions("SegmindE") == "SegmindEdit")
  assert(completions("SegmindEdit model=multi") ==
    "model=multi-image-kontext-pro model=multi-image-kontext-max")
  assert(completions("SegmindEdit asp") == "aspect_ratio=")
  assert(completions("SegmindEdit! output_format=") == "output_format=jpg output_format=png")
  driver.lacks(completions("SegmindEdit "), "prompt=")
  driver.has(completions("SegmindEdit "), "model= input_image= aspect_ratio=")
  driver.lacks(completions("SegmindEdit aspect_ratio=1:1 "), "aspect_ratio=")
  -- The other parameters of the model that the line names.
  driver.has(completions("SegmindEdit model=flux-kontext-dev "), "guidance=")
  driver.has(completions("SegmindEdit model=flux-kontext-dev disable_safety_checker="), "=true")
  driver.picture("a portrait.png")
  driver.has(completions("SegmindEdit input_image=" .. driver.folder .. "/a"), "/a\\ portrait.png")
  -- Within the prompt there is nothing to complete.
  assert(completions("SegmindEdit a red m") == "")

  local words = require("segmind_nvim.words").split("a=1 b=x\\ y -- c=3 is a  prompt ")
  assert(words.prompt == "c=3 is a  prompt", words.prompt)
  assert(words.pairs[2].value == "x y" and #words.pairs == 2)
end)
