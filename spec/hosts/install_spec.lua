--- make install and make uninstall, in a folder with a space in its name.

local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local paths = require("spec.support.paths")
local shell = require("spec.support.shell")

local quote = shell.quote

-- A sanitized module needs its runtime in every program that loads it.
local it_plain = interpreter.preload() == "" and it or function() end
local version = require("segmind.version")
local LUAS = { ["5.4"] = "lua5.4", ["5.3"] = "lua5.3", ["5.1"] = "luajit" }

local function absolute(path)
  return shell.output("cd " .. quote(path) .. " && pwd"):match("[^\n]+")
end

describe("make install", function()
  local root, build = absolute(paths.root), absolute(paths.build)
  local place = files.unused() .. " of make install"
  local prefix = place .. "/of mine"
  local exports

  --- Runs .ci/install, which the two targets call, with nothing of the caller's environment.
  local function install(words, environment)
    return shell.run(("env -i HOME=%s PATH=/usr/local/bin:/usr/bin:/bin %s sh -c %s"):format(
      quote(place), environment or "", quote(quote(root .. "/.ci/install") .. " " .. words)))
  end

  --- Runs a command as a user whose profile has the exports.
  local function run(command, exported)
    return shell.run(("env -i HOME=%s PATH=/usr/local/bin:/usr/bin:/bin sh -c %s"):format(
      quote(place), quote((exported or exports) .. "\ncd /\n" .. command)))
  end

  local function succeeds(command, exported)
    local code, output = run(command, exported)
    assert.equal(0, code, output)
    return output
  end

  local function tree(folder)
    return shell.output(("cd %s && find . | LC_ALL=C sort"):format(quote(folder)))
  end

  -- Somebody else's, which stays.
  setup(function()
    files.make_folder(prefix .. "/share/man/man7")
    files.write(files.make_folder(prefix .. "/share/lua/5.4") .. "/other.lua", "return 1")
  end)
  teardown(function()
    files.remove_folder(place)
  end)

  before_each(function()
    local code, output = install(quote(build) .. " " .. quote(prefix))
    assert.equal(0, code, output)
    exports = output:match("\n(export .*)$")
  end)
  after_each(function()
    install("--remove " .. quote(prefix))
  end)

  it_plain("prints the exports with which the Luas and other programs find it", function()
    for abi, lua in pairs(LUAS) do
      if files.read(("%s/lib/lua/%s/segmind/core.so"):format(build, abi)) then
        assert.equal(version .. "\n", succeeds(lua .. " -e 'print(require(\"segmind\").VERSION)'"))
      end
    end
    assert.truthy(succeeds("segmind --version"):find(version, 1, true))
    assert.truthy(succeeds("segmind-emulator --version"):find(version, 1, true))
    assert.equal(version .. "\n", succeeds("pkg-config --modversion segmind"))
    succeeds("case $MANPATH in *\" mine/share/man:\"*) ;; *) exit 1 ;; esac")
  end)

  it("prints no exports for a prefix that is searched, nor with DESTDIR", function()
    local code, output = run(("sh %s/.ci/install %s %s"):format(quote(root), quote(build),
      quote(prefix .. "/../of mine/")))
    assert.equal(0, code, output)
    assert.is_nil(output:find("export", 1, true), output)
    local stage = place .. "/stage"
    code, output = install(("%s /usr/local %s"):format(quote(build), quote(stage)))
    assert.equal(0, code, output)
    assert.is_nil(output:find("export", 1, true), output)
    assert.is_string(files.read(stage .. "/usr/local/share/lua/5.4/segmind/init.lua"))
    install("--remove /usr/local " .. quote(stage))
    assert.equal("", shell.output("ls -d " .. quote(stage) .. " 2>/dev/null"))
  end)

  it("installs the pages, the licence and completions", function()
    for _, path in ipairs({ "doc/segmind/LICENSE", "doc/segmind/README.md", "man/man1/segmind.1",
      "doc/segmind/doc/money.md", "doc/segmind/doc/segmind.txt",
      "bash-completion/completions/segmind",
      "zsh/site-functions/_segmind", "fish/vendor_completions.d/segmind.fish" }) do
      assert.is_string(files.read(prefix .. "/share/" .. path), path)
    end
  end)

  it_plain("names no folder of the build, and works after it was moved", function()
    local moved = place .. "/moved"
    assert.equal("", shell.output(("grep -rlF -e %s/ -e %s %s"):format(quote(build), quote(prefix),
      quote(prefix))))
    os.rename(prefix, moved)
    local command = quote(moved .. "/bin/segmind")
    local picture = place .. "/house.png"
    local code, output = run(("%s emulate --speed 1000 -- %s run flux-kontext-pro prompt=x "
      .. "aspect_ratio=1:1 --no-ledger -o %s"):format(command, command, quote(picture)), "")
    assert.equal(0, code, output)
    assert.equal("\137PNG", files.read(picture):sub(1, 4))
    os.rename(moved, prefix)
  end)

  --- A host in C, built from a copy of the example, runs the installed library.
  local function check_host(how)
    local folder = place .. "/host"
    shell.run(("rm -rf %s; cp -r %s %s"):format(quote(folder), quote(root .. "/examples/c-host"),
      quote(folder)))
    local script = files.write(folder .. "/where.lua", [[
      print(select(2, require("segmind.core")))
      print(require("segmind").VERSION, package.searchpath("segmind", package.path))]])
    succeeds("cd " .. quote(folder) .. "\n" .. how)
    local output = select(2, run(quote(folder .. "/c-host") .. " " .. quote(script)))
    assert.equal(1, output:find(":preload:\n" .. version .. "\t" .. prefix, 1, true), output)
  end

  it_plain("lets a host in C be built with pkg-config", function()
    check_host([[
      lua=$(pkg-config --variable=luadir segmind | sed 's/\\//g')
      eval "cc -D_GNU_SOURCE -DHOST_LUA_FOLDER='\"$lua\"' -DHOST_SCRIPT='\"\"' *.c -Wl,-E \
        $(pkg-config --cflags --libs segmind lua5.4) -o c-host"]])
  end)

  it_plain("lets a host in C be built with CMake", function()
    check_host("cmake -S . -B b >log && cmake --build b >>log && mv b/c-host .")
  end)

  it("replaces an earlier version whole, and programs that have it open keep theirs", function()
    local list = prefix .. "/share/segmind/installed"
    local old = files.write(prefix .. "/share/lua/5.4/segmind/gone.lua", "return 1")
    files.write(list, files.read(list) .. "share/lua/5.4/segmind/gone.lua\n")
    local open = assert(io.open(prefix .. "/bin/segmind"))
    local before = tree(prefix):gsub("[^\n]*gone.lua\n", "")
    files.write(prefix .. "/bin/segmind.new", "other")
    os.rename(prefix .. "/bin/segmind.new", prefix .. "/bin/segmind")
    install(quote(build) .. " " .. quote(prefix))
    assert.is_nil(files.read(old))
    assert.equal(before, tree(prefix))
    assert.equal("#!/bin/sh", open:read("*l"))
    open:close()
  end)

  it("says in one sentence that a prefix cannot be written", function()
    local file = files.write(place .. "/file", "")
    local code, output = install(quote(build) .. " " .. quote(file .. "/usr"))
    assert.equal(1, code)
    assert.equal(("make install: %s cannot be written: run it as one who may (sudo make install "
      .. "…), or choose another PREFIX\n"):format(file), output)
  end)

  describe("and make uninstall", function()
    it("leave what was there, and nothing else", function()
      local code, output = install("--remove " .. quote(prefix))
      assert.equal(0, code, output)
      assert.equal(".\n./share\n./share/lua\n./share/lua/5.4\n./share/lua/5.4/other.lua\n"
        .. "./share/man\n./share/man/man7\n", tree(prefix))
      code, output = install("--remove " .. quote(prefix))
      assert.equal(1, code)
      assert.equal(1, select(2, output:gsub("\n", "")), output)
      assert.truthy(output:find("nothing is installed below", 1, true))
    end)

    --- A link in the tree to a folder beside it.
    local function link(name)
      local target = files.make_folder(place .. "/" .. name:match("[^/]+$"))
      assert.equal(0, (shell.run(("ln -s %s %s"):format(quote(target), quote(name)))))
      return target
    end

    it("leave alone what a folder leads to that has become a link", function()
      local new = place .. "/linked"
      install(quote(build) .. " " .. quote(new))
      shell.run(("mv %s %s"):format(quote(new .. "/share/man"), quote(place .. "/man")))
      link(new .. "/share/man")
      local code, output = install("--remove " .. quote(new))
      assert.equal(0, code, output)
      assert.is_string(files.read(place .. "/man/man1/segmind.1"))
      files.remove_folder(place .. "/man")
      files.remove_folder(new)
    end)

    it("go through a link that was there, and remove what went through it", function()
      local new = place .. "/linked"
      files.make_folder(new .. "/share")
      local target = link(new .. "/share/man")
      install(quote(build) .. " " .. quote(new))
      assert.is_string(files.read(target .. "/man1/segmind.1"))
      assert.equal(0, (install("--remove " .. quote(new))))
      assert.is_nil(files.read(target .. "/man1/segmind.1"))
      files.remove_folder(target)
      files.remove_folder(new)
    end)

    it("are not ended by a line that is empty or names a folder", function()
      local new = place .. "/odd"
      install(quote(build) .. " " .. quote(new))
      local list = new .. "/share/segmind/installed"
      files.write(list, "\nshare\n" .. files.read(list))
      local code, output = install("--remove " .. quote(new))
      assert.equal(0, code, output)
      assert.equal("", shell.output(("ls -d %s 2>/dev/null"):format(quote(new))))
    end)

    it("leave no folder that was made for them", function()
      local new = place .. "/opt/a/b"
      install(quote(build) .. " " .. quote(new))
      install("--remove " .. quote(new))
      assert.equal("", shell.output(("ls -d %s 2>/dev/null"):format(quote(place .. "/opt"))))
    end)
  end)
end)
