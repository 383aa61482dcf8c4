--- What the sample programs of the service's own model pages send, by model.

return {
  ["flux-kontext-dev"] = { seed = 42, prompt = "Replace the background with a bokeh light effect, "
    .. "zooming in on the subject, keeping the person’s pose, position, scale, and camera angle "
    .. "identical. Only change the surrounding environment. ", guidance = 7,
    input_image = "https://images.segmind.com/generations/901b78cd-381a-4284-8391-306d4c7409e1/"
      .. "6852c6602b5db2d623cc373cfa699b55.webp",
    aspect_ratio = "match_input_image", output_format = "png", output_quality = 90,
    num_inference_steps = 35, disable_safety_checker = false },
  ["flux-kontext-pro"] = { prompt = "make this a real photograph",
    input_image = "https://segmind-resources.s3.amazonaws.com/input/"
      .. "e9150752-b054-445c-a988-c13c6038dfa9-kontext-pro-ip.webp",
    aspect_ratio = "match_input_image", output_format = "png", safety_tolerance = 6 },
  ["flux-kontext-max"] = { seed = 30699,
    prompt = "Make her take a selfie in the streets of Freiburg, it's a lovely day out",
    input_image = "https://segmind-resources.s3.amazonaws.com/input/"
      .. "a1adf47e-bfba-45c4-a11f-ae2b732102ad-kontext-max-ip.webp",
    aspect_ratio = "16:9", output_format = "png", safety_tolerance = 6 },
  ["multi-image-kontext-pro"] = {
    prompt = "A woman is taking a selfie with the man in front of the Taj Mahal.",
    aspect_ratio = "1:1", input_image_1 = "https://segmind-resources.s3.amazonaws.com/output/"
      .. "80b5e919-9150-43eb-a07c-b56f73ea3dcb-image_31.png",
    input_image_2 = "https://segmind-resources.s3.amazonaws.com/output/"
      .. "9c4b025f-dad6-4dae-88ab-d01765f0c2b8-man2.png",
    output_format = "png", safety_tolerance = 2 },
  ["multi-image-kontext-max"] = { seed = 42, prompt = "put the green dress on the woman while "
    .. "maintaining the pose of the woman as it is", aspect_ratio = "1:1",
    input_image_1 = "https://segmind-resources.s3.amazonaws.com/output/"
      .. "9cb479d3-5c5f-4d5d-a782-972acbc42598-c1.jpg",
    input_image_2 = "https://segmind-resources.s3.amazonaws.com/output/"
      .. "79feee7b-d09f-4bde-bec3-c8e8a8703f04-d2.png",
    output_format = "jpg", safety_tolerance = 1 },
}
