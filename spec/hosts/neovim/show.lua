-- The result shown by kitty's graphics protocol, in a window that q closes.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

driver.run(function()
  local show = require("segmind.nvim.show")
  for text, expected in pairs({ [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v" }) do
    assert(show.base64(text) == expected, text)
  end
  for _, name in ipairs({ "TMUX", "STY", "SSH_CONNECTION", "SSH_TTY" }) do
    vim.env[name] = nil
  end
  vim.env.KITTY_WINDOW_ID = "1"
  assert(show.can())
  vim.env.TMUX = "x"
  assert(not show.can())
  vim.env.TMUX = nil

  local sent = {}
  vim.api.nvim_ui_send = function(bytes)
    table.insert(sent, bytes)
  end
  driver.plugin()
  vim.api.nvim_buf_set_lines(0, 0, -1, false, { driver.picture("portrait.png") })
  vim.cmd("SegmindEdit at night")
  driver.await("the picture is shown", function()
    return #sent > 0
  end)
  driver.has(sent[1], "\27_Ga=T,f=100,t=f,q=2,C=1,i=7001,")
  driver.has(sent[1], ";" .. show.base64(driver.folder .. "/portrait-at-night.png") .. "\27\\")
  assert(vim.api.nvim_win_get_config(0).relative == "editor")
  vim.api.nvim_feedkeys("q", "xt", false)
  driver.await("the picture is taken away", function()
    return #sent == 2
  end)
  driver.has(sent[2], "a=d,d=I,q=2,i=7001")
end)
