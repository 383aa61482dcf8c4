--- What to do about a failure, in a sentence; by the kind of error (doc/errors.md).

local advice = {
  invalid = "Correct the call: nothing was sent.",
  not_sent = "Check the network, then run it again: it never left this machine.",
  rejected = "Read the message and change the request.",
  auth = "Give a key that the service accepts: SEGMIND_API_KEY, or the option api_key.",
  no_credits = "Top up the account, then run it again.",
  throttled = "Wait and run it again; the option rpm keeps to the account's rate.",
  unknown = "Do not simply run it again, it may be paid: look into client:history() first, then "
    .. "decide by the option on_unknown.",
  failed = "Change the prompt or the picture, then run it again.",
  expired = "The service has forgotten it. The option fresh makes another picture, and pays again.",
  timeout = "The service goes on with it: client:attach(request_id, model) takes it up again, for "
    .. "free.",
  protocol = "The answer makes no sense: err.body has it. Look into client:history() before it is "
    .. "run again.",
  security = "If the host is yours, name it in the option media_hosts.",
  ledger = "Mend the ledger's file or its disk, then run it again.",
  io = "Make room or correct the path, then save the picture again: that is free.",
  cancelled = "Run it again. What the service had accepted goes on there and is paid.",
  budget = "Raise the budget, then run it again.",
  upstream = "Mend the step that it needs, then run it again.",
}

local blocked = "The service refuses this content and will do so again: change the prompt or the "
  .. "picture."

--- The sentence for an error.
---@param err { kind: string, blocked: boolean?, charged: string }
---@return string
return function(err)
  local is_unsent = err.kind == "timeout" and err.charged == "no"
  return err.blocked and blocked or is_unsent and "Run it again: nothing was sent."
    or advice[err.kind] or "Read the message."
end
