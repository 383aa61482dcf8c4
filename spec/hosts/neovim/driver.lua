--- Runs inside Neovim, at the head of every script of this folder: paths, messages, waiting, and an
--- exit status that says whether the script held. spec/hosts/neovim_spec.lua starts the scripts.

local root = debug.getinfo(1, "S").source:match("^@(.*)/spec/hosts/neovim/[^/]*$")
package.path = ("%s/lua/?.lua;%s/lua/?/init.lua;%s"):format(root, root, package.path)

-- What newer versions have renamed is taken away, to see that nothing leans on the old names.
if vim.env.SPEC_NEWER then
  vim.uv, vim.islist = vim.loop, vim.tbl_islist
  vim.loop, vim.tbl_islist = nil, nil
  function vim.defer_fn(fn, timeout) -- this version's own leans on them
    local timer = vim.uv.new_timer()
    timer:start(timeout, 0, vim.schedule_wrap(function()
      timer:close()
      fn()
    end))
  end
  local health = require("health")
  vim.health = { start = health.report_start, ok = health.report_ok, warn = health.report_warn,
    error = health.report_error, info = health.report_info }
  package.loaded.health = nil
  package.preload.health = error
end

local driver = { root = root, PLUGIN = vim.env.SPEC_PLUGIN, -- a command that puts it on the path
  folder = vim.env.SPEC_FOLDER, messages = {} }

--- Everything that the plugin tells the user, instead of the screen.
function vim.notify(text, level) -- luacheck: ignore
  table.insert(driver.messages, { text = text, level = level })
end

--- All messages so far as one text.
function driver.said()
  local texts = {}
  for i, message in ipairs(driver.messages) do
    texts[i] = message.text
  end
  return table.concat(texts, "\n")
end

--- Turns the editor until `is_so()`.
function driver.await(what, is_so)
  assert(vim.wait(15000, is_so, 5), "waited in vain until " .. what .. "; said: " .. driver.said())
end

--- Fails unless the text holds the part, taken plainly.
function driver.has(text, part)
  assert(text:find(part, 1, true), ("no %q in:\n%s"):format(part, text))
end

function driver.lacks(text, part)
  assert(not text:find(part, 1, true), ("%q in:\n%s"):format(part, text))
end

--- Writes a file into the script's own folder and returns its path.
function driver.write(name, content)
  local path = driver.folder .. "/" .. name
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
  return path
end

--- Opens a file, whatever its name holds.
function driver.open(path)
  vim.cmd("edit " .. vim.fn.fnameescape(path))
end

function driver.picture(name)
  return driver.write(name, (vim.env.SPEC_PIXEL:gsub("%x%x", function(byte)
    return string.char(tonumber(byte, 16))
  end)))
end

--- The text of the buffer, or of all floating windows.
function driver.text(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer or 0, 0, -1, false), "\n")
end

function driver.floats()
  local found = {}
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= "" then
      found[#found + 1] = driver.text(vim.api.nvim_win_get_buf(window))
    end
  end
  return table.concat(found, "\n")
end

--- Starts the plugin as a user's configuration does.
function driver.plugin(opts)
  vim.cmd("runtime plugin/segmind.lua")
  opts = vim.tbl_extend("force", { poll = 0.01, linger = 0.05 }, opts or {})
  require("segmind.nvim").setup(opts)
end

--- Runs the script and ends Neovim: `:cquit 1` when it raised.
function driver.run(script)
  vim.schedule(function()
    local ok, trace = xpcall(script, debug.traceback)
    if not ok then
      io.stderr:write(trace, "\n")
      vim.cmd("cquit 1")
    end
    vim.cmd("qa!")
  end)
end

return driver
