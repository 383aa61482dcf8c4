return {
  name = "flux-kontext-pro",
  title = "FLUX.1 Kontext [pro]",
  page = "https://www.segmind.com/models/flux-kontext-pro/api",
  latency_s = 22.16, -- the model's page
  price_usd = 0.05, -- the service's price list
  params = {
    { "prompt", "string", required = true,
      about = "what to draw, or what to change in the picture" },
    { "input_image", "image", about = "the picture to edit; left out, the prompt alone draws one" },
    { "aspect_ratio", "string", default = "match_input_image",
      -- The page prints ten values; the last four stand behind its "+4 more" and are taken from the
      -- same model on another host. `allow_unknown` lets other values through.
      one_of = { "match_input_image", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "4:5",
        "5:4", "21:9", "9:21", "2:1", "1:2" },
      warn = { equals = "match_input_image", without = "input_image",
        say = "there is no input_image to match: name a ratio such as \"1:1\"" },
      about = "width to height of the result" },
    { "output_format", "string", default = "png", one_of = { "jpg", "png" },
      about = "file format of the result" },
    { "safety_tolerance", "integer", default = 2, min = 0, max = 6,
      warn = { above = 2, with = "input_image",
        say = "the service may treat it as 2 when an input image is given" },
      about = "0 strict to 6 permissive" },
    { "seed", "integer", about = "same seed, same result" },
  },
}
