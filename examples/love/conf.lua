--- The window, and where the library is: a .love file carries it (native.lua); else what LUA_PATH
--- and LUA_CPATH say comes first; without them the checkout that this folder lies in, with its
--- build folder (SEGMIND_BUILD names another one).

local checkout = love.filesystem.getSource() .. "/../.."
local build = os.getenv("SEGMIND_BUILD") or checkout .. "/build"

package.path = ("%s;%s/lua/?.lua;%s/lua/?/init.lua"):format(package.path, checkout, checkout)
package.cpath = ("%s;%s/lib/lua/5.1/?.so"):format(package.cpath, build)

function love.conf(t)
  t.identity = "segmind-table"
  t.version = "11.4"
  t.window.title = "segmind: an editing table"
  t.window.width, t.window.height = 1280, 800
  t.window.minwidth, t.window.minheight = 820, 600
  t.window.resizable, t.window.highdpi = true, true
  for _, module in ipairs({ "audio", "joystick", "physics", "sound", "touch", "video" }) do
    t.modules[module] = false
  end
end
