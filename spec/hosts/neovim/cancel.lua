-- :SegmindCancel, a change of the options while an edit runs, and that the editor is not held up.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

driver.run(function()
  local uv = vim.uv or vim.loop
  driver.plugin({ poll = 0.05 })
  vim.api.nvim_buf_set_lines(0, 0, -1, false, { driver.picture("portrait.png") })
  local last, worst, timer = uv.hrtime(), 0, uv.new_timer()
  timer:start(1, 1, function()
    worst, last = math.max(worst, (uv.hrtime() - last) / 1e6), uv.hrtime()
  end)
  for i = 1, 6 do
    vim.cmd("SegmindEdit number " .. i)
  end
  driver.await("the window is there", function()
    return driver.floats():find("and 2 more", 1, true)
  end)
  vim.cmd("SegmindCancel")
  driver.has(driver.said(), "let go of 6 edits")
  driver.await("the window is gone", function()
    return driver.floats() == ""
  end)
  timer:close()
  assert(worst < 2500, ("the editor was held up for %.0f ms"):format(worst))

  -- A job of the options before goes on, beside those of the options after.
  driver.messages = {}
  vim.cmd("SegmindEdit before")
  require("segmind.nvim").setup({ poll = 0.02, linger = 0.05 })
  vim.cmd("SegmindEdit after")
  driver.await("both are there", function()
    return driver.said():find("portrait-before.png", 1, true)
      and driver.said():find("portrait-after.png", 1, true)
  end)
end)
