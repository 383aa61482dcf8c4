---@meta segmind.models
-- Made by lua/segmind/models/export.lua types; models_spec.lua fails when out of date.

--- A path, an http(s) URL, segmind.bytes(s), a Result or a Job (which makes an edge).
---@alias segmind.Image string|segmind.Bytes|segmind.Result|segmind.Job

---@alias segmind.Model
---| "flux-kontext-dev"
---| "flux-kontext-pro"
---| "flux-kontext-max"
---| "multi-image-kontext-pro"
---| "multi-image-kontext-max"
---| "flux-2-pro"
---| "flux-2-flex"
---| "flux-2-max"
---| "flux-2-klein-4b"
---| "flux-2-klein-9b"
---| string

--- FLUX.1 Kontext [dev]: about 10.65 s, $0.04. https://www.segmind.com/models/flux-kontext-dev/api
---@class segmind.FluxKontextDev
---@field prompt string what to change in the picture
---@field input_image segmind.Image the picture to edit
---@field aspect_ratio? "1:1"|"16:9"|"21:9"|"3:2"|"2:3"|"4:5"|"5:4"|"3:4"|"4:3"|"9:16"|"9:21"|"match_input_image" width to height of the result; the page's default is match_input_image
---@field guidance? number how closely to follow the prompt; 0 to 10; the page's default is 7
---@field num_inference_steps? integer denoising steps; 4 to 50; the page's default is 35
---@field output_format? "webp"|"jpg"|"png" file format of the result; the page's default is png
---@field output_quality? integer quality of a jpg or webp result; 0 to 100; the page's default is 90
---@field disable_safety_checker? boolean turn the content check off; the page's default is false
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.1 Kontext [pro]: about 22.16 s, $0.05. https://www.segmind.com/models/flux-kontext-pro/api
---@class segmind.FluxKontextPro
---@field prompt string what to draw, or what to change in the picture
---@field input_image? segmind.Image the picture to edit; left out, the prompt alone draws one
---@field aspect_ratio? "match_input_image"|"1:1"|"16:9"|"9:16"|"4:3"|"3:4"|"3:2"|"2:3"|"4:5"|"5:4"|"21:9"|"9:21"|"2:1"|"1:2" width to height of the result; the page's default is match_input_image
---@field output_format? "jpg"|"png" file format of the result; the page's default is png
---@field safety_tolerance? integer 0 strict to 6 permissive; the page's default is 2
---@field seed? integer same seed, same result

--- FLUX.1 Kontext [max]: about 24.41 s, $0.10. https://www.segmind.com/models/flux-kontext-max/api
---@class segmind.FluxKontextMax
---@field prompt string what to draw, or what to change in the picture
---@field input_image? segmind.Image the picture to edit; left out, the prompt alone draws one
---@field aspect_ratio? "match_input_image"|"1:1"|"16:9"|"9:16"|"4:3"|"3:4"|"3:2"|"2:3"|"4:5"|"5:4"|"21:9"|"9:21"|"2:1"|"1:2" width to height of the result; the page's default is 16:9
---@field output_format? "jpg"|"png" file format of the result; the page's default is png
---@field safety_tolerance? integer 0 strict to 6 permissive; the page's default is 2
---@field seed? integer same seed, same result; the page's default is 123

--- FLUX.1 Kontext [pro], two pictures: about 23.32 s, $0.05. https://www.segmind.com/models/multi-image-kontext-pro/api
---@class segmind.MultiImageKontextPro
---@field prompt string how to bring the two pictures together
---@field input_image_1 segmind.Image the first picture
---@field input_image_2 segmind.Image the second picture
---@field aspect_ratio? "match_input_image"|"1:1"|"16:9"|"9:16"|"4:3"|"3:4"|"3:2"|"2:3"|"4:5"|"5:4"|"21:9"|"9:21"|"2:1"|"1:2" width to height of the result; the page's default is match_input_image
---@field output_format? "jpg"|"png" file format of the result; the page's default is png
---@field safety_tolerance? integer 0 strict to 2 moderate; the page's default is 2
---@field seed? integer same seed, same result

--- FLUX.1 Kontext [max], two pictures: about 18.3 s, $0.10. https://www.segmind.com/models/multi-image-kontext-max/api
---@class segmind.MultiImageKontextMax
---@field prompt string how to bring the two pictures together
---@field input_image_1 segmind.Image the first picture
---@field input_image_2 segmind.Image the second picture
---@field aspect_ratio? "match_input_image"|"1:1"|"16:9"|"9:16"|"4:3"|"3:4"|"3:2"|"2:3"|"4:5"|"5:4"|"21:9"|"9:21"|"2:1"|"1:2" width to height of the result; the page's default is 16:9
---@field output_format? "jpg"|"png" file format of the result; the page's default is jpg
---@field safety_tolerance? integer 0 strict to 2 moderate; the page's default is 1
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.2 [pro]: about 24 s, $0.07. https://www.segmind.com/models/flux-2-pro/api
--- Declared from the service's documents alone: ranges and enumerations are not known.
---@class segmind.Flux2Pro
---@field prompt string what to make of the pictures
---@field image_urls segmind.Image|segmind.Image[] the pictures to edit, in order
---@field width? integer of the result, in pixels; the page's default is 1024
---@field height? integer of the result, in pixels; the page's default is 1024
---@field safety_tolerance? integer how much the content check lets through
---@field output_format? string file format of the result
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.2 [flex]: about 42 s, $0.17. https://www.segmind.com/models/flux-2-flex/api
--- Declared from the service's documents alone: ranges and enumerations are not known.
---@class segmind.Flux2Flex
---@field prompt string what to make of the pictures
---@field image_urls segmind.Image|segmind.Image[] the pictures to edit, in order
---@field prompt_upsampling? boolean let the service enlarge the prompt
---@field guidance? number how closely to follow the prompt
---@field steps? integer denoising steps
---@field width? integer of the result, in pixels; the page's default is 1024
---@field height? integer of the result, in pixels; the page's default is 1024
---@field safety_tolerance? integer how much the content check lets through
---@field output_format? string file format of the result
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.2 [max]: about 54 s, $0.22. https://www.segmind.com/models/flux-2-max/api
--- Declared from the service's documents alone: ranges and enumerations are not known.
---@class segmind.Flux2Max
---@field prompt string what to make of the pictures
---@field image_urls segmind.Image|segmind.Image[] the pictures to edit, in order
---@field width? integer of the result, in pixels; the page's default is 1024
---@field height? integer of the result, in pixels; the page's default is 1024
---@field safety_tolerance? integer how much the content check lets through
---@field output_format? string file format of the result
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.2 [klein] 4B: about 11 s, $0.03. https://www.segmind.com/models/flux-2-klein-4b/api
--- Declared from the service's documents alone: ranges and enumerations are not known.
---@class segmind.Flux2Klein4b
---@field prompt string what to make of the pictures
---@field image_urls segmind.Image|segmind.Image[] the pictures to edit, in order
---@field width? integer of the result, in pixels; the page's default is 1024
---@field height? integer of the result, in pixels; the page's default is 1024
---@field safety_tolerance? integer how much the content check lets through
---@field output_format? string file format of the result
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.2 [klein] 9B: about 15 s, $0.04. https://www.segmind.com/models/flux-2-klein-9b/api
--- Declared from the service's documents alone: ranges and enumerations are not known.
---@class segmind.Flux2Klein9b
---@field prompt string what to make of the pictures
---@field image_urls segmind.Image|segmind.Image[] the pictures to edit, in order
---@field width? integer of the result, in pixels; the page's default is 1024
---@field height? integer of the result, in pixels; the page's default is 1024
---@field safety_tolerance? integer how much the content check lets through
---@field output_format? string file format of the result
---@field seed? integer same seed, same result; the page's default is 42

---@alias segmind.Params table<string, any>|segmind.FluxKontextDev|segmind.FluxKontextPro|segmind.FluxKontextMax|segmind.MultiImageKontextPro|segmind.MultiImageKontextMax|segmind.Flux2Pro|segmind.Flux2Flex|segmind.Flux2Max|segmind.Flux2Klein4b|segmind.Flux2Klein9b
