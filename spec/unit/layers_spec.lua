--- How the core's files hang together: each is one noun, and none includes itself by a detour.
--- That a layer includes none above it, the compiler sees to (csrc/core/CMakeLists.txt).

local files = require("spec.support.files")

-- They are called in every second line, or belong to a clock.
local SHORT = { sm_fail = true, sm_fail_memory = true, sm_backoff_ms = true, sm_now_ms = true,
  sm_wall_ms = true }
-- They share the engine (sm_engine_internal.h).
local ENGINE = { sm_keeper = true, sm_takeover = true, sm_refusal = true, sm_delivery = true,
  sm_saving = true, sm_recall = true, sm_engine_internal = true }

local function stem_of(path)
  return (path:match("([^/]+)%.[ch]$"))
end

local function paths(extension)
  local found = {}
  local listing = io.popen("ls csrc/core/*/sm_*." .. extension)
  for path in listing:lines() do
    found[#found + 1] = path
  end
  listing:close()
  return found
end

-- The path that leads back to a noun, nil when none does.
local function circle(graph)
  local state = {}
  local function visit(node, way)
    if state[node] == "open" then
      return way .. node
    elseif state[node] then
      return nil
    end
    state[node] = "open"
    for other in pairs(graph[node] or {}) do
      local found = visit(other, way .. node .. " > ")
      if found then
        return found
      end
    end
    state[node] = "closed"
  end
  for node in pairs(graph) do
    local found = visit(node, "")
    if found then
      return found
    end
  end
end

-- What each noun, its header and its code, includes.
local function includes(extensions)
  local graph = {}
  for _, extension in ipairs(extensions) do
    for _, path in ipairs(paths(extension)) do
      local stem = stem_of(path)
      local noun = ENGINE[stem] and "sm_engine" or stem
      graph[noun] = graph[noun] or {}
      for other in files.read(path):gmatch('#include "(sm_[%w_]+)%.h"') do
        other = ENGINE[other] and "sm_engine" or other
        graph[noun][other] = other ~= noun or nil
      end
    end
  end
  return graph
end

-- Functions that a text defines or declares at the beginning of a line.
local function functions(text)
  local names = {}
  for line in text:gmatch("[^\n]+") do
    local name = line:match("^[%a][%w_ %*]*%f[%w_](sm_[%w_]+)%(") or line:match("^(sm_[%w_]+)%(")
    if name and not line:find("^static") then
      names[#names + 1] = name
    end
  end
  return names
end

-- Nouns that a header makes: its structs and enums.
local function types(text)
  local names = {}
  for name in text:gmatch("\n%a+ (sm_[%w_]+) {") do
    names[#names + 1] = name
  end
  return names
end

local function begins_with(name, noun)
  return name == noun or name:sub(1, #noun + 1) == noun .. "_"
end

describe("the core", function()
  it("has no circle of includes, neither of headers nor of nouns", function()
    assert.is_nil(circle(includes({ "h" })))
    assert.is_nil(circle(includes({ "h", "c" })))
  end)

  it("finds a circle where there is one", function()
    assert.truthy(circle({ a = { b = true }, b = { c = true }, c = { a = true } }))
  end)

  it("names each function after its file or after a type of that file's header", function()
    local nouns, wrong = {}, {}
    for _, path in ipairs(paths("h")) do
      nouns[stem_of(path)] = types(files.read(path))
    end
    for _, path in ipairs(paths("c")) do
      local stem = stem_of(path)
      local own = nouns[stem] or {}
      own[#own + 1] = nouns[stem] and stem or stem:match("^sm_%a+")
      for _, name in ipairs(functions(files.read(path))) do
        local fits = SHORT[name]
        for _, noun in ipairs(own) do
          fits = fits or begins_with(name, noun)
        end
        wrong[#wrong + 1] = not fits and path .. ": " .. name or nil
      end
    end
    assert.same({}, wrong)
  end)

  -- "A -> B  [function]" in the head comment of a header.
  it("has the functions that the arrows of its diagrams name", function()
    local missing, count = {}, 0
    for _, path in ipairs(paths("h")) do
      local head = files.read(path):match("^/%*(.-)%*/")
      head = head:find("%-> %w+ +%[") and head or ""
      local code = files.read((path:gsub("h$", "c"))) or ""
      for list in head:gsub("\n %*", " "):gmatch("%[(%l[%w_, ]+)%]") do
        for name in list:gmatch("[%w_]+") do
          count = count + 1
          local is_there = code:find("\n[%l][^\n;]*%f[%w_]" .. name .. "%(")
            or name:find("^sm_") and files.read(path:match("^.*/") .. name:match("^sm_%a+") .. ".c")
              :find(name .. "(", 1, true)
          missing[#missing + 1] = not is_there and path .. ": " .. name or nil
        end
      end
    end
    assert.same({}, missing)
    assert.is_true(count > 50)
  end)
end)
