--- examples/love plays by itself on a virtual display, with the module that LuaJIT loads: prompts
--- are typed, a chain with a branch is edited, screenshots are taken.

if not rawget(_G, "jit") then
  return
end

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local ledger = require("spec.support.ledger")
local paths = require("spec.support.paths")
local picture = require("spec.support.picture")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

local quote = shell.quote

local function has(program)
  return shell.output("command -v " .. program) ~= ""
end

-- xvfb-run fails at times while it removes its own folder, so the program's status is printed.
local STATUS = "sh -c '\"$@\"; echo status=$?' sh"

describe("the LÖVE example", function()
  local service = session.fixture({ plain = false, speed = 20 })
  local folder = files.fixture()

  local function is_sanitized()
    return files.read(paths.build .. "/preload") ~= nil
  end

  --- What the demo printed, and its exit status. `library`: loaded before all others; `given`: the
  --- picture to begin with.
  local function run(key, library, given)
    local text = shell.output(table.concat({
      "env SDL_AUDIODRIVER=dummy ALSOFT_DRIVERS=null LIBGL_ALWAYS_SOFTWARE=1",
      "XDG_DATA_HOME=" .. quote(folder), "SEGMIND_BUILD=" .. quote(paths.build),
      "LUA_PATH=" .. quote(package.path), "LUA_CPATH=" .. quote(package.cpath),
      "SEGMIND_BASE_URL=" .. quote(service.url), "SEGMIND_API_KEY=" .. quote(key),
      -- xvfb-run takes no TMPDIR with a space.
      "SLOW_DISK_MS=60 TMPDIR=" .. quote(folder), "SEGMIND_PICTURES=" .. quote(folder),
      "timeout -k 5 120 xvfb-run -a",
      "-s '-screen 0 1280x800x24'", STATUS, interpreter.preload(library) .. "love",
      quote(paths.root .. "/examples/love"), "--demo", quote(folder), given or "", "2>&1" }, " "))
    return text, tonumber(text:match("status=(%d+)\n"))
  end

  local function check_screenshot(name)
    local bytes = files.read(folder .. "/" .. name)
    local format, width, height = picture.read(bytes)
    assert.same({ "png", 1280, 800 }, { format, width, height })
    -- The table without pictures is some 30 KB as a PNG, a blank window 5.
    assert.is_true(#bytes > 60000, name .. " is blank or lacks its pictures: " .. #bytes)
  end

  it("says at every edit why there is no client, not that somebody has to look above", function()
    local path, game = package.path, love -- luacheck: ignore
    package.path = paths.root .. "/examples/love/?.lua;" .. path
    rawset(_G, "love", { timer = { getTime = os.clock } })
    local desk = require("desk").new({}, folder, nil, nil)
    package.path = path
    local key = desk.client and "there is one" or nil
    desk:tell("another message")
    desk:edit("at night")
    rawset(_G, "love", game)
    assert.is_nil(key)
    assert.truthy(desk.notice.text:find("there is no API key: set SEGMIND_API_KEY", 1, true),
      desk.notice.text)
  end)

  if not (has("love") and has("xvfb-run")) then
    pending("needs love and xvfb-run, which are not installed")
    return
  elseif is_sanitized() then
    pending("the graphics driver hangs under a preloaded sanitizer")
    return
  end

  --- The ledger of the only session.
  local function ledger_path()
    return shell.output("ls -d " .. quote(folder) .. "/love/*/results/*/edits.db"):match("[^\n]+")
  end

  it("edits a chain with a branch over a slow disk, never freezes, shows the pictures", function()
    shell.output(("curl -sf -H 'x-api-key: %s' -H 'Content-Type: application/json' -o %s -d "
      .. "'{\"prompt\":\"a house by a lake\",\"output_format\":\"png\"}' %s/v1/flux-kontext-pro")
      :format(emulator.KEY, quote(folder .. "/noon.png"), service.url))
    service:reset()
    local text, status = run(emulator.KEY, "libslow_disk.so")
    assert.equal(0, status, text)
    assert.equal(5, service:ledger().totals.completed)
    check_screenshot("working.png")
    check_screenshot("finished.png")
    local frames, median, worst, step = text:match("(%d+) frames, median ([%d.]+) ms.-worst "
      .. "([%d.]+) ms; step.-worst ([%d.]+) us")
    assert.is_true(tonumber(frames) > 50, text)
    -- A job takes more than a second: a frame that waited for one would be longer than this. The
    -- bounds are for a laden machine that draws without a graphics card.
    assert.is_true(tonumber(median) < 250 and tonumber(worst) < 1000, text)
    -- The ledger's disk takes 60 ms a time.
    assert.is_true(tonumber(step) < 50000, text)
    local rows = ledger.rows_of(ledger_path())
    assert.equal(5, #rows)
    for _, row in ipairs(rows) do
      assert.same({ "completed", true }, { row.state, row.file ~= nil })
    end
  end)

  it("ends with the error when there is no key that works", function()
    local text, status = run("malformed key")
    assert.equal(1, status, text)
    assert.truthy(text:find("demo: ", 1, true), text)
    assert.is_nil(text:find("stack traceback", 1, true), text)
  end)

  it("says of a picture that LÖVE cannot show that it can be edited, not that it failed", function()
    files.write(folder .. "/a.webp", "RIFF....WEBP")
    local text, status = run(emulator.KEY, nil, quote(folder .. "/a.webp"))
    assert.equal(1, status, text)
    assert.truthy(text:find("demo: LÖVE reads PNG and JPEG, not WebP: the picture is not shown, "
      .. "but can be edited all the same", 1, true), text)
  end)

  describe("as one file, with nothing of ours on the paths", function()
    local made, game, home
    local function carried()
      return shell.output("unzip -p " .. quote(game) .. " 'native/*/core.so'")
    end

    setup(function()
      made = files.unused()
      local code, output = shell.run(quote(paths.root) .. "/examples/love/pack.sh " .. made)
      assert.equal(0, code, output)
    end)
    teardown(function()
      files.remove_folder(made)
    end)
    before_each(function()
      home, game = folder .. "/home", folder .. "/game.love"
      files.make_folder(home)
      os.execute(("cp %s/segmind-table.love %s"):format(made, quote(game)))
    end)

    --- Starts the game as a player's machine does; without a key that works it ends at once.
    local function start(key)
      local _, text = shell.run(table.concat({ "cd / && env -i HOME=" .. quote(home),
        "XDG_DATA_HOME=" .. quote(home), "LUA_PATH=/none/?.lua LUA_CPATH=/none/?.so",
        "TMPDIR=" .. quote(folder), "PATH=\"$PATH\"",
        "SDL_AUDIODRIVER=dummy ALSOFT_DRIVERS=null LIBGL_ALWAYS_SOFTWARE=1",
        "SEGMIND_BASE_URL=" .. quote(service.url), "SEGMIND_API_KEY=" .. quote(key or "no key"),
        "timeout -k 5 120 xvfb-run -a -s '-screen 0 1280x800x24'", STATUS, "love", quote(game),
        "--demo", quote(folder), quote(folder .. "/p.png") }, " "))
      return tonumber(text:match("status=(%d+)\n")), text
    end

    --- Of the copy: its file, its bytes.
    local function copy()
      local path = shell.output("ls " .. quote(home) .. "/love/*/core/*.so"):match("[^\n]+")
      return shell.output("stat -c %i " .. quote(path)), files.read(path), path
    end

    local function copies()
      local code, text = start()
      assert.equal(1, code, text)
      assert.truthy(text:find("demo: ", 1, true), text)
      assert.is_nil(text:find("stack traceback", 1, true), text)
      local inode, bytes, path = copy()
      assert.is_true(bytes == carried(), "the copy is not what the game carries")
      return inode, path
    end

    it("edits a chain, by the core that it carries", function()
      shell.output(("curl -sf -H 'x-api-key: %s' -H 'Content-Type: application/json' -o %s -d "
        .. "'{\"prompt\":\"a house\",\"output_format\":\"png\"}' %s/v1/flux-kontext-pro"):format(
        emulator.KEY, quote(folder .. "/p.png"), service.url))
      service:reset()
      local code, text = start(emulator.KEY)
      assert.equal(0, code, text)
      assert.equal(5, service:ledger().totals.completed)
      check_screenshot("finished.png")
    end)

    it("copies it once; replaces half a copy, and an older one", function()
      local inode, path = copies()
      assert.equal(inode, (copies()))
      local left = path .. ".1-a.new" -- by a start that was killed while it wrote
      files.write(left, "half")
      os.execute("touch -d '1 hour ago' " .. quote(left))
      files.write(path, carried():sub(1, 5000))
      local whole = copies()
      assert.is_nil(files.read(left))
      -- A newer game: bytes behind a library's end are none of its own.
      local inside = "native/" .. path:match("([^/]+)%.so$")
      os.execute(("cd %s && mkdir -p %s && { cat %s; echo newer; } >%s/core.so && "
        .. "zip -q game.love %s/core.so"):format(quote(folder), inside, quote(path), inside,
        inside))
      assert.truthy(carried():find("newer\n$"))
      assert.are_not.equal(whole, (copies()))
      assert.equal("", shell.output(("ls %s/love/*/core | grep -v '^[^.]*[.]so$'"):format(
        quote(home))))
    end)

    it("says which systems it carries the core for, where this is none of them", function()
      os.execute(("cd %s && mkdir -p native/OSX-arm64 && echo x >native/OSX-arm64/core.so && "
        .. "zip -qd game.love 'native/*' && zip -q game.love native/OSX-arm64/core.so"):format(
        quote(folder)))
      local code, text = start()
      assert.equal(1, code, text)
      assert.truthy(text:find("carries segmind's core for OSX-arm64, not for ", 1, true), text)
    end)
  end)
end)
