--- Progress of jobs on a terminal: one line a job, redrawn (state, seconds of the expected seconds,
--- price so far). Where there is no terminal a plain line for each change of a state. It prints to
--- stderr, asks nothing of the library that a script cannot ask, and sends no escape sequence of a
--- server on.
---
---     local progress = require("segmind.progress").new()
---     progress:watch(sm:submit("flux-kontext-pro", { prompt = "a house", aspect_ratio = "1:1" }))
---     progress:wait()

local Error = require("segmind.error")
local models = require("segmind.models")
local options = require("segmind.options")

--- A printer of what jobs are doing, on a terminal or line by line.
---@class segmind.Progress
local Progress = {}
Progress.__index = Progress
Progress.__name = "segmind.Progress"

local progress = {}

-- Seconds between two drawings, and between two looks at the width of the terminal.
local TICK, LOOK = 0.1, 3

-- A command of the shell that answers by its status; Lua 5.1 returns that, later ones true or nil.
local function succeeds(command)
  local ok = os.execute(command)
  return ok == true or ok == 0
end

local function is_terminal()
  return succeeds("test -t 2")
end

local function number_from(command)
  local pipe = io.popen(command)
  local rows, columns = (pipe and pipe:read("*a") or ""):match("^(%d+) (%d+)")
  if pipe then
    pipe:close()
  end
  return tonumber(rows), tonumber(columns)
end

--- Text as it may be shown: without escape sequences, control characters and marks that turn the
--- direction of what follows.
---@param text any
---@return string
function progress.plain(text)
  text = tostring(text):gsub("\27%[[0-?]*[ -/]*[@-~]", ""):gsub("\27%][^\7\27]*\7?", "")
  text = text:gsub("\194[\128-\159]", ""):gsub("\226\128[\170-\174]", "")
    :gsub("\226\129[\166-\169]", "")
  return (text:gsub("[%c\127]+", " "))
end

-- The widest scripts, Hangul to CJK and pictographs, take two columns a character; combining marks
-- and selectors take none.
local wide = { { 0x1100, 0x115F }, { 0x2E80, 0xA4CF }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF },
  { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1FAFF },
  { 0x20000, 0x3FFFD } }
local narrow = { { 0x0300, 0x036F }, { 0x200B, 0x200F }, { 0xFE00, 0xFE0F } }

local function is_among(code, ranges)
  for _, range in ipairs(ranges) do
    if code >= range[1] and code <= range[2] then
      return true
    end
  end
  return false
end

local function columns_of(char)
  local code = char:byte()
  if code < 0x80 then
    return 1
  end
  code = code % (code < 0xE0 and 0x20 or code < 0xF0 and 0x10 or 0x08)
  for i = 2, #char do
    code = code * 0x40 + char:byte(i) % 0x40
  end
  return is_among(code, wide) and 2 or is_among(code, narrow) and 0 or 1
end

--- A text as long as a line may be.
---@param text string UTF-8
---@param width integer columns
---@return string
function progress.cut(text, width)
  local out, used = {}, 0
  for char in text:gmatch("[%z\1-\127\194-\244][\128-\191]*") do
    used = used + columns_of(char)
    if used > width then
      break
    end
    out[#out + 1] = char
  end
  return table.concat(out)
end

-- What a bar is made of, by what the locale says that a terminal shows.
local function blocks()
  local locale = os.getenv("LC_ALL") or os.getenv("LC_CTYPE") or os.getenv("LANG") or ""
  if locale:lower():find("utf%-?8") then
    return "█", "░"
  end
  return "#", "."
end

--- The options of a printer.
---@class (exact) segmind.ProgressOptions
---@field stream file*? where it prints; stderr
---@field is_terminal boolean? whether the lines are redrawn
---@field is_quiet boolean? no progress; `print` prints
---@field columns integer? of the terminal
---@field rows integer?
---@field has_colours boolean? whether it uses colours
local settings = { stream = "stream", is_terminal = "flag", is_quiet = "flag", columns = "count",
  rows = "count", has_colours = "flag" }

--- Makes a printer. What is not given is found out: NO_COLOR, TERM=dumb, the terminal's size.
---@param opts segmind.ProgressOptions?
---@return segmind.Progress
function progress.new(opts)
  local given = options.read(opts, settings, "segmind.progress")
  return setmetatable({ _stream = given.stream or io.stderr, _jobs = {}, _lines = 0,
    _is_quiet = given.is_quiet, _is_live = given.is_terminal, _given = given,
    _looked = -math.huge }, Progress)
end

-- Asked once, and only when there is something to show.
local function is_live(self)
  if self._is_live == nil then
    local term = os.getenv("TERM")
    self._is_live = not self._is_quiet and term ~= nil and term ~= "dumb" and is_terminal()
  end
  return self._is_live and not self._is_quiet
end

local function look(self)
  local now = os.time()
  if now - self._looked >= LOOK then
    self._looked = now
    local rows, columns
    if not (self._given.columns and self._given.rows) then
      rows, columns = number_from("stty size 2>/dev/null </dev/tty")
    end
    self._rows = self._given.rows or rows and rows > 0 and rows or 24
    self._columns = self._given.columns or columns and columns > 0 and columns or 80
  end
  return self._columns, self._rows
end

local colours = { COMPLETED = "32", FAILED = "31", PROCESSING = "36" }

local function paint(self, state, text)
  local no_color = os.getenv("NO_COLOR")
  local has_colours = self._given.has_colours
  if has_colours == nil then
    has_colours = not (no_color and no_color ~= "")
  end
  local colour = has_colours and is_live(self) and colours[state]
  return colour and ("\27[%sm%s\27[0m"):format(colour, text) or text
end

-- What costs something was seen at the service: a picture of the ledger is only saved.
local function price_of(watched)
  local job = watched.job
  local result, err, spec = job:result(), job:error(), models.declared(job.model)
  if job.replayed or err and err.charged == "no" then
    return "$0.00"
  elseif result and result.cost then
    return ("$%.2f"):format(result.cost)
  end
  return spec and watched.is_accepted and ("$%.2f"):format(spec.price_usd) or ""
end

local words = { waiting = "waiting", uploading = "uploading", submitting = "submitting",
  QUEUED = "queued", PROCESSING = "processing", saving = "saving", COMPLETED = "done",
  FAILED = "failed" }

local function seconds_of(job)
  local passed, expected = job:progress()
  if job:is_over() then
    return job.replayed and "from the ledger" or ("%.1f s"):format(passed)
  end
  return expected and ("%.0f of %.0f s"):format(passed, expected) or ("%.0f s"):format(passed)
end

local function bar(job, width)
  local passed, expected = job:progress()
  local part = job:is_over() and 1 or math.min(passed / (expected or 20), 0.99)
  local full, passed_by, to_come = math.floor(part * width), blocks()
  return passed_by:rep(full) .. to_come:rep(width - full)
end

local is_accepted = { QUEUED = true, PROCESSING = true }

local function line_of(self, watched)
  local job, columns = watched.job, is_live(self) and look(self) or 1000
  local state = words[job.state] or job.state:lower()
  watched.is_accepted = watched.is_accepted or is_accepted[job.state]
  local text = ("%-10s %-15s %5s  %s"):format(state, seconds_of(job), price_of(watched),
    watched.label)
  if is_live(self) and columns >= 72 then
    text = bar(job, 12) .. " " .. text
  end
  return paint(self, job.state, progress.cut(progress.plain(text), columns - 1))
end

local function write(self, ...)
  self._stream:write(...)
  self._stream:flush()
end

-- Takes the lines that are redrawn off the terminal. The cursor is below them, so that what anybody
-- else prints begins a line.
local function erase(self)
  if self._lines > 0 then
    write(self, ("\r\27[%dA\27[J"):format(self._lines))
    self._lines = 0
  end
end

local function unfinished(self)
  local jobs = {}
  for _, watched in ipairs(self._jobs) do
    jobs[#jobs + 1] = not watched.is_told and watched or nil
  end
  return jobs
end

--- Draws the lines of the jobs that go on; of more jobs than there is room for, the first, and how
--- many there are.
function Progress:draw()
  if not is_live(self) then
    return
  end
  local columns, rows = look(self)
  local jobs, lines = unfinished(self), {}
  local room = math.max(rows - 3, 1)
  for i, watched in ipairs(jobs) do
    if i > room then
      lines[i] = progress.cut(("and %d more"):format(#jobs - room), columns - 1)
      break
    end
    lines[i] = line_of(self, watched)
  end
  local text = lines[1] and table.concat(lines, "\n") .. "\n" or ""
  local up = self._lines > 0 and ("\r\27[%dA\27[J"):format(self._lines) or ""
  if up .. text ~= "" and not (self._lines > 0 and text == self._drawn) then
    write(self, up, text)
  end
  self._lines, self._drawn = #lines, text
end

--- Prints a line above what is redrawn. It is shown to the quiet, too.
---@param text string
function Progress:print(text)
  erase(self)
  write(self, progress.plain(text), "\n")
  self:draw()
end

local is_last = { COMPLETED = true, FAILED = true }

-- The last state may be known before the result or the error is, which is told.
local function tell(self, watched)
  local job = watched.job
  if watched.is_told or is_last[job.state] and not job:is_over() then
    return
  elseif self._is_quiet then
    watched.is_told = job:is_over()
  elseif job:is_over() then
    erase(self)
    watched.is_told = true
    write(self, line_of(self, watched), "\n")
    self:draw()
  elseif is_live(self) then
    self:draw()
  else
    write(self, line_of(self, watched), "\n")
  end
end

--- Shows a job from now to its end. What submit returns for a call that is refused goes through:
--- `local job, err = progress:watch(sm:submit(…))`.
---@param job segmind.Job?
---@param label string|segmind.Error|nil what it is called; its name, else its model
---@return segmind.Job? job
---@return segmind.Error?
function Progress:watch(job, label)
  if job == nil and Error.is_error(label) then
    return nil, label
  elseif type(job) ~= "table" or type(job.is_over) ~= "function" then
    Error.misuse("progress:watch takes a job")
  end
  local watched = { job = job, label = progress.plain(label or job.name or job.model),
    is_told = false }
  self._jobs[#self._jobs + 1] = watched
  local function told()
    tell(self, watched)
  end
  if job:is_over() then
    told()
  else
    job:on("state", told):on("done", told):on("error", told)
  end
  return job
end

--- Waits until a job is over, and draws all that are watched meanwhile.
---@param job segmind.Job
function Progress:wait_for(job)
  while not job:is_over() do
    job:wait(is_live(self) and TICK or 1)
    self:draw()
  end
end

--- Waits until all jobs that are watched are over.
function Progress:wait()
  for _, watched in ipairs(self._jobs) do
    self:wait_for(watched.job)
  end
  self:finish()
end

--- Takes the lines that are redrawn off the terminal, for somebody else to print; they come again
--- with the next drawing.
function Progress:clear()
  erase(self)
end

local function forget(self)
  for _, watched in ipairs(self._jobs) do
    watched.is_told = true
  end
  self._jobs = {}
end

--- Takes the lines that are redrawn off the terminal and forgets the jobs.
function Progress:finish()
  erase(self)
  forget(self)
end

--- Forgets the jobs and leaves the lines as they are: after an interruption, of which the library
--- has told below them.
function Progress:leave()
  self._lines = 0
  forget(self)
end

return progress
