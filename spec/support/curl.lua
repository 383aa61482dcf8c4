--- HTTP by the curl program, for specs that must not lean on our own client.
---
---   local http = curl.new(service, { key = emulator.KEY })
---   local answer = http:get("/v1/get-user-credits")
---   answer.status, answer.headers["content-type"], answer.body, answer:json()

local cjson = require("cjson")
local files = require("spec.support.files")
local shell = require("spec.support.shell")

local json = cjson.new()
local quote = shell.quote

local curl = {}

---@class spec.Answer
---@field status integer 0 when there was no answer
---@field headers table<string, string> names in lower case
---@field body string
local Answer = {}
Answer.__index = Answer

function Answer:json()
  return json.decode(self.body)
end

---@class spec.Http
local Http = {}
Http.__index = Http

local function take_file(path)
  local text = files.read(path) or ""
  os.remove(path)
  return text
end

local function read_headers(text)
  local headers = {}
  for name, value in text:gmatch("([%w%-]+):[ \t]*([^\r\n]*)") do
    headers[name:lower()] = value
  end
  return headers
end

--- Runs curl with further words of its command line.
---@param words string
---@param path string a path, or a whole URL
---@return spec.Answer
function Http:request(words, path)
  local url = path:match("^https?://") and path or ((self.base.url or self.base) .. path)
  local body, headers = os.tmpname(), os.tmpname()
  local key = self.key and ("-H " .. quote("x-api-key: " .. self.key)) or ""
  local status = shell.output(table.concat({
    "curl -s --max-time 30 -w '%{http_code}' -o", quote(body), "-D", quote(headers), key,
    self.words or "", words, quote(url),
  }, " "))
  return setmetatable({
    status = tonumber(status) or 0,
    headers = read_headers(take_file(headers)),
    body = take_file(body),
  }, Answer)
end

function Http:get(path)
  return self:request("", path)
end

--- POSTs a table as JSON, or a string as it is.
function Http:post(path, body)
  local file = files.new(type(body) == "string" and body or json.encode(body))
  local answer =
    self:request("-H 'Content-Type: application/json' --data-binary @" .. quote(file), path)
  os.remove(file)
  return answer
end

--- Asks the status of a v2 request until it has ended.
---@return spec.Answer the last answer
---@return string[] the states seen, each once
function Http:await(request_id)
  local seen = {}
  for _ = 1, 1000 do
    local answer = self:get("/v2/requests/" .. request_id .. "/status")
    local state = answer:json().status
    if seen[#seen] ~= state then
      seen[#seen + 1] = state
    end
    if state == "COMPLETED" or state == "FAILED" then
      return answer, seen
    end
    os.execute("sleep 0.01")
  end
  error("the job does not end")
end

---@param base string|spec.Emulator whose paths are asked for; an emulator need not run yet
---@param options { key: string?, words: string? } words: further ones for every curl
---@return spec.Http
function curl.new(base, options)
  return setmetatable({ base = base, key = options.key, words = options.words }, Http)
end

return curl
