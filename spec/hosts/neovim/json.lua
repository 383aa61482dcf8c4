-- Where lua-cjson is not installed, the core reads JSON.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

driver.run(function()
  package.cpath = ""
  assert(not pcall(require, "cjson"))
  driver.plugin()
  vim.api.nvim_buf_set_lines(0, 0, -1, false, { driver.picture("portrait.png") })
  local result, failed
  require("segmind.nvim").edit("seed=7 at night", { on_end = function(...)
    result, failed = ...
  end })
  driver.await("the edit is over", function()
    return result or failed
  end)
  assert(result, tostring(failed))
  assert(result.seed == 7 and result.metrics.cost == 0.05)
  assert(not pcall(require, "cjson"))
end)
