-- The commands. Nothing of the plugin is loaded before one is used.
if vim.g.loaded_segmind or vim.fn.has("nvim-0.7") == 0 then
  return
end
vim.g.loaded_segmind = 1

local command = vim.api.nvim_create_user_command

command("SegmindEdit", function(call)
  require("segmind.nvim").edit(call.args, { from_text = call.bang,
    lines = call.range > 0 and { call.line1, call.line2 } or nil })
end, {
  -- Neither "bar" nor "file" completion: a prompt is taken as it stands, with | and % and #.
  nargs = "*",
  bang = true,
  range = true,
  complete = function(lead, line, position)
    return require("segmind.nvim.complete").edit(lead, line:sub(1, position))
  end,
  desc = "Edit the picture under the cursor or in the buffer; with ! draw one from the text alone",
})

command("SegmindChain", function(call)
  require("segmind.nvim").chain(call.args, { yes = call.bang })
end, {
  -- Not "file": the editor would expand the argument, and run what is in backticks.
  nargs = "?",
  bang = true,
  complete = function(lead)
    return require("segmind.nvim.complete").chain(lead)
  end,
  desc = "Run the edits that a JSON file lists; with ! without asking above $1",
})

command("SegmindResume", function()
  require("segmind.nvim").resume()
end, { bar = true, desc = "Take up the edits that an editor left under way" })

command("SegmindCancel", function()
  require("segmind.nvim").cancel()
end, { bar = true, desc = "Let go of the edits under way" })

command("SegmindLog", function()
  require("segmind.nvim").log()
end, { bar = true, desc = "Show what was told, and what the ledger holds" })
