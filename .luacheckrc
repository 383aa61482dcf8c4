std = "min"
max_line_length = 100
cache = false
exclude_files = { "build*/**", "out/**" }

files["spec/**/*.lua"] = { std = "min+busted" }
files["plugin/*.lua"] = { globals = { "vim" } }
files["lua/segmind/nvim/*.lua"] = { std = "luajit", globals = { "vim" } }
files["lua/segmind/health.lua"] = { globals = { "vim" } }
files["spec/hosts/neovim/*.lua"] = { globals = { "vim" } }
files["bench/neovim.lua"] = { globals = { "vim" } }
files["spec/run.lua"] = { globals = { "arg" } }

-- Types for editors: declarations that nobody reads at run time.
files["lua/segmind/meta/**/*.lua"] = { unused = false, max_line_length = false }

-- LÖVE's programs: LuaJIT, and what LÖVE adds to it.
files["examples/love/**/*.lua"] = { std = "luajit+love", globals = { "love" } }
files["bench/love/**/*.lua"] = { std = "luajit+love", globals = { "love" } }
