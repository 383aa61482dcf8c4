-- The rock of a checkout: run `luarocks make` in its top folder. The source is this folder itself;
-- `make dist` writes the rockspec of a release, with the address of its archive, from this one.
rockspec_format = "3.0"
package = "segmind"
version = "scm-1"

source = {
  url = ".",
}

description = {
  summary = "The FLUX.1 Kontext image models of Segmind as Lua functions",
  detailed = [[
    A table is a request, a job is a value, and a job put where an image is expected is the edge of
    a graph of edits. A C core does the network on a thread of its own; Lua never waits for it
    unless it asks to.
  ]],
  homepage = "https://www.segmind.com", -- the service's; `make dist HOMEPAGE=…` gives one of ours
  labels = { "image", "http", "async", "neovim", "love2d" },
  license = "MIT",
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5", -- 5.4, 5.3, or LuaJIT 2.1 as 5.1, whose headers may be those of plain 5.1
  "lua-cjson", -- the first choice; without it the core reads JSON
  "argparse >= 0.7.1", -- the command line
}

-- By library only: a header's place differs where libraries live in a folder per architecture.
-- LuaRocks knows no optional ones: SQLite (3.20 or newer) and libpq, for ledgers, are below.
external_dependencies = {
  CURL = { library = "curl" }, -- 7.80 or newer
  JANSSON = { library = "jansson" },
  CRYPTO = { library = "crypto" },
}

build = {
  type = "cmake",
  variables = {
    CMAKE_BUILD_TYPE = "Release", -- stripped
    CMAKE_INSTALL_PREFIX = "$(PREFIX)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    LUADIR = "$(LUADIR)",
    LIBDIR = "$(LIBDIR)",
    BINDIR = "$(BINDIR)",
    SEGMIND_LEDGER = "AUTO", -- with SQLite and libpq where pkg-config finds them, else without
    SEGMIND_EMULATOR = "AUTO", -- it needs libmicrohttpd and libgd; a rock may well go without
    SEGMIND_TESTS = "OFF",
  },
}

-- On what was built in this folder (make build). busted may be the distribution's; LuaRocks would
-- look for a rock of it, so it is no test dependency.
test = {
  type = "command",
  script = "spec/run.lua",
  flags = { "spec/unit" },
}
