-- Leaves the editor with 50 TLS transfers under way, after SPEC_AFTER milliseconds. However late
-- the timer is on a busy machine, there are 50: another job takes the place of one that is over.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

local sm = assert(require("segmind").new({ ca_file = vim.env.SPEC_CA, max_transfers = 50,
  poll = 0.01 }))
require("segmind.loop.luv").attach(sm)

local function edit(i)
  assert(sm:submit("flux-kontext-pro", { prompt = "house " .. i, aspect_ratio = "1:1" },
    { save = driver.folder .. "/" .. i })):on("done", function()
    edit(i)
  end)
end

for i = 1, 50 do
  edit(i)
end
vim.defer_fn(function()
  assert(sm:stats().pending > 0)
  vim.cmd("qa!")
end, tonumber(vim.env.SPEC_AFTER))
