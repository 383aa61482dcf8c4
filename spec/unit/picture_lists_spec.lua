--- Parameters that hold a list of pictures.

local files = require("spec.support.files")
local slots = require("segmind.slots")
local segmind = require("segmind")
local session = require("spec.support.session")

local PROMPT = "the three on one sheet"

describe("a list of pictures", function()
  local service = session.fixture()
  local sm

  before_each(function()
    sm = session.client()
  end)

  local function last_body()
    local submits = service:ledger().submits
    return submits[#submits].body
  end

  -- Another picture than the pixel: what follows the end does not matter.
  local function bytes(mark)
    return segmind.bytes(session.PIXEL:sub(1, -13) .. mark .. session.PIXEL:sub(-12))
  end

  local function draw(prompt)
    return assert(sm:submit("flux-kontext-pro", { prompt = prompt, aspect_ratio = "1:1" }))
  end

  it("holds a path, a URL, bytes, a result and a job, and keeps their order", function()
    local path = files.new(session.PIXEL)
    local first = assert(draw("first"):wait())
    local second = draw("second")
    local result = assert(sm:run("flux-2-pro", { prompt = PROMPT,
      image_urls = { path, first.url, segmind.bytes(session.PIXEL), first, second, path } }))
    os.remove(path)
    local urls = last_body().image_urls
    assert.equal(6, #urls)
    assert.truthy(urls[1]:find("/assets/", 1, true))
    local drawn = assert(second:wait()).url
    assert.same({ urls[1], first.url, urls[1], first.url, drawn, urls[1] }, urls)
    assert.equal(0.07, result.cost)
    assert.same({ "path", "url", "bytes", "result", "job", "path" }, (function()
      local kinds = {}
      for i, input in ipairs(result.job.inputs) do
        assert.equal("image_urls", input.param)
        kinds[i] = input.kind
      end
      return kinds
    end)())
  end)

  it("may be one picture alone, which goes as a list of one", function()
    local drawn = draw("alone")
    assert(sm:run("flux-2-klein-4b", { prompt = PROMPT, image_urls = drawn }))
    assert.same({ assert(drawn:wait()).url }, last_body().image_urls)
  end)

  it("names the one that is wrong, and is not sent", function()
    for problem, list in pairs({
      ["image_urls[2]: an image is a path"] = { segmind.bytes(session.PIXEL), 7 },
      ["image_urls[1]: "] = { "/nowhere/at/all.png" },
      ["image_urls must be a list of pictures, none left out"] = {},
      ["image_urls must be a list of pictures"] = { first = segmind.bytes(session.PIXEL) },
      ["image_urls[1]: an image is"] = { { segmind.bytes(session.PIXEL) } },
    }) do
      local result, err = sm:run("flux-2-pro", { prompt = PROMPT, image_urls = list })
      assert.is_nil(result)
      assert.equal("invalid", err.kind)
      assert.truthy(err.message:find(problem, 1, true), err.message)
    end
    local with_hole = { segmind.bytes(session.PIXEL), nil, segmind.bytes(session.PIXEL) }
    assert.equal("invalid",
      select(2, sm:run("flux-2-pro", { prompt = PROMPT, image_urls = with_hole })).kind)
    assert.equal(0, service:ledger().totals.accepted)
  end)

  it("is left as the caller wrote it", function()
    local list = { segmind.bytes(session.PIXEL) }
    local picture = list[1]
    assert(sm:run("flux-2-max", { prompt = PROMPT, image_urls = list }))
    assert.equal(picture, list[1])
  end)

  it("takes the running picture of a chain, or what the step names", function()
    local chain = sm:chain(bytes(""))
      :step("flux-kontext-dev", { prompt = "bokeh" })
      :step("flux-2-pro", { prompt = "at night" })
    chain:step("flux-2-flex", { prompt = "both",
      image_urls = { chain:output(1), chain:output(2) } })
    local results = assert(chain:run())
    local submits = service:ledger().submits
    assert.same({ results[1].url }, submits[2].body.image_urls)
    assert.same({ results[1].url, results[2].url }, submits[3].body.image_urls)
  end)

  it("holds the paths of the folder that they are named in, one alone too", function()
    local function named(urls)
      return slots.named_in("flux-2-pro", { image_urls = urls }).image_urls
    end
    local alone, list = named("a.png"), named({ "a.png", "http://127.0.0.1/b.png" })
    assert.matches("^/.*/a%.png$", alone)
    assert.same({ alone, "http://127.0.0.1/b.png" }, list)
  end)

  it("fails with the job that one of them is", function()
    service:faults({ { match = { path = "submit", count = 1 }, ["then"] = { status = 400 } } })
    local bad = draw("refused")
    local result, err = sm:run("flux-2-pro", { prompt = PROMPT,
      image_urls = { segmind.bytes(session.PIXEL), bad } })
    assert.is_nil(result)
    assert.same({ "upstream", "rejected" }, { err.kind, err.cause.kind })
  end)
end)
