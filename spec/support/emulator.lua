--- The emulator as a fixture: the service that every spec talks to.
---
---   local emulator = require("spec.support.emulator")
---   local service = emulator.start({ plain = true, speed = 100 })
---   service.url                     "http://127.0.0.1:40123"
---   service:ledger().totals.accepted
---   service:faults({ { match = { path = "submit" }, ["then"] = { status = 502 } } })
---   service:stop()
---
---   local service = emulator.fixture({ plain = true })     in a block of tests
---
---   local service = emulator.start({ wire = true, foreign = true, tls = true })
---   service.wire_url                the same service behind a wire that can be made faulty
---   service:wire({ { match = { kind = "submit" }, direction = "response", at = 40,
---     action = "reset" } })
---   service:wire_log().log[1].byte  40
---   service.cert                    a file: its certificate, which signs itself
---   service.foreign_url             somebody else's host, which notes what it is told
---   service:foreign()[1].headers
---
--- The emulator is started with its standard input on a pipe of ours and ends when that pipe does,
--- so a test run that dies, however it dies, leaves nothing behind. Control requests go through the
--- curl program: the client under test must not be what its own oracle is asked with.

local cjson = require("cjson")
local certificate = require("spec.support.certificate")
local files = require("spec.support.files")
local paths = require("spec.support.paths")
local shell = require("spec.support.shell")

local quote = shell.quote

local json = cjson.new()

--- An emulator.
---@class spec.Emulator
---@field url string its base URL, once it runs
---@field wire_url string? its base URL through the faulty wire
---@field foreign_url string? the foreign host's
---@field cert string? path of its certificate
---@field cert_key string? path of the certificate's key
---@field _options table<string, string|number|boolean>
---@field _pipe file*? our end of its standard input
local Emulator = {}
Emulator.__index = Emulator

local emulator = {}

--- A key the emulator accepts; it means nothing anywhere else.
emulator.KEY = "SG_0123456789abcdef"

--- The path of the program: SEGMIND_EMULATOR, or the build folder's.
---@return string
function emulator.binary()
  local given = os.getenv("SEGMIND_EMULATOR")
  if given and given ~= "" then
    return given
  end
  return paths.build .. "/bin/segmind-emulator"
end

-- { plain = true, speed = 20 } -> "'--plain' '--speed=20'", in a fixed order.
local function arguments(options)
  local words = {}
  for name, value in pairs(options) do
    local flag = "--" .. name:gsub("_", "-")
    if value == true then
      words[#words + 1] = quote(flag)
    elseif value ~= false then
      words[#words + 1] = quote(flag .. "=" .. tostring(value))
    end
  end
  table.sort(words)
  return table.concat(words, " ")
end

-- The URL appears in its file, whole, as soon as the emulator listens.
local function await_url(path)
  for _ = 1, 500 do
    local url = files.read(path)
    if url then
      return url:match("%S+")
    end
    os.execute("sleep 0.01")
  end
  return nil
end

-- Further ports: { wire = true } -> { wire_port = 0, wire_url_file = ... }, on a copy.
local function open_ports(options)
  local given, url_files = {}, {}
  for name, value in pairs(options) do
    given[name] = value
  end
  for _, name in ipairs({ "wire", "foreign" }) do
    if given[name] then
      url_files[name] = os.tmpname()
      given[name .. "_port"] = given[name .. "_port"] or 0
      given[name .. "_url_file"] = url_files[name]
    end
    given[name] = nil
  end
  return given, url_files
end

local function take_url(path)
  local url = path and (files.read(path) or ""):match("%S+")
  if path then
    os.remove(path)
  end
  return url
end

--- An emulator that does not run yet. The options are those of its command line with underscores
--- for dashes: `{ plain = true, speed = 100, rpm = 5 }`; true stands for an option without a value.
--- `wire` and `foreign` open the faulty wire and the foreign host, on any free ports; `tls` makes a
--- certificate for 127.0.0.1.
---@param options table<string, string|number|boolean>?
---@return spec.Emulator
function emulator.new(options)
  return setmetatable({ _options = options or {} }, Emulator)
end

--- Starts it.
---@return spec.Emulator self
function Emulator:start()
  local url_file = files.unused()
  local given, url_files = open_ports(self._options)
  if given.tls then
    self.cert, self.cert_key = certificate()
    given.tls, given.tls_cert, given.tls_key = nil, self.cert, self.cert_key
  end
  -- exec: the shell must not stay between the pipe and the emulator.
  local command = ("exec %s --quiet --exit-with-stdin --url-file=%s %s"):format(
    quote(emulator.binary()), quote(url_file), arguments(given))
  assert(io.open(emulator.binary(), "rb"), "no emulator at " .. emulator.binary()):close()
  local pipe = assert(io.popen(command, "w"))
  local url = await_url(url_file)
  os.remove(url_file)
  -- Written before the service's own URL.
  self.wire_url, self.foreign_url = take_url(url_files.wire), take_url(url_files.foreign)
  if not url then
    pipe:close()
    error("the emulator did not start: " .. command)
  end
  self.url, self._pipe = url, pipe
  return self
end

---@param options table<string, string|number|boolean>?
---@return spec.Emulator that runs
function emulator.start(options)
  return emulator.new(options):start()
end

--- An emulator for the block of tests around the call: started before the first of them, reset
--- before each, ended after the last.
---@param options table<string, string|number|boolean>?
---@return spec.Emulator
function emulator.fixture(options)
  local busted, service = require("busted"), emulator.new(options)
  busted.setup(function()
    service:start()
  end)
  busted.teardown(function()
    assert(service:stop(), "the emulator did not end well")
  end)
  busted.before_each(function()
    service:reset()
  end)
  return service
end

--- Asks the control port; a refusal raises, as it is the spec's own mistake.
---@param method string
---@param path string below /_emulator/
---@param body table?
---@return any
function Emulator:control(method, path, body)
  -- -k: whether a certificate is trusted is a matter of the client under test.
  local words = { "curl -s -k --max-time 20 -X", method, quote(self.url .. "/_emulator/" .. path) }
  local body_file
  if body then
    body_file = files.new(json.encode(body))
    words[#words + 1] = "-H 'Content-Type: application/json' --data-binary @" .. quote(body_file)
  end
  local text = shell.output(table.concat(words, " "))
  if body_file then
    os.remove(body_file)
  end
  local decoded, answer = pcall(json.decode, text)
  if not decoded then
    error("the emulator does not answer " .. path, 2)
  elseif answer.error then
    error("the emulator refused " .. path .. ": " .. answer.error, 2)
  end
  return answer
end

--- The accepted submits in order (`submits`) and their sums (`totals`).
---@param from integer? leave out so many
---@return { submits: table[], totals: table }
function Emulator:ledger(from)
  return self:control("GET", "ledger?from=" .. (from or 0))
end

--- Requests by endpoint, connections, and per job when it completed and when the client knew.
---@return table
function Emulator:stats()
  return self:control("GET", "stats")
end

--- Adds fault rules, or without an argument tells how often each was used.
---@param rules table[]?
---@return table[]
function Emulator:faults(rules)
  return self:control(rules and "POST" or "GET", "faults", rules)
end

--- Takes all fault rules away.
function Emulator:clear_faults()
  self:control("DELETE", "faults")
end

--- Adds rules for the faulty wire, or without an argument tells how often each was seen, used, and
--- done (a place after the message's end is never reached).
---@param rules table[]?
---@return table[]
function Emulator:wire(rules)
  return self:control(rules and "POST" or "GET", "wire", rules)
end

--- Takes all rules of the wire away.
function Emulator:clear_wire()
  self:control("DELETE", "wire")
end

--- What the wire has done: its `seed`, how many `exchanges` it saw, the `log` of its faults.
---@param from integer? leave out so many faults
---@return { seed: string, exchanges: integer, faults: integer, log: table[] }
function Emulator:wire_log(from)
  return self:control("GET", "wire/log?from=" .. (from or 0))
end

--- What the foreign host was told, oldest first: method, path, headers, body_size, size and all the
--- bytes. With an argument, sets its answer from now on.
---@param answer { status: integer?, headers: table?, body: string?, body_base64: string? }?
---@return table[]
function Emulator:foreign(answer)
  return self:control(answer and "POST" or "GET", "foreign", answer)
end

--- A body of so many MiB of zeros in gzip, as a fault's `body_base64`: small to send, large to
--- unpack.
---@param mebibytes integer
---@return string
function emulator.gzip_bomb(mebibytes)
  return (shell.output(("head -c %dM /dev/zero | gzip -9 | base64 -w0"):format(mebibytes)))
end

--- Forgets jobs, pictures, rules, counts, and what the foreign host was told.
function Emulator:reset()
  self:control("POST", "reset")
end

--- Ends the emulator and waits until it is gone. May be called twice.
---@return boolean ended well
function Emulator:stop()
  if not self._pipe then
    return true
  end
  -- Not by the pipe alone: a program that the spec started and left running has its end, too.
  pcall(self.control, self, "POST", "shutdown")
  local ok = self._pipe:close()
  self._pipe = nil
  if self.cert then
    os.remove(self.cert)
    os.remove(self.cert_key)
  end
  -- LuaJIT and 5.1 return only true here.
  return ok == true
end

return emulator
