--- A page to look at: pictures with their prompts, parameters, seeds and prices, what was made from
--- what, where the seconds went, what failed and what to do about it. One file of HTML without
--- foreign hosts, the pictures beside it or in it.
---
---     require("segmind.report").write(jobs, "out/report.html", { title = "Night and noon" })

local Client = require("segmind.client")
local Error = require("segmind.error")
local file = require("segmind.file")
local options = require("segmind.options")
local page = require("segmind.report.page")
local pictures = require("segmind.report.pictures")
local schema = require("segmind.schema")
local steps = require("segmind.report.steps")

local report = {}

local GATEWAY = "https://api.segmind.com"

--- The options of report.write.
---@class (exact) segmind.ReportOptions
---@field title string? "Pictures"
---@field embed boolean? pictures in the page, which is one file then, and large
---@field fetch boolean? whether pictures that were not saved are fetched; true unless given
---@field base_url string? of a ledger's path: the service that it is of, as in segmind.new
---@field last integer? of a ledger only so many steps, the latest
---@field files string[]? pictures among which inputs that a ledger knows by their SHA-256 are found
local declared = { title = "text", embed = "flag", fetch = "flag", last = "count",
  base_url = "text", files = "list" }

-- -- what is shown --------------------------------------------------------------------------------

-- A ledger that is not there would be made by opening it.
local function ledger_problem(name)
  if name:find("^postgres") then
    return nil
  end
  local bytes = file.read(name)
  return not bytes and "there is no ledger " .. name
    or bytes:sub(1, 15) ~= "SQLite format 3" and name .. " is no ledger" or nil
end

--- Opens a ledger to read it. That takes no key, and neither do pictures; a client does.
local function open_ledger(name, base_url)
  local problem = ledger_problem(name)
  if problem then
    return nil, Error.refusal(problem)
  end
  local key = os.getenv("SEGMIND_API_KEY")
  return Client.new({ ledger = name, base_url = base_url, api_key = key and key ~= "" and key
    or "SG_0000000000000000" })
end

local function is_client(things)
  return type(things) == "table" and getmetatable(things) == Client
end

local function latest(list, count)
  local out = {}
  for i = math.max(1, #list - count + 1), #list do
    out[#out + 1] = list[i]
  end
  return out
end

--- The things to show; those of a client are the rows of its ledger.
local function rows_of(things, last)
  if not is_client(things) then
    return things
  elseif not things._has_ledger then
    return nil, Error.refusal("the client has no ledger, so it cannot tell what it made: give its "
      .. "jobs or results")
  end
  local list, err = things:jobs()
  if list and not list[1] then
    return nil, Error.refusal("there is nothing to show: the ledger holds no step yet")
  end
  return list and latest(list, last or #list), err
end

-- -- where it goes --------------------------------------------------------------------------------

local function place_of(path, opts)
  path = file.absolute(path)
  local stem = path:match("^(.*[^/])%.[Hh][Tt][Mm][Ll]?$")
  if not stem then
    path = path:gsub("/+$", "")
  end
  return { page = stem and path or path .. "/index.html", embed = opts.embed or false,
    folder = stem and stem .. ".files" or path .. "/pictures", fetch = opts.fetch ~= false }
end

local function host_of(nodes)
  local url
  for _, node in ipairs(nodes) do
    url = url or node.client and node.client._base_url
  end
  local given = os.getenv("SEGMIND_BASE_URL")
  url = url or given and given ~= "" and given or GATEWAY
  return url:gsub("^%a+://", ""):gsub("^[^/@]*@", ""):match("^[^/?#]*")
end

-- -- writing --------------------------------------------------------------------------------------

local function write(things, path, opts, client)
  local rows, err = rows_of(things, opts.last)
  if err then
    return nil, err
  end
  local nodes, count = steps.of(rows, client, opts.files)
  if count == 0 then
    return nil, Error.refusal("there is nothing to show: no job, no result and no row of a ledger "
      .. "was given")
  end
  local place = place_of(path, opts)
  pictures.place(nodes, place)
  return file.write(place.page, page.html(nodes, { title = opts.title or "Pictures",
    service = host_of(nodes), time = os.time() }))
end

local function check(things, path, opts)
  if type(things) == "string" and type(path) == "table" then
    Error.misuse("report.write takes what is shown first, then the path: report.write(jobs, path)")
  elseif type(path) ~= "string" or path == "" then
    Error.misuse("report.write takes a path after what is shown, got " .. schema.show(path))
  elseif type(things) ~= "table" and type(things) ~= "string" then
    Error.misuse("report.write takes a job, a result, a table of them, a client with a ledger or "
      .. "the path of a ledger, got " .. schema.show(things))
  end
  return options.read(opts, declared, "report.write")
end

--- Writes the page. `things` is a job or a result, a list or a map of them (the names are shown),
--- what a chain's `run` or `submit` returned, its error, outcomes of `client:map`, rows of
--- `client:jobs` or `client:history`, a client with a ledger, or a ledger's path or URL. The jobs
--- that a picture was made from are shown with it.
---
--- A path that ends in ".html" is the page's, with pictures in a folder of that name and ".files";
--- any other is a folder's, with index.html in it. Pictures below the page's folder are linked as
--- they are, others are copied, those that were not saved are fetched, which blocks.
---@param things any
---@param path string
---@param opts segmind.ReportOptions?
---@return string? page absolute path
---@return segmind.Error? err kind "invalid" when there is nothing to show, "io", "ledger"
function report.write(things, path, opts)
  opts = check(things, path, opts)
  local problem = file.problem(path)
  if problem then
    return nil, Error.refusal(problem)
  elseif type(things) ~= "string" then
    return write(things, path, opts, is_client(things) and things or nil)
  end
  local client, err = open_ledger(things, opts.base_url)
  if not client then
    return nil, err
  end
  local ok, written, failed = pcall(write, client, path, opts, client)
  client:close()
  if not ok then
    error(written, 0)
  end
  return written, failed
end

return report
