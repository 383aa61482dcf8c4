---@meta _
-- Made by lua/segmind/models/export.lua types; a spec fails when it is out of date.

--- A path, an http(s) URL, segmind.bytes(s), a Result or a Job (which makes an edge).
---@alias segmind.Image string|segmind.Bytes|segmind.Result|segmind.Job

--- In a chain also the picture of an earlier step, `chain:output(n)`.
---@alias segmind.StepImage segmind.Image|segmind.Output

--- The name of a model; those that are not declared here are not checked.
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

--- FLUX.1 Kontext [dev], for `edit`: all but the picture.
---@class (exact) segmind.FluxKontextDevEdit
---@field prompt string what to change in the picture
---@field aspect_ratio? "1:1"|"16:9"|"21:9"|"3:2"|"2:3"|"4:5"|"5:4"|"3:4"|"4:3"|"9:16"|"9:21"|"match_input_image" width to height of the result; the page's default is match_input_image
---@field guidance? number how closely to follow the prompt; 0 to 10; the page's default is 7
---@field num_inference_steps? integer denoising steps; 4 to 50; the page's default is 35
---@field output_format? "webp"|"jpg"|"png" file format of the result; the page's default is png
---@field output_quality? integer quality of a jpg or webp result; 0 to 100; the page's default is 90
---@field disable_safety_checker? boolean turn the content check off; the page's default is false
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.1 Kontext [dev]: about 10.65 s, $0.04. https://www.segmind.com/models/flux-kontext-dev/api
---@class (exact) segmind.FluxKontextDev: segmind.FluxKontextDevEdit
---@field input_image segmind.Image the picture to edit

--- FLUX.1 Kontext [dev], for a step of a chain: its picture is that of the step before, unless named.
---@class (exact) segmind.FluxKontextDevStep: segmind.FluxKontextDevEdit
---@field input_image? segmind.StepImage the picture to edit

--- FLUX.1 Kontext [pro], for `edit`: all but the picture.
---@class (exact) segmind.FluxKontextProEdit
---@field prompt string what to draw, or what to change in the picture
---@field aspect_ratio? "match_input_image"|"1:1"|"16:9"|"9:16"|"4:3"|"3:4"|"3:2"|"2:3"|"4:5"|"5:4"|"21:9"|"9:21"|"2:1"|"1:2" width to height of the result; the page's default is match_input_image
---@field output_format? "jpg"|"png" file format of the result; the page's default is png
---@field safety_tolerance? integer 0 strict to 6 permissive; the page's default is 2
---@field seed? integer same seed, same result

--- FLUX.1 Kontext [pro]: about 22.16 s, $0.05. https://www.segmind.com/models/flux-kontext-pro/api
---@class (exact) segmind.FluxKontextPro: segmind.FluxKontextProEdit
---@field input_image? segmind.Image the picture to edit; left out, the prompt alone draws one

--- FLUX.1 Kontext [pro], for a step of a chain: its picture is that of the step before, unless named.
---@class (exact) segmind.FluxKontextProStep: segmind.FluxKontextProEdit
---@field input_image? segmind.StepImage the picture to edit; left out, the prompt alone draws one

--- FLUX.1 Kontext [max], for `edit`: all but the picture.
---@class (exact) segmind.FluxKontextMaxEdit
---@field prompt string what to draw, or what to change in the picture
---@field aspect_ratio? "match_input_image"|"1:1"|"16:9"|"9:16"|"4:3"|"3:4"|"3:2"|"2:3"|"4:5"|"5:4"|"21:9"|"9:21"|"2:1"|"1:2" width to height of the result; the page's default is 16:9
---@field output_format? "jpg"|"png" file format of the result; the page's default is png
---@field safety_tolerance? integer 0 strict to 6 permissive; the page's default is 2
---@field seed? integer same seed, same result; the page's default is 123

--- FLUX.1 Kontext [max]: about 24.41 s, $0.10. https://www.segmind.com/models/flux-kontext-max/api
---@class (exact) segmind.FluxKontextMax: segmind.FluxKontextMaxEdit
---@field input_image? segmind.Image the picture to edit; left out, the prompt alone draws one

--- FLUX.1 Kontext [max], for a step of a chain: its picture is that of the step before, unless named.
---@class (exact) segmind.FluxKontextMaxStep: segmind.FluxKontextMaxEdit
---@field input_image? segmind.StepImage the picture to edit; left out, the prompt alone draws one

--- FLUX.1 Kontext [pro], two pictures, for `edit`: all but the picture.
---@class (exact) segmind.MultiImageKontextProEdit
---@field prompt string how to bring the two pictures together
---@field input_image_2 segmind.Image the second picture
---@field aspect_ratio? "match_input_image"|"1:1"|"16:9"|"9:16"|"4:3"|"3:4"|"3:2"|"2:3"|"4:5"|"5:4"|"21:9"|"9:21"|"2:1"|"1:2" width to height of the result; the page's default is match_input_image
---@field output_format? "jpg"|"png" file format of the result; the page's default is png
---@field safety_tolerance? integer 0 strict to 2 moderate; the page's default is 2
---@field seed? integer same seed, same result

--- FLUX.1 Kontext [pro], two pictures: about 23.32 s, $0.05. https://www.segmind.com/models/multi-image-kontext-pro/api
---@class (exact) segmind.MultiImageKontextPro: segmind.MultiImageKontextProEdit
---@field input_image_1 segmind.Image the first picture

--- FLUX.1 Kontext [pro], two pictures, for a step of a chain: its picture is that of the step before, unless named.
---@class (exact) segmind.MultiImageKontextProStep: segmind.MultiImageKontextProEdit
---@field input_image_1? segmind.StepImage the first picture
---@field input_image_2 segmind.StepImage the second picture

--- FLUX.1 Kontext [max], two pictures, for `edit`: all but the picture.
---@class (exact) segmind.MultiImageKontextMaxEdit
---@field prompt string how to bring the two pictures together
---@field input_image_2 segmind.Image the second picture
---@field aspect_ratio? "match_input_image"|"1:1"|"16:9"|"9:16"|"4:3"|"3:4"|"3:2"|"2:3"|"4:5"|"5:4"|"21:9"|"9:21"|"2:1"|"1:2" width to height of the result; the page's default is 16:9
---@field output_format? "jpg"|"png" file format of the result; the page's default is jpg
---@field safety_tolerance? integer 0 strict to 2 moderate; the page's default is 1
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.1 Kontext [max], two pictures: about 18.3 s, $0.10. https://www.segmind.com/models/multi-image-kontext-max/api
---@class (exact) segmind.MultiImageKontextMax: segmind.MultiImageKontextMaxEdit
---@field input_image_1 segmind.Image the first picture

--- FLUX.1 Kontext [max], two pictures, for a step of a chain: its picture is that of the step before, unless named.
---@class (exact) segmind.MultiImageKontextMaxStep: segmind.MultiImageKontextMaxEdit
---@field input_image_1? segmind.StepImage the first picture
---@field input_image_2 segmind.StepImage the second picture

--- FLUX.2 [pro], for `edit`: all but the picture.
---@class (exact) segmind.Flux2ProEdit
---@field prompt string what to make of the pictures
---@field width? integer of the result, in pixels; the page's default is 1024
---@field height? integer of the result, in pixels; the page's default is 1024
---@field safety_tolerance? integer how much the content check lets through
---@field output_format? string file format of the result
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.2 [pro]: about 24 s, $0.07. https://www.segmind.com/models/flux-2-pro/api
--- Declared from the service's documents alone: ranges and enumerations are not known.
---@class (exact) segmind.Flux2Pro: segmind.Flux2ProEdit
---@field image_urls segmind.Image|segmind.Image[] the pictures to edit, in order

--- FLUX.2 [pro], for a step of a chain: its picture is that of the step before, unless named.
---@class (exact) segmind.Flux2ProStep: segmind.Flux2ProEdit
---@field image_urls? segmind.StepImage|segmind.StepImage[] the pictures to edit, in order

--- FLUX.2 [flex], for `edit`: all but the picture.
---@class (exact) segmind.Flux2FlexEdit
---@field prompt string what to make of the pictures
---@field prompt_upsampling? boolean let the service enlarge the prompt
---@field guidance? number how closely to follow the prompt
---@field steps? integer denoising steps
---@field width? integer of the result, in pixels; the page's default is 1024
---@field height? integer of the result, in pixels; the page's default is 1024
---@field safety_tolerance? integer how much the content check lets through
---@field output_format? string file format of the result
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.2 [flex]: about 42 s, $0.17. https://www.segmind.com/models/flux-2-flex/api
--- Declared from the service's documents alone: ranges and enumerations are not known.
---@class (exact) segmind.Flux2Flex: segmind.Flux2FlexEdit
---@field image_urls segmind.Image|segmind.Image[] the pictures to edit, in order

--- FLUX.2 [flex], for a step of a chain: its picture is that of the step before, unless named.
---@class (exact) segmind.Flux2FlexStep: segmind.Flux2FlexEdit
---@field image_urls? segmind.StepImage|segmind.StepImage[] the pictures to edit, in order

--- FLUX.2 [max], for `edit`: all but the picture.
---@class (exact) segmind.Flux2MaxEdit
---@field prompt string what to make of the pictures
---@field width? integer of the result, in pixels; the page's default is 1024
---@field height? integer of the result, in pixels; the page's default is 1024
---@field safety_tolerance? integer how much the content check lets through
---@field output_format? string file format of the result
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.2 [max]: about 54 s, $0.22. https://www.segmind.com/models/flux-2-max/api
--- Declared from the service's documents alone: ranges and enumerations are not known.
---@class (exact) segmind.Flux2Max: segmind.Flux2MaxEdit
---@field image_urls segmind.Image|segmind.Image[] the pictures to edit, in order

--- FLUX.2 [max], for a step of a chain: its picture is that of the step before, unless named.
---@class (exact) segmind.Flux2MaxStep: segmind.Flux2MaxEdit
---@field image_urls? segmind.StepImage|segmind.StepImage[] the pictures to edit, in order

--- FLUX.2 [klein] 4B, for `edit`: all but the picture.
---@class (exact) segmind.Flux2Klein4bEdit
---@field prompt string what to make of the pictures
---@field width? integer of the result, in pixels; the page's default is 1024
---@field height? integer of the result, in pixels; the page's default is 1024
---@field safety_tolerance? integer how much the content check lets through
---@field output_format? string file format of the result
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.2 [klein] 4B: about 11 s, $0.03. https://www.segmind.com/models/flux-2-klein-4b/api
--- Declared from the service's documents alone: ranges and enumerations are not known.
---@class (exact) segmind.Flux2Klein4b: segmind.Flux2Klein4bEdit
---@field image_urls segmind.Image|segmind.Image[] the pictures to edit, in order

--- FLUX.2 [klein] 4B, for a step of a chain: its picture is that of the step before, unless named.
---@class (exact) segmind.Flux2Klein4bStep: segmind.Flux2Klein4bEdit
---@field image_urls? segmind.StepImage|segmind.StepImage[] the pictures to edit, in order

--- FLUX.2 [klein] 9B, for `edit`: all but the picture.
---@class (exact) segmind.Flux2Klein9bEdit
---@field prompt string what to make of the pictures
---@field width? integer of the result, in pixels; the page's default is 1024
---@field height? integer of the result, in pixels; the page's default is 1024
---@field safety_tolerance? integer how much the content check lets through
---@field output_format? string file format of the result
---@field seed? integer same seed, same result; the page's default is 42

--- FLUX.2 [klein] 9B: about 15 s, $0.04. https://www.segmind.com/models/flux-2-klein-9b/api
--- Declared from the service's documents alone: ranges and enumerations are not known.
---@class (exact) segmind.Flux2Klein9b: segmind.Flux2Klein9bEdit
---@field image_urls segmind.Image|segmind.Image[] the pictures to edit, in order

--- FLUX.2 [klein] 9B, for a step of a chain: its picture is that of the step before, unless named.
---@class (exact) segmind.Flux2Klein9bStep: segmind.Flux2Klein9bEdit
---@field image_urls? segmind.StepImage|segmind.StepImage[] the pictures to edit, in order

---@class segmind
---@field run fun(model: "flux-kontext-dev", params: segmind.FluxKontextDev, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(model: "flux-kontext-pro", params: segmind.FluxKontextPro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(model: "flux-kontext-max", params: segmind.FluxKontextMax, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(model: "multi-image-kontext-pro", params: segmind.MultiImageKontextPro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(model: "multi-image-kontext-max", params: segmind.MultiImageKontextMax, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(model: "flux-2-pro", params: segmind.Flux2Pro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(model: "flux-2-flex", params: segmind.Flux2Flex, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(model: "flux-2-max", params: segmind.Flux2Max, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(model: "flux-2-klein-4b", params: segmind.Flux2Klein4b, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(model: "flux-2-klein-9b", params: segmind.Flux2Klein9b, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(model: "flux-kontext-dev", picture: segmind.Image, params: string|segmind.FluxKontextDevEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(model: "flux-kontext-pro", picture: segmind.Image, params: string|segmind.FluxKontextProEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(model: "flux-kontext-max", picture: segmind.Image, params: string|segmind.FluxKontextMaxEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(model: "multi-image-kontext-pro", picture: segmind.Image, params: string|segmind.MultiImageKontextProEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(model: "multi-image-kontext-max", picture: segmind.Image, params: string|segmind.MultiImageKontextMaxEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(model: "flux-2-pro", picture: segmind.Image, params: string|segmind.Flux2ProEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(model: "flux-2-flex", picture: segmind.Image, params: string|segmind.Flux2FlexEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(model: "flux-2-max", picture: segmind.Image, params: string|segmind.Flux2MaxEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(model: "flux-2-klein-4b", picture: segmind.Image, params: string|segmind.Flux2Klein4bEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(model: "flux-2-klein-9b", picture: segmind.Image, params: string|segmind.Flux2Klein9bEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(model: "flux-kontext-dev", params: segmind.FluxKontextDev, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(model: "flux-kontext-pro", params: segmind.FluxKontextPro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(model: "flux-kontext-max", params: segmind.FluxKontextMax, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(model: "multi-image-kontext-pro", params: segmind.MultiImageKontextPro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(model: "multi-image-kontext-max", params: segmind.MultiImageKontextMax, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(model: "flux-2-pro", params: segmind.Flux2Pro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(model: "flux-2-flex", params: segmind.Flux2Flex, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(model: "flux-2-max", params: segmind.Flux2Max, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(model: "flux-2-klein-4b", params: segmind.Flux2Klein4b, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(model: "flux-2-klein-9b", params: segmind.Flux2Klein9b, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field submit fun(model: "flux-kontext-dev", params: segmind.FluxKontextDev, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(model: "flux-kontext-pro", params: segmind.FluxKontextPro, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(model: "flux-kontext-max", params: segmind.FluxKontextMax, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(model: "multi-image-kontext-pro", params: segmind.MultiImageKontextPro, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(model: "multi-image-kontext-max", params: segmind.MultiImageKontextMax, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(model: "flux-2-pro", params: segmind.Flux2Pro, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(model: "flux-2-flex", params: segmind.Flux2Flex, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(model: "flux-2-max", params: segmind.Flux2Max, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(model: "flux-2-klein-4b", params: segmind.Flux2Klein4b, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(model: "flux-2-klein-9b", params: segmind.Flux2Klein9b, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?

---@class segmind.Client
---@field run fun(self: segmind.Client, model: "flux-kontext-dev", params: segmind.FluxKontextDev, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(self: segmind.Client, model: "flux-kontext-pro", params: segmind.FluxKontextPro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(self: segmind.Client, model: "flux-kontext-max", params: segmind.FluxKontextMax, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(self: segmind.Client, model: "multi-image-kontext-pro", params: segmind.MultiImageKontextPro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(self: segmind.Client, model: "multi-image-kontext-max", params: segmind.MultiImageKontextMax, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(self: segmind.Client, model: "flux-2-pro", params: segmind.Flux2Pro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(self: segmind.Client, model: "flux-2-flex", params: segmind.Flux2Flex, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(self: segmind.Client, model: "flux-2-max", params: segmind.Flux2Max, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(self: segmind.Client, model: "flux-2-klein-4b", params: segmind.Flux2Klein4b, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run fun(self: segmind.Client, model: "flux-2-klein-9b", params: segmind.Flux2Klein9b, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(self: segmind.Client, model: "flux-kontext-dev", picture: segmind.Image, params: string|segmind.FluxKontextDevEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(self: segmind.Client, model: "flux-kontext-pro", picture: segmind.Image, params: string|segmind.FluxKontextProEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(self: segmind.Client, model: "flux-kontext-max", picture: segmind.Image, params: string|segmind.FluxKontextMaxEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(self: segmind.Client, model: "multi-image-kontext-pro", picture: segmind.Image, params: string|segmind.MultiImageKontextProEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(self: segmind.Client, model: "multi-image-kontext-max", picture: segmind.Image, params: string|segmind.MultiImageKontextMaxEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(self: segmind.Client, model: "flux-2-pro", picture: segmind.Image, params: string|segmind.Flux2ProEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(self: segmind.Client, model: "flux-2-flex", picture: segmind.Image, params: string|segmind.Flux2FlexEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(self: segmind.Client, model: "flux-2-max", picture: segmind.Image, params: string|segmind.Flux2MaxEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(self: segmind.Client, model: "flux-2-klein-4b", picture: segmind.Image, params: string|segmind.Flux2Klein4bEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field edit fun(self: segmind.Client, model: "flux-2-klein-9b", picture: segmind.Image, params: string|segmind.Flux2Klein9bEdit, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(self: segmind.Client, model: "flux-kontext-dev", params: segmind.FluxKontextDev, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(self: segmind.Client, model: "flux-kontext-pro", params: segmind.FluxKontextPro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(self: segmind.Client, model: "flux-kontext-max", params: segmind.FluxKontextMax, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(self: segmind.Client, model: "multi-image-kontext-pro", params: segmind.MultiImageKontextPro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(self: segmind.Client, model: "multi-image-kontext-max", params: segmind.MultiImageKontextMax, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(self: segmind.Client, model: "flux-2-pro", params: segmind.Flux2Pro, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(self: segmind.Client, model: "flux-2-flex", params: segmind.Flux2Flex, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(self: segmind.Client, model: "flux-2-max", params: segmind.Flux2Max, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(self: segmind.Client, model: "flux-2-klein-4b", params: segmind.Flux2Klein4b, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field run_sync fun(self: segmind.Client, model: "flux-2-klein-9b", params: segmind.Flux2Klein9b, opts?: segmind.CallOptions): segmind.Result?, segmind.Error?
---@field submit fun(self: segmind.Client, model: "flux-kontext-dev", params: segmind.FluxKontextDev, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(self: segmind.Client, model: "flux-kontext-pro", params: segmind.FluxKontextPro, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(self: segmind.Client, model: "flux-kontext-max", params: segmind.FluxKontextMax, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(self: segmind.Client, model: "multi-image-kontext-pro", params: segmind.MultiImageKontextPro, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(self: segmind.Client, model: "multi-image-kontext-max", params: segmind.MultiImageKontextMax, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(self: segmind.Client, model: "flux-2-pro", params: segmind.Flux2Pro, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(self: segmind.Client, model: "flux-2-flex", params: segmind.Flux2Flex, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(self: segmind.Client, model: "flux-2-max", params: segmind.Flux2Max, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(self: segmind.Client, model: "flux-2-klein-4b", params: segmind.Flux2Klein4b, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?
---@field submit fun(self: segmind.Client, model: "flux-2-klein-9b", params: segmind.Flux2Klein9b, opts?: segmind.CallOptions): segmind.Job?, segmind.Error?

---@class segmind.Chain
---@field step fun(self: segmind.Chain, model: "flux-kontext-dev", params: segmind.FluxKontextDevStep, opts?: segmind.CallOptions): segmind.Chain
---@field step fun(self: segmind.Chain, model: "flux-kontext-pro", params: segmind.FluxKontextProStep, opts?: segmind.CallOptions): segmind.Chain
---@field step fun(self: segmind.Chain, model: "flux-kontext-max", params: segmind.FluxKontextMaxStep, opts?: segmind.CallOptions): segmind.Chain
---@field step fun(self: segmind.Chain, model: "multi-image-kontext-pro", params: segmind.MultiImageKontextProStep, opts?: segmind.CallOptions): segmind.Chain
---@field step fun(self: segmind.Chain, model: "multi-image-kontext-max", params: segmind.MultiImageKontextMaxStep, opts?: segmind.CallOptions): segmind.Chain
---@field step fun(self: segmind.Chain, model: "flux-2-pro", params: segmind.Flux2ProStep, opts?: segmind.CallOptions): segmind.Chain
---@field step fun(self: segmind.Chain, model: "flux-2-flex", params: segmind.Flux2FlexStep, opts?: segmind.CallOptions): segmind.Chain
---@field step fun(self: segmind.Chain, model: "flux-2-max", params: segmind.Flux2MaxStep, opts?: segmind.CallOptions): segmind.Chain
---@field step fun(self: segmind.Chain, model: "flux-2-klein-4b", params: segmind.Flux2Klein4bStep, opts?: segmind.CallOptions): segmind.Chain
---@field step fun(self: segmind.Chain, model: "flux-2-klein-9b", params: segmind.Flux2Klein9bStep, opts?: segmind.CallOptions): segmind.Chain

--- What went wrong.
---@alias segmind.ErrorKind
---| "auth" # no key, or a key that the service refuses
---| "budget" # the caller's budget does not allow the step
---| "cancelled" # the caller cancelled the job
---| "expired" # the service no longer knows the request id
---| "failed" # the service ran the job and reports FAILED
---| "invalid" # parameters refused here, before anything was sent
---| "io" # a local file could not be read or written, or a download did not arrive
---| "ledger" # the ledger cannot be read or written
---| "no_credits" # the account is empty or capped
---| "not_sent" # proof that the submit never left
---| "protocol" # an answer that makes no sense; its body is kept
---| "rejected" # the service refused the submit
---| "security" # a foreign host, scheme, private address or bad id
---| "throttled" # too many requests
---| "timeout" # the deadline passed; the job lives on at the service
---| "unknown" # the submit was sent and its answer lost: it may or may not run
---| "upstream" # an input failed; `cause` is its error
