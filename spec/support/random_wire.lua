--- The rules of a wire that breaks at random, for the random chains and the soak.

--- What breaks, how often. Bytes are not garbled: over plain HTTP nobody could tell a changed id
--- from another one; TLS is what keeps that from happening.
---@param seed integer the same seed, the same faults
---@return table[] for Emulator:wire
return function(seed)
  local function rule(kind, direction, probability, actions)
    return { match = { kind = kind, probability = probability }, direction = direction,
      at = "random", action = actions, seconds = 0.1, rate = 4000, seed = seed }
  end
  local all = { "close", "reset", "stall", "delay", "trickle" }
  return {
    rule("submit", "response", 0.08, all),
    -- Rare: each is looked up four times in a history that grows by thousands.
    rule("submit", "request", 0.0015, { "close", "reset" }),
    rule("status", { "request", "response" }, 0.05, all),
    rule("result", { "request", "response" }, 0.08, all),
    rule("history", { "request", "response" }, 0.1, { "close", "reset", "delay" }),
  }
end
