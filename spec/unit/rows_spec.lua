--- The rows of `segmind each`, and the combinations of a sweep.

local files = require("spec.support.files")
local rows = require("segmind.cli.rows")
local sweep = require("segmind.cli.sweep")

local function problem_of(fn, ...)
  local ok, problem = pcall(fn, ...)
  assert.is_false(ok)
  return problem.message
end

describe("a table of rows", function()
  local function values(list)
    local out = {}
    for i, row in ipairs(list) do
      out[i] = row.values
    end
    return out
  end

  for what, text in pairs({
    ["a byte order mark and CRLF"] = "\239\187\191a,b\r\n1,2\r\n3,4\r\n",
    ["carriage returns alone"] = "a,b\r1,2\r3,4",
    ["quotes"] = '"a","b"\n"1","2"\n"3",4',
    ["blank lines"] = "a,b\n\n1,2\n   \n3,4\n\n",
    ["semicolons"] = "a;b\n1;2\n3;4\n",
    ["tabs"] = "a\tb\n1\t2\n3\t4\n",
    ["spaces round the names"] = " a , b\n1,2\n3,4\n",
  }) do
    it("is read with " .. what, function()
      assert.same({ { a = "1", b = "2" }, { a = "3", b = "4" } }, values(rows.csv(text, "x")))
    end)
  end

  it("keeps what is in quotes, and says where a row begins", function()
    local list = rows.csv('a,b\n"x, ""y""\r\nz",\n1,2\n', "l.csv")
    assert.same({ { a = 'x, "y"\r\nz', b = "" }, { a = "1", b = "2" } }, values(list))
    assert.equal("l.csv:2", list[1].where)
    assert.equal("l.csv:4", list[2].where)
  end)

  for text, expected in pairs({
    [""] = "l.csv is empty; its first line names the columns, each further one is a picture",
    ["what\n\n"] = "l.csv has a header (what) and no rows",
    ['a,b\n"x\n",y\nx,y,z\n'] = "l.csv:4: 3 fields, but the header has 2 (a, b); a text with a "
      .. "comma stands in quotes",
    ['a\nx\n"y\nz\n'] = 'l.csv:3: the quote " that begins in this line is not closed',
    ['a,b\n"x"y,z\n'] = "l.csv:2: text stands behind a closing quote; a quote in a text is written "
      .. '""',
    ["a,a\n1,2\n"] = "l.csv:1: two columns are called a",
    ["a,\n1,2\n"] = "l.csv:1: column 2 has no name; the first line names the columns",
    ["a\nx\n\228\n"] = "l.csv:3: these bytes are not UTF-8; save the file as UTF-8 (iconv -f "
      .. "latin1 -t utf8)",
    ["\255\254a\0"] = "l.csv is UTF-16; save it as UTF-8",
  }) do
    it("is refused: " .. expected, function()
      assert.equal(expected, problem_of(rows.csv, text, "l.csv"))
    end)
  end

  it("of JSON objects tells the line and the column of what is wrong", function()
    assert.same({ { a = 1 }, { a = "x" } }, values(rows.jsonl('{"a":1}\r\n\n{"a":"x"}', "l")))
    assert.equal("l:3:2: a name in quotes \" is expected, got \"a\"",
      problem_of(rows.jsonl, '{"a":1}\n\n{a:1}', "l"))
    assert.truthy(problem_of(rows.jsonl, "[1]", "l"):find("l:1: a line is a JSON object", 1, true))
    assert.truthy(problem_of(rows.jsonl, "\n", "l"):find("l is empty", 1, true))
  end)
end)

describe("a source of rows", function()
  local folder = files.fixture()

  it("is refused when it is not there, or nothing tells what it is", function()
    assert.truthy(problem_of(rows.read, { folder .. "/none" }):find("there is no file or folder"))
    files.write(folder .. "/x.txt", "x")
    assert.truthy(problem_of(rows.read, { folder .. "/x.txt" }):find("--format csv", 1, true))
    assert.truthy(problem_of(rows.read, { folder }):find("has no pictures", 1, true))
    assert.truthy(problem_of(rows.read, { folder }, "xls"):find("--format is csv", 1, true))
  end)

  it("may be addresses, which are named by their paths", function()
    local list, columns = rows.read({ "https://images.segmind.com/x/a.png?b=c.png", "HTTP://h/d" })
    assert.same({ "a", "d" }, { list[1].values.name, list[2].values.name })
    assert.same({ "path", "file", "name" }, columns)
  end)

  it("has the pictures of a folder by their names, whatever they are called", function()
    for _, name in ipairs({ "b.png", "a b.JPG", "-n.webp", "`x`.gif", "new\nline.png",
      ".h.png" }) do
      files.write(folder .. "/" .. name, "x")
    end
    local found = {}
    for i, row in ipairs((rows.read({ folder }))) do
      found[i] = row.values.file
    end
    assert.same({ "-n.webp", "`x`.gif", "a b.JPG", "b.png", "new\nline.png" }, found)
  end)
end)

describe("a sweep", function()
  it("is every combination, the last name the quickest", function()
    local names, combinations = sweep.read({ { "a=1..2", "b=x,y" }, { "c=-1" } })
    assert.same({ "a", "b", "c" }, names)
    assert.same({ { a = "1", b = "x", c = "-1" }, { a = "1", b = "y", c = "-1" },
      { a = "2", b = "x", c = "-1" }, { a = "2", b = "y", c = "-1" } }, combinations)
    assert.same({ {} }, select(2, sweep.read(nil)))
  end)

  for word, expected in pairs({ ["a"] = "takes name=1..4", ["a="] = "is missing",
    ["a=1,"] = "is missing", ["a=x,x"] = "twice", ["a=4..1"] = "upwards",
    ["a=1..1000000"] = "at most 100000" }) do
    it("is refused: " .. word, function()
      assert.truthy(problem_of(sweep.read, { { word } }):find(expected, 1, true))
    end)
  end

  it("of a hundred thousand is the most", function()
    local message = problem_of(sweep.read, { { "a=1..1000", "b=1..1000" } })
    assert.truthy(message:find("more than 100000 combinations", 1, true))
    assert.truthy(problem_of(sweep.read, { { "a=1", "a=2" } }):find("given twice", 1, true))
  end)
end)
