--- Workers on one ledger, killed and started again, beside a server that goes away: what comes of
--- the steps, held against what the service says that it has accepted. Each worker has a cache of
--- its own, as on a machine of its own.

local cjson = require("cjson.safe")

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local paths = require("spec.support.paths")
local segmind = require("segmind")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

local quote = shell.quote

local machines = {}

local Run = {}
Run.__index = Run

local function absolute(path)
  return (shell.output("cd " .. quote(path) .. " && pwd"):gsub("\n$", ""))
end

-- Seconds with fractions.
local function now()
  return tonumber(shell.output("date +%s.%N"))
end

-- -- steps ----------------------------------------------------------------------------------------

--- A chain of `size` steps, each on the picture of an earlier one: those that share it fan out.
local function chain_of(sm, picture, count, size)
  local chain = sm:chain(picture)
  for i = 1, size do
    chain:step("flux-kontext-dev", { prompt = "step " .. count + i, input_image = i > 1
      and chain:output(math.random(i - 1)) or nil }, { on_unknown = "resubmit" })
  end
  return chain
end

--- Puts so many steps into the queue, in chains of 1 to 5.
local function enqueue(self)
  local picture, sm = files.write(self.folder .. "/a.png", session.PIXEL), self:client()
  local count = 0
  while count < self.steps do
    local size = math.min(math.random(5), self.steps - count)
    assert(chain_of(sm, picture, count, size):enqueue())
    count = count + size
  end
  sm:close()
  os.remove(picture) -- the workers have it from the ledger
end

-- -- workers --------------------------------------------------------------------------------------

--- Where the ledger is for a worker, and what its command begins with: on a host of its own a
--- namespace and an address there.
local function place_of(self, i)
  if not self.hosts then
    return self.url, ""
  end
  local n = (i - 1) % 3 + 1
  return ("postgresql://segmind@10.77.%d.1:7002/postgres"):format(n),
    ("ip netns exec %s-%d "):format(self.hosts, n)
end

local function start(self, i)
  local url, within = place_of(self, i)
  local home = self.folder .. "/machine" .. i
  files.make_folder(home)
  local words = { "work", "--ledger", quote(url), "--until-empty", "--jobs", self.jobs }
  if self.rpm then
    words[#words + 1] = "--rpm " .. self.rpm
  end
  local environment = { HOME = home, PATH = os.getenv("PATH"),
    SEGMIND_BUILD = absolute(paths.build), SEGMIND_API_KEY = emulator.KEY,
    SEGMIND_BASE_URL = self.service.url, TERM = "dumb" }
  local given = {}
  for name, value in pairs(environment) do
    given[#given + 1] = name .. "=" .. quote(value)
  end
  files.make_folder(home .. "/.config/segmind")
  files.write(home .. "/.config/segmind/config.json", '{"poll": 0.05, "timeout": 120}')
  local command = ("cd %s && exec %senv -i %s %s %s %s >>out 2>>err & echo $!"):format(quote(home),
    within, table.concat(given, " "), interpreter.command(),
    quote(absolute(paths.root) .. "/bin/segmind"), table.concat(words, " "))
  self.pids[i] = shell.output(command):match("%d+")
end

local function is_running(pid)
  local state = (files.read("/proc/" .. pid .. "/stat") or ""):match("%) (%a)")
  return state ~= nil and state ~= "Z"
end

local function kill_one(self)
  local i = math.random(self.workers)
  os.execute("kill -9 " .. self.pids[i] .. " 2>/dev/null")
  self.kills = self.kills + 1
  start(self, i)
end

-- -- what is left ---------------------------------------------------------------------------------

--- One number of the database; nil while the server is away.
local function number(self, text)
  return tonumber(shell.output(("PGCONNECT_TIMEOUT=2 timeout 2 psql -XAtq %s -c %s 2>/dev/null")
    :format(quote(self.url), quote(text))):match("%d+"))
end

local function left(self)
  return number(self, "SELECT COUNT(*) FROM segmind_queue")
end

--- Does what `plan` says once so many steps are made: { part, fn } in order.
local function disturb(self, plan, made)
  local next_one = plan[1]
  if next_one and made >= next_one[1] * self.steps then
    table.remove(plan, 1)
    local at = now()
    next_one[2]()
    self.away_s = self.away_s + now() - at
  end
end

local function turn(self, plan)
  os.execute(("sleep %.3f"):format(self.every_s))
  local rest = left(self)
  if rest == 0 then
    return false
  elseif rest then
    disturb(self, plan, self.steps - rest)
  end
  if not self.is_calm then
    kill_one(self)
  end
  for i = 1, self.workers do
    if not is_running(self.pids[i]) then
      start(self, i)
    end
  end
  return now() < self.until_s
end

-- -- the sums -------------------------------------------------------------------------------------

--- The most submits within 60 seconds.
local function most_in_a_minute(submits)
  local first, most = 1, 0
  for i, one in ipairs(submits) do
    while one.at - submits[first].at >= 60 do
      first = first + 1
    end
    most = math.max(most, i - first + 1)
  end
  return most
end

local function sum_up(self, seconds)
  local counts, steps, double = {}, 0, 0
  local submits = self.service:ledger().submits
  for _, submit in ipairs(submits) do
    local body = type(submit.body) == "table" and submit.body or cjson.decode(submit.body)
    steps = steps + (counts[body.prompt] and 0 or 1)
    double = double + (counts[body.prompt] and 1 or 0)
    counts[body.prompt] = true
  end
  return { steps = steps, accepted = #submits, double = double, kills = self.kills,
    unfinished = self.steps - (number(self, "SELECT COUNT(*) FROM segmind_steps "
      .. "WHERE state = 'completed' AND file IS NOT NULL") or 0),
    queued = left(self), seconds = seconds, away = self.away_s,
    per_minute = #submits / (seconds - self.away_s) * 60,
    most = submits[1] and submits[1].at and most_in_a_minute(submits) or nil }
end

-- -- hosts ----------------------------------------------------------------------------------------

--- Starts a program that `clean` ends: it has the pipes of the service and the server, too, which
--- would not end before it.
local function begin(self, words)
  local said = shell.output(words .. " </dev/null >/dev/null 2>&1 & echo $!")
  table.insert(self.helpers, said:match("%d+"))
end

--- The ways from three hosts to the service and the server, which are on this one. A client takes
--- http from its own machine alone, so each host has the service's port.
local function open_ways(self)
  local port = self.service.url:match(":(%d+)$")
  local folder = self.url:match("host=([^&]+)")
  begin(self, "perl spec/support/relay.pl 0.0.0.0:7001 127.0.0.1:" .. port)
  begin(self, ("perl spec/support/relay.pl 0.0.0.0:7002 %s/.s.PGSQL.5432"):format(folder))
  for n = 1, 3 do
    begin(self, ("ip netns exec %s-%d perl spec/support/relay.pl 127.0.0.1:%s 10.77.%d.1:7001")
      :format(self.hosts, n, port, n))
  end
end

--- Cuts one of three hosts off for a while; the others go on.
local function cut_off(self)
  local link = "to" .. math.random(3)
  begin(self, ("sh -c 'ip link set %s down; sleep %d; ip link set %s up'"):format(link, self.cut_s,
    link))
end

--- A client of the ledger on this machine, whose copies of pictures `clean` removes.
---@return segmind.Client
function Run:client()
  local sm = assert(segmind.new({ api_key = emulator.KEY, base_url = self.service.url,
    ledger = self.url, poll = 0.05 }))
  self.cache = sm._handle:folder()
  return sm
end

--- What the workers have said.
---@return string
function Run:said()
  return shell.output("tail -n 20 " .. quote(self.folder) .. "/machine*/err")
end

--- Makes the steps.
---@param options table service, server (of spec.support.postgres), steps, workers, jobs, rpm,
--- every_s (between kills), stop_s (how long the server is stopped), seconds (at the most), is_calm
--- (nothing of the kind happens), hosts (the name of the namespaces that machines.sh has made),
--- cut_s (how long one of them is cut off)
---@return table sums
---@return table run
function machines.run(options)
  local self = setmetatable({ pids = {}, helpers = {}, kills = 0, away_s = 0,
    folder = files.make_folder(files.unused()), url = options.server.url }, Run)
  for name, value in pairs(options) do
    self[name] = value
  end
  if self.hosts then
    open_ways(self)
  end
  enqueue(self)
  local began = now()
  self.until_s = began + options.seconds
  for i = 1, self.workers do
    start(self, i)
  end
  local plan = options.is_calm and {} or { { 0.3, function()
    options.server:control("restart -m fast")
  end }, options.stop_s and { 0.6, function()
    options.server:signal("STOP")
    os.execute("sleep " .. options.stop_s)
    options.server:signal("CONT")
  end } or nil }
  if self.hosts then
    table.insert(plan, 2, { 0.4, function()
      cut_off(self)
    end })
  end
  while turn(self, plan) do
    self.turns = (self.turns or 0) + 1
  end
  local sums = sum_up(self, now() - began)
  for _, pid in ipairs(self.pids) do
    os.execute("kill -9 " .. pid .. " 2>/dev/null")
  end
  return sums, self
end

--- Removes what the workers have left.
function Run:clean()
  for _, pid in ipairs(self.helpers) do
    os.execute("kill " .. pid .. " 2>/dev/null")
  end
  shell.run(("rm -rf %s %s"):format(quote(self.folder), quote(self.cache)))
end

return machines
