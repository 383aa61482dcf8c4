-- :SegmindEdit on the picture under the cursor, from the command to the line in the text.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

driver.run(function()
  driver.plugin()
  driver.picture("portrait.png")
  driver.open(driver.write("notes.md",
    "Before: ![a portrait](portrait.png) and after.\nthe end\n"))
  vim.bo.filetype = "markdown"
  vim.api.nvim_win_set_cursor(0, { 1, 24 })
  vim.cmd("SegmindEdit aspect_ratio=1:1 The same, at night!")

  driver.await("the window is there", function()
    return driver.floats() ~= ""
  end)
  driver.has(driver.floats(), "flux-kontext-pro")
  driver.has(driver.floats(), "The same, at night!")
  -- The place moves with the text.
  vim.api.nvim_buf_set_lines(0, 0, 0, false, { "# A title" })

  local file = driver.folder .. "/portrait-the-same-at-night.png"
  driver.await("the result is told", function()
    return driver.said():find(file, 1, true)
  end)
  driver.has(driver.said(), "$0.05")
  assert((vim.uv or vim.loop).fs_stat(file), "no file")
  local lines = vim.api.nvim_buf_get_lines(0, 0, -1, false)
  assert(lines[3] == "![The same, at night!](portrait-the-same-at-night.png)", lines[3])
  assert(lines[4] == "the end")
  driver.await("the window is gone", function()
    return driver.floats() == ""
  end)

  -- The same again is another file: nothing is written over.
  vim.cmd("SegmindEdit aspect_ratio=1:1 The same, at night!")
  driver.await("the second result is told", function()
    return driver.said():find("portrait-the-same-at-night-2.png", 1, true)
  end)
  driver.lacks(driver.said(), vim.env.SEGMIND_API_KEY)
end)
