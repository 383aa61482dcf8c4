--- Jobs that nobody is left to wait for: a wait was interrupted, or a client ends (with its script,
--- or collected as garbage) that was not closed. What the service has accepted runs there and is
--- paid, so each is told on stderr, once, with its id, those of one kind together. Nothing else in
--- the library prints, and a plain `client:close()` does not.

local fields = require("segmind.fields")
local guard = require("segmind.guard")
local operation = require("segmind.operation")
local roster = require("segmind.roster")
local wait = require("segmind.wait")

local unfinished = {}

local function print_line(text, ...)
  guard.attempt(io.stderr.write, io.stderr, "segmind: ", text:format(...), "\n")
end

-- What is to be done about a job that was sent, or about several.
local function advice(client, job, request_id, is_one)
  if client._has_ledger then
    return ("run again with the same ledger to take %s up"):format(is_one and "it" or "them")
  elseif job._sync then
    return is_one and "its picture cannot be fetched again"
      or "their pictures cannot be fetched again"
  end
  return is_one and ("client:attach(%q, %q) takes it up"):format(request_id, job.model)
    or "client:attach(id, model) takes one up"
end

local function sentence(client, job, request_id, is_one)
  local verb = is_one and "was" or "were"
  if request_id then
    return ("%s on at the service%s; %s"):format(is_one and "goes" or "go",
      is_one and (" [request %s]"):format(request_id) or "",
      advice(client, job, request_id, is_one))
  elseif client._has_ledger or job._sync then
    return ("%s being submitted, and %s not known; %s"):format(verb,
      is_one and "its answer is" or "their answers are", advice(client, job, nil, is_one))
  end
  return ("%s being submitted; whether the service accepted %s is not known"):format(verb,
    is_one and "it" or "them")
end

-- What was told of a job: its id, or that there was none yet.
local told = setmetatable({}, { __mode = "k" })

-- Puts a job to those of which the same is to be told, unless that was told before.
local function gather(groups, client, job, request_id)
  local known = request_id or true
  if told[job] == known then
    return
  end
  told[job] = known
  local text = sentence(client, job, request_id, false)
  if not groups[text] then
    groups[text] = {}
    groups[#groups + 1] = text
  end
  table.insert(groups[text], { client = client, job = job, id = request_id })
end

local function tell(groups)
  for _, text in ipairs(groups) do
    local list, lines = groups[text], {}
    local one = list[1]
    for i, each in ipairs(list) do
      lines[i] = ("\n  %s%s"):format(fields.label(each.job),
        each.id and (" [request %s]"):format(each.id) or "")
    end
    if list[2] then
      print_line("%d jobs %s:%s", #list, text, table.concat(lines))
    else
      print_line("%s %s", fields.label(one.job), sentence(one.client, one.job, one.id, true))
    end
  end
end

--- Tells of the jobs of all clients that go on after an interrupted wait.
function unfinished.tell()
  local groups = {}
  for client in pairs(wait.clients()) do
    for _, job in ipairs(roster.jobs(client)) do
      if job.request_id or job._sent then
        gather(groups, client, job, job.request_id)
      end
    end
  end
  tell(groups)
end

--- Takes the ids that have arrived, but calls nobody: this runs in a finalizer. Returns them by
--- job; false for a job that has ended, unless with a result that nobody has taken: that is there
--- to attach.
local function take_ids(client)
  local ids = {}
  local id, what, _, request_id = client._handle:take()
  while id do
    local job = operation.job(client._handlers[id])
    if job and what == "state" then
      ids[job] = job.request_id or request_id
    elseif job and what ~= "note" and what ~= "done" then
      ids[job] = false
    end
    id, what, _, request_id = client._handle:take()
  end
  return ids
end

--- A client ends that was not closed. A ledger keeps what there is to know.
local function tell_at_end(client, has_sent)
  local ids, unsent, groups = take_ids(client), 0, {}
  for _, job in ipairs(roster.jobs(client)) do
    local request_id = job.request_id or ids[job]
    if ids[job] ~= false and (request_id or job._sent and has_sent) then
      gather(groups, client, job, request_id)
    elseif ids[job] ~= false then
      unsent = unsent + 1
    end
  end
  tell(groups)
  if unsent > 0 then
    local is_one = unsent == 1
    print_line("%d %s not sent before the client ended: wait for %s (job:wait())", unsent,
      is_one and "job was" or "jobs were", is_one and "it" or "them")
  end
end

local function at_end(client)
  if client._closed or client._has_ledger or next(client._jobs) == nil then
    return
  end
  -- It raises in a child that was forked, whose jobs they are not.
  local is_ours, stats = guard.attempt(client._handle.stats, client._handle)
  if is_ours then
    tell_at_end(client, stats.submits > 0)
  end
end

-- Lua 5.1 has no finalizers of tables, but newproxy, which later ones do not have.
local newproxy = rawget(_G, "newproxy")

--- Watches over a client until it is collected. Called when all else of it is made: finalizers run
--- in the reverse order, so that the handle still works.
---@param client segmind.Client
function unfinished.watch(client)
  local function finalize()
    at_end(client)
  end
  if newproxy then
    client._end = newproxy(true)
    getmetatable(client._end).__gc = finalize
  else
    client._end = setmetatable({}, { __gc = finalize })
  end
end

return unfinished
