--- The house rules of lua/segmind that no run shows: one file writes the fields of a job, and the
--- files require each other in one direction only. Both are read from the sources.

local here = debug.getinfo(1, "S").source:match("^@(.*)/spec/unit/[^/]*$") or "."
local folder = here .. "/lua/segmind"

local function sources()
  local list = assert(io.popen("cd '" .. folder .. "' && find . -name '*.lua' | sort"))
  local texts = {}
  for name in list:lines() do
    local file = assert(io.open(folder .. "/" .. name))
    texts[name:match("^%./(.*)%.lua$")] = file:read("*a"):gsub("%-%-[^\n]*", "")
    file:close()
  end
  list:close()
  return texts
end

local texts = sources()

local function count(text, mark)
  return select(2, text:gsub("%" .. mark, ""))
end

--- What stands left of the assignments: `a.b, c[d] = ...`; not of the fields of a table.
local function targets(text)
  local found = {}
  for line in ("\n" .. text):gmatch("\n([^\n]+)") do
    local left = line:match("^(.-[%w_%]])%s*=[^=]") or ""
    local is_inside = count(left, "(") > count(left, ")") or count(left, "{") > count(left, "}")
    for target in (is_inside and "" or left):gmatch("[^,]+") do
      found[#found + 1] = target:match("([%w_%.%[%]]+)%s*$")
    end
  end
  return found
end

--- The names by which the sources know a job.
local function is_job(name)
  local last = name:match("([%w_]+)$")
  return last == "job" or last == "other" or last == "dependent"
end

local function writes_to_job(file, text)
  local found = {}
  for _, target in ipairs(targets(text)) do
    local object, field = target:match("^(.*)%.([%w_]+)$")
    if not object then
      object, field = target:match("^([%w_%.]+)%[(.*)%]$")
    end
    if object and (is_job(object) or file == "job" and object == "self") then
      found[#found + 1] = object .. "." .. field
    end
  end
  return found
end

describe("lua/segmind", function()
  it("has one file that writes the fields of a job", function()
    assert.is_true(#writes_to_job("fields", texts.fields) > 30)
    for file, text in pairs(texts) do
      if file ~= "fields" then
        assert.same({}, writes_to_job(file, text), file)
      end
    end
  end)

  it("finds who else would write one", function()
    assert.same({ "job._over" }, writes_to_job("step", "  job._over = true\n"))
    assert.same({ "job.state" }, writes_to_job("wait", "  a, job.state = 1, 2\n"))
    assert.same({ "self._error" }, writes_to_job("job", "  self._error = err\n"))
    assert.same({ "job.mark" }, writes_to_job("step", "  job[mark] = true\n"))
    assert.same({ "job._x" }, writes_to_job("step", "  if not job then job._x = 1 end\n"))
    assert.same({}, writes_to_job("step", "  if job._over == true then f({ job = job }) end\n"))
  end)

  local function requires(text)
    local found = {}
    for name in text:gmatch('require%("segmind%.([%w_.%-]+)"%)') do
      found[#found + 1] = (name:gsub("%.", "/"))
    end
    return found
  end

  --- The way round, from a file to itself; nil when there is none.
  local function circle(graph, file, way)
    for i, passed in ipairs(way) do
      if passed == file then
        return table.concat(way, " > ", i) .. " > " .. file
      end
    end
    way[#way + 1] = file
    for _, name in ipairs(graph[file] or {}) do
      local found = circle(graph, graph[name] and name or name .. "/init", way)
      if found then
        return found
      end
    end
    way[#way] = nil
  end

  it("has no circle of requires, at loading or within functions", function()
    local graph, arrows = {}, 0
    for file, text in pairs(texts) do
      graph[file] = requires(text)
      arrows = arrows + #graph[file]
    end
    assert.is_true(arrows > 60)
    for file in pairs(graph) do
      assert.is_nil(circle(graph, file, {}))
    end
    graph.error[1] = "client"
    assert.truthy(circle(graph, "error", {}))
  end)

  --- `self:_x()` is a class's own. A hidden method of another object is a call that no require
  --- shows.
  it("calls no hidden method of a client or a job", function()
    for file, text in pairs(texts) do
      assert.is_nil(text:match("client:_%w+%("), file)
      assert.is_nil(text:match("_client:_%w+%("), file)
      assert.is_nil(text:match("%f[%w_]job:_%w+%("), file)
    end
  end)

  --- The editor's plugin uses the library; it asks the core only how it was built.
  local function is_plugin(file)
    return file == "health" or file:find("^nvim/") ~= nil
  end

  it("names the C core in one file", function()
    for file, text in pairs(texts) do
      local is_meant = text:find('require, "segmind.core"', 1, true)
        or text:find('require("segmind.core")', 1, true)
      assert.is_true((file == "loader") == (is_meant ~= nil) or is_plugin(file), file)
      local loads = text:find('require("segmind.loader")', 1, true) ~= nil
      assert.equal(file == "client" or file == "json", loads, file)
    end
  end)
end)
