return {
  name = "multi-image-kontext-max",
  title = "FLUX.1 Kontext [max], two pictures",
  page = "https://www.segmind.com/models/multi-image-kontext-max/api",
  latency_s = 18.3, -- the service's documentation
  price_usd = 0.10, -- the service's price list
  params = {
    { "prompt", "string", required = true, about = "how to bring the two pictures together" },
    { "input_image_1", "image", required = true, about = "the first picture" },
    { "input_image_2", "image", required = true, about = "the second picture" },
    { "aspect_ratio", "string", default = "16:9",
      -- The page prints ten values; the last four stand behind its "+4 more" and are taken from the
      -- same model on another host. `allow_unknown` lets other values through.
      one_of = { "match_input_image", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "4:5",
        "5:4", "21:9", "9:21", "2:1", "1:2" },
      about = "width to height of the result" },
    { "output_format", "string", default = "jpg", one_of = { "jpg", "png" },
      about = "file format of the result" },
    { "safety_tolerance", "integer", default = 1, min = 0, max = 2,
      about = "0 strict to 2 moderate" },
    { "seed", "integer", default = 42, about = "same seed, same result" },
  },
}
