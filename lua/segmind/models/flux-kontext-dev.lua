return {
  name = "flux-kontext-dev",
  title = "FLUX.1 Kontext [dev]",
  page = "https://www.segmind.com/models/flux-kontext-dev/api",
  latency_s = 10.65, -- the model's page
  price_usd = 0.04, -- the service's price list
  params = {
    { "prompt", "string", required = true, about = "what to change in the picture" },
    { "input_image", "image", required = true, formats = { "jpeg", "png", "gif", "webp" },
      about = "the picture to edit" },
    { "aspect_ratio", "string", default = "match_input_image",
      -- The page prints ten values; "9:21" and "match_input_image" stand behind its "+2 more" and
      -- are taken from the same model on another host. `allow_unknown` lets other values through.
      one_of = { "1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21",
        "match_input_image" },
      about = "width to height of the result" },
    { "guidance", "number", default = 7, min = 0, max = 10,
      about = "how closely to follow the prompt" },
    { "num_inference_steps", "integer", default = 35, min = 4, max = 50,
      about = "denoising steps" },
    { "output_format", "string", default = "png", one_of = { "webp", "jpg", "png" },
      about = "file format of the result" },
    { "output_quality", "integer", default = 90, min = 0, max = 100,
      about = "quality of a jpg or webp result" },
    { "disable_safety_checker", "boolean", default = false, about = "turn the content check off" },
    { "seed", "integer", default = 42, about = "same seed, same result" },
  },
}
