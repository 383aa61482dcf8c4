--- Jobs by Lua-cURL and lua-cjson, one at a time: Debian's lua-curl has easy handles only, and is
--- for Lua 5.1.
---
---     luajit bench/peers/lua_curl.lua URL JOBS

local curl = require("curl")
local json = require("cjson")

local url, jobs = arg[1], tonumber(arg[2])
local easy = curl.easy_init()
local parts = {}

local function ask(path, body)
  parts = {}
  easy:setopt(curl.OPT_URL, url .. path)
  if body then
    easy:setopt(curl.OPT_POSTFIELDS, json.encode(body))
  else
    easy:setopt(curl.OPT_HTTPGET, 1)
  end
  assert(easy:perform())
  return json.decode(table.concat(parts))
end

local function make_one(seed)
  local submit = { prompt = "a lighthouse", seed = seed }
  local job = "/v2/requests/" .. ask("/v2/flux-kontext-pro", submit).request_id
  repeat
    local status = ask(job .. "/status").status
  until status == "COMPLETED"
  return ask(job).output
end

local function run(count)
  for seed = 1, count do
    make_one(seed)
  end
end

easy:setopt(curl.OPT_HTTPHEADER,
  { "x-api-key: SG_0123456789abcdef", "Content-Type: application/json" })
easy:setopt(curl.OPT_WRITEFUNCTION, function(text)
  parts[#parts + 1] = text
  return #text
end)
run(100)
local cpu = os.clock()
run(jobs)
print(("jobs=%d cpu_us=%.0f"):format(jobs, (os.clock() - cpu) * 1e6))
