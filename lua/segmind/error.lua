--- Errors as values. What the world does wrong (a lost network, a refused parameter, an empty
--- purse) comes back as `nil, err`, and `err` is one of these: a table to decide by and, through
--- `tostring`, one line to print. What a programmer does wrong (a number where a table belongs, an
--- option that does not exist, a closed client) raises instead, at the line that did it.

local Error = {}
Error.__index = Error
Error.__name = "segmind.Error"

--- Every kind there is. `charged` says whether the service may have been paid for the step.
Error.kinds = {
  invalid = "parameters refused here, before anything was sent",
  not_sent = "proof that the submit never left",
  rejected = "the service refused the submit",
  auth = "no key, or a key that the service refuses",
  no_credits = "the account is empty or capped",
  throttled = "too many requests",
  unknown = "the submit was sent and its answer lost: it may or may not run",
  failed = "the service ran the job and reports FAILED",
  expired = "the service no longer knows the request id",
  timeout = "the deadline passed; the job lives on at the service",
  protocol = "an answer that makes no sense; its body is kept",
  security = "a foreign host, scheme, private address or bad id",
  ledger = "the ledger cannot be read or written",
  io = "a local file could not be read or written, or a download did not arrive",
  cancelled = "the caller cancelled the job",
  budget = "the caller's budget does not allow the step",
  upstream = "an input failed; `cause` is its error",
}

-- Until the C core is loaded, and for a text that never met it: the key and control characters.
local function plain_filter(text)
  text = text:gsub("SG_%w+", "SG_..."):gsub("%c", " ")
  return #text > 2048 and text:sub(1, 2048) or text
end

local filter = plain_filter

--- Hands the core's redactor over; from then on every printed error passes it.
---@param redact fun(text: string): string
function Error.set_filter(redact)
  filter = redact
end

---@class segmind.Error
---@field kind string one of the kinds above
---@field message string
---@field charged "no"|"yes"|"unknown" whether the step was or may have been paid
---@field retryable boolean true when the same call may succeed later
---@field status integer? the HTTP status, when an answer was the reason
---@field request_id string? the service's id; `client:attach(id)` takes the job up again
---@field retry_after number? seconds
---@field step integer? the step of a chain; of any other job, its number
---@field results table? of a chain: the results that were finished, by step
---@field body string? the answer as it came
---@field problems string[]? of `invalid`: everything that is wrong with the call
---@field history "absent"|"unreachable"|nil of `unknown`: what the request history said
---@field budget number? of `budget`, in USD; with `spent` (or under way) and the step's `price`
---@field spent number?
---@field price number?
---@field cause segmind.Error? of `upstream`: why the input failed

---@param kind string
---@param message string
---@param fields table? further fields
---@return segmind.Error
function Error.new(kind, message, fields)
  assert(Error.kinds[kind], "no such kind of error")
  local self = { kind = kind, message = message, charged = "no", retryable = false }
  for key, value in pairs(fields or {}) do
    self[key] = value
  end
  return setmetatable(self, Error)
end

--- Makes an Error of the table that the C core hands out. The table itself becomes the error.
---@param fields table
---@return segmind.Error
function Error.from(fields)
  fields.charged = fields.charged or "unknown"
  fields.retryable = fields.retryable or false
  return setmetatable(fields, Error)
end

--- True when `value` is an error of this library.
---@param value any
---@return boolean
function Error.is_error(value)
  return getmetatable(value) == Error
end

function Error:__tostring()
  local status = self.status and (" (%d)"):format(self.status) or ""
  local request = self.request_id and (" [request %s]"):format(self.request_id) or ""
  return filter(("segmind: %s%s: %s%s (charged: %s)"):format(
    self.kind, status, tostring(self.message), request, self.charged))
end

local here = debug.getinfo(1, "S").source:match("^(.*[/\\])") or "@"

--- Raises a programmer's mistake at the line that made it: the nearest one outside this library,
--- however many of our own functions lie between.
---@param message string
function Error.misuse(message)
  local level = 2
  local info = debug.getinfo(level, "S")
  while info and (info.what == "C" or info.source:sub(1, #here) == here) do
    level = level + 1
    info = debug.getinfo(level, "S")
  end
  error("segmind: " .. message, info and level or 2)
end

return Error
