--- `segmind emulate [-- CMD…]`: the service on this machine, without a key and without cost.

local pictures = require("segmind.cli.pictures")
local shell = require("segmind.cli.shell")
local usage = require("segmind.cli.usage")

local verb = {
  name = "emulate",
  summary = "Run the service on this machine, to try things without paying.",
  examples = [[
  segmind emulate         # until Ctrl-C; prints what another terminal needs
  segmind emulate -- segmind run flux-kontext-pro prompt="a house"
  segmind emulate --speed 50 -- make -j4]],
}

-- It has a key's form and means nothing anywhere.
local KEY = "SG_0123456789abcdef"

function verb.declare(command)
  command:argument("command"):args("*"):argname("command")
    :description("A command that is run with the environment set, after --.")
  command:option("--speed"):argname("<n>"):description("Divide the models' latencies by n (10).")
  command:option("--port"):argname("<n>"):description("Listen there; any free port unless given.")
  command:option("--credits"):argname("<dollars>"):description("What is on the account (100).")
end

local function folder_of_program()
  local program = rawget(_G, "arg") and rawget(_G, "arg")[0] or ""
  return program:match("^(.*)/[^/]*$") or "."
end

local function find()
  local bin = folder_of_program()
  for _, path in ipairs({ os.getenv("SEGMIND_EMULATOR") or "", bin .. "/segmind-emulator",
    (os.getenv("SEGMIND_BUILD") or "") .. "/bin/segmind-emulator",
    bin .. "/../build/bin/segmind-emulator" }) do
    if path ~= "" and shell.exists(path) then
      return path
    end
  end
  if shell.has("segmind-emulator") then
    return "segmind-emulator"
  end
  usage.fail("segmind-emulator is not installed beside this program: make build makes it, make "
    .. "install installs it, and SEGMIND_EMULATOR may name it")
end

local function number(value, name)
  if value and not tonumber(value) then
    usage.fail("%s takes a number, got %s", name, value)
  end
  return value
end

-- Its input is a pipe of ours and its output a named one, so it ends with us and we with it,
-- however that happens.
local function start(args, folder)
  local words = { find(), "--exit-with-stdin", "--speed=" .. (number(args.speed, "--speed") or 10),
    "--port=" .. (pictures.whole(args.port, "--port", 0) or 0) }
  if args.credits then
    words[#words + 1] = "--credits=" .. number(args.credits, "--credits")
  end
  local fifo = folder .. "/output"
  if shell.run("mkfifo -m 600 " .. shell.quote(fifo)) ~= 0 then
    usage.fail("no named pipe can be made in %s", folder)
  end
  local input = io.popen(shell.words(words) .. " >" .. shell.quote(fifo), "w")
  local output = io.open(fifo)
  for line in output:lines() do
    local url = line:match("^Base URL: (%S+)")
    if url then
      return { input = input, output = output, url = url }
    end
  end
  input:close()
  output:close()
  usage.fail("the emulator did not start; its own words are above")
end

local function run_command(context, service, folder, words)
  local program = folder_of_program()
  local environment = { SEGMIND_BASE_URL = service.url, SEGMIND_API_KEY = KEY,
    NO_PROXY = "127.0.0.1,localhost", no_proxy = "127.0.0.1,localhost",
    SEGMIND_LEDGER = context.args.ledger or folder .. "/ledger.db",
    PATH = program .. ":" .. (os.getenv("PATH") or "") }
  return shell.run(shell.env(environment) .. shell.words(words))
end

-- Whoever ends it by a signal leaves nothing behind: the pipe's name is needed no more.
local function run_until_end(context, service, folder)
  shell.run("rm -rf -- " .. shell.quote(folder))
  context.out:line(("export SEGMIND_BASE_URL=%s SEGMIND_API_KEY=%s"):format(service.url, KEY))
  context.out:event({ what = "listening", url = service.url, key = KEY })
  context.err("no model runs here: pictures are drawn, credits are play money. Give another "
    .. "terminal the line above; Ctrl-C ends this")
  local ok, problem = pcall(function()
    return service.output:read("*a")
  end)
  if not ok and not tostring(problem):find("interrupted!$") then
    error(problem, 0)
  end
  return 0
end

function verb.run(context, args)
  local folder = os.tmpname()
  os.remove(folder)
  if not shell.make_folder(folder) then
    usage.fail("no folder can be made beside %s", folder)
  end
  local service
  local ok, code = pcall(function()
    service = start(args, folder)
    if args.command[1] then
      return run_command(context, service, folder, args.command)
    end
    return run_until_end(context, service, folder)
  end)
  if service then
    pcall(service.input.close, service.input)
    pcall(service.output.close, service.output)
  end
  shell.run("rm -rf -- " .. shell.quote(folder))
  if not ok and tostring(code):find("interrupted!$") then
    return 0
  elseif not ok then
    error(code, 0)
  end
  return code
end

return verb
