--- What `make env` prints: the build tree's own paths, before those that the caller has set.

local paths = require("spec.support.paths")
local shell = require("spec.support.shell")

local quote = shell.quote

describe("make env", function()
  local root = shell.output(("cd %s && pwd"):format(quote(paths.root))):gsub("%s+$", "")
  local lua = ("%s/lua/?.lua;%s/lua/?/init.lua"):format(root, root)

  -- A variable's value after the exports were taken over so many times; `given` sets others first.
  local function after(times, name, given)
    local take = ('eval "$(%s /b 2>/dev/null)"\n'):format(quote(root .. "/.ci/environment"))
    local script = ("unset LUA_PATH LUA_CPATH LUA_PATH_5_4 LUA_CPATH_5_4\n%s\n%sprintf %%s \"$%s\"")
      :format(given or "", take:rep(times), name)
    return shell.output("sh -c " .. quote(script))
  end

  it("ends with Lua's own paths where the caller has none", function()
    assert.equal(lua .. ";;", after(1, "LUA_PATH"))
    assert.equal("/b/lib/lua/5.1/?.so;;", after(1, "LUA_CPATH"))
    assert.equal("/b/lib/lua/5.4/?.so;;", after(1, "LUA_CPATH_5_4"))
    assert.equal("", after(1, "LUA_PATH_5_4"))
  end)

  it("keeps the caller's paths, those of one version too", function()
    local given = "export LUA_PATH='/m/?.lua;;' LUA_CPATH=/m/?.so LUA_PATH_5_4=';;/v/?.lua'"
    assert.equal(lua .. ";/m/?.lua;;", after(1, "LUA_PATH", given))
    assert.equal("/b/lib/lua/5.1/?.so;/m/?.so", after(1, "LUA_CPATH", given))
    assert.equal("/b/lib/lua/5.4/?.so;/m/?.so", after(1, "LUA_CPATH_5_4", given))
    assert.equal(lua .. ";;/v/?.lua", after(1, "LUA_PATH_5_4", given))
  end)

  it("gives the same when it is taken over again", function()
    for _, given in ipairs({ "", "export LUA_PATH='/m/?.lua;;' LUA_CPATH=';;/m/?.so'",
      "export LUA_PATH='/m/?.lua' LUA_PATH_5_4=';;'" }) do
      for _, name in ipairs({ "PATH", "LUA_PATH", "LUA_CPATH", "LUA_PATH_5_4", "LUA_CPATH_5_4" }) do
        assert.equal(after(1, name, given), after(3, name, given))
      end
    end
  end)
end)
