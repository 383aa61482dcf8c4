--- Where a picture is saved, over real sockets against the emulator.

local files = require("spec.support.files")
local session = require("spec.support.session")
local shell = require("spec.support.shell")
local await = require("segmind.operation").await
local provenance = require("segmind.provenance")

describe("save", function()
  local service, folder = session.fixture(), files.fixture()
  local sm
  local PARAMS = { prompt = "x", aspect_ratio = "1:1" }

  before_each(function()
    sm = session.client()
  end)

  local function submit(save, opts)
    opts = opts or {}
    opts.save = folder .. save
    return sm:submit("flux-kontext-pro", PARAMS, opts)
  end

  local function refused(save, why)
    local accepted = service:ledger().totals.accepted
    local job, err = sm:submit("flux-kontext-pro", PARAMS, { save = save })
    assert.is_nil(job)
    assert.equal("invalid", err.kind)
    assert.truthy(err.message:find(why, 1, true), err.message)
    assert.equal(accepted, service:ledger().totals.accepted)
  end

  it("makes the folders that are missing, when there is something to put there", function()
    local job = assert(submit("/one/two/house v1.5"))
    assert.is_nil(io.open(folder .. "/one"))
    assert.equal(folder .. "/one/two/house v1.5.png", assert(job:wait()).path)
    assert.truthy(io.open(folder .. "/one/two/house v1.5.png"))
    local result = job:result()
    assert.equal(folder .. "/three/b.png", result:save(folder .. "/three/b"))
  end)

  it("is refused where it would replace a picture that is sent", function()
    local picture = folder .. "/house.png"
    files.write(picture, files.read("examples/pictures/portrait.webp"))
    local accepted = service:ledger().totals.accepted
    local function edit(save, format)
      return sm:edit("flux-kontext-pro", picture, { prompt = "x", aspect_ratio = "1:1",
        output_format = format }, { save = save })
    end
    for _, refusal in ipairs({ { edit(picture) }, { edit(folder .. "/./house") },
      { edit(folder .. "/house", "png") },
      { sm:chain(picture):step("flux-kontext-pro", { prompt = "x" })
        :step("flux-kontext-pro", { prompt = "y" }, { save = picture }):submit() } }) do
      assert.is_nil(refusal[1])
      assert.truthy(refusal[2].message:find("house.png is a picture that is edited", 1, true),
        refusal[2].message)
    end
    assert.equal(accepted, service:ledger().totals.accepted)
    assert.equal(folder .. "/house.jpg", assert(edit(folder .. "/house", "jpg")).path)
  end)

  it("is done by the worker once the result is there, whether the host steps or not", function()
    if session.INLINE then
      return pending("an inline client has no worker")
    end
    local job = assert(submit("/a", { metadata = true }))
    local file
    for _ = 1, 500 do
      file = io.open(folder .. "/a.png", "rb")
      if file then
        break
      end
      os.execute("sleep 0.02")
    end
    assert(file):close()
    assert.is_nil(job:result())
    local result = assert(job:wait())
    assert.equal(folder .. "/a.png", result.path)
    local record = assert(provenance.read(result.path))
    assert.same({ result.request_id, result.cost, result.seed }, { record.request_id, record.cost,
      record.seed })
  end)

  it("is done on the worker for bytes that are at hand, with their hash", function()
    local bytes = assert(sm:run("flux-kontext-pro", PARAMS)):bytes()
    local done = assert(await(sm, "save", folder .. "/one/a", bytes, {}))
    assert.equal(folder .. "/one/a.png", done.path)
    assert.equal(bytes, assert(io.open(done.path, "rb")):read("*a"))
    assert.equal(sm._core.sha256(bytes), done.sha256)
    assert.equal(done.sha256, await(sm, "digest", { bytes = bytes }, {}).sha256)
    assert.equal(done.sha256, await(sm, "digest", done.path, {}).sha256)
    local _, err = await(sm, "save", folder .. "/b.png", "words", {})
    assert.equal("protocol", err.kind)
    assert.is_nil(io.open(folder .. "/b.png"))
  end)

  it("tells how long the download took, as the worker measured it", function()
    local saved = assert(assert(submit("/a")):wait())
    assert.is_true(saved.download_time >= 0.001 and saved.download_time < 10)
    local result = assert(sm:run("flux-kontext-pro", PARAMS))
    assert.is_nil(result.download_time)
    assert(result:bytes())
    assert.is_true(result.download_time >= 0.001)
    assert.equal(result.download_time, result:data().download_time)
  end)

  it("leaves nothing behind when the call is refused", function()
    local job = sm:submit("flux-kontext-pro", { prompt = "x", seed = "much" },
      { save = folder .. "/new/a" })
    assert.is_nil(job)
    assert.is_nil(io.open(folder .. "/new"))
  end)

  it("refuses before the payment what cannot be written", function()
    local file = assert(io.open(folder .. "/file", "w"))
    file:close()
    refused(folder .. "/file/x", "Not a directory")
    refused(folder .. "/" .. ("n"):rep(252), "File name too long")
    refused(folder .. "/" .. ("n"):rep(300) .. "/x", "File name too long")
    refused(folder .. "/..", "a file name is needed")
    refused(folder .. "/", "a file name is needed")
    refused("~", "not expanded")
    refused("~/pictures/x.png", "not expanded")
    assert(os.execute(("mkdir %s/taken.jpg"):format(folder)))
    refused(folder .. "/taken", "it is a folder")
    assert.equal(folder .. "/" .. ("n"):rep(250) .. ".png",
      assert(assert(submit("/" .. ("n"):rep(250))):wait()).path)
  end)

  it("says that a picture which has no place to go to is paid", function()
    local result = assert(sm:run("flux-kontext-pro", PARAMS))
    for _, target in ipairs({ "~/a", "a\0b", folder .. "/" }) do
      local path, err = result:save(target)
      assert.is_nil(path)
      assert.equal("yes", err.charged, tostring(err))
    end
  end)

  it("names a folder that cannot be made once, for all steps of a chain", function()
    local file = assert(io.open(folder .. "/file", "w"))
    file:close()
    local chain = sm:chain(files.new(session.PIXEL))
    for _ = 1, 4 do
      chain:step("flux-kontext-dev", { prompt = "x" })
    end
    local results, err = chain:run({ save = folder .. "/file/out/x" })
    assert.is_nil(results)
    local _, count = err.message:gsub("Not a directory", "")
    assert.equal(1, count)
    assert.equal(1, err.step)
  end)

  it("refuses two live jobs that would write one file", function()
    local first = assert(submit("/same"))
    for _, name in ipairs({ "/same", "/same.png", "/./same.jpg", "/other/../same" }) do
      local job, err = submit(name)
      assert.is_nil(job)
      assert.equal("invalid", err.kind)
      assert.truthy(err.message:find("job 1", 1, true))
    end
    local other = assert(submit("/same.jpeg"))
    assert(first:wait())
    assert(assert(submit("/same")):wait()) -- which is over now
    assert(other:wait())
    local chain = sm:chain():step("flux-kontext-pro", PARAMS, { save = folder .. "/c" })
      :step("flux-kontext-pro", { prompt = "y" }, { save = folder .. "/c.png" })
    local _, err = chain:run()
    assert.equal("invalid", err.kind)
    assert.truthy(err.message:find("step 1 writes", 1, true), err.message)
  end)

  it("removes nothing in the caller's folder, not what a killed process may have left", function()
    local left = files.write(folder .. "/.x.png.0123456789abcdef.part", "half")
    os.execute("touch -d '1 hour ago' " .. shell.quote(left))
    assert(assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1",
      output_format = "png" }, { save = folder .. "/x.png" })):wait())
    assert.equal("half", files.read(left))
  end)

  it("warns where the extension contradicts the bytes, which stay as they are", function()
    local told = {}
    session.close()
    sm = session.client({ on_event = function(event)
      told[#told + 1] = event.what == "warning" and event.message or nil
    end })
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1",
      output_format = "jpg" }, { save = folder .. "/x.png" }))
    local result = assert(job:wait())
    assert.equal(folder .. "/x.png", result.path)
    assert.equal("jpeg", result:info().format)
    assert.same({ folder .. "/x.png holds a jpeg, whatever its extension says" }, job.warnings)
    assert.same(job.warnings, told)
    assert(result:save(folder .. "/y.JPEG"))
    assert.equal(1, #told)
  end)

  it("numbers the steps of a chain before a picture's extension only", function()
    local results = assert(sm:chain(files.new(session.PIXEL))
      :step("flux-kontext-dev", { prompt = "x" }):run({ save = folder .. "/house v1.5" }))
    assert.equal(folder .. "/house v1.5-1.png", results.final.path)
  end)
end)
