-- The same words in the editor after the one that was killed.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

driver.run(function()
  driver.plugin({ output_dir = driver.folder })
  vim.cmd("SegmindEdit! aspect_ratio=1:1 a lighthouse")
  driver.await("the result is told", function()
    return driver.said():find("a-lighthouse.png", 1, true)
  end)
end)
