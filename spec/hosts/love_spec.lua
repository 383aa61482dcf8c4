--- examples/love plays by itself on a virtual display, with the module that LuaJIT loads: prompts
--- are typed, a chain with a branch is edited, screenshots are taken.

if not rawget(_G, "jit") then
  return
end

local emulator = require("spec.support.emulator")
local interpreter = require("spec.support.interpreter")
local ledger = require("spec.support.ledger")
local paths = require("spec.support.paths")
local picture = require("spec.support.picture")
local session = require("spec.support.session")

local quote = emulator.quote

local function has(program)
  local pipe = assert(io.popen("command -v " .. program))
  local path = pipe:read("*l")
  pipe:close()
  return path ~= nil
end

describe("the LÖVE example", function()
  local folder

  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. quote(folder))
  end)

  teardown(function()
    os.execute("rm -rf " .. quote(folder))
    assert.is_true(session.stop())
  end)

  local function is_sanitized()
    local file = io.open(paths.build .. "/preload")
    return file ~= nil and file:close()
  end

  --- What the demo printed, and its exit status. `library`: loaded before all others.
  local function run(key, library)
    local pipe = assert(io.popen(table.concat({
      "env SDL_AUDIODRIVER=dummy ALSOFT_DRIVERS=null LIBGL_ALWAYS_SOFTWARE=1",
      "XDG_DATA_HOME=" .. quote(folder), "SEGMIND_BUILD=" .. quote(paths.build),
      "LUA_PATH=" .. quote(package.path), "LUA_CPATH=" .. quote(package.cpath),
      "SEGMIND_BASE_URL=" .. quote(session.service().url), "SEGMIND_API_KEY=" .. quote(key),
      -- xvfb-run takes no TMPDIR with a space.
      "SLOW_DISK_MS=60 TMPDIR=" .. quote(folder), "SEGMIND_PICTURES=" .. quote(folder),
      "timeout -k 5 120 xvfb-run -a",
      "-s '-screen 0 1280x800x24'", interpreter.preload(library) .. "love",
      quote(paths.root .. "/examples/love"),
      "--demo", quote(folder), "2>&1; echo status=$?" }, " ")))
    local text = pipe:read("*a")
    pipe:close()
    return text, tonumber(text:match("status=(%d+)\n$"))
  end

  local function check_screenshot(name)
    local bytes = session.read(folder .. "/" .. name)
    local format, width, height = picture.read(bytes)
    assert.same({ "png", 1280, 800 }, { format, width, height })
    -- The table without pictures is some 30 KB as a PNG, a blank window 5.
    assert.is_true(#bytes > 100000, name .. " is blank or lacks its pictures: " .. #bytes)
  end

  if not (has("love") and has("xvfb-run")) then
    pending("needs love and xvfb-run, which are not installed")
    return
  elseif is_sanitized() then
    pending("the graphics driver hangs under a preloaded sanitizer")
    return
  end

  --- The ledger of the only session.
  local function ledger_path()
    local pipe = assert(io.popen(("ls -d %s/love/*/results/*/edits.db"):format(quote(folder))))
    local path = pipe:read("*l")
    pipe:close()
    return path
  end

  it("edits a chain with a branch over a slow disk, never freezes, shows the pictures", function()
    local service = session.service({ plain = false, speed = 20 })
    assert(os.execute(("%s %s >%s/drawn"):format(quote(paths.build .. "/bin/draw-pictures"),
      quote(folder), quote(folder))))
    local text, status = run(emulator.KEY, "libslow_disk.so")
    assert.equal(0, status, text)
    assert.equal(5, service:ledger().totals.completed)
    check_screenshot("working.png")
    check_screenshot("finished.png")
    local frames, median, worst, step = text:match("(%d+) frames, median ([%d.]+) ms.-worst "
      .. "([%d.]+) ms; step.-worst ([%d.]+) us")
    assert.is_true(tonumber(frames) > 50, text)
    -- A job takes a second: a frame that waited for one would be longer than this.
    assert.is_true(tonumber(median) < 100 and tonumber(worst) < 700, text)
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
end)
