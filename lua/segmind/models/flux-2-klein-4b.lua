local pro = require("segmind.models.flux-2-pro")

return {
  name = "flux-2-klein-4b",
  title = "FLUX.2 [klein] 4B",
  page = "https://www.segmind.com/models/flux-2-klein-4b/api",
  caveat = pro.caveat,
  latency_s = 11, -- the low end of what the documents say of both klein models
  price_usd = 0.03, -- the low end of what the documents say of both klein models
  params = pro.params,
}
