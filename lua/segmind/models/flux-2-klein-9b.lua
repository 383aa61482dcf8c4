local pro = require("segmind.models.flux-2-pro")

return {
  name = "flux-2-klein-9b",
  title = "FLUX.2 [klein] 9B",
  page = "https://www.segmind.com/models/flux-2-klein-9b/api",
  caveat = pro.caveat,
  latency_s = 15, -- the high end of what the documents say of both klein models
  price_usd = 0.04, -- the high end of what the documents say of both klein models
  params = pro.params,
}
