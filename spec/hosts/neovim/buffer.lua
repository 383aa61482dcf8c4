-- :SegmindEdit in a buffer that is the picture, and :SegmindEdit! from the text alone.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

driver.run(function()
  driver.plugin({ output_dir = driver.folder .. "/results" })
  driver.open(driver.picture("portrait.png"))
  local before = driver.text()
  vim.cmd("SegmindEdit as a drawing")
  driver.await("the result is told", function()
    return driver.said():find("/results/portrait-as-a-drawing.png", 1, true)
  end)
  assert(driver.text() == before and not vim.bo.modified, "the picture was written into")

  vim.cmd("enew")
  vim.cmd("SegmindEdit! aspect_ratio=16:9 a quiet harbour")
  driver.await("the path is inserted", function()
    return driver.text() == driver.folder .. "/results/a-quiet-harbour.png"
  end)
end)
