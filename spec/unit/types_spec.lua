--- Types for editors and the page of the API: both say what the library does, all of it, and
--- nothing else.

local Error = require("segmind.error")
local annotations = require("tools.annotations")
local api = require("tools.api")
local files = require("spec.support.files")
local json = require("segmind.json")
local models = require("segmind.models")
local segmind = require("segmind")
local session = require("spec.support.session")

local compile = rawget(_G, "loadstring") or load -- Lua 5.1 has load for functions only

local public = api.public()
local library = public.library

local function names_of(list)
  local names = {}
  for _, one in ipairs(list) do
    names[one.name] = true
  end
  return names
end

local function each_function(visit)
  for _, module in ipairs(public.modules) do
    for _, one in ipairs(module.functions) do
      visit(module.name .. "." .. one.as, one.fn)
    end
  end
  for _, class in ipairs(public.classes) do
    for _, one in ipairs(class.methods) do
      visit(class.name .. ":" .. one.as, one.fn)
    end
  end
end

local function words_of(text, found)
  found = found or {}
  for word in text:gmatch('"(%a+)"') do
    found[word] = true
  end
  return found
end

local function cases_of(alias)
  local found = {}
  for _, case in ipairs(library.aliases[alias].cases) do
    words_of(case.type, found)
  end
  return found
end

local function words_of_type(text)
  return library.aliases[text] and cases_of(text) or words_of(text)
end

describe("the types", function()
  it("parse, and each that is named exists", function()
    assert.same({}, library.problems)
  end)

  it("describe every parameter of every public function, and what it returns", function()
    local count = 0
    each_function(function(name, fn)
      count = count + 1
      assert.truthy(fn.text[1], name .. " has no description")
      local given, params = {}, {}
      for i, arg in ipairs(fn.args) do
        given[i] = arg
      end
      for i, param in ipairs(fn.params) do
        params[i] = param.name
      end
      assert.same(given, params, name)
      local text = library.sources[fn.file]
      local mark = fn.is_method and ":" or "."
      local _, from = text:find(("\nfunction %s%s%s("):format(fn.owner, mark, fn.name), 1, true)
      local body = text:sub(from, (text:find("\nend", from, true)))
      if fn.returns[1] then
        assert.truthy(body:find("\n +return [^\n]"), name .. " returns nothing")
      else
        assert.is_nil(body:find("\n  return [^\n]"), name .. " has no @return")
      end
    end)
    assert.is_true(count > 60)
  end)

  it("know every function of the module, and no other", function()
    local documented = names_of(library.classes.segmind.fields)
    for _, one in ipairs(public.modules[1].functions) do
      documented[one.as] = true
    end
    assert.is_table(segmind.models) -- loaded when they are asked for
    for name in pairs(segmind) do
      assert.is_true(documented[name], "segmind." .. name .. " is not documented")
      documented[name] = nil
    end
    assert.same({}, documented)
  end)

  it("know every method of a public class, and no other", function()
    for _, class in ipairs(public.classes) do
      assert.truthy(class.text[1], class.name .. " has no description")
      local variable = class.statement:match("^local ([%w_]+) = {")
      local documented = {}
      for _, one in ipairs(class.methods) do
        documented[one.as] = true
      end
      for name in library.sources[class.file]:gmatch(("\nfunction %s:(%%a[%%w_]*)"):format(
        variable or "%s")) do
        assert.is_true(documented[name], class.name .. ":" .. name .. " is not documented")
      end
    end
    local client = names_of({})
    for _, one in ipairs(library.classes["segmind.Client"].methods) do
      client[one.as] = true
    end
    for name, value in pairs(require("segmind.client")) do
      if type(value) == "function" and name:find("^%a") and name ~= "new" then
        assert.is_true(client[name], "client:" .. name .. " is not documented")
        client[name] = nil
      end
    end
    assert.same({}, client)
  end)

  it("have the options that are read, each with the type that is checked", function()
    local of_kind = { key = "string", text = "string", flag = "boolean", seconds = "number",
      count = "integer", money = "number", doubt = "segmind.OnUnknown", day = "number|string",
      callback = "fun", stream = "file*", poll = "segmind.Poll", list = "string[]",
      values = "table<string, string|number|boolean>" }
    local count = 0
    for _, class in ipairs(public.classes) do
      if class.name:find("Options$") then
        count = count + 1
        assert.is_true(class.is_exact, class.name .. " is not exact")
        local text = library.sources[class.file]
        local from = assert(text:find(class.statement, 1, true))
        local declared = assert(compile("return " .. text:match("%b{}", from)))()
        for _, field in ipairs(class.fields) do
          local kind = declared[field.name]
          assert.truthy(kind, ("%s has no option %s"):format(class.name, field.name))
          local got = field.type:gsub("%?$", ""):gsub("|nil$", "")
          local what = ("%s.%s is %s"):format(class.name, field.name, got)
          if type(kind) == "table" then
            local words = '"' .. table.concat(kind, '" "') .. '"'
            assert.same(words_of(words), words_of_type(got), what)
          else
            assert.equal(of_kind[kind], got:sub(1, #of_kind[kind]), what)
          end
          declared[field.name] = nil
        end
        assert.same({}, declared, class.name)
      end
    end
    assert.is_true(count >= 9)
  end)

  it("are those of every table of options that is declared", function()
    for path, text in pairs(library.sources) do
      for name in text:gmatch("options%.read%([%w_]+, ([%a_][%w_.]*)") do
        local last, found = name:match("[%w_]+$"), false
        for _, class in ipairs(public.classes) do
          found = found or class.name:find("Options$") and class.statement:find(
            "^[%w_ .]*%f[%w_]" .. last .. " = {") ~= nil
        end
        assert.is_true(path:find("/cli/") ~= nil or found, path .. ": options without a class: "
          .. name)
      end
    end
  end)

  it("have the states that a job goes through", function()
    local states = {}
    local sources = library.sources
    local text = sources["lua/segmind/job.lua"] .. sources["lua/segmind/fields.lua"]
      .. sources["lua/segmind/lifecycle.lua"]
    for line in text:gmatch("[^\n]+") do
      if line:find("state = ", 1, true) or line:find("set_state(", 1, true) then
        words_of(line, states)
      end
    end
    states.PROCESSING = true -- which the service says
    states.ACCEPTED, states.accepted = nil, nil -- which the core says, and a phase
    assert.same(cases_of("segmind.JobState"), states)
  end)

  it("have the states of a ledger's steps", function()
    local list = files.read("csrc/core/ledger/sm_store.c"):match("states%[%] = (%b{})")
    local states = words_of(list)
    states.waiting, states.blocked = true, true -- of the queue
    assert.same(cases_of("segmind.RecordState"), states)
  end)

  it("have the events that on_event is told", function()
    local told = { state = true, done = true, error = true } -- of callback.tell
    for _, text in pairs(library.sources) do
      for word in text:gmatch('emit%([^{]*{ what = "(%a+)"') do
        told[word] = true
      end
    end
    assert.same(told, words_of(library.classes["segmind.Event"].fields[1].type))
  end)

  it("have an overload for each model and verb, with the parameters of the model", function()
    for _, owner in ipairs({ "segmind", "segmind.Client", "segmind.Chain" }) do
      local overloads = {}
      for _, field in ipairs(library.classes[owner].fields) do
        local model = field.type:match('^fun%(.-model: "([%w-]+)"')
        if model then
          overloads[field.name] = (overloads[field.name] or 0) + 1
          assert.truthy(models.declared(model))
        end
      end
      for _, verb in ipairs(owner == "segmind.Chain" and { "step" }
        or { "run", "edit", "run_sync", "submit" }) do
        assert.equal(#models.names, overloads[verb], owner .. " " .. verb)
      end
    end
    local whole = library.classes["segmind.MultiImageKontextMax"]
    local edit = library.classes["segmind.MultiImageKontextMaxEdit"]
    local step = library.classes["segmind.MultiImageKontextMaxStep"]
    assert.same({ input_image_1 = true }, names_of(whole.fields))
    assert.is_nil(names_of(edit.fields).input_image_1)
    assert.is_true(names_of(edit.fields).input_image_2)
    assert.is_true(step.fields[1].is_optional)
    assert.same({ "segmind.MultiImageKontextMaxEdit" }, step.parents)
    assert.is_true(whole.is_exact and edit.is_exact and step.is_exact)
  end)

  it("are what doc/api.md shows", function()
    assert.is_true(api.page() == files.read("doc/api.md"), "run: make types")
  end)

  it("are all in the contents of doc/api.md, where no reference goes round in a circle", function()
    local page = api.page()
    for name in page:gmatch("\n## segmind%.(%w+)\n") do
      assert.truthy(page:find(("\n[%s](#segmind%s)"):format(name, name:lower()), 1, true), name)
    end
    local at
    for line in page:gmatch("[^\n]+") do
      at = line:match("^### client:([%w_]+)") or not line:find("^#") and at or nil
      assert(not at or not line:find("see segmind." .. at .. "%f[^%w_]"), line)
    end
  end)

  it("are found by an editor in a clone", function()
    local settings = assert(json.decode(files.read(".luarc.json")))
    for _, path in ipairs(settings["workspace.library"]) do
      assert.is_true(path:find("^%${3rd}/") ~= nil or os.rename(path, path) == true, path)
    end
    assert.same({ "lua/?.lua", "lua/?/init.lua", "?.lua" }, settings["runtime.path"])
  end)
end)

describe("a field of", function()
  session.fixture()

  local function check(value, class)
    local documented = names_of(library.classes[class].fields)
    for name in pairs(value) do
      if type(name) == "string" and name:find("^%a") then
        assert.is_true(documented[name], ("%s.%s is not documented"):format(class, name))
      end
    end
  end

  it("a job, a result, an error and an event is documented", function()
    local folder = os.tmpname()
    os.remove(folder)
    local events = {}
    local sm = session.client({ budget = 0.06, on_event = function(event)
      events[#events + 1] = event
    end })
    local job = assert(sm:submit("flux-kontext-pro", { prompt = "x", aspect_ratio = "1:1" },
      { name = "one", save = folder .. "/x.png" }))
    local result = assert(job:wait())
    check(job, "segmind.Job")
    local own = {} -- the rest of the body is the service's
    for left in library.sources["lua/segmind/result.lua"]:gmatch("\n +([^\n=]-) = ") do
      for name in left:gmatch("%l+%.(%a[%w_]*)") do
        own[name] = result[name]
      end
    end
    assert.truthy(own.url and own.urls and own.path and own.request_id)
    check(own, "segmind.Result")
    assert.is_true(#events > 0)
    for _, event in ipairs(events) do
      check(event, "segmind.Event")
    end
    local params = { prompt = "x", aspect_ratio = "1:1" }
    for _, err in ipairs({ select(2, sm:run("flux-kontext-max", params)),
      (select(2, sm:run("flux-kontext-pro", { promt = "x" }))),
      Error.from({ kind = "failed", message = "flagged as nsfw" }) }) do
      check(err, "segmind.Error")
    end
    for _, row in ipairs(assert(sm:history())) do
      check(row, "segmind.HistoryRow")
    end
    files.remove_folder(folder)
  end)

  it("a public class exists", function()
    local all = {}
    for path, text in pairs(library.sources) do
      all[#all + 1] = path:find("/meta/") and "" or text:gsub("%-%-[^\n]*", "")
    end
    for _, path in ipairs({ "lsm_task.c", "lsm_event.c", "lsm_ledger.c" }) do
      all[#all + 1] = files.read("csrc/lua/" .. path)
    end
    local text = table.concat(all, "\n")
    for _, class in ipairs(public.classes) do
      for _, field in ipairs(class.fields) do
        assert.truthy(field.name:find("^%[") or text:find("%f[%w_]" .. field.name .. "%f[^%w_]"),
          ("there is no %s.%s"):format(class.name, field.name))
      end
    end
  end)
end)

describe("an annotation is refused", function()
  local function problems(text)
    local path = files.new(text .. "\nlocal value = {}\n")
    local found = annotations.read({ path }).problems
    os.remove(path)
    return table.concat(found, "\n")
  end

  it("for a type that nobody declares, or that does not parse", function()
    assert.truthy(problems("---@type nothing"):find("no such tag: @type", 1, true))
    assert.truthy(problems("---@param a segmind.Nothing"):find("no such type: segmind.Nothing"))
    for _, kind in ipairs({ "fun(a: string", "{ a: }", "table<string", "(string", '"open', "[]" })
    do
      assert.are_not.equal("", problems("---@param a " .. kind), kind)
    end
    assert.equal("", problems("---@param a (string|fun(b?: { c: integer[] }): number?, nil)[]?"))
    assert.equal("", problems('---@alias X\n---| "a" # the first\n---| "b"'))
  end)

  it("where an editor would show its text at another place, or nowhere", function()
    assert.truthy(problems("---@param a string it\n--- goes on"):find("is shown nowhere"))
    assert.truthy(problems("---@class X\n---@field a string it\n--- goes on"):find("shown nowhere"))
    assert.truthy(problems("---@field a string"):find("without its class"))
    assert.truthy(problems("---@return boolean true when"):find("would be the name"))
  end)
end)
