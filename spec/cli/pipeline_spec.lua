--- The command line below GNU make: examples/pipeline/Makefile, several steps at the same time.

local files = require("spec.support.files")
local paths = require("spec.support.paths")
local program = require("spec.support.program")
local shell = require("spec.support.shell")

local quote = shell.quote

local STEPS = 7

describe("a pipeline of make", function()
  local segmind = program.fixture()

  local function make()
    local root = shell.output("cd " .. quote(paths.root) .. " && pwd"):gsub("\n$", "")
    -- A name of make's has no blank; the clone's folder may have one.
    shell.run(("cp -R %s %s"):format(quote(root .. "/examples/pictures"), quote(segmind.folder)))
    files.write(segmind.folder .. "/segmind", "#!/bin/sh\n" .. segmind:command('"$@"') .. "\n")
    return ("make -j4 --no-print-directory -C %s -f %s SEGMIND=%s PICTURES=%s"):format(
      quote(segmind.folder), quote(root .. "/examples/pipeline/Makefile"), quote("sh ./segmind"),
      "pictures")
  end

  local function run()
    local code, output = shell.run(make())
    assert.equal(0, code, output)
  end

  -- Kills make and all that it runs when so many submits are accepted, of which those of `model` do
  -- not get on.
  local function kill_at(count, model)
    segmind.service:faults({ { match = { path = "status", model = model, count = "always" },
      ["then"] = { status = 503 } } })
    shell.run(([[
      setsid %s >/dev/null 2>&1 & group=$!; i=0
      until curl -s %s | grep -q '"accepted":%d' || [ $i -gt 500 ]; do
        sleep 0.02; i=$((i + 1))
      done
      kill -KILL -$group; wait $group 2>/dev/null; true]]):format(make(),
      quote(segmind.service.url .. "/_emulator/ledger"), count))
    segmind.service:clear_faults()
    assert.equal(count, segmind:accepted())
    assert.is_nil(files.read(segmind.folder .. "/out/poster.png"))
  end

  local function check()
    for _, name in ipairs({ "photo/portrait", "night/portrait", "night/man", "night/woman",
      "poster" }) do
      assert.truthy(files.read(segmind.folder .. "/out/" .. name .. ".png"), name)
    end
    assert.equal(STEPS, segmind:accepted())
    local seen = {}
    for _, one in ipairs(segmind.service:ledger().submits) do
      local key = one.model .. one.body.prompt .. (one.body.input_image or one.body.input_image_1)
      assert.is_nil(seen[key], key)
      seen[key] = true
    end
  end

  it("that is killed and run again has each step accepted once, and pays nothing for what is "
    .. "deleted", function()
    kill_at(3, "flux-kontext-dev")
    kill_at(6, "flux-kontext-pro")
    run()
    check()
    files.remove_folder(segmind.folder .. "/out")
    run()
    check()
  end)
end)
