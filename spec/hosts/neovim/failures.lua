-- How failures are told: in the progress window, and in one line of an editor with a screen, which
-- is never stopped with "Press ENTER". That editor runs in a terminal of this one.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

local terminal, screen

local function start(file)
  vim.o.columns, vim.o.lines = 80, 26
  vim.cmd("enew")
  terminal = vim.fn.termopen({ vim.v.progpath, "-u", "NONE", "-i", "NONE", "-n", "--cmd",
    driver.PLUGIN, "-c", "runtime plugin/segmind.lua", "-c",
    "lua require('segmind.nvim').setup({ poll = 0.01, linger = 5 })", "-c", "edit " .. file,
    "-c", "echo 'it is up'" }, { cwd = driver.folder, env = { SEGMIND_API_KEY = "SG_0000",
    LD_PRELOAD = vim.env.SPEC_PRELOAD } })
  screen = vim.api.nvim_get_current_buf()
end

local function await(text)
  driver.await("the screen has " .. text .. ":\n" .. driver.text(screen), function()
    return driver.text(screen):find(text, 1, true)
  end)
end

local function keys(text)
  vim.fn.chansend(terminal, text)
end

--- Writes a line in the editor: keys reach the text only when nothing is asked.
local function goes_on(word)
  keys("Go" .. word .. "\27:silent w\r")
  driver.await(word .. " is written:\n" .. driver.text(screen), function()
    return table.concat(vim.fn.readfile(driver.folder .. "/note.md"), "\n"):find(word, 1, true)
  end)
  driver.lacks(driver.text(screen), "Press ENTER")
end

local function messages()
  keys(":messages\r")
  await("Press ENTER")
  local text = driver.text(screen):gsub("%s+", " ")
  keys("\r")
  return text
end

local function in_a_terminal()
  driver.picture("p.png")
  start(vim.fn.fnamemodify(driver.write("note.md", "![a picture](p.png)\n"), ":t"))
  await("it is up")
  -- Refused by the service, while somebody writes.
  keys(":SegmindEdit at night\r")
  await("✗ flux-kontext-pro")
  await("401")
  goes_on("first")
  -- Refused before anything is sent, by an error of several lines; twice, and with others.
  keys("gg:SegmindEdit aspect_ratio=1:7 at night\r")
  await("segmind: invalid: flux-kontext-pro: aspect_ratio")
  goes_on("second")
  keys("gg:SegmindEdit aspct_ratio=1:7 " .. ("long "):rep(40) .. "\r:SegmindCancel\r")
  await("nothing is under way")
  goes_on("third")
  -- The whole of each is kept.
  local text = messages()
  driver.has(text, "9:21")
  driver.has(text, "did you mean \"aspect_ratio\"?")
  keys(":qa!\r")
end

--- What the library warns of is told once: when it is sent, not again by who follows the job.
local function warned_once()
  driver.plugin()
  driver.messages = {}
  vim.cmd("SegmindEdit! at noon") -- without a ratio the service may choose
  driver.await("the edit has ended", function()
    return driver.said():find("$", 1, true) or driver.said():find("401", 1, true)
  end)
  local _, count = driver.said():gsub("aspect_ratio", "")
  assert(count == 1, driver.said())
end

--- A new edit takes the place of failures, which would cover the text.
local function makes_room()
  driver.plugin()
  vim.cmd("SegmindEdit! aspect_ratio=1:7 at dawn")
  driver.await("the failure is shown", function()
    return driver.floats():find("at dawn", 1, true)
  end)
  vim.cmd("SegmindEdit! aspect_ratio=1:7 at noon")
  driver.await("the next one takes its place", function()
    local text = driver.floats()
    return text:find("at noon", 1, true) and not text:find("at dawn", 1, true)
  end)
end

--- Who shows notifications gets the whole text, on one line or many.
local function notified()
  driver.plugin()
  vim.cmd("SegmindEdit aspect_ratio=1:7 at night")
  local message = driver.messages[#driver.messages]
  assert(message.level == vim.log.levels.ERROR)
  driver.has(message.text, "no picture under the cursor")
  driver.has(message.text, "from the text alone")
  driver.await("the window has it", function()
    return driver.floats():find("no picture under the cursor", 1, true)
  end)
  driver.await("the window is gone", function()
    return driver.floats() == ""
  end)
end

local function cut_and_wrapped()
  local lines = require("segmind.nvim.lines")
  assert(lines.cut("abc", 3) == "abc" and lines.cut("abcd", 3) == "ab…")
  assert(lines.cut("漢字漢字", 5) == "漢字…" and lines.cut("a\nb", 9) == "a b")
  local list = lines.wrap("a word and another-very-long-one 漢字漢字漢字", 9)
  assert(table.concat(list, "|") == "a word|and anoth|er-very-l|ong-one|漢字漢字|漢字")
  list = lines.wrap(("word "):rep(50), 9, 2)
  assert(#list == 2 and list[2] == "word wor…", list[2])
end

driver.run(function()
  cut_and_wrapped()
  notified()
  warned_once()
  makes_room()
  in_a_terminal()
end)
