-- Completion as the command line asks for it.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

local function completions(line)
  return table.concat(vim.fn.getcompletion(line, "cmdline"), " ")
end

local hostile = { "`touch pwn`.png", "$(touch pwn).png", "a|b.png", "%.png", "#1.png", "*.png",
  "<cfile>.png", "$HOME.png", "a\\ b.png", "it's \"x\".png", "-- x.png", ".hidden.png" }

--- Names are compared, never expanded: neither what is typed nor what lies in the folder.
local function files()
  local words = require("segmind.nvim.words")
  local folder = driver.folder .. "/`touch pwn` $x"
  vim.fn.mkdir(folder .. "/sub", "p")
  for _, name in ipairs(hostile) do
    driver.write("`touch pwn` $x/" .. name, "")
  end
  driver.write("`touch pwn` $x/text.txt", "")
  vim.cmd("cd " .. vim.fn.fnameescape(folder))
  local function offered(lead)
    return vim.fn.getcompletion("SegmindEdit input_image=" .. lead, "cmdline")
  end
  assert(#offered("") == #hostile, vim.inspect(offered(""))) -- and sub/, but for the hidden one
  for _, name in ipairs(hostile) do
    local word = "input_image=" .. words.quoted(name)
    local list = offered(words.quoted(name:sub(1, -2)))
    assert(#list == 1 and list[1] == word, word .. vim.inspect(list))
    assert(words.split(word .. " x").pairs[1].value == name)
    list = offered(words.quoted(folder .. "/" .. name:sub(1, -2)))
    assert(list[1] == "input_image=" .. words.quoted(folder .. "/" .. name))
  end
  for _, lead in ipairs({ "`touch${IFS}pwn`", "`touch\\ pwn`", "$(touch\\ pwn)", "`=1`", "$HOME/",
    "[a-z]", "{a,b}", "%", "#", "<cfile>", "**/" }) do
    driver.lacks(table.concat(offered(lead), " "), "text")
    vim.fn.getcompletion("SegmindChain " .. lead, "cmdline")
  end
  vim.env.HOME = driver.folder
  assert(offered("~/")[1] == "input_image=~/" .. words.quoted("`touch pwn` $x/"))
  assert(vim.fn.findfile("pwn", folder .. "," .. driver.folder) == "", "a name was run")
  vim.cmd("cd -")
end

--- The words of the commands arrive as they were typed.
local function arguments()
  local text = "`touch pwn` $(touch pwn) % # <cfile> * | echo 'x' \" $HOME ~ \\ \\|"
  local plugin, got = require("segmind.nvim"), nil
  local edit, chain = plugin.edit, plugin.chain
  plugin.edit = function(given)
    got = given
  end
  plugin.chain = plugin.edit
  for _, command in ipairs({ "SegmindEdit ", "SegmindEdit! ", "SegmindChain " }) do
    vim.cmd(command .. text)
    assert(got == text, got)
  end
  plugin.edit, plugin.chain = edit, chain
  assert(vim.fn.findfile("pwn", driver.folder .. ",.") == "", "a word was run")
  -- A chain file of any name.
  for _, name in ipairs({ "`touch pwn`.json", "a b|%#.json" }) do
    driver.messages = {}
    vim.cmd("SegmindChain " .. driver.write(name, "{"))
    driver.has(driver.said(), name .. ":1:2")
  end
end

driver.run(function()
  driver.plugin()
  assert(completions("SegmindE") == "SegmindEdit")
  assert(completions("SegmindEdit model=multi") ==
    "model=multi-image-kontext-pro model=multi-image-kontext-max")
  assert(completions("SegmindEdit asp") == "aspect_ratio=")
  assert(completions("SegmindEdit! output_format=") == "output_format=jpg output_format=png")
  driver.lacks(completions("SegmindEdit "), "prompt=")
  driver.has(completions("SegmindEdit "), "model= input_image= aspect_ratio=")
  driver.lacks(completions("SegmindEdit aspect_ratio=1:1 "), "aspect_ratio=")
  -- The other parameters of the model that the line names.
  driver.has(completions("SegmindEdit model=flux-kontext-dev "), "guidance=")
  driver.has(completions("SegmindEdit model=flux-kontext-dev disable_safety_checker="), "=true")
  files()
  -- Within the prompt there is nothing to complete.
  assert(completions("SegmindEdit a red m") == "")

  local words = require("segmind.nvim.words").split("a=1 b=x\\ y -- c=3 is a  prompt ")
  assert(words.prompt == "c=3 is a  prompt", words.prompt)
  assert(words.pairs[2].value == "x y" and #words.pairs == 2)
  arguments()
end)
