--- Writes doc/api.md from the comments in the sources:
---
---   lua5.4 tools/api.lua >doc/api.md
---
--- What is public follows from the sources, too: the functions of the modules below, the classes
--- that these take and return, those that such classes lead to, and so on. `api.public()` is the
--- list of that, for the page and for the spec that looks for what is missing.

local is_program = arg and arg[0] and arg[0]:match("tools/api%.lua$") ~= nil
local root = is_program and arg[0]:match("^(.-)tools/api%.lua$") or ""
if is_program then
  package.path = ("%s?.lua;%slua/?.lua;%slua/?/init.lua;%s"):format(root, root, root, package.path)
end
local annotations = require("tools.annotations")
local models = require("segmind.models")
local type_of_model = require("segmind.models.export").class_name

local api = {}

-- The modules for users; each is a page's section. What `segmind` has of other files, its own says.
local MODULES = { "segmind", "segmind.progress", "segmind.report", "segmind.provenance",
  "segmind.chain_file", "segmind.loop.luv", "segmind.loop.cqueues" }

-- The classes that everybody meets come first.
local FIRST = { "segmind.Client", "segmind.Job", "segmind.Result", "segmind.Error", "segmind.Chain",
  "segmind.Estimate", "segmind.Task", "segmind.ClientOptions", "segmind.CallOptions" }

local function sources()
  local list = {}
  local listing = assert(io.popen(("find '%slua/segmind' -name '*.lua' | LC_ALL=C sort"):format(
    root)))
  for path in listing:lines() do
    list[#list + 1] = path
  end
  listing:close()
  return list
end

--- The file of a module among those that were read, nil when there is none.
local function file_of(library, name)
  local path = root .. "lua/" .. name:gsub("%.", "/")
  return library.sources[path .. ".lua"] and path .. ".lua"
    or library.sources[path .. "/init.lua"] and path .. "/init.lua" or nil
end

--- The functions of a file's table, by name.
local function functions_of(library, file, owner)
  local found = {}
  for _, fn in ipairs(library.functions) do
    if fn.file == file and fn.owner == owner and not fn.is_method and not fn.name:find("^_") then
      found[#found + 1] = fn
    end
  end
  return found
end

--- The function `variable.name`, where `text` says what module the variable is.
local function function_of(library, text, variable, name)
  local module = text:match(('\nlocal %s = require%%("([%%w_.]+)"%%)'):format(variable))
  for _, fn in ipairs(module and functions_of(library, file_of(library, module), variable) or {}) do
    if fn.name == name then
      return fn
    end
  end
end

--- What a module hands on: `new = Client.new`, where `local Client = require("segmind.client")`.
local function handed_on(library, text)
  local found = {}
  for name, variable, source in text:gmatch("\n  ([%w_]+) = ([%w_]+)%.([%w_]+),") do
    local fn = function_of(library, text, variable, source)
    found[#found + 1] = fn and { as = name, fn = fn }
  end
  return found
end

local function module_of(library, name)
  local file = file_of(library, name)
  local text = file and library.sources[file]
  local owner = text and text:match("\nreturn ([%w_]+)%s*$")
  if not owner then
    return nil
  end
  local list = handed_on(library, text)
  for _, fn in ipairs(functions_of(library, file, owner)) do
    list[#list + 1] = { as = fn.name, fn = fn }
  end
  return { name = name, functions = list, class = library.classes[name] }
end

--- A function that takes the object first, as a method.
local function as_method(fn)
  local method = setmetatable({ args = {}, params = {} }, { __index = fn })
  for i = 2, #fn.args do
    method.args[i - 1], method.params[i - 1] = fn.args[i], fn.params[i]
  end
  return method
end

--- The methods of a class: its own, and those of other files, as in `Client.step = step.take`.
local function methods_of(library, class)
  local list = {}
  for _, fn in ipairs(library.functions) do
    if fn.class == class.name and fn.is_method and not fn.name:find("^_") then
      list[#list + 1] = { as = fn.name, fn = fn }
    end
  end
  local text, owner = library.sources[class.file], class.statement:match("^local ([%w_]+) = {")
  local pattern = owner and ("\n%s%%.(%%a[%%w_]*) = ([%%w_]+)%%.([%%w_]+)\n"):format(owner) or "^$^"
  for name, variable, source in text:gmatch(pattern) do
    local fn = function_of(library, text, variable, source)
    list[#list + 1] = fn and { as = name, fn = as_method(fn) }
  end
  return list
end

--- Calls `see(name)` for each type in a list of tags.
local function each_name(list, see)
  for _, tag in ipairs(list) do
    for _, name in ipairs(tag.names or {}) do
      see(name)
    end
  end
end

local function each_name_of(functions, see)
  for _, one in ipairs(functions) do
    each_name(one.fn.params, see)
    each_name(one.fn.returns, see)
  end
end

-- The classes of parameters stand with their models.
local function is_of_model(name)
  for _, model in ipairs(models.names) do
    if name:sub(1, #type_of_model(model)) == type_of_model(model) then
      return true
    end
  end
  return false
end

--- Every class and alias that the modules lead to, in the order of their names.
local function reachable(library, modules)
  local classes, aliases, seen = {}, {}, {}
  local function see(name)
    local class, alias = library.classes[name], library.aliases[name]
    if seen[name] or is_of_model(name) then
      return
    end
    seen[name] = true
    if class then
      class.methods = methods_of(library, class)
      classes[#classes + 1] = class
      each_name({ { names = class.parents } }, see)
      each_name(class.fields, see)
      each_name_of(class.methods, see)
    elseif alias then
      aliases[#aliases + 1] = alias
      each_name({ alias }, see)
    end
  end
  for _, module in ipairs(modules) do
    seen[module.name] = true
    each_name(module.class and module.class.fields or {}, see)
    each_name_of(module.functions, see)
  end
  for _, list in ipairs({ classes, aliases }) do
    table.sort(list, function(a, b)
      return a.name < b.name
    end)
  end
  return classes, aliases
end

--- Everything public: the `modules`, the `classes`, the `aliases`, and the `library` they are in.
---@return table
function api.public()
  local library, modules = annotations.read(sources()), {}
  for _, name in ipairs(MODULES) do
    modules[#modules + 1] = module_of(library, name)
  end
  local classes, aliases = reachable(library, modules)
  return { library = library, modules = modules, classes = classes, aliases = aliases }
end

-- -- the page -------------------------------------------------------------------------------------

local function put_text(put, text)
  if #text > 0 then
    put(table.concat(text, "\n"))
    put("")
  end
end

local function about(tag)
  local text = table.concat(tag.text, " ")
  text = text ~= "" and text or tag.about or ""
  return text ~= "" and ": " .. text or ""
end

--- The overloads say the same once more for each model.
local function is_overload(tag)
  return tag.type:find("^fun%b()") and tag.type:find('model: "', 1, true)
end

local function put_fields(put, fields)
  local count = 0
  for _, tag in ipairs(fields) do
    if not is_overload(tag) then
      count = count + 1
      put(("- `%s` (`%s%s`)%s"):format(tag.name, tag.type, tag.is_optional and "?" or "",
        about(tag)))
    end
  end
  if count > 0 then
    put("")
  end
end

local function put_function(put, prefix, one)
  put(("### %s%s(%s)\n"):format(prefix, one.as, table.concat(one.fn.args, ", ")))
  put_text(put, one.fn.text)
  for _, tag in ipairs(one.fn.params) do
    put(("- `%s` (`%s%s`)%s"):format(tag.name, tag.type, tag.is_optional and "?" or "",
      about(tag)))
  end
  for _, tag in ipairs(one.fn.returns) do
    put(("- returns `%s`%s%s"):format(tag.type, tag.name and " " .. tag.name or "", about(tag)))
  end
  if #one.fn.params + #one.fn.returns > 0 then
    put("")
  end
end

local function put_class(put, class)
  put(("## %s\n"):format(class.name))
  put_text(put, class.text)
  if class.parent then
    put(("It is a `%s`.\n"):format(class.parent))
  end
  put_fields(put, class.fields)
  local variable = class.name:match("%u%l+$"):lower()
  for _, one in ipairs(class.methods) do
    put_function(put, variable .. ":", one)
  end
end

local function put_module(put, module)
  put(("## require(\"%s\")\n"):format(module.name))
  put_fields(put, module.class and module.class.fields or {})
  for _, one in ipairs(module.functions) do
    put_function(put, module.name:match("([%w_]+)$") .. ".", one)
  end
end

local function put_alias(put, alias)
  put(("## %s\n"):format(alias.name))
  put_text(put, alias.text)
  for _, case in ipairs(alias.type and { alias } or alias.cases) do
    put(("- `%s`%s"):format(case.type, case.about ~= "" and ": " .. case.about or ""))
  end
  put("")
end

local function put_models(put, library)
  put("## Models\n")
  put("`edit` takes the picture by position, a step of a chain from the step before: their classes")
  put("are those below, with `Edit` or `Step` behind the name.\n")
  for _, name in ipairs(models.names) do
    local class = library.classes[type_of_model(name)]
    put(("### %s\n"):format(name))
    put_text(put, { ("`%s`: %s"):format(class.name, table.concat(class.text, " ")) })
    put_fields(put, library.classes[class.name .. "Edit"].fields)
    table.remove(put.lines) -- the picture belongs to the same list
    put_fields(put, class.fields)
  end
end

--- A link for each heading of a type; GitHub's anchors have no dots.
local function put_contents(put, public)
  local links = {}
  for _, types in ipairs({ public.classes, public.aliases }) do
    for _, one in ipairs(types) do
      links[#links + 1] = ("[%s](#%s)"):format(one.name:gsub("^segmind%.", ""),
        one.name:gsub("%.", ""):lower())
    end
  end
  table.sort(links)
  links[#links + 1] = "[the models](#models)"
  put(table.concat(links, ",\n") .. ".\n")
end

--- The page.
---@return string
function api.page()
  local public, lines = api.public(), {}
  local put = setmetatable({ lines = lines }, { __call = function(_, line)
    lines[#lines + 1] = line
  end })
  put("# API\n")
  put("Every public function, class and option; an editor shows the same")
  put("([guide](guide.md#in-your-editor)). `?` marks what may be nil or left out. The page is made")
  put("from the comments in `lua/segmind` by `make types`.\n")
  put_contents(put, public)
  put_module(put, public.modules[1])
  local is_first = {}
  for _, name in ipairs(FIRST) do
    is_first[name] = true
    put_class(put, public.library.classes[name])
  end
  for i = 2, #public.modules do
    put_module(put, public.modules[i])
  end
  for _, class in ipairs(public.classes) do
    if not is_first[class.name] then
      put_class(put, class)
    end
  end
  for _, alias in ipairs(public.aliases) do
    put_alias(put, alias)
  end
  put_models(put, public.library)
  return (table.concat(lines, "\n"):gsub("\n+$", "\n"))
end

if is_program then
  io.write(api.page())
end

return api
