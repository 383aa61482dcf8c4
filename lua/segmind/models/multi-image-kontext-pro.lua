return {
  name = "multi-image-kontext-pro",
  title = "FLUX.1 Kontext [pro], two pictures",
  page = "https://www.segmind.com/models/multi-image-kontext-pro/api",
  latency_s = 23.32, -- the model's page
  price_usd = 0.05, -- the service's price list
  params = {
    { "prompt", "string", required = true, about = "how to bring the two pictures together" },
    { "input_image_1", "image", required = true, about = "the first picture" },
    { "input_image_2", "image", required = true, about = "the second picture" },
    { "aspect_ratio", "string", default = "match_input_image",
      -- The page prints ten values; the last four stand behind its "+4 more" and are taken from the
      -- same model on another host. `allow_unknown` lets other values through.
      one_of = { "match_input_image", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "4:5",
        "5:4", "21:9", "9:21", "2:1", "1:2" },
      about = "width to height of the result" },
    { "output_format", "string", default = "png", one_of = { "jpg", "png" },
      about = "file format of the result" },
    { "safety_tolerance", "integer", default = 2, min = 0, max = 2,
      about = "0 strict to 2 moderate" },
    { "seed", "integer", about = "same seed, same result" },
  },
}
