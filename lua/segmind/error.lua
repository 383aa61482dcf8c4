--- Errors as values. Runtime failures (a lost network, a refused parameter, no credits) return
--- `nil, err`, and `err` is one of these: a table to decide by and, through `tostring`, one line to
--- print. Misuse (a number where a table belongs, an option that does not exist, a closed client)
--- raises instead, at the line that did it.

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

--- What a call returns after nil: a table to decide by, and through `tostring` one line to print.
---@class segmind.Error
---@field kind segmind.ErrorKind
---@field message string
---@field charged "no"|"yes"|"unknown" whether the step was or may have been paid
---@field retryable boolean true when the same call may succeed later
---@field status integer? the HTTP status, when an answer was the reason
---@field request_id string? the service's id; `client:attach(id, model)` takes the job up again
---@field retry_after number? seconds
---@field step integer? of a chain: the step that failed
---@field job integer? the number of the job that failed, `job.id`
---@field where string? of `invalid`: "file:line" of the call that was refused
---@field running boolean? true when a `wait` ended before the job: the job goes on
---@field blocked boolean? of `failed` and `rejected`: the text is that of a content block
---@field results table? of a chain: the results that were finished, by step
---@field body string? the answer as it came
---@field problems string[]? of `invalid`: everything that is wrong with the call
---@field history "absent"|"unclear"|"unreachable"|nil of `unknown`: what the request history said
---@field budget number? of `budget`, in USD; with `spent` (or under way) and the step's `price`
---@field spent number?
---@field price number?
---@field cause any of `upstream`: the error of the input; of a task: what its function raised
---@field traceback string? of a task: where its function raised the error

-- What the service, or the model behind it, says when it refuses a content. "_" counts as a letter:
-- `safety_tolerance` is a parameter.
local blocks = { "%f[%w_]nsfw%f[^%w_]", "not safe for work", "%f[%w_]moderat[ei][do]n?%f[^%w_]",
  "%f[%w_]safety%f[^%w_]", "%f[%w_]flagged%f[^%w_]", "%f[%w_]inappropriate%f[^%w_]",
  "%f[%w_]nudity%f[^%w_]", "content polic", "usage polic", "use polic", "content filter",
  "content blocked", "content was blocked", "blocked content", "community guideline",
  "prohibited content", "disallowed content", "explicit content", "sensitive content",
  "harmful content", "adult content", "sexual" }

-- The same words where they name a parameter, or a checker that is not there.
local no_blocks = { "safety tolerance", "unavailable", "not available", "timed? ?out",
  "overloaded", "failed to load", "not be loaded", "too many requests" }

local function has_any(text, patterns)
  for _, pattern in ipairs(patterns) do
    if text:find(pattern) then
      return true
    end
  end
  return false
end

--- Whether the text of a failed job, or of a refused submit, is that of a content block: the same
--- content will be blocked again.
local function is_block(kind, message)
  if kind ~= "failed" and kind ~= "rejected" or type(message) ~= "string" then
    return false
  end
  local text = message:lower()
  return has_any(text, blocks) and not has_any(text, no_blocks)
end

local function complete(self)
  self.charged = self.charged or "no"
  self.retryable = self.retryable or false
  self.blocked = self.blocked or is_block(self.kind, self.message) or nil
  return setmetatable(self, Error)
end

---@param kind string
---@param message string
---@param fields table? further fields
---@return segmind.Error
function Error.new(kind, message, fields)
  assert(Error.kinds[kind], "no such kind of error")
  local self = {}
  for key, value in pairs(fields or {}) do
    self[key] = value
  end
  self.kind, self.message = kind, message
  return complete(self)
end

--- Makes an Error of the table that the C core hands out. The table itself becomes the error.
---@param fields table
---@return segmind.Error
function Error.from(fields)
  fields.charged = fields.charged or "unknown"
  return complete(fields)
end

--- True when `value` is an error of this library.
---@param value any
---@return boolean
function Error.is_error(value)
  return getmetatable(value) == Error
end

--- What somebody raised or returned as the reason of a failure, as text. That need not be a string.
---@param value any
---@return string
function Error.text(value)
  if type(value) == "table" then
    local class = getmetatable(value)
    local message = rawget(value, "message")
    if not (type(class) == "table" and class.__tostring) then
      return type(message) == "string" and message or "a table without a message"
    end
  end
  return tostring(value)
end

function Error:__tostring()
  local status = self.status and (" (%d)"):format(self.status) or ""
  local request = self.request_id and (" [request %s]"):format(self.request_id) or ""
  local where = self.where and (" at %s"):format(self.where) or ""
  return filter(("segmind: %s%s: %s%s (charged: %s)%s"):format(
    self.kind, status, tostring(self.message), request, self.charged, where))
end

--- `"failed: " .. err`
function Error.__concat(a, b)
  return tostring(a) .. tostring(b)
end

local here = debug.getinfo(1, "S").source:match("^(.*[/\\])") or "@"

-- The level, seen from who calls this, of the nearest function outside this library, however many
-- of our own and of C lie between; nil when there is none.
local function caller()
  local level = 3
  local info = debug.getinfo(level, "Sl")
  while info and (info.what == "C" or info.source:sub(1, #here) == here) do
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  return info and level - 1, info
end

--- "file:line" of the nearest code outside this library; nil when there is none.
---@return string?
function Error.line_of_caller()
  local _, info = caller()
  return info and info.currentline > 0 and ("%s:%d"):format(info.short_src, info.currentline) or nil
end

--- An error of kind "invalid": a call that is refused before anything is sent. It names the line
--- that made the call, as `assert` does not on every Lua.
---@param message string
---@param fields table?
---@return segmind.Error
function Error.refusal(message, fields)
  local err = Error.new("invalid", message, fields)
  err.where = Error.line_of_caller()
  return err
end

--- Raises a programmer's mistake at the line that made it, outside this library.
---@param message string
function Error.misuse(message)
  error("segmind: " .. message, caller() or 2)
end

return Error
