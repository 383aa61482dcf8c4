--- What README and doc/ show is true: their Lua and their shell run on the emulator, their links
--- lead somewhere, and the options and endpoints that they name are those there are.

require("spec.support.sqlite") -- the pages keep ledgers

local child = require("spec.support.child")
local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local page = require("spec.support.page")
local paths = require("spec.support.paths")
local postgres = require("spec.support.postgres")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

local quote = shell.quote

local root, build = paths.root, paths.build

-- What a page calls its server; where there is no PostgreSQL, a file serves.
local SERVER = "postgresql://me@db/edits"

local pages = {}
for name in shell.output(("cd %s && ls *.md doc/*.md examples/*/README.md"):format(quote(root)))
  :gmatch("[^\n]+") do
  pages[#pages + 1] = page.read(name)
end

-- What a page's Lua finds: a quick emulator in place of the service, whose jobs need not be polled
-- by the latencies that are published.
local LUA_BEGIN = [[
local Client = require("segmind.client")
local new = Client.new
function Client.new(opts)
  local given = { poll = 0.002 }
  for name, value in pairs(opts or {}) do
    given[name] = value
  end
  return new(given)
end
segmind.new = Client.new
local file = assert(io.open("page.lua"))
local text = file:read("*a")
file:close()
assert((loadstring or load)(text, "@" .. os.getenv("PAGE")))()
]]

-- What a page's shell finds. make is asked what it would do; a pause ends when the emulator has
-- written its address.
local SHELL_BEGIN = [[
set -e
make() {
  case "$*" in
  "-s env")
    command make -s -C "$ROOT" BUILD="$BUILD" env
    echo "export PATH=\"$PLACE/bin:\$PATH\""
    ;;
  *) command make -C "$ROOT" -n "$@" >/dev/null ;;
  esac
}
luarocks() { :; } # it would build once more
sleep() {
  n=0
  until [ -s "$PLACE/segmind-url" ] || [ $n -gt 500 ]; do
    n=$((n + 1))
    command sleep 0.01
  done
}
finish() {
  status=$?
  if [ -s "$PLACE/segmind-url" ]; then
    curl -s -X POST "$(cat "$PLACE/segmind-url")/_emulator/shutdown" || true
  fi
  [ -z "${emulator-}" ] || kill "$emulator" 2>/dev/null || true
  exit $status
}
trap finish EXIT
]]

describe("the page", function()
  local service, folder = emulator.fixture({ plain = true, latency = 0.004, credits = 1000 }),
    files.fixture()

  before_each(function()
    -- The page's reader is in a clone, with two pictures of different content.
    assert(os.execute(("ln -s \"$(cd %s && pwd)\" %s && ln -s \"$(cd %s && pwd)/lua\" %s"):format(
      quote(build), quote(folder .. "/build"), quote(root), quote(folder .. "/lua"))))
    assert(os.execute(("ln -s \"$(cd %s && pwd)/examples\" %s"):format(quote(root),
      quote(folder .. "/examples"))))
    files.make_folder(folder .. "/config/segmind")
    files.write(folder .. "/config/segmind/config.json", '{"poll": 0.01}')
    for _, name in ipairs({ "portrait.webp", "dress.webp" }) do
      files.write(folder .. "/" .. name, session.PIXEL .. name)
    end
  end)

  -- "sm_keeper.c" -> csrc/core/engine/sm_keeper.c, "sm_money_test" -> spec/c/sm_money_test.c
  local sources = {}
  for path in shell.output(("cd %s && find csrc lua spec examples -type f"):format(quote(root)))
    :gmatch("[^\n]+") do
    local base = path:match("[^/]+$")
    sources[base], sources[base:match("^(.*)%.[ch]$") or base] = path, path
  end

  for _, each in ipairs(pages) do
    local name = each.name

    local is_run = not name:find("^examples/") -- those have specs of their own
    local lua = is_run and each:program("lua")
    if lua then
      it(name .. " shows Lua that runs", function()
        files.write(folder .. "/page.lua", lua)
        local script = child.script(LUA_BEGIN)
        local code, output = shell.run(("cd %s && %s"):format(quote(folder),
          child.command(script, { SEGMIND_BASE_URL = service.url, SEGMIND_API_KEY = emulator.KEY,
            PAGE = name })))
        os.remove(script)
        assert.equal(0, code, output)
      end)
    end

    for _, block in ipairs(each:aside("lua")) do
      it(("%s:%d shows Lua that compiles"):format(name, block.line), function()
        assert((rawget(_G, "loadstring") or load)(block.text, "@" .. name))
      end)
    end

    local commands = is_run and each:program("sh")
    if commands and _VERSION == "Lua 5.4" then
      it(name .. " shows commands that run", function()
        -- Beside other runs of this.
        interpreter.commands(folder .. "/bin")
        local server = commands:find(SERVER, 1, true) and postgres.start()
        commands = commands:gsub("/tmp/", folder .. "/"):gsub(SERVER:gsub("%p", "%%%0"), function()
          return quote(server and server.url or folder .. "/edits.db")
        end)
        files.write(folder .. "/page.sh", SHELL_BEGIN .. commands)
        local code, output = shell.run(([[
          ROOT="$(cd %s && pwd)" BUILD=%s PLACE=%s && export ROOT BUILD PLACE &&
          XDG_STATE_HOME=%s XDG_CONFIG_HOME=%s && export XDG_STATE_HOME XDG_CONFIG_HOME && cd %s &&
          { timeout 60 sh page.sh >printed 2>&1; code=$?; cat printed; exit $code; }]]):format(
          quote(root), quote(build), quote(folder), quote(folder .. "/state"),
          quote(folder .. "/config"), quote(folder)))
        if server then
          server:stop()
        end
        assert.equal(0, code, output)
        assert.is_nil(output:find('{"error"', 1, true), output)
      end)
    end

    it(name .. " names files and functions that are there", function()
      local folders = { csrc = true, lua = true, spec = true, doc = true, bench = true,
        examples = true }
      for _, code in ipairs(each.code) do
        local text, where = code.text, ("%s:%d: %s"):format(name, code.line, code.text)
        if folders[text:match("^(%w+)/[%w_./-]*$")] then
          assert.equal(0, (shell.run(("test -e %s/%s"):format(quote(root), quote(text)))), where)
        elseif text:find("^[sel]s?m_[%w_]+%.[ch]$") or text:find("^sm_[%w_]+_test$")
          or text:find("^[%w_]+%.lua$") then
          assert.is_truthy(sources[text], where)
        end
      end
      for _, claim in ipairs(each.claims) do
        local path = sources[claim.file]
        local source = path and files.read(root .. "/" .. path) or ""
        assert.is_truthy(source:find("%f[%w_]" .. claim.name .. "%f[^%w_]"),
          ("%s:%d: %s in %s"):format(name, claim.line, claim.name, claim.file))
      end
    end)

    it(name .. " links to what is there", function()
      for _, link in ipairs(each.links) do
        local path, anchor = link.target:match("^([^#]*)#?(.*)$")
        if not path:find("^%a+:") then
          local target = path == "" and name or (name:match("^.*/") or "") .. path
          assert.is_truthy(files.read(root .. "/" .. target),
            ("%s:%d: %s"):format(name, link.line, link.target))
          assert.is_true(anchor == "" or page.read(target).anchors[anchor] or false,
            ("%s:%d: %s"):format(name, link.line, link.target))
        end
      end
    end)
  end
end)

describe("the page of the emulator", function()
  local text = files.read(root .. "/doc/emulator.md")

  it("has every option", function()
    local help = shell.output(quote(emulator.binary()) .. " --help")
    local count = 0
    for option in help:gmatch("%-%-[%w-]+") do
      count = count + 1
      assert.is_truthy(text:find("`" .. option .. "`", 1, true)
        or text:find("`" .. option .. " ", 1, true), option)
    end
    assert.is_true(count > 20)
    for option in text:gmatch("`(%-%-[%w-]+)") do
      assert.is_truthy(help:find(option, 1, true) or option == "--name", option)
    end
  end)

  it("has every endpoint of the control port", function()
    local count = 0
    for path in files.read(root .. "/csrc/emulator/service/em_endpoints.c"):gmatch('"(/[^"]+)"') do
      local shown = path:gsub("{}", "{id}"):gsub("^(/v%d/){id}$", "%1{model}"):gsub("%*$", "…")
      count = count + 1
      assert.is_truthy(text:find(shown, 1, true), shown)
    end
    assert.is_true(count > 15)
  end)
end)
