--- Trials: programs that measure themselves, run in turn, so that what else the machine does falls
--- on all of them alike. Each prints its figures as name=value on one line; reported are the median
--- and the span.

local trial = {}

--- The word in single quotes for the shell.
---@param word any
---@return string
function trial.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

--- What a command prints.
---@param command string
---@return string
function trial.output(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

--- Reads the arguments of a bench program: the build folder and the number of rounds.
---@param help string printed for --help
---@param rounds integer unless told otherwise
---@return { build: string, rounds: integer, root: string, jobs: integer? }
function trial.setup(help, rounds)
  local given = { build = "build", rounds = rounds, root = "." }
  local i = 1
  while arg[i] do
    if arg[i] == "--help" then
      io.write(help, "\n  BUILD      the build folder (build)\n  --rounds N  repetitions (",
        rounds, ")\n  --jobs N    no more jobs a client than so many\n")
      os.exit(0)
    elseif arg[i] == "--rounds" then
      given.rounds, i = tonumber(arg[i + 1]), i + 1
    elseif arg[i] == "--jobs" then
      given.jobs, i = tonumber(arg[i + 1]), i + 1
    else
      given.build = arg[i]
    end
    i = i + 1
  end
  if not given.rounds then
    io.stderr:write(help, "\n")
    os.exit(2)
  end
  local here = arg[0]:match("^(.*)/[^/]*$") or "."
  given.root = trial.output(("cd %s/.. && pwd"):format(trial.quote(here))):match("[^\n]*")
  given.build = trial.output(("cd %s && pwd"):format(trial.quote(given.build))):match("[^\n]*")
  given.environment = trial.output(("%s %s"):format(
    trial.quote(given.root .. "/.ci/environment"), trial.quote(given.build)))
  return given
end

---@param name string
---@return boolean
function trial.has(name)
  return trial.output("command -v " .. name) ~= ""
end

local FOLDERS = { ["lua5.4"] = "5.4", ["lua5.3"] = "5.3", luajit = "5.1" }

--- Whether a command can run: one that begins with a Lua needs that Lua, and a build for it.
---@param setup table
---@param command string
---@return boolean
function trial.is_built_for(setup, command)
  local lua = command:match("^%S+")
  local module = FOLDERS[lua]
    and io.open(("%s/lib/lua/%s/segmind/core.so"):format(setup.build, FOLDERS[lua]))
  if module then
    module:close()
  end
  return not FOLDERS[lua] or module ~= nil and trial.has(lua)
end

--- Those of the clients that can run, in their order.
---@param setup table
---@param clients { run: string }[]
---@return { run: string }[]
function trial.built(setup, clients)
  local list = {}
  for _, client in ipairs(clients) do
    list[#list + 1] = trial.is_built_for(setup, client.run) and client or nil
  end
  return list
end

--- Runs a program once and reads its figures.
---@param setup table
---@param command string
---@return table<string, number>
function trial.run(setup, command)
  local text = trial.output(("%s\ncd %s\n%s"):format(setup.environment, trial.quote(setup.root),
    command))
  local figures = {}
  for name, value in text:gmatch("([%w_]+)=(%-?[%d.]+)") do
    figures[name] = tonumber(value)
  end
  if next(figures) == nil then
    error("no figures from: " .. command .. "\n" .. text, 0)
  end
  return figures
end

---@param list number[]
---@return number median
---@return number least
---@return number most
function trial.middle(list)
  local sorted = {}
  for i, value in ipairs(list) do
    sorted[i] = value
  end
  table.sort(sorted)
  local n = #sorted
  local median = (sorted[math.floor((n + 1) / 2)] + sorted[math.ceil((n + 1) / 2)]) / 2
  return median, sorted[1], sorted[n]
end

--- "51 [49–55]"
---@param list number[]
---@param digits integer? after the point
---@return string
function trial.show(list, digits)
  local form = ("%%.%df"):format(digits or 0)
  local median, least, most = trial.middle(list)
  if #list == 1 then
    return form:format(median)
  end
  return (form .. " [" .. form .. "–" .. form .. "]"):format(median, least, most)
end

--- Prints rows as a Markdown table.
---@param head string[]
---@param rows string[][]
function trial.table(head, rows)
  print("| " .. table.concat(head, " | ") .. " |")
  print("|" .. ("---|"):rep(#head))
  for _, row in ipairs(rows) do
    print("| " .. table.concat(row, " | ") .. " |")
  end
  print()
end

-- bench/run.sh ends with the goals of all programs, as rows of one table.
local function note_goal(name, value, bound, peer, is_met)
  local path = os.getenv("BENCH_GOALS")
  local file = path and assert(io.open(path, "a"))
  if file then
    file:write(("| %s | %s | %s | %s | %s |\n"):format(name, value, bound, peer or "–",
      is_met and "met" or "**missed**"))
    file:close()
  end
end

local function report(name, value, bound, unit, peer, is_met)
  value, bound = ("%.2f%s"):format(value, unit or ""), bound .. (unit or "")
  print(("- %s: %s, goal %s%s"):format(name, value, bound, is_met and "" or " — **missed**"))
  note_goal(name, value, bound, peer, is_met)
end

--- Prints whether a goal is met: at most so much.
---@param name string
---@param value number
---@param most number
---@param unit string?
---@param peer string? what the value is a ratio to, with its own figure
function trial.goal(name, value, most, unit, peer)
  report(name, value, ("≤ %g"):format(most), unit, peer, value <= most)
end

--- The same of at least so much.
---@param name string
---@param value number
---@param least number
---@param unit string?
function trial.least(name, value, least, unit)
  report(name, value, ("≥ %g"):format(least), unit, nil, value >= least)
end

return trial
