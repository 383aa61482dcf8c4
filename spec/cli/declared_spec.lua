--- Help, man page and completions are made from the declarations of the command line.

local completion = require("segmind.cli.completion")
local files = require("spec.support.files")
local man = require("segmind.cli.man")
local parser = require("segmind.cli.parser")
local paths = require("spec.support.paths")
local shell = require("spec.support.shell")

describe("the declarations", function()
  it("give the man page that is kept (make man writes it)", function()
    local version = require("segmind.version")
    local kept = files.read(paths.root .. "/doc/segmind.1")
    assert.equal(man.page(), kept)
    assert.truthy(kept:find("segmind " .. version, 1, true))
  end)

  it("give the completions that are kept (make man writes them)", function()
    for name, file in pairs({ bash = "segmind", zsh = "_segmind", fish = "segmind.fish" }) do
      assert.equal(completion.script(name) .. "\n",
        files.read(paths.root .. "/doc/completions/" .. file))
    end
  end)

  it("give completions that name every verb and option", function()
    local root = parser.new()
    for _, name in ipairs({ "bash", "zsh", "fish" }) do
      local script = completion.script(name)
      for _, command in ipairs(root._commands) do
        assert.truthy(script:find("%f[%w]" .. command._name .. "%f[%W]"), command._name)
        for _, option in ipairs(command._options) do
          local alias = option._aliases[#option._aliases]:gsub("^%-+", "")
          assert.truthy(script:find(alias, 1, true), name .. " " .. alias)
        end
      end
    end
  end)

  it("give a script that completes in bash", function()
    local path = files.new(completion.script("bash"))
    local function complete(...)
      local words = { ... }
      return (shell.output(("bash -c %s"):format(shell.quote(([[
        compopt() { :; }; . %s; COMP_WORDS=(%s); COMP_CWORD=%d; _segmind; echo "${COMPREPLY[*]}"]])
        :format(path, table.concat(words, " "), #words - 1)))))
    end
    assert.equal("emulate\n", complete("segmind", "em"))
    assert.equal("flux-kontext-dev\n", complete("segmind", "run", "flux-kontext-d"))
    assert.equal("guidance=\n", complete("segmind", "run", "flux-kontext-dev", "gui"))
    assert.equal("--seed\n", complete("segmind", "run", "x", "--se"))
    assert.equal("--budget\n", complete("segmind", "--bu"))
    os.remove(path)
  end)

  it("have a summary, an example and a page of help for each verb", function()
    local _, verbs = parser.new()
    for name, verb in pairs(verbs) do
      assert.equal(name, verb.name)
      assert.truthy(verb.summary:find("%.$"), name)
      assert.truthy(verb.examples:find("segmind " .. name, 1, true), name)
    end
  end)
end)
