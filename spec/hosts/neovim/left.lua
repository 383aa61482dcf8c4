-- The editor is killed while an edit is under way.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

driver.run(function()
  driver.plugin({ output_dir = driver.folder })
  vim.cmd("SegmindEdit! aspect_ratio=1:1 a lighthouse")
  -- A state that the service gave is told when the ledger has its id.
  driver.await("it is accepted", function()
    return driver.floats():find("QUEUED") or driver.floats():find("PROCESSING")
  end)
  local uv = vim.uv or vim.loop
  uv.kill(uv.getpid and uv.getpid() or vim.fn.getpid(), "sigkill")
end)
