-- The emulator keeps to the service's contract, asked by nothing but the curl program.

local curl = require("spec.support.curl")
local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local picture = require("spec.support.picture")

local SAMPLE = "https://segmind-resources.s3.amazonaws.com/input/harbour.png"

local bodies = {
  ["flux-kontext-dev"] = { prompt = "a harbour", input_image = SAMPLE, output_format = "webp",
    aspect_ratio = "16:9", seed = 7 },
  ["flux-kontext-pro"] = { prompt = "a harbour", aspect_ratio = "1:1", output_format = "jpg" },
  ["flux-kontext-max"] = { prompt = "a harbour", input_image = SAMPLE, aspect_ratio = "9:16",
    output_format = "png" },
  ["multi-image-kontext-pro"] = { prompt = "both", input_image_1 = SAMPLE, input_image_2 = SAMPLE,
    aspect_ratio = "3:2", output_format = "png" },
  ["multi-image-kontext-max"] = { prompt = "both", input_image_1 = SAMPLE, input_image_2 = SAMPLE,
    aspect_ratio = "2:3", output_format = "jpg" },
}

-- A PNG of one pixel.
local PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAA"
  .. "AElFTkSuQmCC"

describe("the emulator", function()
  local service = emulator.fixture({ speed = 200, queue = "2:0.2", credits = 1000 })
  local http = curl.new(service, { key = emulator.KEY })
  local anonymous = curl.new(service, {})

  local function submit(model, body)
    local answer = http:post("/v2/" .. model, body)
    assert.equal(200, answer.status)
    return answer:json().request_id
  end

  local function run(model, body)
    local id = submit(model, body)
    http:await(id)
    return http:get("/v2/requests/" .. id), id
  end

  for model, body in pairs(bodies) do
    it("runs a whole job of " .. model, function()
      local answer = http:post("/v2/" .. model, body)
      local accepted = answer:json()
      assert.equal("QUEUED", accepted.status)
      assert.matches("^%x+$", accepted.request_id)
      assert.equal(32, #accepted.request_id)
      assert.equal(service.url .. "/v2/requests/" .. accepted.request_id, accepted.response_url)
      assert.equal(accepted.response_url .. "/status", accepted.status_url)

      local status, states = http:await(accepted.request_id)
      assert.equal("COMPLETED", states[#states])
      assert.is_number(status:json().metrics.inference_time)

      local result = http:get("/v2/requests/" .. accepted.request_id):json()
      assert.equal(result.output, result.images[1].url)
      assert.is_string(result.seed)
      assert.equal(body.prompt, result.prompt)
      assert.truthy(result.error) -- null, which lua-cjson decodes to a truthy value

      local file = anonymous:get(result.output)
      local format, width, height = picture.read(file.body)
      local across, down = body.aspect_ratio:match("(%d+):(%d+)")
      assert.equal(body.output_format, format)
      assert.near(across / down, width / height, 0.03)
      assert.equal(result.images[1].file_size, tostring(#file.body))
      assert.equal(result.images[1].content_type, file.headers["content-type"])

      local ledger = service:ledger()
      assert.equal(1, ledger.totals.accepted)
      assert.equal(result.metrics.cost, ledger.totals.cost)
      assert.same(body, ledger.submits[1].body)
    end)
  end

  it("draws the same picture for the same job, and another for another seed", function()
    local function draw(seed)
      local body = { prompt = "a harbour", input_image = SAMPLE, seed = seed }
      return anonymous:get(run("flux-kontext-dev", body):json().output).body
    end
    local first = draw(1)
    assert.equal(first, draw(1))
    assert.is_false(first == draw(2))
  end)

  it("edits its own outputs", function()
    local first = run("flux-kontext-pro", bodies["flux-kontext-pro"]):json()
    local again = run("flux-kontext-pro", { prompt = "at night", input_image = first.output,
      output_format = "png" }):json()
    assert.equal("COMPLETED", again.status)
    assert.equal("png", (picture.read(anonymous:get(again.output).body)))
  end)

  it("answers HEAD on media and shows nothing of others", function()
    local result = run("flux-kontext-pro", bodies["flux-kontext-pro"]):json()
    local head = anonymous:request("-I", result.output)
    assert.equal(200, head.status)
    assert.equal(result.images[1].file_size, head.headers["content-length"])
    assert.equal(404, anonymous:get("/generations/none/x.png").status)
    assert.equal(404, anonymous:get("/assets/none.png").status)
  end)

  it("answers v1 with the picture itself", function()
    local answer = http:post("/v1/flux-kontext-pro", bodies["flux-kontext-pro"])
    assert.equal(200, answer.status)
    assert.equal("image/jpeg", answer.headers["content-type"])
    assert.equal("jpg", (picture.read(answer.body)))
    assert.equal("0.05", answer.headers["x-cost"])
    assert.equal(999.95, tonumber(answer.headers["x-remaining-credits"]))
    assert.equal(answer.headers["x-request-id"], service:ledger().submits[1].request_id)
    assert.is_number(tonumber(answer.headers["x-seed-value"]))
    assert.is_number(tonumber(answer.headers["x-generation-time"]))
  end)

  it("takes raw files and data URIs on v1, and refuses data URIs on v2", function()
    local asset = http:post("/upload-asset", { data_urls = { "data:image/png;base64," .. PIXEL } })
    local path = files.new(anonymous:get(asset:json().file_urls[1]).body)
    local form = http:request("-F 'prompt=a harbour' -F output_format=png -F seed=5 -F guidance=3 "
      .. "-F 'input_image=@" .. path .. ";type=image/png'", "/v1/flux-kontext-dev")
    os.remove(path)
    assert.equal(200, form.status)
    assert.equal("png", (picture.read(form.body)))
    assert.equal("5", form.headers["x-seed-value"])

    local body = { prompt = "x", input_image = "data:image/png;base64," .. PIXEL }
    assert.equal(200, http:post("/v1/flux-kontext-dev", body).status)
    local failed = run("flux-kontext-dev", body)
    assert.equal(422, failed.status)
    assert.matches("data URI", failed:json().error)
  end)

  it("takes forms as Python writes them, with files that the model does not declare", function()
    local pixel = http:post("/upload-asset", { data_urls = { "data:image/png;base64," .. PIXEL } })
    local path = files.new(anonymous:get(pixel:json().file_urls[1]).body)
    local file = "@" .. path .. ";type=image/png'"
    for text, value in pairs({ False = false, True = true, ["false"] = false }) do
      local form = http:request("-F 'prompt=a harbour' -F disable_safety_checker=" .. text
        .. " -F 'input_image=" .. file .. " -F 'mask=" .. file .. " -F 'notes=@/dev/null'",
        "/v1/flux-kontext-dev")
      assert.equal(200, form.status)
      local submits = service:ledger().submits
      assert.equal(value, submits[#submits].body.disable_safety_checker)
      assert.matches("/assets/", submits[#submits].body.mask)
    end
    local list = " -F 'image_urls=" .. file .. " -F 'image_urls=" .. file
    local form = http:request("-F 'prompt=both' -F output_format=jpg -F width=640 -F height=512"
      .. list, "/v1/flux-2-pro")
    os.remove(path)
    assert.same({ "jpg", 640, 512 }, { picture.read(form.body) })
    local submits = service:ledger().submits
    assert.equal(2, #submits[#submits].body.image_urls)
  end)

  it("takes a list of pictures, each of them a URL", function()
    local asset = http:post("/upload-asset", { data_urls = { "data:image/png;base64," .. PIXEL } })
    local url = asset:json().file_urls[1]
    local made = run("flux-2-flex", { prompt = "three", image_urls = { url, url, url } }):json()
    assert.equal("COMPLETED", made.status)
    assert.same({ "png", 1024, 1024 }, { picture.read(http:get(made.output).body) })
    for problem, list in pairs({ ["a list of URLs"] = url, ["is not a URL"] = { url, "a.png" } }) do
      assert.matches(problem, run("flux-2-pro", { prompt = "x", image_urls = list }):json().error)
    end
    assert.matches("^Image urls is required", run("flux-2-pro", { prompt = "x" }):json().error)
    local many = {}
    for i = 1, 9 do
      many[i] = url
    end
    local failed = run("flux-2-pro", { prompt = "x", image_urls = many }):json()
    assert.matches("more than 8", failed.error)
  end)

  it("keeps uploads, and refuses what is no picture", function()
    local uri = "data:image/png;base64," .. PIXEL
    local answer = http:post("/upload-asset", { data_urls = { uri, uri } })
    local urls = answer:json().file_urls
    assert.equal(2, #urls)
    assert.is_string(answer:json().message)
    local file = anonymous:get(urls[1])
    assert.equal("image/png", file.headers["content-type"])
    assert.same({ "png", 1, 1 }, { picture.read(file.body) })
    assert.equal("COMPLETED",
      run("flux-kontext-pro", { prompt = "x", input_image = urls[2] }):json().status)
    assert.equal(400, http:post("/upload-asset", { data_urls = { "data:text/plain;base64,aGk=" } })
      .status)
    assert.equal(400, http:post("/upload-asset", {}).status)
  end)

  it("takes an upload far over 64 KiB and gives it back to the byte", function()
    local big = {}
    for i = 1, 4096 do
      big[i] = ("%040d"):format(i)
    end
    -- A PNG does not mind what follows its end.
    local path = files.new("data:image/png;base64," .. PIXEL:sub(1, -5):gsub("=", "")
      .. table.concat(big) .. "AAAA")
    local file = assert(io.open(path, "rb"))
    local uri = file:read("*a")
    file:close()
    os.remove(path)
    local url = http:post("/upload-asset", { data_urls = { uri } }):json().file_urls[1]
    assert.is_true(#anonymous:get(url).body > 120000)
  end)

  describe("the history", function()
    it("lists requests, newest first, page by page, and filters them", function()
      for i = 1, 3 do
        run("flux-kontext-pro", { prompt = "number " .. i, seed = i })
      end
      run("flux-kontext-max", { prompt = "" })
      local path = "/inference-request/request-history"
      local function total(question)
        return http:get(path .. "?" .. question):json().total
      end
      local page = http:get(path .. "?page=2&per_page=3"):json()
      assert.equal(4, page.total)
      assert.equal("number 1", page.data[1].request_body.prompt)
      assert.equal(1, total("status=FAILED"))
      assert.equal(3, total("model_name=flux-kontext-pro"))
      assert.equal(4, total("model_name=kontext"))
      local today = os.date("!%Y-%m-%d")
      assert.equal(4, total("from_date=" .. today .. "&to_date=" .. today))
      assert.equal(0, total("to_date=2001-01-01"))
      for _, question in ipairs({ "from_date=soon", "from_date=2001-01-01", "per_page=101",
        "page=0", "sort_by=id", "sort_order=up" }) do
        assert.equal(400, http:get(path .. "?" .. question).status, question)
      end
      local other = curl.new(service.url, { key = "SG_fedcba9876543210" })
      assert.equal(0, other:get(path):json().total)
    end)

    it("sorts them, by 20 a page", function()
      local dear = run("flux-kontext-max", { prompt = "dear", aspect_ratio = "1:1" }):json()
      for i = 1, 21 do
        run("flux-kontext-pro", { prompt = "number " .. i, aspect_ratio = "1:1" })
      end
      local function first(question)
        local list = http:get("/inference-request/request-history?" .. question):json().data
        return list[1].request_body.prompt, #list
      end
      assert.same({ "number 21", 20 }, { first("") })
      assert.same({ "dear", 20 }, { first("sort_order=asc") })
      assert.same({ "dear", 20 }, { first("sort_by=credits_deduction") })
      assert.same({ "number 1", 20 }, { first("sort_by=credits_deduction&sort_order=asc") })
      assert.same({ "dear", 22 }, { first("sort_by=model_name&sort_order=asc&per_page=100") })
      assert.equal("COMPLETED", dear.status)
    end)

    it("calls a request that runs PENDING", function()
      local slow = emulator.start({ plain = true, latency = 100 })
      local ask = curl.new(slow.url, { key = emulator.KEY })
      local id = ask:post("/v2/flux-kontext-pro", { prompt = "x" }):json().request_id
      local path = "/inference-request/request-history"
      assert.equal("PENDING", ask:get(path .. "/" .. id):json().model_status)
      assert.equal(1, ask:get(path .. "?status=PENDING"):json().total)
      assert.equal(0, ask:get(path .. "?status=PROCESSING"):json().total)
      assert.is_true(slow:stop())
    end)

    it("tells what became of one request", function()
      local result, id = run("flux-kontext-pro", bodies["flux-kontext-pro"])
      local row = http:get("/inference-request/request-history/" .. id):json()
      assert.equal(id, row.request_id)
      assert.equal("flux-kontext-pro", row.model_name)
      assert.equal("COMPLETED", row.model_status)
      assert.equal(0.05, row.credits_deduction)
      assert.equal(result:json().output, row.generation_url)
      assert.same(bodies["flux-kontext-pro"], row.request_body)
      assert.matches("^%d+%-%d+%-%d+T", row.model_created)
      assert.equal(404, http:get("/inference-request/request-history/none").status)
    end)
  end)

  it("lists its models and the credits", function()
    assert.equal(10, #http:get("/models"):json().models)
    assert.same({ credits = 1000, ["free-credits"] = 0 }, http:get("/v1/get-user-credits"):json())
  end)

  describe("shows in a browser, at /,", function()
    local function page()
      local answer = http:get("/")
      assert.equal(200, answer.status)
      assert.equal("text/html; charset=utf-8", answer.headers["content-type"])
      assert.matches("^default%-src 'none'", answer.headers["content-security-policy"])
      return answer.body
    end

    local function holds(text, ...)
      for _, part in ipairs({ ... }) do
        assert.truthy(text:find(part, 1, true), part)
      end
    end

    it("its latest jobs with pictures, states and prices, and the sums", function()
      local _, id = run("flux-kontext-pro", bodies["flux-kontext-pro"])
      local text = page()
      holds(text, id, "COMPLETED", "flux-kontext-pro", "a harbour", "<span>$0.05</span>",
        "<dt>paid</dt><dd>$0.05</dd>", "<dt>left</dt><dd>$999.95</dd>")
      local picture_path = text:match('<img loading="lazy" src="(/generations/[^"]+)"')
      assert.matches("^image/", anonymous:get(picture_path).headers["content-type"])
    end)

    it("how it is used, before there are jobs", function()
      holds(page(), "None yet.", "export SEGMIND_BASE_URL=" .. service.url,
        "export SEGMIND_API_KEY=SG_", "/_emulator/faults", "/_emulator/ledger")
    end)

    it("the latest sixty of many, and why one failed", function()
      for i = 1, 61 do
        submit("flux-kontext-pro", { prompt = "number " .. i .. ".", seed = "not drawn" })
      end
      local id = submit("flux-kontext-pro", { prompt = "the last", seed = "much" })
      http:await(id)
      local text = page()
      holds(text, "number 3.", "the last", "FAILED", 'class="error"')
      assert.equal(60, select(2, text:gsub("<article>", "")))
      assert.is_nil(text:find("number 2.", 1, true))
    end)

    it("what others wrote as text, and loads itself again while jobs run", function()
      local text
      for _ = 1, 20 do -- until one is seen before it ends
        submit("flux-kontext-pro", { prompt = '"><script>alert(1)</script>\27[31m' })
        text = page()
        if text:find("refresh", 1, true) then
          break
        end
      end
      assert.is_nil(text:find("<script", 1, true))
      assert.is_nil(text:find("\27", 1, true))
      holds(text, "&#60;script&#62;alert(1)", 'http-equiv="refresh"', "not finished")
    end)
  end)

  it("does not hold up others while a v1 job runs", function()
    service:faults({ { match = { path = "v1" }, ["then"] = { delay = 2 } } })
    local path = files.new('{"prompt":"x"}')
    local slow = io.popen("curl -s -o /dev/null -w '%{http_code}' -H 'x-api-key: " .. emulator.KEY
      .. "' -H 'Content-Type: application/json' -d @" .. path .. " " .. service.url
      .. "/v1/flux-kontext-pro")
    for _ = 1, 3 do
      assert.equal(200, http:get("/v1/get-user-credits").status)
    end
    assert.equal(0, service:ledger().totals.accepted)
    assert.equal("200", slow:read("*a"))
    slow:close()
    os.remove(path)
    assert.equal(1, service:ledger().totals.accepted)
  end)
end)
