--- Help, man page and completions are made from the declarations of the command line.

local completion = require("segmind.cli.completion")
local files = require("spec.support.files")
local interpreter = require("spec.support.interpreter")
local man = require("segmind.cli.man")
local parser = require("segmind.cli.parser")
local paths = require("spec.support.paths")
local shell = require("spec.support.shell")
local terminal = require("spec.support.terminal")

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
    -- `taken` is what Readline takes for the word; `words` are as bash splits them.
    local function complete(line, words, taken)
      return (shell.output(("bash -c %s"):format(shell.quote(([[
        compopt() { :; }; . %s; COMP_WORDS=(%s); COMP_LINE=%s; COMP_POINT=${#COMP_LINE}
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _segmind segmind %s
        echo "${COMPREPLY[*]}"]]):format(path, words or line, shell.quote(line), shell.quote(taken
        or line:match("%S*$")))))):gsub("\n$", ""))
    end
    for line, reply in pairs({
      ["segmind em"] = "emulate",
      ["segmind run flux-kontext-d"] = "flux-kontext-dev",
      ["segmind each photos flux-kontext-d"] = "flux-kontext-dev",
      ["segmind submit flux-kontext-d"] = "flux-kontext-dev",
      ["segmind --ledger here run flux-kontext-d"] = "flux-kontext-dev",
      ["segmind run flux-kontext-dev gui"] = "guidance=",
      ["segmind edit a.png x -m flux-kontext-dev --set gui"] = "guidance=",
      ["segmind run x --se"] = "--seed",
      ["segmind --bu"] = "--budget",
      ["segmind cost --by d"] = "day",
      ["segmind edit a.png x -m flux-2-p"] = "flux-2-pro",
      ["segmind run x --on-unknown r"] = "resubmit",
    }) do
      assert.equal(reply, complete(line), line)
    end
    assert.equal("jpg", complete("segmind run flux-kontext-pro output_format=j",
      "segmind run flux-kontext-pro output_format = j", "j"))
    assert.equal("9", complete("segmind run flux-kontext-pro aspect_ratio=16:",
      "segmind run flux-kontext-pro aspect_ratio = 16 :", ""))
    assert.equal("", complete("segmind run flux-kontext-pro seed=1 see",
      "segmind run flux-kontext-pro seed = 1 see", "see"))
    os.remove(path)
  end)

  it("give a script that leaves what stands before a file's name as it is", function()
    local folder = files.make_folder(files.unused())
    files.write(folder .. "/completion", completion.script("bash"))
    files.write(folder .. "/words.bash", "")
    files.write(folder .. "/two words.png", "")
    local bash = "env PS1='$ ' HISTFILE= bash --norc --noprofile -i"
    local screen = terminal.start(bash, folder, 100, 9)
    screen:keys(". ./completion", "Enter", "segmind run flux-kontext-pro prompt=@words.\t")
    screen:await("prompt=@words.bash")
    screen:keys(" input_image=two\t", "asp\t")
    screen:await("input_image=two\\ words.png aspect_ratio=")
    screen:close()
    files.remove_folder(folder)
  end)

  it("give a help whose examples can be copied, and whose lines fit a terminal", function()
    for _, name in ipairs(parser.verbs) do
      local code, text = shell.run(("%s %s/bin/segmind %s --help"):format(interpreter.command(),
        shell.quote(paths.root), name))
      assert.equal(0, code, text)
      local _, verbs = parser.new()
      assert.truthy(text:find("Examples:\n" .. verbs[name].examples .. "\n", 1, true), text)
      assert.is_nil(text:find("\n *%-o[^\n]*,\n"), text)
      for line in text:gmatch("[^\n]+") do
        assert.truthy(select(2, line:gsub("[^\128-\191]", "")) <= 80, line)
      end
    end
  end)

  it("have a summary, an example and a page of help for each verb", function()
    local _, verbs = parser.new()
    for name, verb in pairs(verbs) do
      assert.equal(name, verb.name)
      assert.truthy(verb.summary:find("%.$"), name)
      assert.truthy(verb.examples:find("segmind " .. name, 1, true), name)
      for line in verb.examples:gmatch("[^\n]+") do
        assert.truthy(#line <= 80, line)
      end
    end
  end)
end)
