-- What cannot be is told in a message, before anything is sent; nothing raises, nothing is run.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

local function told(command, part)
  driver.messages = {}
  vim.cmd(command)
  driver.has(driver.said(), part)
  assert(driver.messages[1].level == vim.log.levels.ERROR)
end

driver.run(function()
  driver.plugin()
  told("SegmindEdit at night", "no picture under the cursor")
  vim.api.nvim_buf_set_lines(0, 0, -1, false, { "see `touch " .. driver.folder .. "/run.png`" })
  vim.api.nvim_win_set_cursor(0, { 1, 14 })
  told("SegmindEdit at night", "no picture under the cursor")
  assert(vim.fn.glob(driver.folder .. "/run*") == "", "text of the buffer was run")

  vim.api.nvim_buf_set_lines(0, 0, -1, false, { "![x](gone.png)" })
  vim.api.nvim_win_set_cursor(0, { 1, 7 })
  told("SegmindEdit at night", "nor in the buffer (gone.png is not there)")

  local picture = driver.picture("portrait.png")
  vim.api.nvim_buf_set_lines(0, 0, -1, false, { picture })
  told("SegmindEdit aspct_ratio=1:1 at night", 'did you mean "aspect_ratio"?')
  told("SegmindEdit aspect_ratio=1:7 at night", "aspect_ratio must be one of")
  told("SegmindEdit safety_tolerance=much at night", "safety_tolerance must be an integer")
  told("SegmindEdit aspect_ratio=1:1", "prompt is required")

  driver.write("fake.png", "no picture at all")
  vim.api.nvim_buf_set_lines(0, 0, -1, false, { driver.folder .. "/fake.png" })
  told("SegmindEdit at night", "not a PNG, JPEG, WebP or GIF")

  local ok, message = pcall(require("segmind.nvim").setup, { modle = "x" })
  assert(not ok)
  driver.has(message, 'no option "modle"')

  vim.env.SEGMIND_API_KEY = nil
  require("segmind.nvim").setup()
  vim.api.nvim_buf_set_lines(0, 0, -1, false, { picture })
  told("SegmindEdit at night", "there is no API key")
  vim.cmd("SegmindCancel")
  driver.has(driver.said(), "nothing is under way")
end)
