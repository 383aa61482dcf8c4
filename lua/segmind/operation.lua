--- Operations of the core: a submit, an upload, a download, a digest, ... and who hears of them.
---
--- A handler belongs to one operation. It has the methods
---   handler:_on_end(done, err)            how it ended: what the core hands over, or an Error
---   handler:_on_state(state, request_id)  how it stands; may be left out
---   handler:_on_row(row)                  its row of the ledger; only where there is a ledger
--- A job is the handler of its submit; another handler that a job waits for has it as `job`.
---
--- The contract:
---   1. An operation is completed exactly once: `_on_end` is the last that its handler hears. It is
---      called from `client:step`, or from `start` itself for what the core refuses to begin.
---   2. A call in whose midst an error is raised (Ctrl-C, a watchdog, no memory) is made again by
---      the next step. So each call must bear to be repeated.
---   3. `cancel` may come at any time and as often as you like. The handler hears nothing after it,
---      not even `_on_end`; while that runs it does nothing.
---   4. A closed client begins nothing, and tells nobody: its jobs are ended by `client:close`.
---   5. `handler._task`, its id, is false until the core has the operation. Both are noted at once,
---      see lsm_task.c: nothing that was paid is without its handler.
---   6. When a job has come to its next operation, the events of the one before are dropped.

local Error = require("segmind.error")
local callback = require("segmind.callback")
local json = require("segmind.json")
local wait = require("segmind.wait")

local operation = {}

--- Begins an operation; returns a refusal instead of telling the handler.
---@param client segmind.Client
---@param handler table see above
---@param verb string a method of the core's handle, with its arguments; `e` is the last of "job"
---@return integer? id nil also when the client is about to close
---@return table? err as the core has it
function operation.begin(client, handler, verb, a, b, c, d, e)
  handler._task = false
  if client._ending == handler then
    client._ending = false
  end
  if client._closed then
    return nil
  end
  local handle = client._handle
  return handle[verb](handle, a, b, c, d, client._handlers, handler, e)
end

--- Begins an operation; the handler hears of a refusal, too.
---@param client segmind.Client
---@param handler table
---@param verb string
---@return integer? id
function operation.start(client, handler, verb, a, b, c, d, e)
  local id, err = operation.begin(client, handler, verb, a, b, c, d, e)
  if err then
    handler:_on_end(nil, Error.from(err))
  end
  return id
end

--- Whether the core has an operation whose end has not been dealt with.
---@param client segmind.Client
---@param handler table?
---@return boolean
function operation.is_under_way(client, handler)
  local id = handler and handler._task
  return id and client._handlers[id] == handler or false
end

--- Whether the end of a handler's operation is being dealt with, or was interrupted in that.
---@param client segmind.Client
---@param handler table?
---@return boolean
function operation.is_ending(client, handler)
  return client._ending == handler
end

--- Ends an operation that nobody waits for any more.
---@param client segmind.Client
---@param handler table?
function operation.cancel(client, handler)
  if client._ending ~= handler and operation.is_under_way(client, handler) then
    client._handlers[handler._task] = nil
    client._handle:cancel(handler._task)
  end
end

--- The job that waits for what a handler hears; nil where there is none.
---@param handler table?
---@return segmind.Job?
function operation.job(handler)
  return handler and (handler._phase and handler or handler.job)
end

--- The handler that hears of what a job waits for: itself unless there is another.
---@param job segmind.Job
---@return table handler
function operation.of(job)
  return job._operation or job
end

-- Its job had come to its next operation when an event came for the second time.
local function is_behind(handler, id)
  local job = handler._phase and handler or handler.job
  local task = job and (job._operation or job)._task
  return task and task ~= id
end

local function deliver_end(client, handler, id, what, value)
  if not is_behind(handler, id) then
    client._ending = handler
    if what == "done" then
      handler:_on_end(value)
    else
      handler:_on_end(nil, Error.from(value))
    end
  end
  client._handlers[id] = nil
  client._ending = false
end

--- Hands an event of the core to its handler.
---@param client segmind.Client
---@param id integer
---@param what "state"|"row"|"done"|"error"|"note"
---@param a any
---@param b any
function operation.deliver(client, id, what, a, b)
  local handler = client._handlers[id]
  if what == "note" then
    callback.emit(client, { what = "note", message = a, job = operation.job(handler) })
  elseif not handler then -- nobody waits for it any more
    return
  elseif what == "done" or what == "error" then
    deliver_end(client, handler, id, what, a)
  elseif is_behind(handler, id) then
    return
  elseif what == "row" then
    handler:_on_row(a)
  elseif handler._on_state then
    handler:_on_state(a, b)
  end
end

--- Waits for one operation.
---@param client segmind.Client
---@param verb string
---@return table? done
---@return segmind.Error?
function operation.await(client, verb, a, b, c)
  return wait.result(client, "waiting", function(fn)
    operation.start(client, { _on_end = function(_, done, err)
      fn(done, err)
    end }, verb, a, b, c)
  end)
end

--- Asks the service for a table in JSON and waits for it.
---@param client segmind.Client
---@param host "api"|"control"
---@param path string
---@param what string that is read, for messages
---@return table? body
---@return segmind.Error? err
---@return table? done the answer
function operation.get(client, host, path, what)
  local done, err = operation.await(client, "get", host, path, { timeout = client._timeout })
  if not done then
    return nil, err
  end
  local body, why = json.decode(done.body, client._max_json)
  if type(body) ~= "table" then
    return nil, Error.new("protocol", ("%s cannot be read: %s"):format(what,
      why or "something else than a table"), { body = done.body, status = done.status })
  end
  return body, nil, done
end

--- Asks the ledger and waits for its answer, some milliseconds; ten seconds at the most.
---@param client segmind.Client
---@param what "spent"|"find"|"list"|"resume"
---@param value any
---@return any answer
---@return segmind.Error? err kind "ledger"
function operation.ask(client, what, value)
  wait.check_open(client)
  local answer, err = client._handle:ask(what, value)
  if err then
    return nil, Error.from(err)
  end
  return answer
end

return operation
