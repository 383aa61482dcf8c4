--- Progress of jobs: lines that are redrawn on a terminal, plain lines elsewhere.

local progress = require("segmind.progress")
local session = require("spec.support.session")

describe("progress", function()
  local service = session.fixture()

  local text
  local stream = { write = function(_, ...)
    text = text .. table.concat({ ... })
  end, flush = function() end }

  before_each(function()
    text = ""
  end)

  local function new(opts)
    opts.stream = stream
    return progress.new(opts)
  end

  local function submit(sm, prompt, opts)
    return assert(sm:submit("flux-kontext-pro", { prompt = prompt, aspect_ratio = "1:1" }, opts))
  end

  --- What a terminal shows in the end: lines that were taken off are gone.
  local function screen()
    local lines, at = {}, 1
    local left = text:gsub("\27%[%d*m", "")
    while left ~= "" do
      local count, what, rest = left:match("^\r?\27%[(%d*)(%a)(.*)$")
      if what == "A" then
        at = at - tonumber(count)
      elseif what == "J" then
        for i = #lines, at, -1 do
          lines[i] = nil
        end
      else
        lines[at], rest = left:match("^([^\n]*)\n(.*)$")
        at = at + 1
      end
      left = rest
    end
    return table.concat(lines, "\n")
  end

  it("is a plain line for each state where there is no terminal", function()
    local sm = session.client()
    local shown = new({ is_terminal = false })
    shown:watch(submit(sm, "x"))
    shown:wait()
    assert.is_nil(text:find("\27", 1, true))
    assert.truthy(text:find("queued     0 of 22 s       $0.05  flux-kontext-pro\n", 1, true), text)
    assert.truthy(text:find("\ndone [^\n]*%$0.05  flux%-kontext%-pro\n$"), text)
  end)

  it("redraws a line a job on a terminal, and leaves one line of each in the end", function()
    local sm = session.client()
    local shown = new({ is_terminal = true, columns = 100, rows = 24 })
    for n = 1, 3 do
      shown:watch(submit(sm, "x" .. n), "picture " .. n)
    end
    shown:draw()
    shown:wait()
    local _, count = screen():gsub("done[^\n]*picture %d", "")
    assert.equal(3, count, screen())
    assert.is_nil(screen():find("queued", 1, true), screen())
  end)

  it("shows no more lines than there are, and cuts them", function()
    service:faults({ { match = { path = "status", count = "always" },
      ["then"] = { status = 503 } } })
    local sm = session.client()
    local shown = new({ is_terminal = true, columns = 30, rows = 6, has_colours = false })
    for n = 1, 9 do
      shown:watch(submit(sm, "x" .. n))
    end
    text = ""
    shown:draw()
    local lines = select(2, text:gsub("\n", ""))
    assert.equal(4, lines)
    assert.truthy(text:find("and 6 more\n", 1, true), text)
    for line in text:gsub("\27%[%d*%a", ""):gmatch("[^\r\n]+") do
      assert.is_true(#line < 30, line)
    end
    service:clear_faults()
    shown:finish()
  end)

  it("prints lines above those that are redrawn, and to the quiet, too", function()
    local shown = new({ is_terminal = false, is_quiet = true })
    local sm = session.client()
    shown:watch(submit(sm, "x"))
    shown:print("a note")
    shown:wait()
    assert.equal("a note\n", text)
  end)

  it("tells of a job that is over already, and of what the ledger has not paid again", function()
    local sm = session.client()
    local job = submit(sm, "x")
    assert(job:wait())
    new({ is_terminal = false }):watch(job, "a name")
    assert.truthy(text:find("^done .*a name\n$"), text)
  end)

  it("lets through what submit says of a call that is refused", function()
    local sm = session.client()
    local job, err = new({ is_terminal = false }):watch(sm:submit("flux-kontext-pro", {}))
    assert.is_nil(job)
    assert.equal("invalid", err.kind)
    assert.equal("", text)
  end)

  it("takes colours off for NO_COLOR", function()
    local sm = session.client()
    local shown = new({ is_terminal = true, columns = 80, rows = 24, has_colours = false })
    shown:watch(submit(sm, "x"))
    shown:wait()
    assert.is_nil(text:find("\27%[%d+m"))
  end)

  it("cuts by columns: wide characters take two, combining marks none", function()
    assert.equal("abc", progress.cut("abcd", 3))
    assert.equal("日", progress.cut("日本", 3))
    assert.equal("é…█", progress.cut("é…█x", 3))
    assert.equal("e\204\129e", progress.cut("e\204\129ee", 2))
  end)

  it("shows no escape sequence, control character or turned direction of a name", function()
    assert.equal("red  x", progress.plain("\27[31mred\27[0m\r\n x"):gsub("   ", "  "))
    assert.equal("title", progress.plain("\27]0;owned\7title"))
    assert.equal("ab", progress.plain("a\226\128\174\194\155b"))
    assert.equal("Zürich", progress.plain("Zürich"))
  end)
end)
