return {
  name = "flux-2-flex",
  title = "FLUX.2 [flex]",
  page = "https://www.segmind.com/models/flux-2-flex/api",
  caveat = require("segmind.models.flux-2-pro").caveat,
  latency_s = 42, -- the service's documentation
  price_usd = 0.17, -- the service's price list
  params = {
    { "prompt", "string", required = true, about = "what to make of the pictures" },
    { "image_urls", "images", required = true, about = "the pictures to edit, in order" },
    { "prompt_upsampling", "boolean", about = "let the service enlarge the prompt" },
    { "guidance", "number", about = "how closely to follow the prompt" },
    { "steps", "integer", about = "denoising steps" },
    { "width", "integer", default = 1024, about = "of the result, in pixels" },
    { "height", "integer", default = 1024, about = "of the result, in pixels" },
    { "safety_tolerance", "integer", about = "how much the content check lets through" },
    { "output_format", "string", about = "file format of the result" },
    { "seed", "integer", default = 42, about = "same seed, same result" },
  },
}
