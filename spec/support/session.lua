--- A client of an emulator of its own, for specs over real sockets. What a spec leaves behind,
--- jobs or transfers, fails it. With SEGMIND_SPEC_INLINE=1 its clients have no thread;
--- spec/suite.sh runs the specs that use it once more in that way.
---
---     local session = require("spec.support.session")
---     local service = session.fixture({ speed = 100 })     in a block of tests
---     local sm = session.client({ max_active_jobs = 8 })   in a test; closed after it

local emulator = require("spec.support.emulator")
local segmind = require("segmind")
local shell = require("spec.support.shell")

local session = {}

--- The smallest PNG there is, for specs in which the picture does not matter.
session.PIXEL = ("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
  .. "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082")
  :gsub("%x%x", function(byte)
    return string.char(tonumber(byte, 16))
  end)

--- Whether clients are to be inline; nil rather than false, as an option that is not given.
---@type true?
session.INLINE = (os.getenv("SEGMIND_SPEC_INLINE") or "") ~= "" or nil

local service, client

--- How many descriptors this process has open.
---@return integer
function session.descriptors()
  return tonumber(shell.output("ls /proc/$PPID/fd | wc -l"))
end

--- The fixture of a block of tests: an emulator for all of them; the client that a test opens is
--- closed after it.
---@param options table? of the emulator
---@return spec.Emulator
function session.fixture(options)
  local given = { plain = true, speed = 400, credits = 10000 }
  for name, value in pairs(options or {}) do
    given[name] = value
  end
  local busted, own = require("busted"), emulator.fixture(given)
  busted.setup(function()
    service = own
  end)
  busted.after_each(session.close)
  return own
end

--- Opens a client of the emulator.
---@param options table? of the client
---@return segmind.Client
function session.client(options)
  assert(not client, "the client before was not closed")
  -- The emulator is quicker than the published latencies that polling goes by.
  local given = { api_key = emulator.KEY, base_url = service.url, poll = 0.01,
    inline = session.INLINE }
  for name, value in pairs(options or {}) do
    given[name] = value
  end
  client = assert(segmind.new(given))
  return client
end

--- What a client still has to do: 0 in a spec that has ended well.
---@return integer
function session.live()
  local stats = client:stats()
  return stats.pending + stats.ready + stats.jobs + stats.active + stats.queued
end

-- Cancelling never waits for the worker, so what it ends may be there a moment longer.
local function becomes(is_so)
  for _ = 1, 100 do
    if is_so() then
      return true
    end
    client:step() -- turns an inline one
    os.execute("sleep 0.01")
  end
  return false
end

--- Closes the client; raises when something of it is left.
function session.close()
  if not client then
    return
  end
  local is_idle = client._closed or becomes(function()
    return session.live() == 0
  end)
  client:close()
  client = nil
  collectgarbage()
  assert(is_idle, "the spec leaves jobs or transfers behind")
end

return session
