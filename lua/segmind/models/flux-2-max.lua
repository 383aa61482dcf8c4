local pro = require("segmind.models.flux-2-pro")

return {
  name = "flux-2-max",
  title = "FLUX.2 [max]",
  page = "https://www.segmind.com/models/flux-2-max/api",
  caveat = pro.caveat,
  latency_s = 54, -- the service's documentation
  price_usd = 0.22, -- the service's price list
  params = pro.params,
}
