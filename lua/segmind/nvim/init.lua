--- Segmind inside Neovim. The editor is never waited for: jobs run on the library's thread, and
--- what comes back is taken on the editor's own loop.
---
---     require("segmind.nvim").setup({ model = "flux-kontext-max", output_dir = "~/Pictures" })

local client = require("segmind.nvim.client")
local config = require("segmind.nvim.config")
local say = require("segmind.nvim.say")

local plugin = {}

---@class segmind.nvim.EditOptions
---@field from_text boolean?
---@field lines { [1]: integer, [2]: integer }? the first and the last, from 1
---@field on_end fun(result: segmind.Result?, err: segmind.Error?)?

--- Sets the options; see |segmind-setup|. Not needed when the defaults are right.
---@param opts segmind.nvim.Options?
function plugin.setup(opts)
  config.set(opts)
  client.renew()
end

--- Edits the picture under the cursor, or in the buffer. `text` is what `:SegmindEdit` takes; with
--- `from_text` a picture is drawn from it alone; with `lines` the first picture that these lines
--- name is edited. Without a text it is asked for.
---@param text string?
---@param opts segmind.nvim.EditOptions?
function plugin.edit(text, opts)
  local edit = require("segmind.nvim.edit")
  opts = opts or {}
  local edited = edit.begin(opts.lines)
  if text and text:find("%S") then
    return edit.run(text, opts, edited)
  end
  vim.ui.input({ prompt = "What to change: " }, function(answer)
    if answer and answer:find("%S") then
      edit.run(answer, opts, edited)
    end
  end)
end

---@class segmind.nvim.ChainOptions
---@field yes boolean? do not ask, whatever it costs
---@field on_end fun(results: table?, err: any)?

--- Runs a chain file; without a path the one in the buffer.
---@param path string?
---@param opts segmind.nvim.ChainOptions?
function plugin.chain(path, opts)
  require("segmind.nvim.chain").run(path or "", opts or {})
end

--- Takes up the edits that an editor left under way which is gone.
---@param opts { on_end: fun(result: table?, err: any)? }? called for each
function plugin.resume(opts)
  require("segmind.nvim.resume").run(opts or {})
end

--- Shows everything that was told in this session, and what the ledger holds.
function plugin.log()
  local sm = client.get()
  require("segmind.nvim.log").open(sm, sm and client.ledger())
end

--- Lets go of the edits under way. What the service has accepted runs on there and is paid.
function plugin.cancel()
  local count = require("segmind.nvim.jobs").cancel()
  if count == 0 then
    return say.info("nothing is under way")
  end
  say.info(("let go of %d edit%s; what the service has accepted runs on there and is paid"):format(
    count, count == 1 and "" or "s"))
end

return plugin
