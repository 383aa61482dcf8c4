--- examples/c-host: Lua 5.4 inside a C program, the module linked in. One Lua is enough for it, and
--- a sanitized build makes it a sanitized program.

if _VERSION ~= "Lua 5.4" then
  return
end

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local paths = require("spec.support.paths")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

local quote = shell.quote

describe("the C host", function()
  local program = paths.build .. "/bin/c-host"
  local service, folder = session.fixture({ speed = 40 }), files.fixture()

  --- What it printed on both streams, and its exit status.
  local function run(arguments, key)
    local text = shell.output(("env HOST_POLL=0.05 SEGMIND_BASE_URL=%s SEGMIND_API_KEY=%s "
      .. "LUA_CPATH_5_4=%s %s %s 2>&1; echo status=$?"):format(quote(service.url),
      quote(key or emulator.KEY), quote(package.cpath), quote(program), arguments))
    return text, tonumber(text:match("status=(%d+)\n$"))
  end

  local script = paths.root .. "/examples/c-host/edit.lua"

  it("runs a graph in its loop without losing a frame to it", function()
    local text, status = run(quote(script) .. " " .. quote(folder))
    assert.equal(0, status, text)
    for _, name in ipairs({ "house", "night", "snow", "both" }) do
      assert.is_true(#files.read(("%s/%s.png"):format(folder, name)) > 20)
    end
    assert.equal(4, service:ledger().totals.completed)
    local frames, worst = text:match("(%d+) frames at 60 Hz: the worst took ([%d.]+) ms")
    assert.is_true(tonumber(frames) > 20, text)
    -- A job takes half a second: a loop that waited for one would have such a frame.
    assert.is_true(tonumber(worst) < 250, text)
    assert.truthy(text:find("client:step: median [%d.]+ us, p99 [%d.]+ us"))
  end)

  it("loads the core from itself, not from a file", function()
    local path = folder .. "/where.lua"
    local file = assert(io.open(path, "w"))
    file:write('print(select(2, require("segmind.core")))')
    file:close()
    assert.truthy(run(quote(path)):find(":preload:", 1, true))
  end)

  it("finds the driver of a server on package.cpath, or says where there is none", function()
    local path = folder .. "/server.lua"
    local file = assert(io.open(path, "w"))
    file:write('package.cpath = ... or ""\nprint(require("segmind").new{ ledger = '
      .. '"postgresql://nobody@127.0.0.1:1/none", api_key = "0123456789abcdef" })')
    file:close()
    local absent = run(quote(path))
    assert.truthy(absent:find("there is no " .. paths.build .. "/bin/postgres.so", 1, true), absent)
    local found = run(quote(path) .. " " .. quote(package.cpath))
    assert.falsy(found:find("PostgreSQL driver", 1, true), found)
    assert.truthy(found:find("127.0.0.1", 1, true), found)
  end)

  it("says what is wrong with its arguments", function()
    local help, status = run("--help")
    assert.equal(0, status)
    assert.truthy(help:find("usage: c-host", 1, true))
    for arguments, message in pairs({ ["--hz fast"] = "--hz: not a number above 0",
      ["--limit"] = "--limit: a number is missing", ["--fast"] = "--fast: no such option" }) do
      local text, refused = run(arguments)
      assert.equal(2, refused)
      assert.truthy(text:find(message, 1, true), text)
    end
  end)

  it("ends with the error of a script, a client or a job", function()
    local text, status = run("/nowhere.lua")
    assert.equal(1, status)
    assert.truthy(text:find("cannot open /nowhere.lua", 1, true))
    text, status = run(quote(script) .. " " .. quote(folder), "malformed key")
    assert.equal(1, status)
    assert.truthy(text:find("c-host: segmind: auth: ", 1, true))
    service:faults({ { match = { path = "submit" }, ["then"] = { status = 402 } } })
    text, status = run(quote(script) .. " " .. quote(folder))
    service:clear_faults()
    assert.equal(1, status)
    assert.truthy(text:find("house: segmind: no_credits", 1, true), text)
    text, status = run(("--limit 0.05 %s %s"):format(quote(script), quote(folder)))
    assert.equal(1, status)
    assert.truthy(text:find("not over within the limit", 1, true), text)
  end)
end)
