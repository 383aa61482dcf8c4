-- The picture under the cursor in every form of link, and among pictures of similar names.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

local pictures = { "plain.png", "my photo.png", "a(1).png", "a[1].png", "100%.png", "café.png",
  "pic_1.JPG", "it's.png", "a%20b.png", "a b.png", "_plain.png", "x&y.png", "#1.png", "photo.png",
  "sub dir/deep.png", "a|b.png", "$(touch pwn).png", "`touch pwn`.png", "*.png", "%.png" }

--- A line with the place of the cursor as ^ before it, and the picture that is meant.
local cases = {
  -- Markdown
  { "![x](^plain.png)", "plain.png" },
  { "![^x](plain.png)", "plain.png" },
  { "![x](my%20^photo.png)", "my photo.png" },
  { "![x](<my ^photo.png>)", "my photo.png" },
  { "![x](my ^photo.png)", "my photo.png" },
  { "![x](^a(1).png)", "a(1).png" },
  { "![x](a\\(^1\\).png)", "a(1).png" },
  { "![x](^a%281%29.png \"a title\")", "a(1).png" },
  { "![x](<my photo.^png> 'a title')", "my photo.png" },
  { "![x](^plain.png =300x200)", "plain.png" },
  { "![x](caf%C3%A9.^png)", "café.png" },
  { "![x](café.^png)", "café.png" },
  { "![x](100%25.^png)", "100%.png" },
  { "![x](100%.^png)", "100%.png" },
  { "![x](a%5B1%5D.^png)", "a[1].png" },
  { "![x](a%20b.^png)", "a b.png" },
  { "![x](a%2520b.^png)", "a%20b.png" },
  { "![x](_plain.^png)", "_plain.png" },
  { "![x](it's.^png)", "it's.png" },
  { "![x](./^plain.png)", "plain.png" },
  { "![x](sub%20dir/^deep.png)", "sub dir/deep.png" },
  { "![x](plain.^png?raw=true#top)", "plain.png" },
  { "![x](%231.^png)", "#1.png" },
  { "![a [b] ^c](plain.png)", "plain.png" },
  { "![x](plain.^png){width=50%}", "plain.png" },
  { "[![small](plain.^png)](photo.png)", "plain.png" },
  { "[![small](plain.png)](photo.^png)", "photo.png" },
  { "![one](plain.png) ![two](photo.^png)", "photo.png" },
  { "a reference ![^text][That one]", "my photo.png" },
  { "a reference ![^other]", "plain.png" },
  { "[that one]: my%20photo.^png 'a title'", "my photo.png" },
  { "[other]: <plain.^png>", "plain.png" },
  { "| a | my photo.^png | b |", "my photo.png" },
  -- Quotes of other languages, places in a file
  { "see “my photo.^png”", "my photo.png" },
  { "see „plain.^png“", "plain.png" },
  { "「plain.^png」", "plain.png" },
  { "plain.^png:12:3: too dark", "plain.png" },
  { "plain.^png is too dark", "plain.png" },
  { "plain.^png, too dark", "plain.png" },
  -- Wikis
  { "![[my ^photo.png]]", "my photo.png" },
  { "![[plain.^png|300]]", "plain.png" },
  { "![[a[1].^png]]", "a[1].png" },
  { "![[a%20b.^png]]", "a%20b.png" },
  { "{{file:my ^photo.png|text}}", "my photo.png" },
  -- Org
  { "[[file:plain.^png]]", "plain.png" },
  { "[[./my photo.^png][a description]]", "my photo.png" },
  -- HTML
  { "<img src=\"my ^photo.png\">", "my photo.png" },
  { "<img alt='a' src='my ^photo.png'/>", "my photo.png" },
  { "<img src=plain.^png width=3>", "plain.png" },
  { "<img src=\"x&amp;y.^png\">", "x&y.png" },
  { "<img srcset=\"plain.png 1x, photo.^png 2x\">", "photo.png" },
  { "<^my photo.png>", "my photo.png" },
  -- TeX, reStructuredText, AsciiDoc, Typst, YAML
  { "\\includegraphics[width=1cm]{my ^photo.png}", "my photo.png" },
  { "\\includegraphics{^plain}", "plain.png" },
  { "\\includegraphics*[x]{\\_^plain.png}", "_plain.png" },
  { ".. image:: my ^photo.png", "my photo.png" },
  { ".. |x| image:: plain.^png", "plain.png" },
  { "image::my photo.^png[a text]", "my photo.png" },
  { "see image:plain.^png[] here", "plain.png" },
  { '#image("my ^photo.png", width: 50%)', "my photo.png" },
  { "cover: my ^photo.png", "my photo.png" },
  { "url(plain.^png)", "plain.png" },
  -- Words
  { "see pic_1.JPG^.", "pic_1.JPG" },
  { "see (a(1).^png), then", "a(1).png" },
  { "see **plain.^png**!", "plain.png" },
  { "- my ^photo.png", "my photo.png" },
  { "see my\\ ^photo.png here", "my photo.png" },
  { "see a%20b.^png here", "a%20b.png" },
  { "see it's.^png here", "it's.png" },
  { "x=plain.^png", "plain.png" },
  -- Nothing is expanded: these are names like any other, or none.
  { "![x](<$(touch pwn).^png>)", "$(touch pwn).png" },
  { "see \"`touch pwn`.^png\"", "`touch pwn`.png" },
  { "![[a|b.^png]]", "a|b.png" },
  { "\"a|b.^png\"", "a|b.png" },
  { "![x](*.^png)", "*.png" },
  { "![x](%.^png)", "%.png" },
  { "![x](?lain.^png)", nil },
  { "![x]($HOME/plain.^png)", nil },
  { "![x](missing/plain.^png)", nil },
  { "see missing/plain.^png here", nil },
  { "![x](no photo.^png)", nil },
  { "![[no photo.^png]]", nil },
  { "`touch pwn.^png`", nil },
  { "no picture ^here", nil },
  { "![x](https://x.org/a%20b.^png?x=1&y=2)", "https://x.org/a%20b.png?x=1&y=2" },
  { "see https://x.org/a.^png.", "https://x.org/a.png" },
}

local function found(line)
  local column = line:find("^", 1, true)
  line = line:gsub("%^", "", 1)
  vim.api.nvim_buf_set_lines(0, 0, 1, false, { line })
  vim.api.nvim_win_set_cursor(0, { 1, column - 1 })
  local path = require("segmind.nvim.target").picture()
  return path and path:gsub("/%./", "/"), line
end

driver.run(function()
  driver.plugin()
  local uv = vim.uv or vim.loop
  uv.fs_mkdir(driver.folder .. "/sub dir", 448)
  for _, name in ipairs(pictures) do
    driver.picture(name)
  end
  driver.open(driver.write("note.md",
    "\n[That one]: <my photo.png> \"title\"\n[other]: plain.png\n"))
  local problems = {}
  local here = driver.folder .. "/my photo.png"
  local url = here:gsub("[ %%]", { [" "] = "%20", ["%"] = "%25" })
  vim.env.HOME = driver.folder .. "/sub dir"
  vim.list_extend(cases, { { "![x](<^" .. here .. ">)", here },
    { "[[file:^" .. here .. "][text]]", here }, { "<^file://" .. url .. ">", here },
    { "![x](^file://localhost" .. url .. ")", here }, { "see ^~/deep.png.", "sub dir/deep.png" } })
  for _, case in ipairs(cases) do
    local path, line = found(case[1])
    local right = case[2] and (case[2]:find("^[/h]") and case[2] or driver.folder .. "/" .. case[2])
    if path ~= right then
      problems[#problems + 1] = ("%s\n  is %s\n  not %s"):format(line, path, right)
    end
  end
  assert(#problems == 0, table.concat(problems, "\n"))
  assert(vim.fn.getftype(driver.folder .. "/pwn") == "" and vim.fn.getftype("pwn") == "")

  -- A line of a megabyte is looked at round the cursor only.
  local began = uv.hrtime()
  vim.api.nvim_buf_set_lines(0, 0, 1, false, { ("[(<\"x "):rep(160000) .. "plain.png" })
  vim.api.nvim_win_set_cursor(0, { 1, 960002 })
  assert(require("segmind.nvim.target").picture() == driver.folder .. "/plain.png")
  assert(uv.hrtime() - began < 2e9, "too slow")
end)
