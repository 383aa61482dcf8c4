--- The emulator as the server of a measurement, and what it costs itself.

local trial = require("trial")

---@class bench.Service
---@field url string
---@field pid string
local Service = {}
Service.__index = Service

local service = {}

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a") or ""
  if file then
    file:close()
  end
  return text
end

local function await(path)
  for _ = 1, 500 do
    local text = read(path)
    if text:find("%S") then
      return text:match("%S+")
    end
    os.execute("sleep 0.01")
  end
  error("it did not start: " .. path)
end

--- Starts a program whose first word on the command line is its path; it ends with our end.
---@param command string its `%s`, if any, is a file to write its address to
---@return bench.Service
function service.begin(command)
  local address, pid = os.tmpname(), os.tmpname()
  os.remove(address)
  local pipe = assert(io.popen(("echo $$ >%s; exec %s"):format(pid, command:format(address)), "w"))
  local self = setmetatable({ url = await(address), pid = await(pid), _pipe = pipe }, Service)
  os.remove(address)
  os.remove(pid)
  return self
end

--- Starts the emulator.
---@param setup table
---@param options string of its command line
---@return bench.Service
function service.emulator(setup, options)
  return service.begin(("%s --quiet --exit-with-stdin --credits 1e9 --url-file=%%s %s"):format(
    trial.quote(setup.build .. "/bin/segmind-emulator"), options))
end

--- Processor time so far, in microseconds (proc(5): ticks of 10 ms).
---@return number
function Service:cpu_us()
  local rest = read("/proc/" .. self.pid .. "/stat"):match("%)(.*)")
  local fields = {}
  for field in rest:gmatch("%S+") do
    fields[#fields + 1] = field
  end
  return (fields[12] + fields[13]) * 10000
end

--- What a control request answers; `query` is below /_emulator/.
---@param method string
---@param query string
---@return string
function Service:control(method, query)
  return trial.output(("curl -s -k --noproxy '*' -X %s %s"):format(method,
    trial.quote(self.url .. "/_emulator/" .. query)))
end

function Service:stop()
  self._pipe:close()
end

return service
