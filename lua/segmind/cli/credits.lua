--- `segmind credits`: what is left on the account.

local verb = {
  name = "credits",
  summary = "Print what is left on the account.",
  examples = "  segmind credits",
}

function verb.declare() end

function verb.run(context)
  local client, err = context.client()
  local credits
  if client then
    credits, err = client:credits()
  end
  if not credits then
    return context.fail(err)
  end
  context.out:line(("%g"):format(credits.credits))
  context.out:result({ credits = credits.credits, free = credits.free })
  if credits.free > 0 then
    context.err(("and %g free credits"):format(credits.free))
  end
  return 0
end

return verb
