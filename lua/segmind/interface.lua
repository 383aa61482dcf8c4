--- What the core and the Lua files call each other by, in one place: the build writes it into the
--- core, and loader.lua refuses a core with another. A number, to be raised when what a name stands
--- for changes, and the sum of the names in csrc/lua; spec/unit/version_spec.lua says which.
return "3-c7d2ad1e"
