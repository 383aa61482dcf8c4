--- Files and temporary folders.
---
---     local folder = files.fixture()     in a block of tests: an empty folder for each of them

local quote = require("spec.support.shell").quote

local files = {}

--- What a file holds; nil if there is none.
---@param path string
---@return string?
function files.read(path)
  local file = io.open(path, "rb")
  local bytes = file and file:read("*a")
  if file then
    file:close()
  end
  return bytes
end

---@param path string
---@param bytes string
---@return string path
function files.write(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  return path
end

--- A new file with this content, removed by the caller.
---@param bytes string
---@return string path
function files.new(bytes)
  return files.write(os.tmpname(), bytes)
end

--- A path at which there is nothing yet.
---@return string path
function files.unused()
  local path = os.tmpname()
  os.remove(path)
  return path
end

--- Makes a folder, and those that it is in.
---@param path string
---@return string path
function files.make_folder(path)
  assert(os.execute("mkdir -p " .. quote(path)))
  return path
end

--- Removes a folder with all that is in it.
---@param path string
function files.remove_folder(path)
  os.execute("rm -rf " .. quote(path))
end

--- An empty folder for each test of the block around the call, removed after the test.
---@return string path
function files.fixture()
  local busted, path = require("busted"), files.unused()
  busted.before_each(function()
    files.make_folder(path)
  end)
  busted.after_each(function()
    files.remove_folder(path)
  end)
  return path
end

return files
