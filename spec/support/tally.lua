-- An output handler of busted: its plain or its terminal one, and at the end a line
-- "<passed> <failed> <pending>" in the file that SEGMIND_TALLY names, for spec/suite.sh to add up.
-- A run that dies on the way leaves no line.

return function(options)
  local busted = require("busted")
  local shown = options.defaultOutput or "plainTerminal"
  local handler = require("busted.outputHandlers." .. shown)(options)

  -- A file that cannot run here says so while it is loaded, and counts as one test.
  busted.subscribe({ "pending", "file" }, function(file, _, message)
    handler.pendingsCount = handler.pendingsCount + 1
    io.write("Pending: ", file.name, ": ", tostring(message), "\n")
    return nil, false -- what busted makes of it is for tests alone
  end)

  busted.subscribe({ "suite", "end" }, function()
    local path = os.getenv("SEGMIND_TALLY")
    if path then
      local file = assert(io.open(path, "w"))
      local failed = handler.failuresCount + handler.errorsCount
      file:write(handler.successesCount, " ", failed, " ", handler.pendingsCount, "\n")
      file:close()
    end
    return nil, true
  end)

  return handler
end
