--- That one file of the core holds what differs between systems. What POSIX does not have does not
--- compile elsewhere (_POSIX_C_SOURCE in CMakeLists.txt), unless the headers show it all the same.

local files = require("spec.support.files")

local HOME = "csrc/core/base/sm_system.c"
-- Patterns of Lua over the code without its comments.
local FOREIGN = {
  "__linux__", "__APPLE__", "__GLIBC__", "__FreeBSD__", "__MUSL__", "SEGMIND_POSIX",
  "_GNU_SOURCE", "_DEFAULT_SOURCE", "_DARWIN_C_SOURCE",
  "<linux/", "<sys/eventfd%.h>", "<sys/epoll%.h>", "<sys/random%.h>", "<sys/sysctl%.h>",
  "<sys/ioctl%.h>", "<sys/vfs%.h>", "<sys/mount%.h>",
  "<sys/prctl%.h>", "<sys/syscall%.h>", "<openssl/", "<CommonCrypto/",
  '"/proc', '"/sys/', '"/dev/',
  "%f[%w_]%w+_np%f[^%w_]%(", "%f[%w_]pthread_condattr_", "%f[%w_]pthread_cond_timedwait%(",
  "%f[%w_]pthread_cond_init%(", "%f[%w_]sem_init%(", "%f[%w_]sched_%w+%(", "SCHED_%u+",
  "%f[%w_]eventfd%(", "%f[%w_]pipe2?%(", "%f[%w_]accept4%(", "%f[%w_]socket%(", "SOCK_CLOEXEC",
  "SO_DOMAIN", "SIOC%u+", "FIONREAD", "%f[%w_]ioctl%(", "st_[mac]tim%f[^%w_]", "st_[mac]timespec",
  "%f[%w_]getrandom%(", "%f[%w_]getentropy%(", "%f[%w_]explicit_bzero%(", "%f[%w_]memset_s%(",
  "%f[%w_]memmem%(", "%f[%w_]strcasestr%(", "%f[%w_]v?asprintf%(", "%f[%w_]inet_aton%(",
  "%f[%w_]strtod_l%(", "%f[%w_]fsync%(", "%f[%w_]fdatasync%(", "F_FULLFSYNC", "%f[%w_]fallocate%(",
  "%f[%w_]copy_file_range%(", "O_TMPFILE", "O_PATH", "%f[%w_]renameat2%(", "%f[%w_]dladdr%(",
  "RTLD_NODELETE", "RTLD_NOLOAD", "%f[%w_]fopen%([^;]-\"%w+e\"", "program_invocation",
  "EVP_", "CC_SHA",
}

local function sources()
  local found = {}
  local listing = io.popen("ls csrc/core/*/*.[ch] csrc/lua/*.[ch]")
  for path in listing:lines() do
    found[#found + 1] = path
  end
  listing:close()
  return found
end

local function code_of(path)
  return (files.read(path):gsub("/%*.-%*/", " "))
end

local function foreign_in(path)
  local found, code = {}, code_of(path)
  for _, pattern in ipairs(FOREIGN) do
    local text = code:match(pattern)
    found[#found + 1] = text and path .. ": " .. text
  end
  return found
end

describe("the core and the binding", function()
  it("ask for a system, or for what only some have, in one file", function()
    local wrong, count = {}, 0
    for _, path in ipairs(sources()) do
      count = count + 1
      if path ~= HOME then
        for _, text in ipairs(foreign_in(path)) do
          wrong[#wrong + 1] = text
        end
      end
    end
    assert.same({}, wrong)
    assert.is_true(count > 100)
  end)

  it("have that in the one file", function()
    assert.is_true(#foreign_in(HOME) > 20)
  end)
end)
