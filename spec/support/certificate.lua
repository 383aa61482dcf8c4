--- A certificate for 127.0.0.1 that signs itself, in files that the caller removes.
---
---     local cert, key = certificate()

---@return string cert path
---@return string key path
return function()
  local cert, key = os.tmpname(), os.tmpname()
  assert(os.execute("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
    .. "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout " .. key .. " -out " .. cert
    .. " 2>/dev/null"))
  return cert, key
end
