--- Adds up what bench/neovim.lua has written: lines "<mode> <gap> <computed> <in step>", all in
--- milliseconds, and remarks "# <what> <took>".

local gaps, computed, steps, marks = {}, {}, {}, {}

local function add(list, name, value)
  list[name] = list[name] or {}
  table.insert(list[name], tonumber(value))
end

for line in io.lines(arg[1]) do
  local mode, gap, cpu, step = line:match("^(%a+) ([%d.]+) ([%d.]+) ([%d.]+)$")
  local mark, took = line:match("^# (%a+) ([%d.]+)$")
  if mode then
    add(gaps, mode, gap)
    add(computed, mode, cpu)
    if tonumber(step) > 0 then
      add(steps, mode, step)
    end
  elseif mark then
    add(marks, mark, took)
  end
end

local function at(list, part)
  table.sort(list)
  return list[math.max(1, math.ceil(part * #list))]
end

local function row(name, list)
  local median, p99, worst = at(list, 0.5), at(list, 0.99), at(list, 1)
  print(("%-36s %8.2f %8.2f %8.2f %8d"):format(name, median, p99, worst, #list))
  return { median, p99, worst }
end

print(("%-36s %8s %8s %8s %8s"):format("milliseconds", "median", "p99", "worst", "count"))
local idle = row("gap between 1 ms ticks, no jobs", gaps.idle)
row("  this thread computed", computed.idle)
local names = { files = "50 jobs, pictures to files", memory = "50 jobs, pictures into Lua" }
for _, mode in ipairs({ "files", "memory" }) do
  local found = row("gap, " .. names[mode], gaps[mode])
  print(("%-36s %7.2fx %7.2fx %7.2fx   p99 %+.2f ms (goal 2), worst (goal 8 ms)"):format(
    "  as many times no jobs", found[1] / idle[1], found[2] / idle[2], found[3] / idle[3],
    found[2] - idle[2]))
  row("  this thread computed", computed[mode])
  row("  a client:step", steps[mode])
end
print("once a session (median, worst):")
for _, name in ipairs({ "require", "new", "submit", "all" }) do
  print(("  %-10s %8.2f %8.2f"):format(name, at(marks[name], 0.5), at(marks[name], 1)))
end
