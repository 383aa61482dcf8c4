std = "min"
max_line_length = 100
cache = false
exclude_files = { "build*/**", "out/**" }

files["spec/**/*.lua"] = { std = "min+busted" }
files["spec/run.lua"] = { globals = { "arg" } }

-- Types for editors: declarations that nobody reads at run time.
files["lua/segmind/meta/**/*.lua"] = { unused = false, max_line_length = false }
