--- What a client has spent, and the ceiling on it. A submit that could pass it is refused before
--- anything is sent. Until a step has ended it counts with its declared price; then with what the
--- service says that it cost, with nothing when it was not charged, and with its price again when
--- nobody knows. With a ledger the sum is that of all its steps, so it survives the process: the
--- ledger counts, where it claims a step, and what is here words its refusal.

local Error = require("segmind.error")

---@class segmind.Budget
local Budget = {}
Budget.__index = Budget

-- Sums of cents are not exact in binary; this is less than any price.
local EPSILON = 1e-6

---@param limit number? USD; without one it only counts
function Budget.new(limit)
  return setmetatable({ limit = limit, _reserved = {}, _sum = 0, _changing = false, _price = false,
    _new_sum = 0 }, Budget)
end

--- A price or a cost that can be summed up; nil for anything else that an answer may say.
---@param value any
---@return number? usd
function Budget.sound(value)
  return type(value) == "number" and value >= 0 and value < 2 ^ 53 and value or nil
end

-- A change is of two places, the sum and what is set aside for a job in it: an error that is raised
-- between them leaves the rest to the next who asks.
local function apply(self)
  local id = self._changing
  if id then
    self._sum = self._new_sum
    self._reserved[id] = self._price or nil
    self._changing = false
  end
end

--- Gives what is set aside for a job its new value, or false when the job is over; `by` is added to
--- the sum.
local function change(self, job, price, by)
  self._price, self._new_sum = price, self._sum + by
  self._changing = job.id
  apply(self)
end

--- What was paid, and the prices of what is under way or in doubt, in USD; without a ledger. The
--- sum is kept: each submit asks, with ten thousand others under way.
---@return number
function Budget:spent()
  apply(self)
  return self._sum
end

--- What a request is declared to cost, in USD: the option `price`, else its model's; nil for
--- neither.
---@param prepared table from request.prepare
---@return number?
function Budget.declared(prepared)
  return prepared.opts.price or prepared.spec and prepared.spec.price_usd
end

--- What a job is declared to cost, in USD: as its request, but of one taken up from a ledger what
--- was declared then stands before its model's.
---@param job segmind.Job
---@return number?
function Budget.price(job)
  local request = job._request
  local spec = request.spec
  return request.opts.price or job._price or spec and spec.price_usd
end

-- The worker has said something of a submit that was left to it, and it was not heard yet.
local function may_be_sent(job)
  local client, submit = job._client, job._operation or job
  local id = client._has_ledger and submit._task
  return id and client._handlers[id] == submit and client._handle:has_event(id)
end

--- Whether an end of a job here and now has been paid for, as far as this side knows.
---@param job segmind.Job
---@return "no"|"yes"|"unknown"
function Budget.charged(job)
  if job.request_id then
    return job._is_unseen and "unknown" or "yes"
  end
  return (job._sent or may_be_sent(job)) and "unknown" or "no"
end

--- Why a job may not be submitted when so much is spent or under way; nil when it may.
---@param job segmind.Job
---@param spent number USD
---@return segmind.Error? err kind "budget"
function Budget:refusal(job, spent)
  local price = Budget.price(job)
  if not self.limit or price and spent + price <= self.limit + EPSILON then
    return nil
  end
  local fields = { budget = self.limit, spent = spent, price = price }
  local what = ("%s %d (%s)"):format(job.step and "step" or "job", job.step or job.id, job.model)
  if not price then
    return Error.new("budget", what .. " has no declared price, so the budget cannot allow it; "
      .. "the option price of the call tells one", fields)
  end
  return Error.new("budget", ("%s costs $%.2f, and $%.2f of $%.2f are spent or under way"):format(
    what, price, spent, self.limit), fields)
end

--- Why a chain may not begin: its last steps could not be paid. A step without a declared price is
--- left to its own refusal.
---@param requests table[] from request.prepare
---@param counted table<integer, boolean> by number: those whose price is in `spent`
---@param sum number USD; what was spent
---@return segmind.Error? err kind "budget"
function Budget:refusal_of_chain(requests, counted, sum)
  if not self.limit then
    return nil
  end
  local price = 0
  for n, prepared in ipairs(requests) do
    price = price + (not counted[n] and Budget.declared(prepared) or 0)
    if sum + price > self.limit + EPSILON then
      return Error.new("budget", ("step %d (%s) brings the chain to $%.2f, and $%.2f of $%.2f are "
        .. "spent or under way; nothing was sent"):format(n, prepared.model, price, sum,
        self.limit), { step = n, budget = self.limit, spent = sum, price = price })
    end
  end
end

--- Sets the price of a job aside, without a ledger. A second submit of the same job is a second
--- price: nobody knows whether the first was paid.
---@param job segmind.Job
---@return boolean? allowed
---@return segmind.Error? err kind "budget"
function Budget:reserve(job)
  if self._changing then
    apply(self)
  end
  local refusal = self.limit and self:refusal(job, self:spent())
  if refusal then
    return nil, refusal
  end
  local price = (Budget.price(job) or 0) * (1 + (job._resubmits or 0))
  change(self, job, price, price - (self._reserved[job.id] or 0))
  return true
end

--- A job is over: its price gives way to what it cost. That of a submit in doubt stays, though the
--- next one was refused before it was sent.
---@param job segmind.Job
---@param result segmind.Result?
---@param err segmind.Error?
function Budget:settle(job, result, err)
  if self._changing then
    apply(self)
  end
  local price = self._reserved[job.id]
  if not price then
    return
  end
  local cost, by = result and Budget.sound(result.cost), 0
  if cost then
    by = cost - (job._resubmits and Budget.price(job) or price)
  elseif not result and err.charged == "no" and not job._doubtful then
    by = -(Budget.price(job) or 0)
  end
  change(self, job, false, by)
end

return Budget
