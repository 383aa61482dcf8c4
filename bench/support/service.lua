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
  local pipe = assert(io.popen(("echo $$ >%s; exec %s"):format(pid,
    (command:gsub("%%s", address))), "w"))
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

--- A certificate for 127.0.0.1 that signs itself, and its key.
---@param folder string
---@return string certificate path
---@return string key path
function service.certificate(folder)
  local certificate, key = folder .. "/cert.pem", folder .. "/key.pem"
  trial.output(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
    .. "-subj /CN=bench -addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s 2>&1"):format(
    trial.quote(key), trial.quote(certificate)))
  return certificate, key
end

--- Starts nghttpx in front of an emulator, as gateways stand before the service: TLS, HTTP/2 for
--- who wants it. It takes no free port by itself, so some are tried.
---@param emulator bench.Service
---@param certificate string
---@param key string
---@return bench.Service
function service.front(emulator, certificate, key)
  local backend = emulator.url:match("//(.*)"):gsub(":", ",")
  for try = 1, 20 do
    local port = 20000 + (os.time() * 131 + try * 7919) % 40000
    local self = service.begin(("sh -c 'nghttpx -n1 -L FATAL --no-ocsp -f127.0.0.1,%d -b%s %s %s "
      .. "2>/dev/null & front=$!; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; curl -sk "
      .. "https://127.0.0.1:%d/ >/dev/null && break; done; kill -0 $front 2>/dev/null && "
      .. "echo https://127.0.0.1:%d >%%s || echo none >%%s; cat >/dev/null; kill $front'"):format(
      port, backend, trial.quote(key):gsub("'", "'\\''"),
      trial.quote(certificate):gsub("'", "'\\''"), port, port))
    if self.url ~= "none" then
      return self
    end
    self:stop()
  end
  error("nghttpx did not start")
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
