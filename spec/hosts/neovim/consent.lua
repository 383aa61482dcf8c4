-- :SegmindChain of what costs more than a dollar: somebody says yes, or a budget does.
local driver = dofile(vim.env.SPEC_ROOT .. "/spec/hosts/neovim/driver.lua")

local STEP = '{ "model": "flux-kontext-max", "params": { "prompt": "%s %d" } }'

local function long(name)
  local steps = {}
  for n = 1, 11 do
    steps[n] = STEP:format(name, n)
  end
  return driver.write(name .. ".json", ('{ "steps": [%s] }'):format(table.concat(steps, ",")))
end

local function chain(command, name)
  driver.messages = {}
  vim.cmd(command .. " " .. long(name))
  return driver.said()
end

local asked

local function answers(answer)
  vim.ui.input = function(opts, on_answer) -- luacheck: ignore
    asked = opts.prompt
    on_answer(answer)
  end
end

driver.run(function()
  driver.plugin({ ledger = false })
  answers("y")
  driver.has(chain("SegmindChain", "nobody"),
    "11 pictures cost $1.10; say :SegmindChain!, or bound it with the option budget")
  assert(not asked)

  vim.api.nvim_list_uis = function()
    return { {} }
  end
  for _, answer in ipairs({ "n", "" }) do
    answers(answer)
    driver.has(chain("SegmindChain", "refused"), "nothing was sent")
    driver.lacks(driver.said(), "11 steps, $1.10")
    assert(asked == "11 pictures cost $1.10. Go on? [y/N] ")
  end
  answers("y")
  driver.has(chain("SegmindChain", "allowed"), "11 steps, $1.10")

  asked = nil
  driver.has(chain("SegmindChain!", "bang"), "11 steps, $1.10")
  driver.plugin({ ledger = false, budget = 9 })
  driver.has(chain("SegmindChain", "budget"), "11 steps, $1.10")
  assert(not asked)
end)
