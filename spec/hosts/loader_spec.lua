--- The module of another Lua, or none, is told in one clear line.

local files = require("spec.support.files")
local paths = require("spec.support.paths")
local version = require("segmind.version")
local interpreter = require("spec.support.interpreter")
local shell = require("spec.support.shell")

local here = rawget(_G, "jit") and "LuaJIT 2.1" or _VERSION
local abi = _VERSION:match("%d+%.%d+")
local folder = rawget(package, "searchpath")("segmind.core", package.cpath)
  :match("^(.*/)[^/]+/segmind/")
local names = { ["5.1"] = "LuaJIT 2.1", ["5.3"] = "Lua 5.3", ["5.4"] = "Lua 5.4" }

local function exists(path)
  local file = io.open(path, "rb")
  return file and file:close() ~= nil
end

--- What loading the library says with that cpath, and a library that is loaded before all others.
local function load_with(cpath, preload, before)
  local script = ("package.path, package.cpath = %q, %q\n"):format(package.path, cpath)
    .. (before or "") .. "pcall(require, 'segmind')\n" -- a second one says no less
    .. "print(select(2, pcall(require, 'segmind')))"
  local path = files.new(script)
  local _, output = shell.run(interpreter.command(preload) .. " " .. path)
  os.remove(path)
  return output
end

describe("the core", function()
  for other, name in pairs(names) do
    local module = folder .. other .. "/segmind/core.so"
    local test = other ~= abi and exists(module) and it or function() end

    test("built for " .. name .. " is refused with both names and what to set", function()
      local text = load_with(folder .. other .. "/?.so")
      assert.equal(1, select(2, text:gsub("\n", "")), text)
      local both = ("segmind: %s is built for %s; this is %s"):format(module, name, here)
      assert.truthy(text:find(both, 1, true), text)
      assert.truthy(text:find("LUA_CPATH", 1, true))
    end)
  end

  it("that is nowhere is told with the way to build it", function()
    local text = load_with("/none/?.so")
    assert.truthy(text:find("there is no segmind/core.so for " .. here, 1, true), text)
    assert.truthy(text:find("make build", 1, true))
  end)

  it("is refused to plain Lua 5.1 in one sentence", function()
    local text = load_with(package.cpath, nil, "jit, _VERSION = nil, 'Lua 5.1'\n")
    assert.equal(1, select(2, text:gsub("\n", "")), text)
    assert.equal(1, text:find("segmind: plain Lua 5.1 is not served: run LuaJIT", 1, true), text)
  end)

  --- What is said of a file in its place; `words` is what the sentence, one line, must hold.
  local function refuses(bytes, words)
    local copy = files.unused()
    files.write(files.make_folder(copy .. "/segmind") .. "/core.so", bytes)
    local text = load_with(copy .. "/?.so")
    files.remove_folder(copy)
    assert.equal(1, select(2, text:gsub("\n", "")), text)
    assert.equal(1, text:find("segmind: " .. copy .. "/segmind/core.so ", 1, true), text)
    for _, word in ipairs(words) do
      assert.truthy(text:find(word, 1, true), text)
    end
  end

  local bytes = files.read(folder .. abi .. "/segmind/core.so")

  --- The core with a word replaced by one of its length.
  local function with(word, other)
    assert.equal(#word, #other)
    local patched, count = bytes:gsub(word:gsub("%p", "%%%0"), other)
    assert.is_true(count > 0)
    return patched
  end

  it("that is no library is refused with what to do", function()
    for _, text in ipairs({ "", "no module" }) do
      refuses(text, { "does not load: ", "build it again (make build)" })
    end
  end)

  it("that is another's library is refused", function()
    refuses(files.read(paths.build .. "/spec/libstuck_lookup.so"),
      { "does not load: ", "luaopen_segmind_core", "remove it" })
  end)

  it("that is of another version is refused with both versions", function()
    refuses(with(version, (version:gsub("%d", "9"))),
      { "is of segmind 9.9.9, and the Lua files are of segmind " .. version, "LUA_CPATH" })
  end)

  it("that is an older build of the same version is refused with what to do", function()
    local interface = require("segmind.interface")
    refuses(with(interface, (interface:gsub("%x%x%x$", "000"))),
      { "different builds of segmind " .. version, "make build", "make nvim" })
  end)

  it("whose library is not installed is refused with the library and its package", function()
    refuses(with("libcurl.so.4", "libcurl.so.9"), { "install libcurl (Debian: libcurl4)" })
  end)

  it("is refused with a libcurl that is older than 7.80, or lacks a function", function()
    local text = load_with(package.cpath, "libold_libcurl.so")
    assert.equal(1, select(2, text:gsub("\n", "")), text)
    assert.truthy(text:find("/core.so does not load: libcurl 7.79.1 is loaded; 7.80 or newer is "
      .. "needed: install a newer libcurl (Debian: libcurl4)", 1, true), text)
    refuses(with("curl_multi_poll", "curl_multi_pall"),
      { "curl_multi_pall", "install a newer libcurl (Debian: libcurl4)" })
  end)
end)
