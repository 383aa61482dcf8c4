--- The repository as a plugin manager installs it: its files below a pack/*/start, `make nvim` run
--- there, and Neovim with nothing else on its paths, headless and on a real screen.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local paths = require("spec.support.paths")
local session = require("spec.support.session")
local shell = require("spec.support.shell")
local terminal = require("spec.support.terminal")

if not rawget(_G, "jit") then
  return
end

local quote = shell.quote

describe("the plugin in Neovim's packages", function()
  local service = session.fixture()
  local home = files.unused()
  local plugin = home .. "/data/nvim/site/pack/x/start/segmind"
  local work, screen

  --- The files that a clone has, those that are not committed yet included.
  local function clone()
    files.make_folder(plugin)
    local list = home .. "/files"
    os.execute(("cd %s && { git ls-files -z --cached --others --exclude-standard 2>/dev/null || "
      .. "find . \\( -path './build*' -o -name .git -o -name '*.so' \\) -prune -o -type f -print0; "
      .. "} >%s && tar -c --null -T %s --ignore-failed-read 2>/dev/null | tar -x -C %s"):format(
      quote(paths.root), list, list, plugin))
  end

  --- As a plugin manager runs it: as a user, with no variable of ours.
  local function make(settings)
    return shell.run(("cd %s && env -i HOME=%s PATH=\"$PATH\" %s %s make nvim"):format(plugin, home,
      os.getenv("CMAKE_C_COMPILER_LAUNCHER") and "CMAKE_C_COMPILER_LAUNCHER=ccache" or "",
      settings or ""))
  end

  --- The start of a command: Neovim with folders of its own and nothing of ours. Version 0.7 has no
  --- folder for state, so the packages come by XDG_DATA_DIRS and the one for data is the test's.
  local function nvim(settings)
    return ("env -i HOME=%s XDG_DATA_DIRS=%s/data XDG_CONFIG_HOME=%s/config XDG_DATA_HOME=%s/own "
      .. "XDG_STATE_HOME=%s/own XDG_CACHE_HOME=%s/own TMPDIR=%s PATH=\"$PATH\" LANG=C.UTF-8 "
      .. "TERM=screen-256color SEGMIND_BASE_URL=%s SEGMIND_API_KEY=%s %s nvim -i NONE -n "):format(
      home, home, home, work, work, work, work, service.url, emulator.KEY, settings or "")
  end

  --- What Lua says in a headless editor that has started as a user's does.
  local function lua(code, settings)
    files.write(work .. "/script.lua", code)
    local ended, output = shell.run(("cd %s && timeout 60 %s--headless -c 'luafile script.lua' "
      .. "-c qa! </dev/null"):format(work, nvim(settings)))
    assert.equal(0, ended, output)
    return output
  end

  local function open(file, text, settings, columns, lines)
    files.write(work .. "/" .. file, text)
    screen = terminal.start(nvim(settings) .. quote(file), work, columns or 80, lines or 24)
    screen:await("All")
  end

  local function command(text)
    screen:keys("Escape", ":" .. text, "Enter")
  end

  setup(function()
    clone()
    files.make_folder(home .. "/config/nvim")
    files.write(home .. "/config/nvim/init.lua",
      "package.cpath = '' -- lua-cjson and what else may be installed\n"
      .. "vim.g.segmind = vim.tbl_extend('force', { poll = 0.01, linger = 0.5 },\n"
      .. "  vim.json.decode(vim.env.OPTIONS or '{}'))\n")
  end)
  teardown(function()
    files.remove_folder(home)
  end)
  before_each(function()
    work = files.make_folder(files.unused())
    files.write(work .. "/p.png", session.PIXEL)
  end)
  after_each(function()
    if screen then
      screen:close()
      screen = nil
    end
    files.remove_folder(work)
  end)

  --- pkg-config's files without those of one library.
  local function without(name)
    local folder = files.make_folder(home .. "/without-" .. name)
    os.execute(("for d in $(pkg-config --variable pc_path pkg-config | tr : ' '); do "
      .. "cp $d/*.pc %s 2>/dev/null; done; rm -f %s/%s.pc"):format(folder, folder, name))
    return "PKG_CONFIG_LIBDIR=" .. folder
  end

  it("is told in a sentence what it lacks, and installs nothing", function()
    for name, package in pairs({ jansson = "libjansson-dev", libcurl = "libcurl4-openssl-dev",
      luajit = "libluajit-5.1-dev" }) do
      local code, output = make(without(name))
      assert.is_true(code ~= 0, output)
      assert.truthy(output:find("segmind needs " .. name, 1, true), output)
      assert.truthy(output:find(package, 1, true), output)
      assert.is_nil(output:find("apt-get", 1, true), output)
    end
    local bin = files.make_folder(home .. "/bin")
    os.execute(("cd %s && ln -s $(command -v make) $(command -v sh) $(command -v dirname) "
      .. "$(command -v cc) $(command -v nproc) ."):format(bin))
    local code, output = make("PATH=" .. bin)
    assert.is_true(code ~= 0)
    assert.truthy(output:find("segmind needs cmake, which is not installed", 1, true), output)
    assert.is_nil(files.read(plugin .. "/lua/segmind/core.so"))
  end)

  it("says how to build its core while there is none", function()
    local said = lua([[
      vim.notify = function(text) io.stdout:write(text, "\n") end
      vim.cmd("SegmindEdit! a house")
      vim.cmd("checkhealth segmind")
      io.stdout:write(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n"))
    ]])
    assert.truthy(said:find("the core is not built: run `make nvim` in " .. plugin, 1, true), said)
    assert.truthy(said:find("ERROR: the core is not built", 1, true), said)
  end)

  it("builds its core once, and keeps it when a later build fails", function()
    local code, output = make()
    assert.equal(0, code, output)
    local function core()
      return shell.output(("stat -c '%%i %%Y %%s' %s/lua/segmind/core.so"):format(plugin))
    end
    local built = core()
    assert.truthy(built:find("%d"))
    code, output = make()
    assert.same({ 0, "" }, { code, output })
    files.write(plugin .. "/csrc/lua/lsm_core.c", "#error broken\n")
    code, output = make()
    assert.is_true(code ~= 0)
    assert.truthy(output:find("#error broken", 1, true), output)
    assert.equal(built, core())
    os.execute(("cp %s/csrc/lua/lsm_core.c %s/csrc/lua/lsm_core.c"):format(quote(paths.root),
      plugin))
    assert.equal("", shell.output(("cd %s && ls -A lua/segmind | grep -F .new"):format(plugin)))
    local made = "lua/segmind/core.so\nlua/segmind/.core.so.new\ndoc/tags\nbuild-luajit/x\n"
    local ignored = shell.output(("cd %s && git check-ignore %s 2>&1"):format(quote(paths.root),
      (made:gsub("\n", " "))))
    assert.is_true(ignored == made or ignored:find("^fatal: ") ~= nil, ignored)
  end)

  it("is found on the runtime path, whole and healthy", function()
    local said = lua([[
      vim.cmd("helptags ALL")
      for _, tag in ipairs({ ":SegmindEdit", ":SegmindLog", "segmind-install", "segmind-key" }) do
        vim.cmd("help " .. tag)
      end
      vim.cmd("checkhealth segmind")
      io.stdout:write(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n"))
    ]], "SEGMIND_API_KEY=SG_00000000deadbeef")
    for _, part in ipairs({ "built for LuaJIT", plugin .. "/lua/segmind/core.so", "libcurl 7.",
      "JSON is read by the core",
      "a key is set, by SEGMIND_API_KEY", "/segmind/emulator.db: $0.00 spent" }) do
      assert.truthy(said:find(part, 1, true), part .. "\n" .. said)
    end
    assert.is_nil(said:find("ERROR", 1, true), said)
    assert.is_nil(said:find("deadbeef", 1, true), said)
    assert.equal("", shell.output("cd " .. plugin .. " && ls doc/tags 2>&1 | grep -v tags"))
  end)

  it("says how to build its core anew when that is of an older build", function()
    local path = plugin .. "/lua/segmind/core.so"
    local built, interface = files.read(path), require("segmind.interface")
    local older = built:gsub(interface:gsub("%p", "%%%0"), (interface:gsub("%x%x%x$", "000")))
    files.write(path, older)
    local said = lua([[
      vim.notify = function(text) io.stdout:write(text, "\n") end
      vim.cmd("SegmindEdit! a house")
      vim.cmd("checkhealth segmind")
      io.stdout:write(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n"))
    ]])
    files.write(path, built)
    local sentence = path .. " does not load: this segmind.core and the Lua files are of different"
    assert.truthy(said:find("segmind: " .. sentence, 1, true), said)
    assert.truthy(said:find("ERROR: " .. sentence, 1, true), said)
    assert.truthy(said:find("`make nvim` in " .. plugin .. " builds it anew", 1, true), said)
  end)

  --- An editor in which nothing waits for Enter: what is typed arrives in the text.
  local function goes_on(word)
    screen:keys("Escape", "Go" .. word, "Escape")
    local text = screen:await(word)
    assert.is_nil(text:find("Press ENTER", 1, true), text)
  end

  --- The log, once the window of edits that have ended is gone from above it.
  local function has_log(part)
    local text = screen:await(function(text)
      return not text:find("╭", 1, true) and text:find(part, 1, true)
    end)
    assert.is_nil(text:find("Press ENTER", 1, true), text)
    return text
  end

  local function has_files(pattern)
    return tonumber(shell.output(("ls -A %s | grep -c %s"):format(work, quote(pattern))))
  end

  it("edits pictures of nasty names by nasty words, and runs none of them", function()
    local name = "`touch pwn` % # a|b.png"
    files.write(work .. "/" .. name, session.PIXEL)
    open("note.md", "![x](<" .. name .. ">)\n")
    command("SegmindEdit aspect_ratio=1:1 at `touch pwn` | !touch pwn % # <cfile> $(touch pwn) \"x")
    screen:await("![at `touch pwn` | !touch pwn % #")
    goes_on("written")
    assert.equal("at `touch pwn` | !touch pwn % # <cfile> $(touch pwn) \"x",
      service:ledger().submits[1].body.prompt)
    assert.equal(0, has_files("^pwn$"))
    assert.equal(1, has_files("^touch-pwn-a-b-at-touch-pwn.*png$"))
  end)

  it("edits the first picture of a range, the one under the cursor before it", function()
    files.write(work .. "/q.png", session.PIXEL)
    open("note.md", "nothing\n![x](p.png)\n![y](q.png)\n")
    command("2,3SegmindEdit at night")
    screen:await("![at night](p-at-night.png)")
    screen:keys("Escape", "4GV:")
    screen:keys("SegmindEdit at noon", "Enter")
    screen:await("![at noon](q-at-noon.png)")
    goes_on("written")
  end)

  it("tells failures without a prompt on a narrow screen, and has them whole in its log", function()
    open("note.md", "![x](p.png)\n", "SEGMIND_API_KEY=SG_0000", 44, 12)
    command("SegmindEdit " .. ("a long prompt "):rep(12))
    screen:await("✗ ")
    goes_on("first")
    command("1SegmindEdit aspect_ratio=1:7 safety_tolerance=99 seed=x at night")
    screen:await("invalid")
    goes_on("second")
    command("SegmindLog")
    command("only")
    has_log('did you mean "1:1"?')
    command("normal ggzt")
    has_log("(HTTP 401)")
  end)

  it("refuses what could pass the budget, and says so", function()
    open("note.md", "![x](p.png)\n", "OPTIONS='{\"budget\":0.06}'")
    command("1SegmindEdit at night")
    screen:await("![at night](p-at-night.png)")
    command("1SegmindEdit at noon")
    screen:await("$0.05 of $0.06 are spent")
    goes_on("written")
    assert.equal(1, service:ledger().totals.accepted)
    command("SegmindLog")
    has_log("The ledger")
    command("only")
    has_log("emulator.db: $0.05 spent of $0.06")
  end)

  it("sends nothing while an option is wrong", function()
    open("note.md", "![x](p.png)\n", "OPTIONS='{\"budgte\":0.06}'")
    command("1SegmindEdit at night")
    screen:await("there is no option \"budgte\"")
    goes_on("written")
    assert.equal(0, service:ledger().totals.accepted)
  end)

  it("reads the key from a command, shows neither it nor what the command says", function()
    local options = "SEGMIND_API_KEY= OPTIONS='{\"api_key_command\":\"%s\"}'"
    open("note.md", "![x](p.png)\n", options:format("echo secret-warning >&2; echo "
      .. emulator.KEY))
    command("1SegmindEdit at night")
    screen:await("![at night](p-at-night.png)")
    command("SegmindLog")
    local text = has_log("This session")
    assert.is_nil(text:find("secret", 1, true) or text:find(emulator.KEY, 1, true), text)
    screen:close()
    open("other.md", "![x](p.png)\n", options:format("echo SG_secret-key; exit 3"))
    command("1SegmindEdit at noon")
    text = screen:await("exit status is 3")
    assert.is_nil(text:find("secret-key", 1, true), text)
    goes_on("written")
  end)

  --- An edit that the service has accepted and does not end.
  local function leave_one()
    service:faults({ { match = { path = "status", count = "always" },
      ["then"] = { status = 503 } } })
    open("note.md", "![x](p.png)\n")
    command("1SegmindEdit at night")
    screen:await(function(text)
      return text:find("QUEUED", 1, true) or text:find("PROCESSING", 1, true)
    end)
  end

  local function resumes()
    screen:close()
    service:clear_faults()
    open("note.md", "![x](p.png)\n")
    command("SegmindResume")
    screen:await("taken up: ")
    goes_on("written")
    command("SegmindResume")
    screen:await("nothing is unfinished")
    assert.equal(1, service:ledger().totals.accepted)
    assert.equal(1, has_files("^at-night.png$"))
  end

  it("takes up an edit after kill -9, which is accepted once", function()
    leave_one()
    screen:kill()
    resumes()
  end)

  it("takes up an edit after the editor was left, at once", function()
    leave_one()
    command("qa!")
    screen:join()
    resumes()
  end)
end)
