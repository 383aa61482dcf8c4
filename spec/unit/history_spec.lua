--- The service's own account of past requests, in every form that it may have.

local fake = require("spec.support.fake_core")
local session = require("spec.support.session")

describe("the request history", function()
  local sm, core, _

  before_each(function()
    sm, _, core = fake.client()
    core.time = function(value)
      return type(value) == "number" and value or value == "2026-11-26T10:00:00Z" and 1795687200
        or nil
    end
  end)

  after_each(fake.close)

  local function answer(body)
    core.answers.get = function()
      return { { 0.1, "done", { status = 200, body = body } } }
    end
  end

  local ROW = '{"request_id":"r-1","model_name":"flux-kontext-pro","model_status":"completed",'
    .. '"credits_deduction":"0.05","generation_url":"https://images.segmind.com/a.png",'
    .. '"latency_ms":12500,"model_created":"2026-11-26T10:00:00Z","error":null,'
    .. '"request_body":"{\\"prompt\\":\\"x\\"}"}'

  local function is_row(one)
    assert.same({ "r-1", "flux-kontext-pro", "COMPLETED", 0.05, "https://images.segmind.com/a.png",
      12.5, 1795687200, "x" }, { one.request_id, one.model, one.state, one.cost, one.url,
      one.seconds, one.created, one.params.prompt })
    assert.is_nil(one.error)
    assert.equal("completed", one.row.model_status)
  end

  it("is a list of rows in one form, whatever envelope they come in", function()
    for _, form in ipairs({ "[%s]", '{"data":[%s]}', '{"data":{"items":[%s]},"page":1}',
      '{"results":[%s],"total":1}', '{"history":[%s]}' }) do
      answer(form:format(ROW))
      local rows = assert(sm:history())
      assert.equal(1, #rows)
      is_row(rows[1])
    end
    answer('{"data":[],"total":0}')
    assert.same({}, assert(sm:history()))
  end)

  it("bears odd rows", function()
    answer('{"data":[7,"x",{},{"request_id":12,"credits_deduction":-1,"model_created":"soon",'
      .. '"error":{"message":"no"},"request_body":"{","generation_url":["https://a.b/c"]},'
      .. ROW .. ']}')
    local rows = assert(sm:history())
    assert.equal(3, #rows)
    assert.is_nil(rows[1].request_id)
    assert.same({ "12", "no", "https://a.b/c" }, { rows[2].request_id, rows[2].error,
      rows[2].url })
    assert.same({}, { rows[2].cost, rows[2].created, rows[2].params })
    is_row(rows[3])
  end)

  it("is asked for what the options say, in the service's words", function()
    answer('{"data":[]}')
    assert(sm:history({ model = "flux kontext", status = "FAILED", from = 1795687200,
      to = "2026-11-27", page = 2, per_page = 50 }))
    local call = core.calls_of("get")[1]
    assert.same({ "control", "/inference-request/request-history?page=2&per_page=50"
      .. "&from_date=2026-11-26&to_date=2026-11-27&model_name=flux%20kontext&status=FAILED" },
      { call.service, call.target })
    for _, bad in ipairs({ { from = "yesterday" }, { page = 0 }, { since = 1 } }) do
      assert.has_error(function()
        sm:history(bad)
      end)
    end
  end)

  it("tells of one request by its id", function()
    for _, form in ipairs({ "%s", '{"data":%s}', '{"data":[%s]}', "[%s]" }) do
      answer(form:format(ROW))
      is_row(assert(sm:request("r-1")))
    end
    assert.equal("/inference-request/request-history/r-1", core.calls_of("get")[1].target)
    answer('{"model_status":"PENDING"}')
    assert.same({ "r-2", "PENDING" }, { sm:request("r-2").request_id, sm:request("r-2").state })
    assert.equal("security", select(2, sm:request("../x")).kind)
  end)

  it("that cannot be read is an error which keeps the answer", function()
    for _, body in ipairs({ "<html>", "7", '{"message":"maintenance"}' }) do
      answer(body)
      local rows, err = sm:history()
      assert.is_nil(rows)
      assert.same({ "protocol", body }, { err.kind, err.body })
    end
    for _, body in ipairs({ "<html>", "7", "{}", '{"data":[]}' }) do
      answer(body)
      assert.same({ "protocol", body }, { select(2, sm:request("r-1")).kind,
        select(2, sm:request("r-1")).body })
    end
  end)
end)

describe("the request history of the emulator", function()
  session.fixture()

  it("tells cost, state, address and time of what was made", function()
    local sm = session.client()
    local result = assert(sm:run("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" }))
    for _, one in ipairs({ assert(sm:history({ model = "kontext-pro" }))[1],
      assert(sm:request(result.request_id)) }) do
      assert.same({ result.request_id, "COMPLETED", 0.05, result.url, "x" }, { one.request_id,
        one.state, one.cost, one.url, one.params.prompt })
      assert.near(os.time(), one.created, 5)
    end
    local _, err = sm:request("00000000000000000000000000000000")
    assert.equal(404, err.status)
  end)
end)
