--- Writes the rockspec of a release, from that of a checkout in standard input:
---
---     VERSION=1.2.3 SUM=… [HOMEPAGE=…] [ISSUES=…] lua5.4 tools/release.lua URL
---
--- The text stays as it is but for the version, the source, and the addresses.

local version, url = assert(os.getenv("VERSION")), assert(arg[1])

local function given(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local text = io.read("*a")

-- Everything between two marks, which must be there, once.
local function replace(pattern, with)
  local count
  text, count = text:gsub(pattern, function()
    return with
  end)
  assert(count == 1, "the rockspec has no " .. pattern)
end

replace("^%-%-.-\nrockspec_format", "rockspec_format")
replace('\nversion = "scm%-1"', ('\nversion = "%s-1"'):format(version))
replace("\nsource = (%b{})", ("\nsource = {\n  url = %q,\n  md5 = %q,\n  dir = %q,\n}"):format(url,
  assert(os.getenv("SUM")), "segmind-" .. version))
local homepage, issues = given("HOMEPAGE"), given("ISSUES")
if homepage then
  replace("  homepage = [^\n]*\n", ("  homepage = %q,\n"):format(homepage))
end
if issues then
  replace("  license = ", ("  issues_url = %q,\n  license = "):format(issues))
end
io.write(text)
