-- The adapter: the editor's API in callbacks, steps that are one at a time, a client that is closed
-- inside a callback, its handle closed before its descriptor.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

local PARAMS = { prompt = "a red house", aspect_ratio = "1:1" }

driver.run(function()
  local segmind = require("segmind")
  local luv = require("segmind.loop.luv")
  for round = 1, 20 do
    local sm = assert(segmind.new({ poll = 0.01 }))
    luv.attach(sm)
    local ok, message = pcall(luv.attach, sm)
    assert(not ok)
    driver.has(message, "on a loop already")
    local over = 0
    for i = 1, 10 do
      assert(sm:submit("flux-kontext-pro", PARAMS)):on("error", function()
        over = over + 1
      end):on("done", function(result)
        over = over + 1
        assert(not vim.in_fast_event())
        vim.api.nvim_buf_set_lines(0, 0, 0, false, { result.url })
        if i == round % 10 + 1 then
          sm:close()
        end
      end)
    end
    driver.await("all have ended", function()
      return over == 10
    end)
    sm:close()
    assert(sm:step() == 0)
  end
  assert(vim.api.nvim_buf_line_count(0) > 20)

  -- A client is free again when its loop is closed, and works on.
  local sm = assert(segmind.new({ poll = 0.01 }))
  local loop = luv.attach(sm)
  loop:close()
  loop:close()
  assert(sm:run("flux-kontext-pro", PARAMS))
  luv.attach(sm)
  sm:close()
end)
