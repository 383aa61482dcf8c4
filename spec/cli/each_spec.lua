--- `segmind each`: pictures, folders and tables, each row a step.

local files = require("spec.support.files")
local program = require("spec.support.program")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

describe("segmind each", function()
  local segmind = program.fixture()

  local function fine(run)
    assert.equal(0, run.code, run.err)
    return run
  end

  local function write(name, text)
    return files.write(segmind.folder .. "/" .. name, text)
  end

  local function has(name)
    return assert.truthy(files.read(segmind.folder .. "/" .. name), name)
  end

  local function lines(run)
    local _, count = run.out:gsub("\n", "")
    return count
  end

  -- The prompts that were sent, in byte order.
  local function prompts()
    local list = {}
    for i, one in ipairs(segmind.service:ledger().submits) do
      list[i] = one.body.prompt
    end
    table.sort(list)
    return list
  end

  describe("over pictures", function()
    before_each(function()
      files.make_folder(segmind.folder .. "/photos/deep")
      write("photos/c d.png", session.PIXEL .. "c")
      write("photos/$(touch pwn).png", session.PIXEL .. "d")
      write("photos/e.PNG", session.PIXEL .. "e")
      write("photos/.hidden.png", session.PIXEL)
      write("photos/notes.txt", "x")
    end)

    it("makes one of each of a folder, and pays nothing the second time", function()
      for _ = 1, 2 do
        local run = fine(segmind("each photos flux-kontext-dev prompt=x -o 'out/{name}'"))
        assert.equal(3, lines(run))
        assert.equal(3, segmind:accepted())
        has("out/c d.png")
        has("out/$(touch pwn).png")
        has("out/e.png")
      end
      assert.is_nil(files.read(segmind.folder .. "/pwn"))
    end)

    it("makes only what is missing when it was interrupted, or a picture is new", function()
      segmind.service:faults({ { match = { path = "status", count = "always" },
        ["then"] = { status = 503 } } })
      local run = segmind:interrupted("each photos flux-kontext-dev prompt=x -o 'out/{name}' "
        .. "--jobs 1", 1)
      assert.equal(130, run.code, run.err)
      segmind.service:clear_faults()
      write("photos/new.png", session.PIXEL .. "new")
      fine(segmind("each photos flux-kontext-dev prompt=x -o 'out/{name}'"))
      assert.equal(4, segmind:accepted())
    end)

    it("pays a picture once that lies there under two names", function()
      write("copy.png", session.PIXEL)
      fine(segmind("each a.png copy.png flux-kontext-dev prompt=x -o 'out/{name}'"))
      assert.equal(1, segmind:accepted())
      -- What each says of its input is its own.
      assert.equal(has("out/a.png"):match("IDAT.*"), has("out/copy.png"):match("IDAT.*"))
    end)

    it("takes pictures as arguments and as lines of standard input", function()
      fine(segmind("each a.png 'photos/c d.png' flux-kontext-dev prompt=x -o 'out/{name}'"))
      has("out/a.png")
      write("list", "photos/c d.png\n\n")
      fine(segmind("each - flux-kontext-dev prompt=x -o 'in/{name}' <list"))
      has("in/c d.png")
      assert.equal(2, segmind:accepted())
    end)

    it("lets the others go on when one fails, and says which it was", function()
      segmind.service:faults({ { match = { path = "submit", nth = 2 }, mode = "before",
        ["then"] = { status = 400, body = '{"error":"no"}' } } })
      local words = "each photos flux-kontext-dev prompt=x -o 'out/{name}' --jobs 1"
      local run = segmind(words)
      assert.equal(1, run.code, run.err)
      assert.equal(2, lines(run))
      assert.truthy(run.err:find("segmind: photos/c d.png: rejected", 1, true), run.err)
      assert.truthy(run.err:find("2 of 3 pictures, $0.08 paid", 1, true), run.err)
      run = fine(segmind(words))
      local sum = "3 of 3 pictures, 2 of them from the ledger, $0.04 paid"
      assert.truthy(run.err:find(sum, 1, true), run.err)
      assert.equal(3, segmind:accepted())
    end)

    it("leaves a parameter out where a line of JSONL does not have its field", function()
      write("list.jsonl", '{"what": "x", "s": 3}\n{"what": "y"}\n{"what": "z", "s": null}\n')
      fine(segmind("each list.jsonl flux-kontext-dev input_image=a.png prompt={what} seed={s} "
        .. "guidance={n} -o 'out/{what}'"))
      local seeds = {}
      for _, one in ipairs(segmind.service:ledger().submits) do
        seeds[one.body.prompt] = one.body.seed
      end
      assert.equal(3, seeds.x)
      assert.is_true(seeds.y ~= 3 and seeds.z ~= 3)
    end)

    it("ends with the code of money in doubt before any other", function()
      segmind.service:faults({
        { match = { path = "submit", nth = 1 }, mode = "before", ["then"] = { status = 400 } },
        { match = { path = "submit", nth = 2 }, mode = "before", ["then"] = { status = 500 } } })
      local run = segmind("each photos flux-kontext-dev prompt=x -o 'out/{name}' --jobs 1")
      assert.equal(5, run.code, run.err)
      assert.equal(1, lines(run))
    end)
  end)

  describe("over a table", function()
    local CSV = '\239\187\191name,file,"what, to do"\r\n'
      .. 'one,a.png,"in ""ink"",\r\nand oil"\r\n\r\ntwo,b.png,$(touch pwn) `touch pwn`\r\n'

    it("reads CSV with quotes, line breaks in them, CRLF and a byte order mark", function()
      write("list.csv", CSV)
      local run = fine(segmind("each list.csv flux-kontext-dev input_image={file} "
        .. "prompt='{what, to do}' -o 'out/{name}'"))
      assert.equal(2, lines(run))
      has("out/one.png")
      has("out/two.png")
      assert.same({ "$(touch pwn) `touch pwn`", 'in "ink",\r\nand oil' }, prompts())
      assert.is_nil(files.read(segmind.folder .. "/pwn"))
    end)

    it("reads a cell neither as a file nor as standard input", function()
      write("secret.txt", "the key")
      write("list.csv", "what\n@secret.txt\n-\n@@x\n")
      fine(segmind("each list.csv flux-kontext-pro prompt={what} aspect_ratio=1:1 -o '{n}' "))
      assert.same({ "-", "@@x", "@secret.txt" }, prompts())
    end)

    it("reads semicolons, JSONL and standard input, with the types of the model", function()
      write("list.csv", "what;g\nx;2,5\n")
      local run = segmind("each list.csv flux-kontext-dev input_image=a.png prompt={what} "
        .. "guidance={g}")
      assert.equal(2, run.code)
      assert.truthy(run.err:find("list.csv:2: guidance must be a number", 1, true), run.err)
      write("list.jsonl", '{"what": "x", "g": 2.5, "seed": 3}\n\n'
        .. '{"what": "y", "g": null, "seed": 4}\n')
      fine(segmind("each list.jsonl flux-kontext-dev input_image=a.png prompt={what} "
        .. "guidance={g} seed={seed} -o 'out/{what}-{seed}'"))
      has("out/x-3.png")
      has("out/y-4.png")
      fine(segmind("each - flux-kontext-dev input_image=a.png prompt={what} guidance={g} "
        .. "seed={seed} -o 'out/{what}-{seed}' <list.jsonl"))
      assert.equal(2, segmind:accepted())
    end)

    it("has its paths beside the table, and those that are written where the caller is", function()
      files.make_folder(segmind.folder .. "/lists")
      write("lists/p.png", session.PIXEL .. "p")
      write("lists/list.csv", "file\np.png\n")
      for _, path in ipairs({ "{file}", "lists/{file}" }) do
        fine(segmind("each lists/list.csv flux-kontext-dev prompt=x -o '{n}' input_image=" .. path))
      end
      assert.equal(1, segmind:accepted())
    end)

    it("makes equal rows once, and saves them under each name", function()
      write("list.csv", "name,what\none,x\ntwo,x\nthree,y\n")
      local run = fine(segmind("--no-ledger each list.csv flux-kontext-pro prompt={what} "
        .. "aspect_ratio=1:1 -o 'out/{name}'"))
      assert.equal(3, lines(run))
      assert.equal(2, segmind:accepted())
      has("out/one.png")
      has("out/two.png")
      fine(segmind("each list.csv flux-kontext-pro prompt={what} aspect_ratio=1:1 --limit 2"))
      local seed = segmind.service:ledger().submits[3].seed
      has("one-" .. seed .. ".png")
      has("two-" .. seed .. ".png")
    end)

    it("takes true and false from cells, and leaves a parameter out where the cell is empty",
      function()
      write("list.csv", "b,g\nfalse,3\ntrue,\n")
      fine(segmind("each list.csv flux-kontext-dev input_image=a.png prompt=x guidance={g} "
        .. "disable_safety_checker={b} --jobs 1"))
      local submits = segmind.service:ledger().submits
      local one, two = submits[1].body, submits[2].body
      assert.same({ false, 3 }, { one.disable_safety_checker, one.guidance })
      assert.is_true(two.disable_safety_checker)
      assert.is_nil(two.guidance)
    end)
  end)

  describe("with a sweep", function()
    it("makes every combination, and names each", function()
      local run = fine(segmind("each a.png b.png flux-kontext-dev prompt='in {style}' --sweep "
        .. "style=ink,oil seed=1..3 -o 'out/{name}-{style}-{seed}' --jobs 4"))
      assert.equal(12, lines(run))
      assert.equal(12, segmind:accepted())
      has("out/b-oil-3.png")
      fine(segmind("each a.png b.png flux-kontext-dev prompt='in {style}' -o "
        .. "'out/{name}-{style}-{seed}' --sweep style=ink,oil,pencil --sweep seed=1..3"))
      assert.equal(18, segmind:accepted())
    end)

    it("takes no more than --limit", function()
      fine(segmind("each a.png flux-kontext-dev prompt=x --limit 2 -o '{seed}' "
        .. "--sweep seed=1..1000"))
      assert.equal(2, segmind:accepted())
    end)
  end)

  describe("before it costs much", function()
    local WORDS = "each a.png flux-kontext-dev prompt=x -o 'out/{seed}' --sweep seed=1..26"

    it("is refused without a terminal, unless --yes or a budget says so", function()
      local run = segmind(WORDS .. " </dev/null")
      assert.equal(3, run.code)
      assert.equal("", run.out)
      assert.truthy(run.err:find("26 pictures cost $1.04; say --yes, or bound it with --budget",
        1, true), run.err)
      run = segmind("--budget 1 " .. WORDS .. " --yes")
      assert.equal(3, run.code)
      assert.truthy(run.err:find("$1.00 of the budget of $1.00 is left", 1, true), run.err)
      assert.equal(0, segmind:accepted())
      fine(segmind("--budget 1.04 " .. WORDS .. " </dev/null"))
      assert.equal(26, segmind:accepted())
      fine(segmind(WORDS .. " </dev/null"))
      fine(segmind("--budget 1.04 " .. WORDS))
      assert.equal(26, segmind:accepted())
    end)

    it("counts what is under way once, also where the budget is just enough", function()
      local words = "--budget 0.08 each list.csv flux-kontext-dev input_image={file} prompt={what} "
        .. "-o 'out/{n}'"
      write("list.csv", "file,what\na.png,one\na.png,two\n")
      segmind.service:faults({ { match = { path = "status", count = "always" },
        ["then"] = { status = 503 } } })
      assert.equal(4, segmind(words .. " --detach").code)
      segmind.service:clear_faults()
      local run = fine(segmind(words .. " --dry-run"))
      assert.truthy(run.out:find("out/1 +%$0.00  under way\n"), run.out)
      assert.truthy(run.out:find("2 pictures (2 in the ledger already) cost $0.00;", 1, true))
      fine(segmind(words))
      assert.equal(2, segmind:accepted())
    end)

    it("asks on a terminal", function()
      if not shell.output("command -v script"):find("%S") then
        return
      end
      local function answer(text)
        return shell.output(("printf '%s' | script -qec %s /dev/null 2>&1; true"):format(text,
          shell.quote(segmind:command(WORDS .. "; echo code $?"):gsub("&& exec", "&&"))))
      end
      local output = answer("n\\n")
      assert.truthy(output:find("26 pictures cost $1.04. Go on? [y/N]", 1, true), output)
      assert.truthy(output:find("code 3", 1, true), output)
      assert.equal(0, segmind:accepted())
      output = answer("y\\n")
      assert.truthy(output:find("code 0", 1, true), output)
      assert.equal(26, segmind:accepted())
    end)

    it("says with --dry-run what it would make, and what for", function()
      local run = fine(segmind(WORDS .. " --dry-run"))
      assert.truthy(run.out:find("out/26 ", 1, true))
      assert.truthy(run.out:find("26 pictures cost $1.04; nothing was sent", 1, true))
      assert.equal(0, segmind:accepted())
    end)
  end)

  describe("refuses, with code 2 and nothing sent,", function()
    local DEV = " flux-kontext-dev prompt=x"
    for _, case in ipairs({
      { "a column that is not there", "list.csv flux-kontext-pro prompt={waht}",
        'prompt={waht}: list.csv has no column waht; did you mean "what"?', "what,b\nx,y\n" },
      { "a ragged row", "list.csv flux-kontext-pro prompt={what}",
        "list.csv:4: 3 fields, but the header has 2 (what, b)", 'what,b\n"x\n",y\nx,y,z\n' },
      { "a row without a field", "list.jsonl flux-kontext-pro prompt={what}",
        "list.jsonl:2: prompt is required", '{"what":"x"}\n{"wat":"y"}\n' },
      { "a field that no row has", "list.jsonl flux-kontext-pro prompt={waht}",
        'list.jsonl has no column waht; did you mean "what"?', '{"what":"x"}\n{"b":"y"}\n' },
      { "a text with a field that a row does not have", "list.jsonl flux-kontext-pro "
        .. "prompt='{what} in ink'", 'list.jsonl:2: a {field} of "{what} in ink" is nothing there',
        '{"what":"x"}\n{"n":2}\n' },
      { "a text with a field that is a list", "list.jsonl flux-kontext-pro prompt='{what} in ink'",
        "is no text there", '{"what":["x"]}\n' },
      { "a name in -o that is none", "a.png" .. DEV .. " -o 'out/{nmae}'",
        '-o out/{nmae}: {nmae} names nothing; did you mean "{name}"?' },
      { "two pictures of one name", "a.png b.png" .. DEV .. " -o out",
        "a.png and b.png would both be saved as out" },
      { "two values of a sweep under one name", "a.png" .. DEV .. " -o '{name}' --sweep seed=1..2",
        "a.png seed=1 and a.png seed=2 would both be saved as a" },
      { "a picture that is missing", "list.csv" .. DEV .. " input_image={file} -o '{n}'",
        "list.csv:3: input_image: ", "file\na.png\nnone.png\n" },
      { "a folder without pictures", "state" .. DEV, "the folder state has no pictures" },
      { "no source", "flux-kontext-dev prompt=x", "each takes a source and a model" },
      { "words behind the parameters", "a.png" .. DEV .. " b.png", "b.png stands behind" },
      { "a misspelt name of a sweep", "a.png flux-kontext-dev prompt={styel} --sweep style=ink,oil",
        'prompt={styel}: a.png has no column styel; did you mean "style"?' },
      { "a sweep of no parameter", "a.png" .. DEV .. " --sweep sead=1..3",
        'flux-kontext-dev has no such parameter; did you mean "seed"?' },
      { "a sweep of a parameter that is given", "a.png" .. DEV .. " seed=1 --sweep seed=1..3",
        "seed is given twice" },
      { "a parameter that is misspelt", "a.png flux-kontext-dev promt=x",
        'did you mean "prompt"?' },
    }) do
      it(case[1], function()
        files.make_folder(segmind.folder .. "/state")
        local name = case[2]:match("^%S+")
        if case[4] then
          write(name, case[4])
        end
        local run = segmind("each " .. case[2])
        assert.equal(2, run.code, run.err)
        assert.equal("", run.out)
        assert.truthy(run.err:find(case[3], 1, true), run.err)
        assert.equal(0, segmind:accepted())
      end)
    end
  end)
end)
