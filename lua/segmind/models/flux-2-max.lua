return {
  name = "flux-2-max",
  title = "FLUX.2 [max]",
  page = "https://www.segmind.com/models/flux-2-max/api",
  caveat = "Declared from the service's documents alone: ranges and enumerations are not known.",
  latency_s = 54, -- the service's documentation
  price_usd = 0.22, -- the service's price list
  params = {
    { "prompt", "string", required = true, about = "what to make of the pictures" },
    { "image_urls", "images", required = true, about = "the pictures to edit, in order" },
    { "width", "integer", default = 1024, about = "of the result, in pixels" },
    { "height", "integer", default = 1024, about = "of the result, in pixels" },
    { "safety_tolerance", "integer", about = "how much the content check lets through" },
    { "output_format", "string", about = "file format of the result" },
    { "seed", "integer", default = 42, about = "same seed, same result" },
  },
}
