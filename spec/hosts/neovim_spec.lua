--- The plugin and the luv adapter inside Neovim itself, headless, without anybody's configuration.
--- Each behaviour is a script in spec/hosts/neovim that an editor of its own runs. They do not
--- depend on the Lua that runs this file, so one of the three is enough: the one that Neovim has.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local paths = require("spec.support.paths")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

if not rawget(_G, "jit") then
  return
end

local quote = shell.quote

local root = shell.output("cd " .. quote(paths.root) .. " && pwd"):match("^[^\n]*")
local build = shell.output("cd " .. quote(paths.build) .. " && pwd"):match("^[^\n]*")

--- A sanitized module needs its runtime in the editor, which takes it out of the environment of its
--- children again; the editor's own leaks are not ours.
local function preload()
  local loaded = interpreter.preload()
  return loaded ~= "" and "env ASAN_OPTIONS=detect_leaks=0 " .. loaded or ""
end

--- What an editor that a script starts in a terminal is to load first; "" for nothing.
local function preloaded()
  return interpreter.preload():match("LD_PRELOAD='([^']*)'") or ""
end

-- Puts the plugin on the runtime path, in which commas and backslashes are escaped, and the core of
-- the build that is tested in front of one that `make nvim` may have left in the clone.
local PLUGIN = [[lua vim.opt.rtp:prepend(vim.fn.escape(vim.env.SPEC_ROOT, '\\,'))
  package.preload['segmind.core'] = package.loadlib(
    vim.env.SEGMIND_BUILD .. '/lib/lua/5.1/segmind/core.so', 'luaopen_segmind_core')]]
PLUGIN = PLUGIN:gsub("%s+", " ")

--- The start of a shell command that runs a script of spec/neovim; its exit status is the script's.
--- Neovim 0.7 hands paths with quotes and the like to a shell, and TMPDIR unquoted, so it sees the
--- clone through a link and keeps its own files in the folder, whose name is plain.
local function neovim(script, folder, service, env)
  local clone = folder .. "/.clone"
  local words = { "env -u TMUX -u KITTY_WINDOW_ID SEGMIND_BUILD=" .. quote(build),
    "TMPDIR=" .. quote(folder), "XDG_STATE_HOME=" .. quote(folder .. "/.state"),
    "XDG_DATA_HOME=" .. quote(folder .. "/.state"),
    "SEGMIND_BASE_URL=" .. quote(service.url), "SEGMIND_API_KEY=" .. emulator.KEY,
    "SPEC_ROOT=" .. quote(clone), "SPEC_FOLDER=" .. quote(folder),
    "SPEC_PIXEL=" .. session.PIXEL:gsub(".", function(char)
      return ("%02x"):format(char:byte())
    end), "SPEC_PLUGIN=" .. quote(PLUGIN), "SPEC_PRELOAD=" .. quote(preloaded()), env or "",
    "timeout -k 5 60", preload() .. "nvim --headless -u NONE -i NONE -n --cmd", quote(PLUGIN), "-c",
    quote(("lua dofile(vim.env.SPEC_ROOT .. '/spec/hosts/neovim/%s.lua')"):format(script)) }
  return table.concat(words, " ")
end

--- A folder of a plain name, whatever TMPDIR says, with a link to the clone, for each test.
local function folder_with_clone()
  local path = files.fixture()
  before_each(function()
    os.execute(("ln -s %s %s/.clone"):format(quote(root), quote(path)))
  end)
  return path
end

describe("in Neovim", function()
  local service = session.fixture()
  local folder = folder_with_clone()

  local function holds(script, env)
    local text = shell.output(neovim(script, folder, service, env)
      .. " </dev/null 2>&1; echo \" exit status $?\"")
    assert(text:find(" exit status 0\n$"), text)
    -- An error in a scheduled callback is printed and does not end the script.
    assert(not text:find("Error executing"), text)
  end

  it("an edit of the picture under the cursor ends as a file and a line in the text", function()
    holds("edit")
    assert.equal(2, service:ledger().totals.accepted)
  end)

  it("a buffer that is a picture is edited, and a text alone draws one", function()
    holds("buffer")
  end)

  it("what cannot be is told before anything is sent", function()
    holds("refuse")
    assert.equal(0, service:ledger().totals.accepted)
  end)

  it("models, parameters and their values are completed; no name and no word is run", function()
    holds("complete")
    assert.equal(0, service:ledger().totals.accepted)
  end)

  it("the picture under the cursor is found in every form of link", function()
    holds("links")
  end)

  it("failures are told in the window and on one line, and never stop the editor", function()
    holds("failures")
  end)

  it("the window comes back when its buffer is taken away, and is gone on leaving", function()
    holds("window")
  end)

  it("a chain file runs, and a bad one is told with its line and step", function()
    holds("chain")
    assert.equal(3, service:ledger().totals.accepted) -- the second run has them from the ledger
  end)

  --- An editor is killed while the service works on its edit, which goes on there.
  local function leave_one()
    service:faults({ { match = { path = "status", count = "always" },
      ["then"] = { status = 503 } } })
    local text = shell.output(neovim("left", folder, service) .. " </dev/null 2>&1; echo \" $?\"")
    assert(text:find(" 137\n$"), text)
    service:clear_faults()
  end

  it("an edit that a killed editor left is taken up by :SegmindResume, and paid once", function()
    leave_one()
    holds("resume")
    assert.equal(1, service:ledger().totals.accepted)
  end)

  it("or by the same words", function()
    leave_one()
    holds("again")
    assert.equal(1, service:ledger().totals.accepted)
  end)

  it("a build without SQLite works without a ledger, and says so once", function()
    holds("unkept", "SEGMIND_BUILD=" .. quote(build .. "/without-ledger"))
    assert.equal(2, service:ledger().totals.accepted)
  end)

  it("a chain that costs more than a dollar is asked for, unless ! or a budget says so", function()
    holds("consent")
  end)

  it("checkhealth tells what is there without showing the key, and the help is found", function()
    holds("health")
  end)

  it("edits are let go of, and the editor is not held up", function()
    -- Whoever waited for one of the six would wait for longer than the script allows.
    service:faults({ { match = { path = "submit", count = 6 }, mode = "after",
      ["then"] = { delay = 3 } } })
    holds("cancel")
  end)

  it("the result is shown in a terminal that can", function()
    holds("show")
  end)

  it("nothing leans on names that newer versions have replaced", function()
    for _, script in ipairs({ "edit", "buffer", "chain", "health", "show" }) do
      holds(script, "SPEC_NEWER=1")
    end
  end)

  it("needs no lua-cjson", function()
    holds("json")
  end)

  it("callbacks may use the editor and close their client", function()
    holds("callbacks")
  end)
end)

describe("leaving Neovim", function()
  local service = session.fixture({ tls = true, latency = 0.2, speed = 1 })
  local folder = folder_with_clone()

  --- 60 editors that leave 0 to 295 ms after they have submitted 50 jobs; how many left well.
  local function leave()
    local command = neovim("quit", folder, service,
      "SPEC_CA=" .. quote(service.cert) .. " SPEC_AFTER=$1")
    local text = shell.output(("seq 0 5 295 | xargs -P 3 -n 1 sh -c %s sh"):format(
      quote(command .. " </dev/null 2>&1; echo \" status $?\"")))
    local _, well = text:gsub(" status 0\n", "")
    return well, text
  end

  it("with 50 TLS transfers under way never crashes, 60 times", function()
    -- No submit is answered, so all 50 are in flight from the handshakes on.
    service:faults({ { match = { path = "submit", count = "always" }, mode = "after",
      ["then"] = { delay = 2 } } })
    local well, text = leave()
    assert.equal(60, well, text)
  end)

  it("between answers and pictures coming back never crashes, 60 times", function()
    local well, text = leave()
    assert.equal(60, well, text)
  end)
end)
