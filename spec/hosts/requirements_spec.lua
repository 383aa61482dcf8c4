--- What a build needs stands in one list, and CMake says in one sentence what of it is missing.

local files = require("spec.support.files")
local paths = require("spec.support.paths")
local shell = require("spec.support.shell")

local quote = shell.quote

--- The lines of cmake/requirements.txt, as lists of their cells.
local function rows()
  local out = {}
  for line in files.read(paths.root .. "/cmake/requirements.txt"):gmatch("[^\n]+") do
    if not line:find("^#") then
      local cells = {}
      for cell in (line .. "|"):gmatch("([^|]*)|") do
        cells[#cells + 1] = cell
      end
      out[#out + 1] = cells
    end
  end
  return out
end

describe("the list of requirements", function()
  it("is the table in doc/install.md", function()
    local lines = { "<!-- requirements -->",
      "| for | Debian | Fedora | Alpine | Homebrew | without it |",
      "|---|---|---|---|---|---|" }
    for _, row in ipairs(rows()) do
      local version = row[7] ~= "" and (", %s or newer"):format(row[7]) or ""
      lines[#lines + 1] = ("| %s%s | %s | %s | %s | %s | %s |"):format(row[8], version, row[2],
        row[3], row[4], row[5], row[9] ~= "" and row[9] or "no build")
    end
    lines[#lines + 1] = "<!-- /requirements -->"
    local kept = files.read(paths.root .. "/doc/install.md")
    assert.equal(table.concat(lines, "\n"),
      kept:match("<!%-%- requirements %-%->.*<!%-%- /requirements %-%->"))
  end)

  it("has nine cells in each line, and a package of Debian", function()
    for _, row in ipairs(rows()) do
      assert.equal(9, #row, row[2])
      assert.truthy(row[2]:find("^%l[%l%d.-]+$"), row[2])
    end
  end)

  it("has the version of CMake that the build asks for", function()
    local least = files.read(paths.root .. "/CMakeLists.txt")
      :match("cmake_minimum_required%(VERSION ([%d.]+)%)")
    for _, row in ipairs(rows()) do
      assert.equal(row[2] == "cmake" and least or row[7], row[7])
    end
  end)

  it("is what the Debian packages are built with", function()
    local needed = files.read(paths.root .. "/debian/control"):match("\nBuild%-Depends:(.-)\n%u")
    for _, row in ipairs(rows()) do
      if row[6]:find("^pc:") then
        local version = row[7] ~= "" and (" (>= %s)"):format(row[7]) or ""
        assert.truthy((needed .. ","):find("\n " .. row[2] .. version .. ",", 1, true), row[2])
      end
    end
  end)

  it("is what .ci/dependencies installs", function()
    local listed = shell.output(quote(paths.root .. "/.ci/dependencies") .. " --list build")
    for _, row in ipairs(rows()) do
      assert.truthy(("\n" .. listed):find("\n" .. row[2] .. "\n", 1, true), row[2])
    end
  end)
end)

describe("a build", function()
  local folder = files.unused() .. " of requirements"
  local pc = folder .. "/pc"
  -- What stands in for the libraries: their versions, for pkg-config.
  local versions = { libcurl = "7.88.1", jansson = "2.14", libcrypto = "3.0.19",
    ["lua5.4"] = "5.4.4", sqlite3 = "3.40.1" }

  --- Configures with these versions; false takes one away. Returns the sentences, and all output.
  local function configure(changes, before, options)
    for name, version in pairs(versions) do
      if changes[name] ~= nil then
        version = changes[name]
      end
      os.remove(("%s/%s.pc"):format(pc, name))
      if version then
        files.write(("%s/%s.pc"):format(pc, name),
          ("Name: %s\nDescription: x\nVersion: %s\nCflags: -I%s/include\n"):format(name, version,
            (folder:gsub(" ", "\\ "))))
      end
    end
    local code, output = shell.run(("PKG_CONFIG_LIBDIR=%s %s cmake -U '*SEGMIND_*' -U 'LUA_*' "
      .. "-S %s -B %s -DSEGMIND_TESTS=OFF %s"):format(quote(pc), before or "", quote(paths.root),
      quote(folder .. "/build"), options or ""))
    local sentences = {}
    for sentence in output:gmatch("\n *(segmind needs [^\n]*)") do
      sentences[#sentences + 1] = sentence
    end
    assert.equal(#sentences == 0, code == 0, output)
    return sentences, output
  end

  setup(function()
    files.make_folder(pc)
    files.write(files.make_folder(folder .. "/include") .. "/lua.h", "")
  end)
  teardown(function()
    files.remove_folder(folder)
  end)

  it("says what there will not be for want of a library that it can do without", function()
    local sentences, output = configure({ sqlite3 = false })
    assert.same({}, sentences)
    for without, package in pairs({ ["no ledger in a file"] = "libsqlite3-dev",
      ["no ledger on a PostgreSQL server"] = "libpq-dev", ["no emulator"] = "libgd-dev" }) do
      assert.truthy(output:find(without .. " (to have one, install " .. package, 1, true), output)
    end
    output = select(2, configure({ sqlite3 = "3.7.0" }))
    assert.truthy(output:find("sqlite3, and pkg-config finds 3.7.0: no ledger in a file", 1, true))
  end)

  it("says in a sentence for each library which package is missing", function()
    local sentences = configure({ libcurl = false, jansson = false, libcrypto = false,
      ["lua5.4"] = false })
    for i, package in ipairs({ "libcurl4-openssl-dev (Debian), libcurl-devel (Fedora)",
      "libjansson-dev (Debian)", "libssl-dev (Debian)", "liblua5.4-dev (Debian)" }) do
      assert.truthy(sentences[i]:find("install " .. package, 1, true), sentences[i])
    end
    assert.equal(4, #sentences)
  end)

  it("says in one sentence which library is too old", function()
    local sentences = configure({ libcurl = "7.74.0" })
    assert.equal(1, #sentences)
    assert.truthy(sentences[1]:find("libcurl 7.80 or newer (HTTP), and pkg-config finds 7.74.0: "
      .. "install libcurl4-openssl-dev", 1, true), sentences[1])
  end)

  it("says in one sentence that a Lua is without its headers", function()
    os.rename(folder .. "/include", folder .. "/none")
    for _, options in ipairs({ "", "-DSEGMIND_LUAS=5.4", "-DLUA_INCDIR=/nowhere" }) do
      local sentences = configure({}, "", options .. " -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF")
      assert.equal(1, #sentences)
      assert.truthy(sentences[1]:find("lua.h", 1, true))
      assert.truthy(sentences[1]:find("install liblua5.4-dev", 1, true))
    end
    os.rename(folder .. "/none", folder .. "/include")
  end)

  it("that is to have the emulator says which of its libraries is missing", function()
    local sentences = configure({}, "", "-DSEGMIND_EMULATOR=ON")
    assert.equal(2, #sentences)
    assert.truthy(sentences[2]:find("install libgd-dev (Debian)", 1, true))
    assert.truthy(sentences[2]:find("SEGMIND_EMULATOR=OFF", 1, true))
  end)

  it("says in one sentence that there is no pkg-config, compiler or new enough CMake", function()
    local sentences = configure({}, "", "-DPKG_CONFIG_EXECUTABLE=/nowhere")
    assert.equal(1, #sentences)
    assert.truthy(sentences[1]:find("install pkg-config (Debian)", 1, true))
    files.remove_folder(folder .. "/build")
    sentences = configure({}, "CC=/nowhere/cc")
    assert.equal(1, #sentences)
    assert.truthy(sentences[1]:find("install gcc (Debian)", 1, true))
    local script = files.write(folder .. "/old.cmake", ([[include("%s/cmake/requirements.cmake")
segmind_check_version(cmake 3.18.4)
segmind_stop_if_lacking()]]):format(shell.output("cd " .. quote(paths.root) .. " && pwd")
      :match("[^\n]+")))
    local _, output = shell.run("cmake -P " .. quote(script))
    assert.truthy(output:find("segmind needs cmake 3.20 or newer (describes the build), and this "
      .. "is 3.18.4: install cmake (Debian)", 1, true), output)
  end)
end)
