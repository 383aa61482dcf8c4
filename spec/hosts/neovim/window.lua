-- The progress window when its buffer is taken away from it, and when the editor leaves.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

local function await_window(what)
  driver.await(what, function()
    return driver.floats():find("flux-kontext-pro", 1, true)
  end)
end

local function float_buffer()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= "" then
      return vim.api.nvim_win_get_buf(window)
    end
  end
end

driver.run(function()
  driver.plugin({ linger = 10, output_dir = driver.folder })
  vim.cmd("SegmindEdit! aspect_ratio=1:1 a harbour")
  await_window("the window is there")
  vim.cmd("silent %bwipeout!")
  await_window("the window is there after its buffer was wiped")
  vim.api.nvim_buf_delete(float_buffer(), { force = true, unload = true })
  await_window("the window is there after its buffer was unloaded")

  -- The editor takes the buffers away when it leaves, and its loop still turns.
  vim.cmd("doautocmd VimLeavePre")
  vim.wait(250)
  assert(driver.floats() == "", "a window is drawn while the editor leaves")
end)
