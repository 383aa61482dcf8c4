local fake = require("spec.support.fake_core")

describe("a result", function()
  local segmind, core, sm

  before_each(function()
    sm, segmind, core = fake.client()
  end)

  after_each(fake.close)

  local function run(body, model, params)
    core.answers.job = function()
      return { { 1, "done", { status = 200, body = body, request_id = "r-1",
        content_type = "application/json" } } }
    end
    return sm:run(model or "flux-kontext-pro", params or { prompt = "x", seed = 3 })
  end

  local function with_output(output)
    return ('{"status":"COMPLETED",%s}'):format(output)
  end

  local U1, U2 = "https://images.segmind.com/1.png", "https://images.segmind.com/2.jpeg"

  it("finds its URLs in every shape an output has", function()
    for output, urls in pairs({
      ['"output":"' .. U1 .. '"'] = { U1 },
      ['"output":["' .. U1 .. '","' .. U2 .. '"]'] = { U1, U2 },
      ['"output":{"url":"' .. U1 .. '"}'] = { U1 },
      ['"output":[{"url":"' .. U1 .. '"},{"url":"' .. U2 .. '"}]'] = { U1, U2 },
      ['"output":null,"images":[{"url":"' .. U2 .. '"}]'] = { U2 },
      ['"output":"' .. U1 .. '","images":[{"url":"' .. U2 .. '"}]'] = { U1 },
      ['"output":[["' .. U1 .. '"],["' .. U2 .. '"]]'] = { U1, U2 },
      ['"output":{"image":{"url":"' .. U1 .. '"}}'] = { U1 },
      ['"output":{"images":[{"url":"' .. U1 .. '"},{"url":"' .. U2 .. '"}]}'] = { U1, U2 },
      ['"output":"[\\"' .. U1 .. '\\"]"'] = { U1 },
    }) do
      local result = assert(run(with_output(output)))
      assert.same(urls, result.urls)
      assert.equal(urls[1], result.url)
    end
  end)

  local USUAL = '"request_id":"r-9","output":"' .. U1 .. '","images":[{"url":"' .. U1 .. '"},null],'
    .. '"prompt":"a \\"b\\"","error":null,"timings":{"n":1,"none":null},"seed":"42",'
    .. '"metrics":{"cost":0.05,"inference_time":2.0,"note":"x"}'

  -- By `pairs`, without what each has of its own.
  local function fields_of(result)
    local fields = {}
    for name, value in pairs(result) do
      fields[name] = value
    end
    fields.job, fields.nsfw = nil, nil
    return fields
  end

  it("is the same in its usual form, and with a member more than that", function()
    local usual = assert(run(with_output(USUAL)))
    local other = assert(run(with_output(USUAL .. ',"nsfw":true')))
    assert.same(fields_of(other), fields_of(usual))
    assert.same(other:data().metrics, usual:data().metrics)
    assert.same({ cost = 0.05, inference_time = 2, note = "x" }, usual.metrics)
    assert.equal("r-1", usual.request_id)
    assert.equal('a "b"', usual.prompt)
    assert.same({ n = 1 }, usual.timings)
    assert.same({ { url = U1 } }, usual.images)
    local type_of = rawget(math, "type") or type
    assert.equal(type_of(42), type_of(usual.seed))
    assert.equal(type_of(2), type_of(usual.metrics.inference_time))
  end)

  it("has each field of its usual form, whichever is asked for first", function()
    for name, value in pairs({ status = "COMPLETED", output = U1, url = U1, urls = { U1 },
      cost = 0.05, seed = 42, images = { { url = U1 } }, request_id = "r-1",
      metrics = { cost = 0.05, inference_time = 2, note = "x" } }) do
      local result = assert(run(with_output(USUAL)))
      result.note = "the caller's"
      assert.same(value, result[name])
      assert.equal(result[name], result[name])
      assert.equal("the caller's", result.note)
      assert.is_nil(result.absent)
      assert.is_nil(result.path)
    end
    local bare = assert(run(with_output('"output":"' .. U1 .. '"')))
    assert.same({}, bare.metrics)
    assert.is_nil(bare.cost)
    assert.equal(3, bare.seed)
  end)

  it("is whole for whoever gets it, and where a step has no time left, too", function()
    core.answers.job = function()
      return { { 1, "done", { status = 200, body = with_output(USUAL), request_id = "r-1" } } }
    end
    local told, steps = nil, 0
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", seed = 3 }))
    job:on("done", function(result)
      told = fields_of(result)
    end)
    repeat
      sm:poll(1)
      sm:step(nil, nil, 0)
      steps = steps + 1
      local fields = job:result() and fields_of(job:result())
      assert.equal(fields and "x", fields and fields.metrics.note)
    until told
    assert.is_true(steps > 1)
    assert.same(fields_of(job:result()), told)
  end)

  it("is read out of the envelope of a gateway", function()
    local done = with_output('"output":"' .. U1 .. '","metrics":{"cost":0.07}')
    for _, body in ipairs({ '{"success":true,"result":' .. done .. "}",
      '{"status":"success","data":' .. done .. "}", "[" .. done .. "]" }) do
      local result = assert(run(body))
      assert.equal(U1, result.url)
      assert.equal(0.07, result.cost)
    end
  end)

  it("has a cost that may name its currency", function()
    for _, cost in ipairs({ "$0.05", "0.05 USD", "usd 0.05", " 5e-2 " }) do
      local result = assert(run(with_output('"output":"' .. U1 .. '","metrics":{"cost":"' .. cost
        .. '"}'), nil, { prompt = "x", aspect_ratio = "1:1" }))
      assert.equal(0.05, result.cost)
      assert.same({}, result.job.warnings)
    end
  end)

  it("is told as plain data, which any JSON library encodes", function()
    local result = assert(run(with_output('"output":"' .. U1 .. '","nsfw":false,"seed":"42",'
      .. '"metrics":{"cost":0.05},"prompt":"x"'), nil, { prompt = "x", aspect_ratio = "1:1" }))
    result.path = "/tmp/x.png"
    local data = result:data()
    local job = result.job
    assert.same({ status = "COMPLETED", output = U1, url = U1, urls = { U1 }, nsfw = false,
      seed = 42, cost = 0.05, metrics = { cost = 0.05 }, prompt = "x", request_id = "r-1",
      path = "/tmp/x.png", model = "flux-kontext-pro", inputs = {}, replayed = false,
      params = { prompt = "x", aspect_ratio = "1:1", seed = 42 }, started = job.started,
      ended = job.ended }, data)
    assert.is_nil(getmetatable(data))
    assert.is_string(require("cjson").encode(data))
  end)

  it("tells pictures that were never sent as what they are in plain data", function()
    local result = assert(run(with_output('"output":"' .. U1 .. '"')))
    result.job.params.input_image = result.job -- as a step that a ledger restores leaves it
    result.job.params.other = segmind.bytes("x")
    local data = result:data()
    assert.equal(U1, data.params.input_image)
    assert.is_nil(data.params.other)
  end)

  it("is the body itself, with regular fields", function()
    local result = assert(run(with_output('"output":"' .. U1 .. '","error":null,"seed":"42",'
      .. '"metrics":{"cost":0.05,"queue_time":0.2},"extra":{"a":[1,2]}')))
    assert.equal("COMPLETED", result.status)
    assert.equal(U1, result.output)
    assert.is_nil(result.error)
    assert.equal(42, result.seed)
    assert.equal(0.05, result.cost)
    assert.equal(0.2, result.metrics.queue_time)
    assert.same({ 1, 2 }, result.extra.a)
    assert.equal("r-1", result.request_id)
    assert.equal("flux-kontext-pro", result.job.model)
  end)

  it("has the seed that was sent when the service tells none", function()
    assert.equal(3, run(with_output('"output":"' .. U1 .. '"')).seed)
    assert.equal(3, run(with_output('"seed":"abc","output":"' .. U1 .. '"')).seed)
  end)

  it("is one without a status, too", function()
    local result = assert(run('{"images":[{"url":"' .. U1 .. '"}]}'))
    assert.equal(U1, result.url)
    assert.equal("COMPLETED", result.status)
    assert.same({}, result.metrics)
    assert.is_nil(result.cost)
  end)

  it("is found in an envelope", function()
    local result = assert(run('{"data":{"status":"COMPLETED","output":"' .. U1 .. '","seed":5,'
      .. '"metrics":{"cost":0.07}}}'))
    assert.equal(U1, result.url)
    assert.equal(0.07, result.cost)
    assert.equal(5, result.seed)
  end)

  it("reads a seed exactly", function()
    for given, seed in pairs({ ["7"] = 7, ['"7"'] = 7, ["9007199254740991"] = 9007199254740991,
      ['"18446744073709551615"'] = "18446744073709551615", ["-3"] = -3 }) do
      assert.equal(seed, run(with_output('"seed":' .. given .. ',"output":"' .. U1 .. '"')).seed)
    end
  end)

  it("leaves out a number that makes no sense, and warns", function()
    for _, cost in ipairs({ "-0.01", '"nan"', '"inf"', '"0x1"', '"free"', "true", "{}" }) do
      local result = assert(run(with_output('"metrics":{"cost":' .. cost .. ',"queue_time":"0.5"},'
        .. '"output":"' .. U1 .. '"')))
      assert.is_nil(result.cost)
      assert.is_nil(result.metrics.cost)
      assert.equal(0.5, result.metrics.queue_time)
      assert.truthy(result.job.warnings[#result.job.warnings]:find("metrics.cost", 1, true))
    end
    local result = assert(run(with_output('"metrics":"none","output":"' .. U1 .. '"')))
    assert.same({}, result.metrics)
  end)

  it("tells of a warning as of any other", function()
    local heard
    sm:close()
    sm = assert(segmind.new({ on_event = function(event)
      heard = event.what == "warning" and event.message or heard
    end }))
    assert(run(with_output('"metrics":{"cost":"nan"},"output":"' .. U1 .. '"')))
    assert.truthy(heard:find("nan", 1, true))
  end)

  it("is not fetched from another scheme", function()
    local result, err = run(with_output('"output":"file:///etc/passwd"'))
    assert.is_nil(result)
    assert.equal("security", err.kind)
    assert.equal("yes", err.charged)
  end)

  it("that is a data URL is an error that keeps it", function()
    local _, err = run(with_output('"output":"data:image/png;base64,iVBOR"'))
    assert.equal("protocol", err.kind)
    assert.equal("yes", err.charged)
    assert.truthy(err.body:find("iVBOR", 1, true))
  end)

  it("keeps its methods when the service has a field of that name", function()
    local result = assert(run(with_output('"output":"' .. U1 .. '","save":"x","info":{"a":1}')))
    assert.is_function(result.save)
    assert.is_function(result.info)
  end)

  it("without an output is an error that keeps the body and was paid", function()
    for _, body in ipairs({ '{"status":"COMPLETED"}', '{"status":"COMPLETED","output":null}',
      '{"status":"COMPLETED","output":"not a url"}', '{"status":"COMPLETED","output":{}}', "[1]",
      "null", '"text"', "<html>", "{" }) do
      local result, err = run(body)
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      assert.equal("yes", err.charged)
      assert.equal(body, err.body)
      assert.equal("r-1", err.request_id)
    end
  end)

  it("that says FAILED after COMPLETED is a failure", function()
    local result, err = run('{"status":"FAILED","error":"content policy","output":null}')
    assert.is_nil(result)
    assert.equal("failed", err.kind)
    assert.truthy(err.message:find("content policy", 1, true))
  end)

  it("that says FAILED keeps the words of an error that is no text", function()
    local _, err = run('{"status":"failed","error":{"code":"nsfw","why":"blocked"}}')
    assert.equal("failed", err.kind)
    assert.truthy(err.message:find("blocked", 1, true))
    assert.is_nil(err.message:find("table: 0x", 1, true))
  end)

  it("of a model that is not declared need not hold a URL", function()
    local result = assert(run(with_output('"output":"hello"'), "some-writer", { text = "x" }))
    assert.equal("hello", result.output)
    assert.is_nil(result.url)
    local saved, err = result:save("out/x")
    assert.is_nil(saved)
    assert.equal("io", err.kind)
  end)

  it("fetches its picture to a file or to memory", function()
    local result = assert(run(with_output('"output":"' .. U1 .. '"')))
    assert.equal("out/a.png", result:save("out/a"))
    assert.equal("out/a.png", result.path)
    assert.equal("png", result:info().format)
    assert.equal(fake.picture("from " .. U1), result:bytes())
    core.answers.download = function()
      return { { 0, "error", fake.error("io", "cut short") } }
    end
    local data, err = result:bytes()
    assert.is_nil(data)
    assert.equal("yes", err.charged)
    assert.truthy(err.message:find(U1, 1, true))
    assert.has_error(function()
      result:save(5)
    end)
  end)

  it("of the synchronous way holds the picture", function()
    local result = assert(sm:run_sync("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    assert.equal(fake.picture("sync"), result:bytes())
    assert.is_nil(result.url)
    assert.equal(0.05, result.cost)
    assert.equal(7, result.seed)
    assert.equal("sync-1", result.request_id)
    assert.equal("png", result:info().format)
    local path = os.tmpname()
    assert.equal(path, result:save(path))
    os.remove(path)
    assert.equal(0, #core.calls_of("download"))
    assert.equal(1, #core.calls_of("save"))
    assert(sm:run("flux-kontext-dev", { prompt = "x", input_image = result }))
    assert.equal(fake.picture("sync"), core.calls_of("upload")[1].source.bytes)
  end)

  it("in memory is written by the worker, and here only where nobody can wait for that", function()
    local path, here = os.tmpname(), 0
    local write = core.save
    function core.save(...)
      here = here + 1
      return write(...)
    end
    local result = assert(sm:run_sync("flux-kontext-pro", { prompt = "x" }, { save = path }))
    assert.equal(path, result.path)
    assert.same({ 1, 0 }, { #core.calls_of("save"), here })
    sm:submit("flux-kontext-pro", { prompt = "x" }):on("done", function()
      assert(result:save(path))
    end):wait()
    sm:close()
    assert(result:save(path))
    assert.same({ 1, 2 }, { #core.calls_of("save"), here })
    os.remove(path)
  end)

  it("of the synchronous way may come as JSON", function()
    core.answers.sync = function()
      return { { 1, "done", { status = 200, content_type = "application/json; charset=utf-8",
        body = with_output('"output":"' .. U1 .. '"') } } }
    end
    local result = assert(sm:run_sync("flux-kontext-pro", { prompt = "x" }))
    assert.equal(U1, result.url)
  end)

  it("of the synchronous way that is no picture is an error", function()
    core.answers.sync = function()
      return { { 1, "done", { status = 200, content_type = "image/png", body = "<html>" } } }
    end
    local _, err = sm:run_sync("flux-kontext-pro", { prompt = "x" })
    assert.equal("protocol", err.kind)
    assert.equal("<html>", err.body)
  end)

  it("prints where the picture is", function()
    local result = assert(run(with_output('"output":"' .. U1 .. '","metrics":{"cost":0.05}')))
    assert.equal("segmind.Result flux-kontext-pro " .. U1 .. " $0.05", tostring(result))
  end)
end)
