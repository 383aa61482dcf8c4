-- :SegmindChain on good files and on bad ones.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

local good = [[{ "input": "portrait.png", "steps": [
  { "model": "flux-kontext-pro", "params": { "prompt": "at night" } },
  { "model": "flux-kontext-pro", "params": { "prompt": "at noon" }, "save": "noon/portrait" },
  { "model": "multi-image-kontext-pro", "params": { "prompt": "side by side",
    "input_image_2": { "step": 1 }, "output_format": "png", "seed": null } } ] }]]

local function one_step(step)
  return ('{ "input": "portrait.png", "steps": [%s] }'):format(step)
end

local bad = {
  { "{\n  \"steps\": [,]\n}", "bad-1.json:2:13: " },
  { "return os.exit()", "bad-2.json:1:1: " },
  { "[]", "a chain file is an object" },
  { '{ "steps": [] }', "steps is a list of at least one step" },
  { '{ "stepz": [], "steps": [1] }', 'has no field "stepz"; did you mean "steps"?' },
  { one_step('{ "params": {} }'), "step 1: model is a name, got nothing" },
  { one_step('{ "model": "flux-kontext-pro", "params": { "prompt": "x" }, "save": "../x.png" }'),
    "stays below the folder" },
  { one_step('{ "model": "flux-kontext-pro", "params": { "input_image": { "step": 2 } } }'),
    "there is no step 2" },
  { one_step('{ "model": "flux-kontext-pro", "params": { "prompt": "x" } }')
    :gsub("portrait.png", "none.png"), "bad-9.json:1:12: " },
  { one_step('{ "model": "flux-kontext-pro", "params": { "promt": "" } }'),
    'did you mean "prompt"?' },
}

local function exists(name)
  return (vim.uv or vim.loop).fs_stat(driver.folder .. "/" .. name)
end

driver.run(function()
  driver.plugin()
  driver.picture("portrait.png")
  for i, case in ipairs(bad) do
    driver.messages = {}
    vim.cmd("SegmindChain " .. driver.write(("bad-%d.json"):format(i), case[1]))
    driver.has(driver.said(), case[2])
  end
  driver.messages = {}
  vim.cmd("SegmindChain " .. driver.folder .. "/none.json")
  driver.has(driver.said(), "No such file")
  driver.messages = {}
  vim.cmd("SegmindChain " .. driver.write("code.lua", "error('was run')"))
  driver.has(driver.said(), "code.lua: the editor reads chain files in JSON only")

  driver.messages = {}
  vim.cmd("SegmindChain") -- of the buffer, which is a text
  driver.has(driver.said(), "the buffer is no chain file")

  vim.cmd("SegmindChain " .. driver.write("good.json", good))
  driver.has(driver.said(), "3 steps, $0.15, about")
  driver.await("the last path is inserted", function()
    return driver.text():find("good-3.png", 1, true)
  end)
  assert(exists("good-1.png") and exists("noon/portrait.png") and exists("good-3.png"))
  driver.lacks(driver.said(), "rror")

  -- Again: nothing of the first run is written over, but where the file says so.
  vim.cmd("SegmindChain " .. driver.folder .. "/good.json")
  driver.await("the second run is over", function()
    return driver.text():find("good-b-3.png", 1, true)
  end)
end)
