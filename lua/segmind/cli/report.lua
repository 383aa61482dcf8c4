--- `segmind report`: the page of pictures, of the ledger or of a folder.

local rows = require("segmind.cli.rows")
local shell = require("segmind.cli.shell")
local usage = require("segmind.cli.usage")

local verb = {
  name = "report",
  summary = "Write a page of pictures: the ledger's, or those of a folder.",
  offline = true,
  examples = [[
  segmind report --open
  segmind report --last 20 -o today.html
  segmind report out --title "A portrait at night" --open]],
}

function verb.declare(command)
  command:argument("pictures"):args("*")
    :description("A folder of pictures, or pictures; without any, what the ledger holds.")
  command:option("-o --output"):argname("<name>")
    :description("The page, NAME.html, or the folder for it (report.html in the folder that is "
      .. "shown; the folder report for the ledger).")
  command:option("--last"):argname("<count>")
    :description("Only so many of the ledger's steps (60).")
  command:option("--inputs"):argname("<folder>")
    :description("Where the pictures that the ledger's steps were made from are looked for, by "
      .. "their content (the current folder).")
  command:option("--title"):argname("<text>"):description("The page's title.")
  command:flag("--embed"):description("Pictures in the page: one file, and a large one.")
  command:flag("--open"):description("Open the page in the browser.")
end

-- -- what is shown --------------------------------------------------------------------------------

local function facts_of(path)
  return { path = path, name = path:match("([^/]+)$") }
end

local function of_files(sources)
  for _, source in ipairs(sources) do
    if not shell.exists(source) then
      usage.fail("there is no folder and no picture %s: segmind report FOLDER shows what is in one",
        source)
    end
  end
  local list = {}
  for i, row in ipairs(rows.read(sources)) do
    list[i] = facts_of(row.values.path or row.where)
  end
  return list
end

--- The client whose ledger is shown.
local function of_ledger(context)
  if not context.config.values.ledger then
    usage.fail("report shows what the ledger holds: leave --no-ledger out, or name a folder")
  end
  return context.client()
end

local function count_of(value)
  local count = tonumber(value or 60)
  if not count or count < 1 or count % 1 ~= 0 then
    usage.fail("--last takes a whole number from 1, got %s", value)
  end
  return count
end

--- Where the page goes when nothing is said.
local function place_of(sources)
  local folder = sources[1] and sources[1]:gsub("/+$", "")
  if not folder then
    return "report"
  end
  return shell.exists(sources[1] .. "/.") and folder .. "/report.html" or "report"
end

-- -- the browser ----------------------------------------------------------------------------------

local openers = { "xdg-open", "open" }

local function open(context, page)
  for _, name in ipairs(openers) do
    if shell.has(name) then
      shell.run(shell.words({ name, page }) .. " </dev/null >/dev/null 2>&1")
      return
    end
  end
  context.err("there is no xdg-open here: open the page yourself")
end

function verb.run(context, args)
  local options = { title = args.title, embed = args.embed, fetch = not args.dry_run,
    last = count_of(args.last) }
  local things, page, err
  if args.pictures[1] then
    things = of_files(args.pictures)
  else
    things, err = of_ledger(context)
    options.files = rows.pictures_in(args.inputs or ".")
  end
  if things then
    page, err = require("segmind.report").write(things,
      args.output or place_of(args.pictures), options)
  end
  if not page then
    return context.fail(err)
  end
  context.out:path(page)
  if args.open then
    open(context, page)
  end
  return 0
end

return verb
