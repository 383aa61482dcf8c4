--- What lua_memory.c runs while Lua's Nth allocation fails: the binding alone, in steps, each of
--- which is tried again when memory had run out in it.
---
--- A step must be safe to repeat. Hence a task's id goes into a field that exists already: storing
--- it there allocates nothing, so it cannot get lost between the call and the note.

local world = ...

local state = {
  core = false, handle = false, job = false, upload = false, digest = false, hash = false,
  copy = false, get = false, done = 0, address = false, picture = false, download = false,
  saved = false,
}

local OPTIONS = { timeout = 20, poll = 0.002 }

-- More than fits a buffer or a list of names at first.
local JSON = {}
for i = 1, 30 do
  JSON[i] = ('"n%02d":[%d,0.5,{"t\\n":"%s"}]'):format(i, i, ("é\\t"):rep(50 * (i % 15)))
end
JSON = "{" .. table.concat(JSON, ",") .. "}"

--- Takes events until those of `wanted` tasks have ended; tells the ids to the host.
local function finish(wanted)
  while state.done < wanted do
    state.handle:wait(0.1)
    local _, what, a, b = state.handle:take()
    if what == "state" then
      world.name(b)
    elseif what == "done" or what == "error" then
      state.done = state.done + 1
      world.name(a.request_id)
      if what == "error" then
        world.fail(a.kind, a.charged, a.message)
      end
      state.address = state.address or a.body and a.body:match('"output":%s*"([^"]+)"') or false
      state.picture = a.path or state.picture
    end
  end
end

return {
  function()
    state.core = require("segmind.core")
  end,
  function()
    state.handle = state.handle or assert(state.core.open({
      api_key = world.key, base_url = world.url, inline = true, max_transfers = 2, rpm = 0,
      media_hosts = { "cdn.example", ".images.example" },
    }))
  end,
  function()
    state.core.image(world.picture)
    state.core.probe(world.path)
    state.core.probe(world.path .. ".none")
    if state.core.write_json(state.core.read_json(JSON)) ~= JSON then
      os.exit(9) -- a text that is short of something, where memory ran out
    end
    state.core.redact("x-api-key: SG_0123456789abcdef")
    state.core.sha256(world.picture)
    state.core.now()
    state.core.seed()
  end,
  function()
    state.saved = state.saved or state.core.save(world.saved, world.picture)
    state.core.save(world.path .. "/none/x", world.picture)
  end,
  function()
    state.upload = state.upload or state.handle:upload({ path = world.path,
      media_type = "image/png" }, OPTIONS)
  end,
  function()
    state.digest = state.digest or state.handle:digest(world.path)
    state.hash = state.hash or state.handle:digest({ bytes = world.picture })
    state.copy = state.copy or state.handle:save(world.saved, world.picture)
  end,
  function()
    state.get = state.get or state.handle:get("api", "/v1/get-user-credits", OPTIONS)
  end,
  function()
    finish(5)
  end,
  function()
    state.job = state.job or state.handle:job("flux-kontext-pro", world.body, OPTIONS)
  end,
  function()
    finish(6)
  end,
  function()
    state.download = state.download
      or state.handle:download(state.address, world.saved .. "x", OPTIONS)
  end,
  function()
    finish(7)
  end,
  function()
    tostring(state.handle)
    state.handle:stats()
    state.handle:fd()
    state.handle:redact(world.key)
    pcall(state.handle.attach, state.handle, "flux", "../bad", OPTIONS)
    pcall(state.handle.job, state.handle, "flux", "{}", { timeout = "x" })
    pcall(state.core.open, { api_key = "a b" })
    state.handle:cancel(99)
  end,
  function()
    os.remove(state.saved)
    os.remove(state.picture)
    -- Half of the runs leave it to lua_close.
    if world.number % 2 == 0 then
      state.handle:close()
    end
  end,
}
