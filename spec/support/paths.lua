--- Where the repository and its build folder are.
---   paths.root    what spec/, lua/ and examples/ are in; "." if the specs run there
---   paths.build   SEGMIND_BUILD, or "build" in the root

local root = debug.getinfo(1, "S").source:match("^@(.*)/spec/support/[^/]*$") or "."

return { root = root, build = os.getenv("SEGMIND_BUILD") or root .. "/build" }
