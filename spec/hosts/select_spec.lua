--- A client in a loop on LuaSocket's select, as the README shows it.

local has_socket, socket = pcall(require, "socket")
local session = require("spec.support.session")

-- Without a descriptor there is nothing to watch.
local describe_it = has_socket and not os.getenv("SEGMIND_SPEC_INLINE") and describe or pending

describe_it("on LuaSocket's select", function()
  local sm

  session.fixture({ speed = 100 })

  before_each(function()
    sm = session.client()
  end)

  it("a job ends, and the loop does not spin meanwhile", function()
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    local turns = 0
    while not job:poll() do
      socket.select({ { getfd = function() return sm:fd() end } }, nil, sm:timeout() or 1)
      turns = turns + 1
    end
    assert.is_nil(job:error())
    -- A turn for each state, and a few for luck.
    assert.is_true(turns < 15, turns .. " turns")
  end)

  it("other sockets are served while jobs run", function()
    local server = assert(socket.bind("127.0.0.1", 0))
    local port = select(2, server:getsockname())
    local peer = assert(socket.connect("127.0.0.1", port))
    local other = assert(server:accept())
    local client = { getfd = function() return sm:fd() end }
    local jobs, over, lines = {}, 0, 0
    for i = 1, 10 do
      jobs[i] = assert(sm:submit("flux-kontext-pro", { prompt = "x", seed = i }))
      jobs[i]:on("done", function()
        over = over + 1
        peer:send("done\n")
      end)
    end
    while over < 10 or lines < 10 do
      local ready = socket.select({ client, other }, nil, sm:timeout() or 1)
      if ready[client] then
        sm:step(4)
      end
      if ready[other] then
        assert.equal("done", (other:receive("*l")))
        lines = lines + 1
      end
    end
    for _, each in ipairs({ peer, other, server }) do
      each:close()
    end
  end)
end)
