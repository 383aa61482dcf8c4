--- `segmind upload PICTURE…`: pictures to the service, whose addresses are printed.

local parameters = require("segmind.cli.parameters")

local verb = {
  name = "upload",
  summary = "Upload pictures and print their addresses.",
  examples = "  segmind upload portrait.webp dress.webp",
}

function verb.declare(command)
  command:argument("pictures"):args("+"):argname("picture")
    :description("Paths, or - for standard input.")
end

function verb.run(context, args)
  local list = {}
  for i, picture in ipairs(args.pictures) do
    list[i] = parameters.picture(picture, "the picture")
  end
  local client, err = context.client()
  local urls
  if client and not args.dry_run then
    urls, err = client:upload(list)
  end
  if err then
    return context.fail(err)
  end
  for i, url in ipairs(urls or {}) do
    context.out:line(url)
    context.out:event({ what = "upload", picture = args.pictures[i], url = url })
  end
  context.out:result({ urls = urls })
  return 0
end

return verb
