-- The plugin with a build that cannot keep a ledger.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

local function count(part)
  return select(2, driver.said():gsub(vim.pesc(part), ""))
end

driver.run(function()
  local opts = { output_dir = driver.folder }
  driver.plugin(opts)
  vim.cmd("SegmindEdit! aspect_ratio=1:1 a lighthouse")
  driver.await("the result is told", function()
    return driver.said():find("a-lighthouse.png", 1, true)
  end)
  driver.plugin(opts)
  vim.cmd("SegmindEdit! aspect_ratio=1:1 a lighthouse")
  driver.await("the second result is told", function()
    return driver.said():find("a-lighthouse-2.png", 1, true)
  end)
  assert(count("what is paid is not kept: this build") == 1, driver.said())
  vim.cmd("SegmindResume")
  driver.has(driver.said(), "nothing is kept: this build of the library has no SQLite")
  vim.cmd("checkhealth segmind")
  driver.has(driver.text(), "what is paid is not kept")
  assert(vim.fn.isdirectory(driver.folder .. "/.state/nvim/segmind") == 0)

  -- Who asked for a file does not go on without it.
  driver.plugin({ ledger = driver.folder .. "/edits.db" })
  vim.cmd("SegmindEdit! aspect_ratio=1:1 a lighthouse")
  driver.has(driver.said(), "has no SQLite; install it")
end)
