--- The examples run as they are printed, each as a program of its own. The five that are samples of
--- the service's pages send exactly what the pages show.

local emulator = require("spec.support.emulator")
local interpreter = require("spec.support.interpreter")
local session = require("spec.support.session")

local samples = {
  ["flux-kontext-dev"] = { seed = 42, prompt = "Replace the background with a bokeh light effect, "
    .. "zooming in on the subject, keeping the person’s pose, position, scale, and camera angle "
    .. "identical. Only change the surrounding environment. ", guidance = 7,
    input_image = "https://images.segmind.com/generations/901b78cd-381a-4284-8391-306d4c7409e1/"
      .. "6852c6602b5db2d623cc373cfa699b55.webp",
    aspect_ratio = "match_input_image", output_format = "png", output_quality = 90,
    num_inference_steps = 35, disable_safety_checker = false },
  ["flux-kontext-pro"] = { prompt = "make this a real photograph",
    input_image = "https://segmind-resources.s3.amazonaws.com/input/"
      .. "e9150752-b054-445c-a988-c13c6038dfa9-kontext-pro-ip.webp",
    aspect_ratio = "match_input_image", output_format = "png", safety_tolerance = 6 },
  ["flux-kontext-max"] = { seed = 30699,
    prompt = "Make her take a selfie in the streets of Freiburg, it's a lovely day out",
    input_image = "https://segmind-resources.s3.amazonaws.com/input/"
      .. "a1adf47e-bfba-45c4-a11f-ae2b732102ad-kontext-max-ip.webp",
    aspect_ratio = "16:9", output_format = "png", safety_tolerance = 6 },
  ["multi-image-kontext-pro"] = {
    prompt = "A woman is taking a selfie with the man in front of the Taj Mahal.",
    aspect_ratio = "1:1", input_image_1 = "https://segmind-resources.s3.amazonaws.com/output/"
      .. "80b5e919-9150-43eb-a07c-b56f73ea3dcb-image_31.png",
    input_image_2 = "https://segmind-resources.s3.amazonaws.com/output/"
      .. "9c4b025f-dad6-4dae-88ab-d01765f0c2b8-man2.png",
    output_format = "png", safety_tolerance = 2 },
  ["multi-image-kontext-max"] = { seed = 42, prompt = "put the green dress on the woman while "
    .. "maintaining the pose of the woman as it is", aspect_ratio = "1:1",
    input_image_1 = "https://segmind-resources.s3.amazonaws.com/output/"
      .. "9cb479d3-5c5f-4d5d-a782-972acbc42598-c1.jpg",
    input_image_2 = "https://segmind-resources.s3.amazonaws.com/output/"
      .. "79feee7b-d09f-4bde-bec3-c8e8a8703f04-d2.png",
    output_format = "jpg", safety_tolerance = 1 },
}

describe("the example", function()
  local service, folder

  setup(function()
    service = session.service()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. emulator.quote(folder .. "/pictures"))
    for _, name in ipairs({ "portrait.webp", "woman.jpg", "man.png", "dress.png" }) do
      local file = assert(io.open(folder .. "/pictures/" .. name, "wb"))
      file:write(session.PIXEL)
      file:close()
    end
  end)

  teardown(function()
    os.execute("rm -rf " .. emulator.quote(folder))
    assert.is_true(session.stop())
  end)

  before_each(function()
    service:reset()
  end)

  local here = debug.getinfo(1, "S").source:match("^@(.*)spec[/\\]examples_spec%.lua$")

  --- Runs an example; what it printed, and whether it ended well.
  local function run(name, key)
    local words = { "env", "LUA_INIT=", "SEGMIND_BASE_URL=" .. emulator.quote(service.url),
      "SEGMIND_API_KEY=" .. emulator.quote(key or emulator.KEY),
      "SEGMIND_PICTURES=" .. emulator.quote(folder .. "/pictures") }
    for _, kind in ipairs({ "PATH", "CPATH" }) do
      local path = emulator.quote(package[kind:lower()])
      local versioned = "LUA_" .. kind .. "_" .. _VERSION:match("%d+%.%d+"):gsub("%.", "_")
      words[#words + 1] = "LUA_" .. kind .. "=" .. path
      words[#words + 1] = versioned .. "=" .. path
    end
    words[#words + 1] = interpreter.command()
    words[#words + 1] = emulator.quote(here .. "examples/" .. name .. ".lua")
    words[#words + 1] = emulator.quote(folder) .. " 2>&1; echo status=$?"
    local pipe = assert(io.popen(table.concat(words, " ")))
    local text = pipe:read("*a")
    pipe:close()
    return text, text:find("status=0\n", 1, true) ~= nil
  end

  local function holds(name)
    return #session.read(folder .. "/" .. name) > 20
  end

  for name, sample in pairs(samples) do
    it(name .. " sends what the page shows and writes the picture", function()
      local text, ended_well = run(name)
      assert.is_true(ended_well, text)
      local submits = service:ledger().submits
      assert.equal(1, #submits)
      assert.equal(name, submits[1].model)
      assert.equal("COMPLETED", submits[1].state)
      if not sample.seed then
        assert.is_number(submits[1].body.seed) -- drawn, so that the result can be made again
        submits[1].body.seed = nil
      end
      assert.same(sample, submits[1].body)
      assert.is_true(holds(name .. "." .. sample.output_format))
    end)
  end

  it("text-to-image draws without a picture", function()
    local text, ended_well = run("text-to-image")
    assert.is_true(ended_well, text)
    assert.is_true(holds("text-to-image.png"))
  end)

  it("sync gets its picture in the answer", function()
    local text, ended_well = run("sync")
    assert.is_true(ended_well, text)
    assert.is_true(holds("sync.png"))
  end)

  it("chain prints its price and makes every step", function()
    local text, ended_well = run("chain")
    assert.is_true(ended_well, text)
    assert.truthy(text:find("$0.19", 1, true))
    assert.is_true(holds("chain-1.png") and holds("chain-2.png") and holds("chain-3.jpg"))
    assert.equal(3, service:ledger().totals.completed)
  end)

  it("graph tells its progress and leaves pictures and a page", function()
    local text, ended_well = run("graph")
    assert.is_true(ended_well, text)
    assert.truthy(text:find("night%s+flux%-kontext%-pro%s+submitting"))
    local page = session.read(folder .. "/report.html")
    for _, name in ipairs({ "bokeh.png", "dressed.png", "night.png", "noon.png", "both.png",
      "poster.jpg" }) do
      assert.is_true(holds(name))
      assert.truthy(page:find('src="' .. name .. '"', 1, true))
    end
    assert.equal(6, service:ledger().totals.completed)
  end)

  it("of any kind ends with the error line when it fails", function()
    for _, name in ipairs({ "flux-kontext-pro", "sync", "chain", "graph" }) do
      local text, ended_well = run(name, "malformed key")
      assert.is_false(ended_well)
      assert.truthy(text:find("segmind: auth: ", 1, true), text)
      assert.is_nil(text:find("stack traceback", 1, true))
    end
  end)
end)
