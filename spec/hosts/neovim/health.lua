-- :checkhealth segmind, and the help file.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

driver.run(function()
  driver.plugin({ api_key = function()
    return "SG_00000000deadbeef"
  end })
  vim.cmd("checkhealth segmind")
  local report = driver.text()
  driver.has(report, "built for LuaJIT")
  driver.has(report, "a key is set, by the option api_key")
  driver.has(report, "the service is " .. vim.env.SEGMIND_BASE_URL)
  driver.has(report, "the editor's loop turns it")
  driver.lacks(report, "deadbeef")
  driver.lacks(report, "ERROR")

  driver.has(report, "it was not asked whether it answers and takes the key")

  for key, said in pairs({ foo7 = "does not look like one (SG_ and 16 hexadecimal digits)",
    ["SG_0000 0000deadbeef"] = "the API key is malformed" }) do
    require("segmind.nvim").setup({ api_key = key })
    vim.cmd("checkhealth segmind")
    report = driver.text()
    driver.has(report, said)
    driver.lacks(report, "a key is set")
    driver.lacks(report, key)
  end

  vim.env.SEGMIND_API_KEY = nil
  require("segmind.nvim").setup()
  vim.cmd("checkhealth segmind")
  driver.has(driver.text(), "there is no API key")

  -- The tags file goes beside a copy: the sources stay as they are.
  vim.fn.mkdir(driver.folder .. "/doc", "p")
  local help = driver.root .. "/doc/segmind.txt"
  driver.write("doc/segmind.txt", table.concat(vim.fn.readfile(help), "\n") .. "\n")
  vim.cmd("helptags " .. driver.folder .. "/doc")
  vim.cmd("set rtp^=" .. driver.folder)
  for _, tag in ipairs({ ":SegmindEdit", ":SegmindChain", ":SegmindCancel", "segmind-setup" }) do
    vim.cmd("help " .. tag)
    assert(vim.fn.expand("%:t") == "segmind.txt")
  end
end)
