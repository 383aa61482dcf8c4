--- Segmind inside Neovim. The editor is never waited for: jobs run on the library's thread, and
--- what comes back is taken on the editor's own loop.
---
---     require("segmind_nvim").setup({ model = "flux-kontext-max", output_dir = "~/Pictures" })

local client = require("segmind_nvim.client")
local config = require("segmind_nvim.config")
local say = require("segmind_nvim.say")

local plugin = {}

--- Sets the options; see |segmind-setup|. Not needed when the defaults are right.
---@param opts table?
function plugin.setup(opts)
  config.set(opts)
  client.renew()
end

--- Edits the picture under the cursor, or in the buffer. `text` is what `:SegmindEdit` takes; with
--- `from_text` a picture is drawn from it alone. Without a text it is asked for.
---@param text string?
---@param opts { from_text: boolean?, on_end: fun(result: table?, err: any)? }?
function plugin.edit(text, opts)
  local edit = require("segmind_nvim.edit")
  if text and text:find("%S") then
    return edit.run(text, opts or {})
  end
  local edited = edit.begin()
  vim.ui.input({ prompt = "What to change: " }, function(answer)
    if answer and answer:find("%S") then
      edit.run(answer, opts or {}, edited)
    end
  end)
end

--- Runs a chain file; without a path the one in the buffer.
---@param path string?
---@param opts { on_end: fun(results: table?, err: any)? }?
function plugin.chain(path, opts)
  require("segmind_nvim.chain").run(path or "", opts or {})
end

--- Takes up the edits that an editor left under way which is gone.
---@param opts { on_end: fun(result: table?, err: any)? }? called for each
function plugin.resume(opts)
  require("segmind_nvim.resume").run(opts or {})
end

--- Lets go of the edits under way. What the service has accepted runs on there and is paid.
function plugin.cancel()
  local count = require("segmind_nvim.jobs").cancel()
  if count == 0 then
    return say.info("nothing is under way")
  end
  say.info(("let go of %d edit%s; what the service has accepted runs on there and is paid"):format(
    count, count == 1 and "" or "s"))
end

return plugin
