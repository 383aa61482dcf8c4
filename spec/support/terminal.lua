--- A program on a real screen: tmux draws what it prints and types what is sent to it.
---
---     local screen = terminal.start("nvim notes.md", folder, 80, 24)
---     screen:keys("Escape", ":help", "Enter")
---     screen:await("help.txt")
---     screen:close()

local shell = require("spec.support.shell")

local quote = shell.quote

local Terminal = {}
Terminal.__index = Terminal

local terminal = {}

function Terminal:_tmux(words)
  return shell.output(("tmux -S %s -f /dev/null -u %s 2>&1"):format(quote(self._socket), words))
end

--- Starts a command of the shell in place of it, in a folder that holds the screen's socket.
---@param command string
---@param folder string
---@param columns integer
---@param lines integer
function terminal.start(command, folder, columns, lines)
  local self = setmetatable({ _socket = folder .. "/.tmux" }, Terminal)
  self:_tmux(("new-session -d -x %d -y %d -c %s %s"):format(columns, lines, quote(folder),
    quote("exec " .. command)))
  self:_tmux("set -g status off")
  self.pid = self:_tmux("display-message -p '#{pane_pid}'"):match("%d+")
  return self
end

--- What the screen shows.
---@return string
function Terminal:text()
  return self:_tmux("capture-pane -p")
end

--- Types; names like Enter and Escape are keys, everything else is text.
function Terminal:keys(...)
  for _, word in ipairs({ ... }) do
    local is_key = word == "Enter" or word == "Escape"
    self:_tmux((is_key and "send-keys " or "send-keys -l -- ") .. quote(word))
  end
end

function Terminal:is_running()
  return self.pid and shell.output("kill -0 " .. self.pid .. " 2>&1") == ""
end

--- Waits until `holds(text)`, or until the screen shows a text.
---@param wanted string|fun(text: string): any
---@return string text
function Terminal:await(wanted)
  local text
  for _ = 1, 600 do
    text = self:text()
    local holds = wanted
    if type(wanted) == "string" then
      holds = function()
        return text:find(wanted, 1, true)
      end
    end
    if holds(text) then
      return text
    end
    os.execute("sleep 0.02")
  end
  error(("the screen never shows %s:\n%s"):format(tostring(wanted), text), 2)
end

--- Waits for the program's end.
function Terminal:join()
  for _ = 1, 600 do
    if not self:is_running() then
      return
    end
    os.execute("sleep 0.02")
  end
  error("the program does not end:\n" .. self:text(), 2)
end

function Terminal:kill()
  os.execute("kill -9 " .. self.pid)
  self:join()
end

--- Ends the program and the screen.
function Terminal:close()
  if self:is_running() then
    self:kill()
  end
  self:_tmux("kill-server")
end

return terminal
