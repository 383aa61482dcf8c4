--- What a local picture of 20 MB costs on its way up (base64 inside JSON) and down.

package.path = (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/support/?.lua;" .. package.path
local service = require("service")
local trial = require("trial")

local setup = trial.setup([[
usage: lua5.4 bench/streams.lua [BUILD] [--rounds N]

Memory grown and processor time of the client for an upload and a download of
20 MB, beside a C program that streams.
]], 7)

local SIZE = 20 * 1000 * 1000
local picture, copy = os.tmpname(), os.tmpname()

local function be32(number)
  return string.char(math.floor(number / 2 ^ 24) % 256, math.floor(number / 2 ^ 16) % 256,
    math.floor(number / 2 ^ 8) % 256, number % 256)
end

-- A PNG of one pixel, and a private chunk that makes it large.
local function write_picture()
  local file = assert(io.open(picture, "wb"))
  file:write("\137PNG\r\n\26\n", be32(13), "IHDR", be32(1), be32(1), "\8\0\0\0\0",
    "\58\126\155\85", be32(10), "IDAT", "\120\156\99\96\0\0\0\2\0\1", "\72\175\164\113",
    be32(SIZE), "bnCh")
  local bytes = {}
  math.randomseed(1)
  for i = 1, 65536 do
    bytes[i] = string.char(math.random(0, 255))
  end
  local block = table.concat(bytes)
  for at = 1, SIZE, #block do
    file:write(block:sub(1, math.min(#block, SIZE - at + 1)))
  end
  file:write("\0\0\0\0", "\0\0\0\0IEND\174\66\96\130")
  file:close()
end

write_picture()
local server = service.emulator(setup, "--plain")
local base = server.url
local c = trial.quote(setup.build) .. "/bench/c_stream "
local ours = " bench/peers/segmind_stream.lua " .. base

local answer = trial.output(("%supload %s/upload-asset %s 2>&1 >%s"):format(c, base, picture, copy))
local url = answer:match('"file_urls":%["([^"]+)"') or error("no upload: " .. answer, 0)

local trials = trial.built(setup, {
  { name = "C, upload", run = c .. "upload " .. base .. "/upload-asset " .. picture .. " 2>&1" },
  { name = "ours, Lua 5.4, upload", run = "lua5.4" .. ours .. " upload " .. picture },
  { name = "ours, SHA-256 of it", run = "lua5.4" .. ours .. " hash " .. picture },
  { name = "C, download", run = c .. "download " .. url .. " " .. copy },
  { name = "ours, Lua 5.4, download",
    run = "lua5.4" .. ours .. " download " .. copy .. ".png " .. url },
  { name = "ours, LuaJIT, upload", run = "luajit" .. ours .. " upload " .. picture },
  { name = "ours, LuaJIT, download",
    run = "luajit" .. ours .. " download " .. copy .. ".png " .. url },
})
for _ = 1, setup.rounds do
  for _, one in ipairs(trials) do
    one.kib, one.cpu = one.kib or {}, one.cpu or {}
    local figures = trial.run(setup, one.run)
    table.insert(one.kib, figures.kib / 1024)
    table.insert(one.cpu, figures.cpu_us / 1000)
  end
end
server:stop()
os.remove(picture)
os.remove(copy)
os.remove(copy .. ".png")

local function ratio(one, to)
  return trial.middle(trials[one].cpu) / trial.middle(trials[to].cpu)
end

local rows = {}
for i, one in ipairs(trials) do
  rows[i] = { one.name, trial.show(one.kib, 2), trial.show(one.cpu, 1),
    ("%.2f"):format(ratio(i, one.name:find("download") and 4 or 1)) }
end
print("### A picture of 20 MB\n")
trial.table({ "", "memory grown, MiB", "CPU ms", "× C" }, rows)
trial.goal("upload, MiB grown", trial.middle(trials[2].kib), 2)
trial.goal("upload, × C", ratio(2, 1), 1.2)
trial.goal("download, MiB grown", trial.middle(trials[5].kib), 2)
trial.goal("download, × C", ratio(5, 4), 1.2)
print()
