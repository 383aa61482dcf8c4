-- The commands. Nothing of the plugin is loaded before one is used.
if vim.g.loaded_segmind then
  return
end
vim.g.loaded_segmind = 1

local command = vim.api.nvim_create_user_command

command("SegmindEdit", function(call)
  require("segmind_nvim").edit(call.args, { from_text = call.bang })
end, {
  nargs = "*",
  bang = true,
  complete = function(lead, line, position)
    return require("segmind_nvim.complete").edit(lead, line:sub(1, position))
  end,
  desc = "Edit the picture under the cursor or in the buffer; with ! draw one from the text alone",
})

command("SegmindChain", function(call)
  require("segmind_nvim").chain(call.args)
end, {
  -- Not "file": the editor would expand the argument, and run what is in backticks.
  nargs = "?",
  complete = function(lead)
    return require("segmind_nvim.complete").chain(lead)
  end,
  desc = "Run the edits that a JSON file lists",
})

command("SegmindResume", function()
  require("segmind_nvim").resume()
end, { desc = "Take up the edits that an editor left under way" })

command("SegmindCancel", function()
  require("segmind_nvim").cancel()
end, { desc = "Let go of the edits under way" })
