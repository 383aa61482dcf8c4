--- Runs steps_child.lua while something is done to it, again and again until it finishes, and holds
--- what it says and what its ledger knows against what the emulator accepted.
---
---     local steps = require("spec.torture.steps")
---     local world = steps.open("kill")
---     world:begin()
---     world:run("strace … ")            the child, after these words; its ending
---     world:recover("pwrite64 12")      runs that nothing is done to, and the sums
---     world:close()                     prints the closing line

local DBI = require("DBI")

local emulator = require("spec.support.emulator")
local interpreter = require("spec.support.interpreter")
local shell = require("spec.support.shell")

local quote = shell.quote

local steps = {}

local World = {}
World.__index = World

local SCRIPT = (debug.getinfo(1, "S").source:match("^@(.*)/") or ".") .. "/steps_child.lua"

--- @param title string of the closing line
--- @param options { inline: boolean? }? of the child
function steps.open(title, options)
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. quote(folder)))
  return setmetatable({ title = title, folder = folder, service = emulator.start({ plain = true,
    speed = 1000, latency = 1, expire = 3600, credits = 100000 }), runs = 0, double = 0, lost = 0,
    silent = 0, crashes = 0, leaks = 0, unknown = 0, hurt = 0,
    thread = options and options.inline and "inline" or "worker" }, World)
end

--- A new ledger, and nothing at the service. `place`: a folder, instead of one of its own.
function World:begin(place)
  self.place = place or self.folder .. "/case"
  os.execute(("rm -rf %s/* %s; mkdir -p %s"):format(quote(self.place),
    quote(self.folder .. "/log"), quote(self.place)))
  self.path = self.place .. "/edits.db"
  self.log = self.folder .. "/log"
  self.children, self.allowed, self.bad = 0, 0, {}
  self.service:reset()
end

function World:blame(sum, why)
  self[sum] = self[sum] + 1
  self.bad[#self.bad + 1] = sum .. ": " .. why
end

function World:said()
  local file = io.open(self.log, "rb")
  local text = file and file:read("*a") or ""
  if file then
    file:close()
  end
  return text
end

--- Accepted submits by step, the ids, and how many.
function World:accepted()
  local by_step, ids = { 0, 0, 0 }, {}
  for _, submit in ipairs(self.service:ledger().submits) do
    local step = tonumber(submit.body.prompt)
    by_step[step] = by_step[step] + 1
    ids[#ids + 1] = submit.request_id
  end
  return by_step, ids
end

-- An error that says "not charged" of a step that was accepted during this run.
local function is_silent(ending, before, after)
  local step = tonumber(ending.step)
  return ending.charged == "no" and step and after[step] and after[step] > before[step]
end

--- Runs the child after these words of a shell. The ending: kind (nil when it broke), charged,
--- step, id, message, status.
---@param words string?
---@param on_unknown string?
function World:run(words, on_unknown)
  local before = self:accepted()
  local from = #self:said()
  self.runs, self.children = self.runs + 1, self.children + 1
  local _, _, status = os.execute((
    "exec timeout 60 %s %s %s %s %s %s %s %s >/dev/null 2>>%s"):format(
    words or "", interpreter.command(), quote(SCRIPT), quote(self.service.url), quote(self.path),
    quote(self.log), on_unknown or "hold", self.thread, quote(self.log)))
  local text = self:said():sub(from + 1)
  local ending = { status = status }
  ending.kind, ending.charged, ending.step, ending.id, ending.message =
    text:match("\nend (%S+) (%S+) (%S+) (%S+) ([^\n]*)\n")
  if not ending.kind then
    ending.kind, ending.charged, ending.step, ending.id, ending.message =
      text:match("^end (%S+) (%S+) (%S+) (%S+) ([^\n]*)\n")
  end
  for _ in text:gmatch("\nresubmit ") do
    self.allowed = self.allowed + 1
  end
  if text:find("AddressSanitizer", 1, true) or text:find("runtime error:", 1, true) then
    self:blame("crashes", text)
  elseif text:find("LeakSanitizer", 1, true) then
    self:blame("leaks", text)
  end
  if ending.kind and is_silent(ending, before, (self:accepted())) then
    self:blame("silent", ending.message)
  end
  return ending
end

--- What a ledger knows, as one text; nothing of one that was not made.
function World:known()
  local connection = DBI.Connect("SQLite3", self.path)
  local statement = connection and connection:prepare("SELECT request_id FROM segmind_steps")
  local ids = {}
  if statement and statement:execute() then
    for row in statement:rows(true) do
      ids[#ids + 1] = row.request_id or ""
    end
  end
  if statement then
    statement:close()
  end
  if connection then
    connection:close()
  end
  return table.concat(ids, " ")
end

--- Every accepted id is in the ledger, or was said, or is an intent whose outcome is asked for.
function World:check_known()
  local _, ids = self:accepted()
  local known, missing = self:known() .. self:said(), 0
  for _, id in ipairs(ids) do
    missing = missing + (known:find(id, 1, true) and 0 or 1)
  end
  -- One that was reported as unknown and sent again.
  if missing > self.allowed then
    self:blame("lost", missing .. " ids that nobody knows")
  end
end

--- Runs the child with nothing done to it until it has finished, and sums up the case.
---@param name string of the case, told when something is wrong
function World:recover(name)
  local ending, policy
  for _ = 1, 6 do
    ending = self:run(nil, policy)
    if ending.kind ~= "unknown" then
      break
    end
    -- Leave is given only after it was asked for.
    policy, self.unknown = "resubmit", self.unknown + 1
  end
  if not ending.kind then
    self:blame("crashes", "the run after it broke, status " .. tostring(ending.status))
  elseif ending.kind ~= "ok" then
    self:blame("lost", "it does not finish: " .. ending.kind .. " " .. ending.message)
  end
  self:check_known()
  local extra, by_step = 0, self:accepted()
  for step = 1, 3 do
    extra = extra + math.max(0, by_step[step] - 1)
    if ending.kind == "ok" and by_step[step] == 0 then
      self:blame("lost", "no submit of step " .. step)
    end
  end
  for _ = self.allowed + 1, extra do
    self:blame("double", "a step was submitted again without leave")
  end
  if #self.bad > 0 then
    print(("%s: %s\n%s\n--"):format(name, table.concat(self.bad, "; "), self:said()))
  end
end

--- Ends the emulator and prints the closing line; whether all sums are 0.
---@return boolean
function World:close()
  if not self.service:stop() then
    self.crashes = self.crashes + 1
  end
  os.execute("rm -rf " .. quote(self.folder))
  print(("# %d hurt, %d reported as unknown"):format(self.hurt, self.unknown))
  print(("%s: %d runs, %d double, %d lost, %d silent, %d crashes, %d leaks"):format(self.title,
    self.runs, self.double, self.lost, self.silent, self.crashes, self.leaks))
  return self.double + self.lost + self.silent + self.crashes + self.leaks == 0
end

return steps
