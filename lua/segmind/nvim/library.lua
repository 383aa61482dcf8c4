--- Loads the library. Neovim's own `require` finds it, and its core where `make nvim` leaves that:
--- both lie on the runtime path, in the plugin's folder.

local library = {}

local CORE = "lua/segmind/core.so"

--- The plugin's folder.
library.root = debug.getinfo(1, "S").source:match("^@(.*)/lua/segmind/nvim/[^/]*$")

--- The file that the core comes from, nil when there is none.
---@return string?
function library.core()
  return vim.api.nvim_get_runtime_file(CORE, false)[1]
    or package.searchpath("segmind.core", package.cpath)
end

local function explain(problem)
  local core = library.core()
  if not core then
    return ("the core is not built: run `make nvim` in %s"):format(library.root)
  end
  local reason = tostring(problem):gsub("^.-: cannot open", "cannot open"):gsub("^segmind: ", "")
  return ("%s does not load: %s; `make nvim` in %s builds it anew"):format(core,
    reason:match("^[^\n]*"), library.root)
end

local loaded

--- The library, loaded on first use.
---@return table? segmind
---@return string? message why it cannot be loaded
function library.load()
  if loaded then
    return loaded
  end
  -- The loader says what is wrong with a core that loads: it may be of another build.
  for _, name in ipairs({ "segmind.core", "segmind.loader" }) do
    local ok, problem = pcall(require, name)
    if not ok then
      return nil, explain(problem)
    end
  end
  local ok, problem = pcall(require, "segmind")
  if not ok then
    return nil, "the library does not load: " .. tostring(problem):match("^[^\n]*")
  end
  loaded = problem
  return loaded
end

return library
