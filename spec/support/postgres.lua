--- A PostgreSQL server for one spec: that of spec/support/with_postgres, which lives as long as the
--- pipe that is opened to it.

local files = require("spec.support.files")
local shell = require("spec.support.shell")

local quote = shell.quote

local Server = {}
Server.__index = Server

local postgres = {}

--- Starts one; nil where there is no PostgreSQL.
---@return table?
function postgres.start()
  local facts = os.tmpname()
  local pipe = assert(io.popen(("{ spec/support/with_postgres sh -c 'env >%s.new && mv %s.new %s "
    .. "&& read line' || echo none >%s; } 2>/dev/null"):format(facts, facts, facts, facts), "w"))
  local text
  repeat
    os.execute("sleep 0.02")
    text = files.read(facts)
  until text and text ~= ""
  os.remove(facts)
  if text == "none\n" then
    pipe:close()
    return nil
  end
  local function fact(name)
    return ("\n" .. text):match("\n" .. name .. "=([^\n]*)")
  end
  return setmetatable({ url = fact("SEGMIND_POSTGRES"), _data = fact("SEGMIND_POSTGRES_DATA"),
    _as = fact("SEGMIND_POSTGRES_AS"), _path = fact("PATH"), _pipe = pipe }, Server)
end

--- Runs pg_ctl; `words` as "restart -m fast".
function Server:control(words)
  local said = shell.output(("PATH=%s %s pg_ctl -D %s -l %s.log -w %s 2>&1"):format(
    quote(self._path), self._as, quote(self._data), quote(self._data), words))
  assert(said:find("server started", 1, true) or said:find("server stopped", 1, true), said)
end

--- Sends a signal to the server and all of its processes.
function Server:signal(name)
  local pid = assert(files.read(self._data .. "/postmaster.pid")):match("%d+")
  os.execute(("kill -%s %s $(cat /proc/%s/task/%s/children)"):format(name, pid, pid, pid))
end

function Server:stop()
  self._pipe:close()
end

return postgres
