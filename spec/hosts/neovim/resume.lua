-- :SegmindResume in the editor after the one that was killed, and once more.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

driver.run(function()
  driver.plugin({ output_dir = driver.folder })
  vim.cmd("SegmindResume")
  local file = driver.folder .. "/a-lighthouse.png"
  driver.await("the edit is taken up", function()
    return driver.said():find("taken up: " .. file, 1, true)
  end)
  assert((vim.uv or vim.loop).fs_stat(file), "no file")
  vim.cmd("SegmindResume")
  driver.has(driver.said(), "nothing is unfinished")
  driver.lacks(driver.said(), "rror")
end)
