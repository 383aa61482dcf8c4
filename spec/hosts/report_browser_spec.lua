--- The report page in a browser, by its geometry: headless Chromium, where it is installed, at the
--- widths of a phone, a laptop and a large screen, light and dark, with 1, 6 and 30 pictures,
--- failures among them.

local emulator = require("spec.support.emulator")
local files = require("spec.support.files")
local json = require("cjson")
local report = require("segmind.report")
local segmind = require("segmind")
local session = require("spec.support.session")
local shell = require("spec.support.shell")

local chromium = shell.output("command -v chromium || command -v chromium-browser"):match("%S+")

-- Each page in a frame of each width; then what is where in it. A frame has the height of a window.
local HARNESS = [[
<!doctype html><body><script>
var widths = { phone: [390, 844], laptop: [1280, 800], large: [1720, 1000] };
function box(page, selector) {
  var element = page.querySelector(selector);
  return element ? element.getBoundingClientRect().toJSON() : null;
}
function measure(frame) {
  var page = frame.contentDocument, root = page.documentElement, style = frame.contentWindow;
  var shots = Array.from(page.querySelectorAll(".shot img"));
  var tops = shots.map(function (shot) { return Math.round(shot.getBoundingClientRect().top); });
  return {
    width: root.clientWidth, scroll_width: root.scrollWidth, height: root.scrollHeight,
    first: box(page, ".step .shot"), source: box(page, ".source .shot"),
    letterboxed: shots.filter(function (shot) {
      var at = shot.getBoundingClientRect(), ratio = shot.getAttribute("width")
        / shot.getAttribute("height");
      return at.width > 0 && Math.abs(at.width / at.height / ratio - 1) > 0.02;
    }).length,
    widths: Array.from(page.querySelectorAll(".step .shot img")).map(function (shot) {
      return Math.round(shot.getBoundingClientRect().width);
    }),
    over: Array.from(page.querySelectorAll(".shot .compare")).length,
    pictures: shots.length, rows: new Set(tops).size,
    cut: Array.from(page.querySelectorAll(".card")).filter(function (card) {
      var at = card.getBoundingClientRect();
      return at.left < 0 || at.right > root.clientWidth;
    }).length,
    spilled: Array.from(page.querySelectorAll(".card, .card *")).filter(function (element) {
      return element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0
        && style.getComputedStyle(element).overflowX === "visible"
        && style.getComputedStyle(element).display !== "inline";
    }).map(function (element) { return element.tagName + "." + element.className; }),
    broken: shots.slice(0, 8).filter(function (shot) { return !shot.naturalWidth; }).length,
    edges: style.getComputedStyle(page.querySelector(".edges") || root).display,
    paper: style.getComputedStyle(page.body).backgroundColor,
    ink: style.getComputedStyle(page.body).color,
    scripts: page.querySelectorAll("script").length,
    dialogs: page.querySelectorAll("dialog").length,
    titles: Array.from(page.querySelectorAll("h2")).map(function (h) { return h.textContent; })
  };
}
// Every sheet of details open at once: which lie over a card that is not their own.
function count_hidden(frame) {
  var page = frame.contentDocument, cards = Array.from(page.querySelectorAll(".card"));
  page.querySelectorAll("details").forEach(function (one) { one.open = true; });
  var hidden = Array.from(page.querySelectorAll(".sheet")).filter(function (sheet) {
    var a = sheet.getBoundingClientRect();
    return cards.some(function (card) {
      var b = card.getBoundingClientRect();
      return !card.contains(sheet) && a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    });
  }).length;
  page.querySelectorAll("details").forEach(function (one) { one.open = false; });
  return hidden;
}
// The slider, as somebody would use it.
function compare(frame) {
  var page = frame.contentDocument, card = page.querySelector(".card[data-before]");
  card.querySelector(".shot").click();
  var slider = page.querySelector("dialog input"), pair = page.querySelector(".pair");
  slider.value = 25;
  slider.dispatchEvent(new Event("input"));
  var out = { open: page.querySelector("dialog").open, cut: pair.style.getPropertyValue("--cut"),
    before: page.querySelector(".pair .before").src.split("/").pop(),
    origin: page.getElementById(card.dataset.before).querySelector("img").src.split("/").pop(),
    after: page.querySelector(".pair .after").src === card.querySelector("img").src };
  page.querySelector("dialog").close();
  return out;
}
var found = {}, left = 0;
PAGES.forEach(function (name) {
  Object.keys(widths).forEach(function (screen) {
    var frame = document.createElement("iframe");
    frame.width = widths[screen][0]; frame.height = widths[screen][1];
    frame.style.border = 0;
    left++;
    frame.addEventListener("load", async function () {
      await Promise.all(Array.from(frame.contentDocument.images).map(function (image) {
        return image.loading === "lazy" ? null : image.decode().catch(String);
      }));
      found[name + " " + screen] = measure(frame);
      found[name + " " + screen].hidden = count_hidden(frame);
      found[name + " " + screen].compared = compare(frame);
      if (--left === 0) {
        var out = document.createElement("pre");
        out.id = "found";
        out.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(found))));
        document.body.append(out);
      }
    });
    frame.src = name + ".html";
    document.body.append(frame);
  });
});
</script>
]]

local EVIL = '"><script>top.evil=1</script><img src=x onerror=top.evil=1>\226\128\174 '
  .. ("donaudampfschifffahrt"):rep(30)

if not chromium then
  pending("the report page in a browser: chromium is not installed")
  return
end

describe("the report page in a browser", function()
  local service = emulator.new({ plain = true, speed = 400, credits = 1000 })
  local folder = files.unused()
  local found = {}

  local function browse(scheme)
    local text = shell.output(table.concat({ shell.quote(chromium), "--headless=new --no-sandbox",
      "--disable-gpu --allow-file-access-from-files --virtual-time-budget=20000",
      "--user-data-dir=" .. shell.quote(folder .. "/profile"),
      scheme == "dark" and "--blink-settings=preferredColorScheme=0" or "", "--dump-dom",
      shell.quote("file://" .. folder .. "/all.html"), "2>/dev/null </dev/null" }, " "))
    local encoded = assert(text:match('<pre id="found">([^<]+)</pre>'), "nothing was measured")
    return json.decode(shell.output("printf %s " .. shell.quote(encoded) .. " | base64 -d"))
  end

  local function make_pages()
    local sm = assert(segmind.new({ api_key = emulator.KEY, base_url = service.url, poll = 0.01 }))
    local picture = files.write(folder .. "/in.png", session.PIXEL)
    local function submit(params, opts)
      params.input_image = params.input_image or picture
      return assert(sm:submit("flux-kontext-pro", params, opts))
    end
    local function page(name, things)
      for _, job in ipairs(things) do
        job:wait()
      end
      assert(report.write(things, folder .. "/" .. name .. ".html", { title = name }))
    end
    service:faults({ { match = { path = "status", prompt = "FAIL", count = "always" },
      ["then"] = { status = 422, body = { status = "FAILED", error = EVIL } } } })
    page("one", { submit({ prompt = "one" }) })
    local base = submit({ prompt = "base" }, { name = "base" })
    local two = { submit({ prompt = "night", input_image = base }), submit({ prompt = "FAIL",
      input_image = base }) }
    page("six", { base, two[1], two[2], submit({ prompt = EVIL, input_image = two[1] },
      { name = EVIL }), submit({ prompt = "after", input_image = two[2] }),
      submit({ prompt = "noon", input_image = base }) })
    local thirty = {}
    for i = 1, 30 do
      thirty[i] = submit({ prompt = (i % 11 == 0 and "FAIL " or "") .. "light " .. i,
        input_image = base, seed = i })
    end
    page("thirty", thirty)
    sm:close()
  end

  setup(function()
    files.make_folder(folder)
    service:start()
    make_pages()
    files.write(folder .. "/all.html", (HARNESS:gsub("PAGES", '["one","six","thirty"]')))
    found.light, found.dark = browse("light"), browse("dark")
  end)

  teardown(function()
    service:stop()
    files.remove_folder(folder)
  end)

  for _, name in ipairs({ "one", "six", "thirty" }) do
    for _, screen in ipairs({ "phone", "laptop", "large" }) do
      it(("with %s: nothing is cut off, the first picture is in the first window of a %s"):format(
        name, screen), function()
        local at = found.light[name .. " " .. screen]
        assert.is_true(at.scroll_width <= at.width, "it scrolls sideways")
        assert.equal(0, at.cut)
        assert.same({}, at.spilled)
        assert.equal(0, at.broken)
        assert.is_true(at.first.top < (screen == "phone" and 500 or 400), at.first.top)
        assert.is_true(at.first.height > 100)
      end)
    end
  end

  it("frames no picture, covers none, and hides no card behind open details", function()
    for name, at in pairs(found.light) do
      assert.equal(0, at.letterboxed, name)
      assert.equal(0, at.over, name)
      assert.equal(0, at.hidden, name)
    end
  end)

  it("uses the window: the last picture is the largest", function()
    local widths = found.light["six laptop"].widths
    local last = math.max(widths[#widths], widths[#widths - 1])
    for _, width in ipairs(widths) do
      assert.is_true(width >= 250 and width <= last, width)
    end
    assert.is_true(found.light["thirty laptop"].widths[2] >= 200)
  end)

  it("draws the graph on a desk, and a list on a phone", function()
    assert.equal("none", found.light["six phone"].edges)
    assert.equal("block", found.light["six laptop"].edges)
    local desk, phone = found.light["six laptop"], found.light["six phone"]
    assert.is_true(desk.first.left > desk.source.right)
    assert.is_true(phone.first.top >= phone.source.bottom)
  end)

  it("puts thirty variations into a grid, whatever the window", function()
    assert.is_true(found.light["thirty phone"].rows <= 18)
    assert.is_true(found.light["thirty laptop"].rows <= 10)
    assert.is_true(found.light["thirty laptop"].height < 5000)
    assert.is_true(found.light["thirty large"].height < 5000)
  end)

  it("runs its own script and nobody else's", function()
    for _, at in pairs(found.light) do
      assert.equal(1, at.scripts)
      assert.equal(1, at.dialogs) -- which the script makes
    end
  end)

  it("lays a picture over what it was made from, under a slider", function()
    for _, at in pairs(found.light) do
      local compared = at.compared
      assert.is_true(compared.open and compared.after)
      assert.equal("25%", compared.cut)
      assert.equal(compared.origin, compared.before)
      assert.truthy(compared.origin ~= "")
    end
  end)

  it("is dark where that is preferred", function()
    local function brightness(colour)
      local r, g, b = colour:match("(%d+), (%d+), (%d+)")
      return (r + g + b) / 3
    end
    for name, at in pairs(found.dark) do
      assert.is_true(brightness(at.paper) < 60 and brightness(at.ink) > 180, name)
      local light = found.light[name]
      assert.is_true(brightness(light.paper) > 200 and brightness(light.ink) < 80, name)
    end
  end)
end)
