function love.conf(t)
  t.identity = "segmind-bench"
  t.window.width, t.window.height = 640, 360
  t.window.title = "segmind: the time in step"
  for _, module in ipairs({ "audio", "joystick", "physics", "sound", "touch", "video" }) do
    t.modules[module] = false
  end
end
