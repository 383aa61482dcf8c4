--- What saved pictures say of how they were made, read here and by exiftool.

local files = require("spec.support.files")
local json = require("segmind.json")
local ledger = require("spec.support.ledger")
local provenance = require("segmind.provenance")
local segmind = require("segmind")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

local quote = shell.quote

local ODD = "quotes \" ' <b>&amp;</b> ]]> ünï 日本 \226\128\174rtl \216\185\216\177 \27[31m\1"
  .. "\r\n\ttab $(touch HACK) `x` \\ \239\191\191 end\n"

--- What exiftool reads, by group and name.
local function exiftool(path)
  local text = shell.output("exiftool -j -G1 -struct -XMP:all -warning " .. quote(path))
  return assert(json.decode(text), text)[1]
end

describe("a saved picture", function()
  session.fixture()
  local folder = files.fixture()
  local sm

  local function open(options)
    sm = session.client(options or { metadata = true })
    return sm
  end

  local function draw(params, opts)
    params.aspect_ratio = "1:1"
    return assert(sm:run("flux-kontext-pro", params, opts))
  end

  local function edit(format, opts)
    return assert(sm:run("flux-kontext-dev", { prompt = "at <night>", seed = 7, guidance = 3.5,
      input_image = segmind.bytes(session.PIXEL), output_format = format }, opts))
  end

  for _, format in ipairs({ "png", "jpg", "webp" }) do
    it("says in a " .. format .. " how it was made, for exiftool, too", function()
      open()
      local result = edit(format, { save = folder .. "/a" })
      local tags = exiftool(result.path)
      assert.is_nil(tags["ExifTool:Warning"])
      assert.truthy(shell.output("exiftool -validate " .. quote(result.path)):find(": OK"))
      assert.equal("http://cv.iptc.org/newscodes/digitalsourcetype/"
        .. "compositeWithTrainedAlgorithmicMedia", tags["XMP-iptcExt:DigitalSourceType"])
      assert.equal("at <night>", tags["XMP-dc:Description"])
      assert.equal("flux-kontext-dev", tags["XMP-segmind:Model"])
      assert.equal(7, tags["XMP-segmind:Seed"])
      assert.equal(result.request_id, tags["XMP-segmind:RequestId"])
      assert.equal(result.cost, tags["XMP-segmind:Cost"])
      local record = assert(provenance.read(result.path))
      assert.equal("flux-kontext-dev", record.model)
      assert.same({ prompt = "at <night>", guidance = 3.5, output_format = format,
        input_image = { input = 1 } }, record.params)
      assert.same({ 7, result.cost, result.request_id, false }, { record.seed, record.cost,
        record.request_id, record.is_beside })
      assert.truthy(record.created:find("^20%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$"))
    end)

    it("is what the service sent, in a " .. format .. ", but for that", function()
      open()
      local result = edit(format, { save = folder .. "/a" })
      local bytes, saved = assert(result:bytes()), files.read(result.path)
      assert.is_true(#saved > #bytes)
      local tail = bytes:sub(format == "jpg" and 21 or format == "png" and 34 or 31)
      assert.truthy(saved:find(tail, 1, true))
    end)
  end

  it("is the service's bytes unless it is asked for", function()
    open({})
    local result = draw({ prompt = "x" }, { save = folder .. "/a" })
    assert.equal(result:bytes(), files.read(result.path))
    assert.equal(folder .. "/b.png", result:save(folder .. "/b"))
    assert.equal(result:bytes(), files.read(folder .. "/b.png"))
    local record, err = provenance.read(folder .. "/b.png")
    assert.is_nil(record)
    assert.truthy(err.kind == "io" and err.message:find("does not say", 1, true), err.message)
    assert(result:save(folder .. "/c", { metadata = true }))
    assert.equal("x", provenance.read(folder .. "/c.png").params.prompt)
  end)

  it("says it by the option of the client, of the job and of the call, the last first", function()
    open()
    local result = draw({ prompt = "x" }, { save = folder .. "/a", metadata = false })
    assert.equal(result:bytes(), files.read(result.path))
    assert(result:save(folder .. "/b"))
    assert.equal(result:bytes(), files.read(folder .. "/b.png"))
    result = draw({ prompt = "x" })
    assert(result:save(folder .. "/c"))
    assert.truthy(provenance.read(folder .. "/c.png"))
    assert(result:save(folder .. "/d", { metadata = false }))
    assert.equal(result:bytes(), files.read(folder .. "/d.png"))
  end)

  it("has its prompt to the byte, whatever that holds", function()
    open()
    for n, prompt in ipairs({ ODD, ("x&<日"):rep(2000), "SG", "]]>", "\27]0;t\7" }) do
      local result = draw({ prompt = prompt }, { save = folder .. "/" .. n })
      assert.equal(prompt, assert(provenance.read(result.path)).params.prompt)
      assert.is_nil(exiftool(result.path)["ExifTool:Warning"])
    end
  end)

  it("keeps its record when exiftool writes it anew", function()
    open()
    local path = edit("jpg", { save = folder .. "/a" }).path
    local before = assert(provenance.read(path))
    assert.equal(0, (shell.run("exiftool -q -overwrite_original -XMP-dc:Title=new "
      .. quote(path))))
    assert.equal("new", exiftool(path)["XMP-dc:Title"])
    assert.same(before, assert(provenance.read(path)))
  end)

  it("holds no key, and nothing of an address that may be a signature", function()
    open()
    local key = "SG_0123456789abcdef"
    local url = assert(sm:upload(segmind.bytes(session.PIXEL)))
    local result = draw({ prompt = "of " .. key .. " and SG_secretsecret", input_image =
      url .. "?X-Amz-Signature=abc#frag" }, { save = folder .. "/a" })
    local saved = files.read(result.path)
    for _, secret in ipairs({ key, "secretsecret", "X-Amz", "abc#", "frag" }) do
      assert.is_nil(saved:find(secret, 1, true), secret)
    end
    local record = assert(provenance.read(result.path))
    assert.same({ { url = url, is_cut = true } }, record.inputs)
  end)

  it("names a file from where it is, and one from elsewhere by its name alone", function()
    open()
    files.make_folder(folder .. "/in")
    local near = files.write(folder .. "/in/near one.png", session.PIXEL)
    local far = files.new(session.PIXEL)
    local function input(path)
      local result = draw({ prompt = "x", input_image = path },
        { save = folder .. "/deep/er/out/a" })
      return assert(provenance.read(result.path)).inputs[1], files.read(result.path)
    end
    local there = input(near)
    assert.is_nil(there.path)
    assert.equal("near one.png", there.name)
    local result = draw({ prompt = "x", input_image = near }, { save = folder .. "/out/a" })
    assert.equal(folder .. "/out/../in/near one.png", provenance.read(result.path).inputs[1].path)
    local one, saved = input(far)
    assert.equal(far:match("[^/]*$"), one.name)
    assert.is_nil(saved:find(far, 1, true))
    os.remove(far)
  end)

  it("has the steps before it, each once", function()
    open()
    local a = draw({ prompt = "a", seed = 1 })
    local b = assert(sm:edit("flux-kontext-dev", a, { prompt = "b", seed = 2 }))
    local c = sm:submit("flux-2-pro", { prompt = "c", seed = 3, image_urls = { a, b, a } },
      { save = folder .. "/c" })
    local record = assert(provenance.read(assert(c:wait()).path))
    assert.same({ "a", "b" }, { record.steps[1].params.prompt, record.steps[2].params.prompt })
    assert.equal(2, #record.steps)
    assert.same({ { step = 1 }, { step = 2 }, { step = 1 } }, record.inputs)
    assert.same({ { step = 1 } }, record.steps[2].inputs)
    assert.equal(a.request_id, record.steps[1].request_id)
    assert.same({ 1, 2, 3 }, { record.steps[1].seed, record.steps[2].seed, record.seed })
  end)

  it("drops the first of many steps rather than grow for ever", function()
    open()
    local result = draw({ prompt = "0" })
    for n = 1, 34 do
      result = assert(sm:edit("flux-kontext-dev", result, tostring(n)))
    end
    assert.is_true(#result.job._made.before <= 32)
    assert(result:save(folder .. "/a"))
    local record = assert(provenance.read(folder .. "/a.png"))
    assert.equal("33", record.steps[#record.steps].params.prompt)
    local _, err = provenance.command(record)
    assert.truthy(err.message:find("of which the record has no more", 1, true), err.message)
  end)

  it("is saved on the caller's thread with its record, too, after the client was closed", function()
    open()
    local result = assert(sm:run_sync("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    sm:close()
    assert(result:save(folder .. "/a"))
    assert.equal("x", assert(provenance.read(folder .. "/a.png")).params.prompt)
  end)

  it("has a record that cannot be read as another's, nor as anything but data", function()
    local function of(record)
      open({})
      local xmp = '<x xmlns:segmind="https://segmind.com/ns/lua/1.0/"><segmind:record>' .. record
        .. "</segmind:record></x>"
      assert(sm._core.save(folder .. "/a.png", session.PIXEL, xmp, "x"))
      session.close()
      return provenance.read(folder .. "/a.png")
    end
    assert.truthy(of('{"segmind":1,"model":"m"}'))
    for _, text in ipairs({ "", "{", "[]", "1", '{"segmind":2,"model":"m"}', '{"segmind":1}',
      '{"segmind":1,"model":7}', '{"segmind":1,"model":"$(x)"}', '{"segmind":1,"model":"-x"}',
      '{"segmind":1,"model":"m","steps":[1]}', "&#xFFFFFFFFFF;", ("["):rep(500) }) do
      assert.is_nil(of(text), text)
    end
    local record = of('{"segmind":1,"model":"m","params":7,"inputs":[{"step":9,"path":"/etc/x"},'
      .. '3],"seed":"x","cost":"y","steps":{"a":1}}')
    assert.same({ model = "m", params = {}, inputs = { {}, {} }, steps = {}, is_beside = false,
      path = folder .. "/a.png" }, record)
  end)
end)

describe("a signed picture", function()
  session.fixture({ signed = true })
  local folder = files.fixture()

  for _, format in ipairs({ "png", "jpg", "webp" }) do
    it("stays as it is in a " .. format .. ", and its record is beside it", function()
      local sm = session.client({ metadata = true })
      local result = assert(sm:run("flux-kontext-dev", { prompt = "x", output_format = format,
        input_image = segmind.bytes(session.PIXEL) }, { save = folder .. "/a" }))
      assert.equal(result:bytes(), files.read(result.path))
      assert.truthy(files.read(result.path):find("c2pa", 1, true))
      local record = assert(provenance.read(result.path))
      assert.same({ "x", true, result.request_id }, { record.params.prompt, record.is_beside,
        record.request_id })
      assert.equal("x", json.decode(files.read(result.path .. ".json")).params.prompt)
      files.write(result.path, session.PIXEL)
      local _, err = provenance.read(result.path)
      assert.truthy(err.message:find("is of another picture", 1, true), err.message)
    end)
  end
end)

describe("a picture of a ledger", function()
  local service, folder = ledger.fixture(), files.fixture()
  local PARAMS = { prompt = "x", aspect_ratio = "1:1" }

  local function wait_for(path)
    for _ = 1, 500 do
      if files.read(path) then
        return
      end
      os.execute("sleep 0.01")
    end
  end

  it("gets its record without a step of the host; the kept one does not", function()
    local sm = ledger.client({ metadata = true })
    if session.INLINE then
      return
    end
    local job = sm:submit("flux-kontext-pro", PARAMS, { save = folder .. "/a.png" })
    for _ = 1, 200 do
      sm:step()
      if job.state ~= "waiting" then
        break
      end
      os.execute("sleep 0.005")
    end
    wait_for(folder .. "/a.png")
    local record = assert(provenance.read(folder .. "/a.png"))
    local result = assert(job:wait())
    assert.same({ result.request_id, result.cost, result.seed, "x" }, { record.request_id,
      record.cost, record.seed, record.params.prompt })
    assert.is_nil(provenance.read(result.kept))
    assert.is_true(#files.read(result.kept) < #files.read(result.path))
  end)

  it("has the same record when it comes out of the ledger", function()
    local first = assert(ledger.client({ metadata = true }):run("flux-kontext-pro", PARAMS,
      { save = folder .. "/a" }))
    local again = assert(ledger.client({ metadata = true }):run("flux-kontext-pro", PARAMS,
      { save = folder .. "/b" }))
    assert.is_true(again.job.replayed)
    local a, b = provenance.read(first.path), provenance.read(again.path)
    assert.same({ a.request_id, a.seed, a.cost }, { b.request_id, b.seed, b.cost })
    assert.equal(1, service:ledger().totals.accepted)
  end)

  it("is the same to the byte however and whenever it is saved", function()
    local function save(name)
      local sm = ledger.client({ metadata = true })
      local result = assert(sm:run("flux-kontext-pro", PARAMS, { save = folder .. "/" .. name }))
      assert(result:save(folder .. "/by-method-" .. name))
      sm:close()
      local bytes = files.read(folder .. "/" .. name)
      assert.is_true(bytes == files.read(folder .. "/by-method-" .. name))
      return bytes
    end
    assert.is_true(save("a.png") == save("b.png"))
    ledger.sql("UPDATE segmind_steps SET ended_at = ended_at - ?", 100)
    save("c.png") -- which says what the row says, not when this run came
    assert.equal(1, service:ledger().totals.accepted)
  end)

  it("knows the hash of a file that it was made from", function()
    local sm = ledger.client({ metadata = true })
    local name = files.write(folder .. "/in.png", session.PIXEL)
    local result = assert(sm:edit("flux-kontext-dev", name, "x", { save = folder .. "/a" }))
    assert.same({ { path = folder .. "/in.png", sha256 = sm._core.sha256(session.PIXEL) } },
      provenance.read(result.path).inputs)
  end)
end)

describe("the command that makes a picture again", function()
  local folder = files.fixture()

  -- A shell whose segmind prints its words and the picture's name.
  local function run(command)
    files.write(folder .. "/run", ("segmind() {\n  for word; do printf '%%s\\0' \"$word\"; done "
      .. ">>%s\n  printf '\\1' >>%s\n  echo \"$(pwd)/made.png\"\n}\n%s\n"):format(
      quote(folder .. "/words"), quote(folder .. "/words"), command))
    assert.equal(0, (shell.run("cd " .. quote(folder) .. " && sh ./run")))
    local calls = {}
    for call in files.read(folder .. "/words"):gmatch("[^\1]+") do
      local words = {}
      for word in call:gmatch("([^%z]*)%z") do
        words[#words + 1] = word
      end
      calls[#calls + 1] = words
    end
    return calls
  end

  local function record(fields)
    local one = { model = "flux-kontext-pro", params = {}, inputs = {}, steps = {} }
    for name, value in pairs(fields) do
      one[name] = value
    end
    return one
  end

  it("gives the program each word as it was, and runs nothing else", function()
    local prompt = ODD:gsub("\1", "")
    local command = assert(provenance.command(record({ seed = 7, params = { prompt = prompt,
      aspect_ratio = "1:1", input_image = { input = 1 } },
      inputs = { { path = "$(touch HACK)/it's.png" } } })))
    assert.is_nil(command:find("[\27\127\r]"), "a control character")
    assert.is_nil(command:find("\226\128\174", 1, true), "a character that turns the line")
    assert.same({ { "run", "flux-kontext-pro", "aspect_ratio=1:1",
      "input_image=./$(touch HACK)/it's.png", "prompt=" .. prompt, "--seed", "7" } }, run(command))
    assert.is_nil(files.read(folder .. "/HACK"))
  end)

  it("has the steps before it, whose pictures go into the next", function()
    local step = { model = "flux-kontext-pro", params = { prompt = "a" }, inputs = {} }
    local command = assert(provenance.command(record({ steps = { step }, params = { prompt = "b",
      input_image = { input = 1 } }, inputs = { { step = 1 } } })))
    local calls = run(command)
    assert.same({ "run", "flux-kontext-pro", "prompt=a", "-o", "segmind-step-1" }, calls[1])
    assert.equal("input_image=" .. shell.output("cd " .. quote(folder) .. " && pwd"):gsub("\n", "")
      .. "/made.png", calls[2][3])
  end)

  it("writes what segmind run reads otherwise so that it does not", function()
    local command = assert(provenance.command(record({ params = { prompt = "@home" } })))
    assert.truthy(command:find("prompt=@@home", 1, true))
    command = assert(provenance.command(record({ params = { prompt = "-" } })))
    assert.equal("printf %s - | segmind run flux-kontext-pro prompt=-", command)
    command = assert(provenance.command(record({ params = { other = 1 } })))
    assert.truthy(command:find("--allow-unknown", 1, true))
    command = assert(provenance.command(record({ model = "flux-2-pro", params = {
      image_urls = { { input = 1 }, { input = 2 } } }, inputs = { { name = "a b" },
      { url = "https://x/y" } } })))
    assert.equal("segmind run flux-2-pro 'image_urls=a b' image_urls=https://x/y", command)
  end)

  it("says why there is none", function()
    local _, err = provenance.command(record({ params = { input_image = { input = 1 } },
      inputs = { { sha256 = "abc" } } }))
    assert.truthy(err.message:find("given as bytes (SHA-256 abc)", 1, true), err.message)
    _, err = provenance.command(record({ params = { ["a;b"] = 1 } }))
    assert.truthy(err.message:find("a name that segmind run does not take", 1, true), err.message)
  end)
end)
