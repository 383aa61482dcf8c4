--- The exit codes: what a script may do next. `charged` decides first, then the kind of error.

local exit = {
  DONE = 0, -- files are written and checked: go on
  FAILED = 1, -- not charged: change the request
  USAGE = 2, -- nothing was sent: fix the command
  REFUSED = 3, -- refused before work: call a person
  ACCEPTED = 4, -- not finished, the id is printed: the same command again resumes it
  DOUBT = 5, -- perhaps paid: nothing by itself
  PAID = 6, -- but the picture is not here: mend the disk, the same command again is free
  RETRY = 75, -- nothing was accepted, for a reason that passes: try again
  INTERRUPTED = 130, -- as ACCEPTED
}

-- By kind, of an error with charged = "no". Every kind of segmind.error is here.
local not_charged = {
  invalid = exit.USAGE,
  auth = exit.REFUSED,
  no_credits = exit.REFUSED,
  budget = exit.REFUSED,
  ledger = exit.REFUSED,
  not_sent = exit.RETRY,
  throttled = exit.RETRY,
  timeout = exit.RETRY,
  rejected = exit.FAILED,
  failed = exit.FAILED,
  protocol = exit.FAILED,
  security = exit.FAILED,
  io = exit.FAILED,
  expired = exit.FAILED,
  cancelled = exit.FAILED,
  upstream = exit.FAILED,
  unknown = exit.DOUBT,
}

-- Accepted, and the service goes on with it.
local goes_on = { timeout = true, cancelled = true }

--- The exit code that an error stands for.
---@param err segmind.Error
---@return integer
function exit.of(err)
  if err.charged == "no" and err.kind == "upstream" and type(err.cause) == "table" then
    return exit.of(err.cause)
  elseif err.charged == "no" then
    return not_charged[err.kind]
  elseif err.charged == "yes" then
    return goes_on[err.kind] and exit.ACCEPTED or exit.PAID
  end
  return exit.DOUBT
end

-- Of several ends the first in this order is the command's: what costs money stands before what
-- only stops, and what a person must do before what running again mends.
local order = { exit.INTERRUPTED, exit.DOUBT, exit.PAID, exit.REFUSED, exit.ACCEPTED, exit.USAGE,
  exit.FAILED, exit.RETRY, exit.DONE }

local rank = {}
for place, code in ipairs(order) do
  rank[code] = place
end

--- The code of a command of which one part has ended in `a` and another in `b`.
---@param a integer
---@param b integer
---@return integer
function exit.worst(a, b)
  return (rank[a] or 0) <= (rank[b] or 0) and a or b
end

local advice = {
  [exit.ACCEPTED] = "it goes on at the service and is paid once: the same command, or segmind "
    .. "resume (with an -o of its own), fetches it",
  [exit.DOUBT] = "nobody knows whether it was paid: segmind jobs --doubt and segmind history show "
    .. "what is known; --on-unknown says what to do",
  [exit.PAID] = "it is paid: mend what is wrong here, and the same command is free",
  [exit.RETRY] = "nothing was accepted: the same command may succeed later",
}

-- Where a request that was paid is not known to the service any more, there is nothing to mend.
local LOST = "it is paid, and the service no longer knows it: the same command asks once more, "
  .. "--fresh makes another picture and pays again"

--- What a person is told beside the errors of a command.
---@param code integer
---@param kinds table<string, boolean> of its errors
---@return string?
function exit.advise(code, kinds)
  return code == exit.PAID and kinds.expired and LOST or advice[code]
end

-- For the man page and the documentation: code, meaning, what a script may do.
exit.table = {
  { 0, "done, files written and checked", "go on" },
  { 1, "failed, rejected, blocked: not charged", "change the request" },
  { 2, "usage, invalid: nothing was sent", "fix the command" },
  { 3, "refused before work: auth, no_credits, budget, ledger", "call a person" },
  { 4, "accepted, not finished: the id is printed", "run the same command again: it resumes" },
  { 5, "money in doubt (unknown, charged = \"unknown\")", "nothing by itself" },
  { 6, "paid, but not here (io, expired, any charged = \"yes\" without a picture)",
    "mend the disk, run again: free; expired: --fresh pays again" },
  { 75, "temporary, nothing was accepted (not_sent, throttled)", "retry" },
  { 130, "Ctrl-C; says how to resume", "as 4" },
}

return exit
