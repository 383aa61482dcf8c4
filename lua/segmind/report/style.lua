--- The style sheet of a report's page. A list first, as on a phone; a component of the graph takes
--- its columns where the window is wide enough for them (`.c2` to `.c6`).

local STYLE = [[
:root {
  color-scheme: light dark;
  --paper: #f6f5f1; --card: #ffffff; --frame: #eceae4; --ink: #1e1c19; --soft: #67635b;
  --line: #dedad1; --edge: #a9a397; --link: #1d5fa8;
    --shade: 0 1px 2px #0000000f, 0 6px 20px #0000000d;
  --queue: #c98a1b; --inference: #3b72c0; --download: #3f9468; --rest: #b4aea2;
  --bad: #a93226; --bad-paper: #fdf0ec; --bad-line: #e9b9ae; --mark: #fbe6b8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #151413; --card: #201f1d; --frame: #2a2826; --ink: #efebe4; --soft: #aaa49a;
    --line: #383531; --edge: #6f695f; --link: #8ab8f0; --shade: 0 1px 2px #00000066;
    --queue: #e0a741; --inference: #6f9fe0; --download: #62b98a; --rest: #6b665d;
    --bad: #f19a8c; --bad-paper: #2f1d1a; --bad-line: #6b342b; --mark: #5a4716;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1720px; padding: 20px 16px 48px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere; -webkit-text-size-adjust: 100%;
}
h1, h2, p, dl, dd, figure { margin: 0; }
h1 { font-size: 24px; line-height: 1.2; font-weight: 680; letter-spacing: -0.01em; }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.mark { padding: 0 3px; border-radius: 3px; background: var(--mark); font-size: 0.8em; }

.about { margin-top: 4px; color: var(--soft); font-size: 13px; }
.totals { display: flex; flex-wrap: wrap; gap: 2px 24px; margin-top: 12px; }
.totals div { display: flex; align-items: baseline; gap: 6px; }
.totals dt { order: 2; color: var(--soft); font-size: 13px; }
.totals dd { font-size: 18px; font-weight: 640; font-variant-numeric: tabular-nums; }
.totals .bad dd { color: var(--bad); }
.time { margin: 12px 0 0; }
.time p { margin-bottom: 6px; color: var(--soft); font-size: 13px; }
.time .bar { max-width: 640px; }
.bar { display: flex; gap: 1px; height: 4px; overflow: hidden; border-radius: 2px; }
.bar i { min-width: 2px; flex: 1 1 0; }
.queue { background: var(--queue); } .inference { background: var(--inference); }
.download { background: var(--download); } .rest { background: var(--rest); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin-top: 6px; font-size: 12.5px;
  color: var(--soft); font-variant-numeric: tabular-nums; }
.legend i { display: inline-block; width: 8px; height: 8px; margin-right: 6px; border-radius: 2px; }

.all { margin-top: 20px; }
.component { position: relative; }
.component + .component { margin-top: 20px; padding-top: 20px; border-top: 1px solid var(--line); }
.edges { display: none; }
.item { display: flex; min-width: 0; }
.item + .item { margin-top: 16px; }
.card { position: relative; display: flex; flex-direction: column; width: 100%; min-width: 0;
  border-radius: 10px; background: var(--card); box-shadow: var(--shade); }
.card:target { outline: 2px solid var(--link); }
.shot { position: relative; display: block; border-radius: 10px 10px 0 0; overflow: hidden; }
.shot img { display: block; width: 100%; height: auto; max-height: 96vh; object-fit: contain; }
.words { display: flex; flex-direction: column; flex: 1; gap: 2px; padding: 10px 14px 12px; }
h1, h2, .origin { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3;
  overflow: hidden; }
h2 { font-size: 15px; line-height: 1.35; font-weight: 640; }
h2 .n { margin-right: 2px; color: var(--soft); font-weight: 500;
  font-variant-numeric: tabular-nums; }
.model, .origin { color: var(--soft); font-size: 13px; }
.prompt { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3;
  overflow: hidden; margin-top: 2px; unicode-bidi: isolate; }
.facts { display: flex; flex-wrap: wrap; gap: 0 12px; margin-top: auto; padding-top: 8px;
  color: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
.facts b { color: var(--ink); font-weight: 560; }
.card .bar { margin-top: 6px; }
.foot { display: flex; flex-wrap: wrap; gap: 0 16px; margin-top: 4px; font-size: 13px; }
details:not([open]) .sheet { display: none; }
details[open] { flex: 1 1 100%; order: 1; }
summary { width: max-content; padding: 3px 0; color: var(--link); cursor: pointer; }
.sheet { padding: 4px 0 2px; }
.sheet dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 12px; }
.sheet dt { max-width: 150px; color: var(--soft); }
.sheet dd { white-space: pre-wrap; unicode-bidi: isolate; font-variant-numeric: tabular-nums; }

.source { background: none; box-shadow: none; }
.source .shot { border-radius: 10px; }
.source .words { padding: 8px 2px 0; flex: none; }
.source h2 { font-weight: 560; font-size: 14px; }
.missing { aspect-ratio: var(--shape, 1); background: var(--frame); }
.missing { display: flex; align-items: center; justify-content: center; padding: 16px;
  color: var(--soft); font-size: 13px; text-align: center; text-decoration: none; }
.failed { background: var(--bad-paper); box-shadow: inset 0 0 0 1px var(--bad-line); }
.failure { padding-top: 8px; font-size: 14px; }
.failure .kind { display: flex; flex-wrap: wrap; gap: 0 8px; color: var(--bad); font-weight: 640; }
.failure .kind span { color: var(--soft); font-weight: 400; }
.failure .message { max-height: 9.2em; margin-top: 6px; overflow: auto; unicode-bidi: isolate; }
.failure .advice { margin-top: 6px; color: var(--soft); }

.group { width: 100%; }
.common { margin-bottom: 10px; }
.common .prompt { -webkit-line-clamp: 4; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px; }
.grid .card { min-height: 0; }
.grid .words { padding: 8px 10px 10px; }
.grid h2 { font-size: 13.5px; }
.grid .prompt, .grid .model { font-size: 13px; line-height: 1.4; }
.grid .prompt { -webkit-line-clamp: 2; }
.grid .failure { padding-top: 6px; font-size: 13px; }
.grid .sheet dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
.grid .sheet dd { margin-bottom: 6px; }
.grid .facts { padding-top: 4px; }

@media (max-width: 639px) {
  .source { flex-direction: row; align-items: center; gap: 12px; }
  .source .shot { flex: none; width: 72px; border-radius: 8px; }
  .source .missing { width: 120px; aspect-ratio: 1; padding: 6px; font-size: 11px; }
  .source .words { padding: 0; }
}
@media (min-width: 640px) {
  body { padding: 24px 20px 64px; }
  h1 { font-size: 28px; }
  .all { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 28px; }
  .component { flex: 1 1 100%; }
  .component + .component { margin: 0; padding: 0; border: 0; }
  .component { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr));
    gap: 16px; }
  .item + .item { margin: 0; }
  .item.wide { grid-column: 1 / -1; }
  .alone { flex: 0 1 390px; display: block; }
  .alone:only-child { flex-basis: 720px; }
  .wide .grid { grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 16px; }
  .small { flex: 0 1 var(--most); }
}
]]

-- What a component's window has to be, and its form from there on.
local GRAPH = [[
@media (min-width: {least}px) {
  .c{n} { display: grid; grid-template-columns: var(--columns); grid-auto-rows: 1fr; gap: 0;
    max-width: var(--most); }
  .c{n} .edges { display: block; position: absolute; inset: 0; width: 100%; height: 100%; }
  .c{n} .edges path { fill: none; stroke: var(--edge); stroke-width: 1.5;
    vector-effect: non-scaling-stroke; }
  .c{n} .item { position: relative; grid-area: var(--area); width: var(--share, 100%); margin: 0;
    padding: 8px 0; align-items: flex-start; }
  .c{n} .item.has-from::before { content: ""; position: absolute; left: -9px; top: var(--tip, 50%);
    border: solid transparent; border-width: 5px 0 5px 9px; border-left-color: var(--edge);
      transform: translateY(-50%); }
  .c{n}.even > .item > .source { align-self: center; }
  .c{n} .origin { display: none; }
  .c{n} .sheet dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .c{n} .sheet dd { margin-bottom: 6px; }
  .c{n} .wide .grid { grid-template-columns: repeat(var(--across), minmax(0, 1fr)); gap: 12px; }
}
]]

local VIEWER = [[
.compare { padding: 3px 0; border: 0; background: none; color: var(--link); font: inherit;
  cursor: pointer; }
dialog { width: 100vw; height: 100vh; height: 100dvh; max-width: none; max-height: none;
  margin: 0; padding: 0; border: 0;
  background: #111010; color: #f2efe9; }
dialog::backdrop { background: #111010; }
.viewer { display: flex; flex-direction: column; height: 100%; }
.viewer header { display: flex; align-items: center; gap: 12px; padding: 10px 16px; }
.viewer header p { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.viewer button { padding: 5px 14px; border: 1px solid #ffffff40; border-radius: 99px;
  background: none; color: inherit;
  font: inherit; font-size: 14px; cursor: pointer; }
.pair { position: relative; flex: 1; min-height: 0; margin: 0 16px; }
.pair img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.pair .after { clip-path: inset(0 0 0 var(--cut)); }
.pair::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--cut); width: 2px;
  margin-left: -1px;
  background: #fff; box-shadow: 0 0 4px #000; pointer-events: none; }
.viewer footer { display: flex; align-items: center; gap: 12px; padding: 10px 16px 14px;
  font-size: 13px; }
.viewer input { flex: 1; accent-color: #fff; height: 28px; }
.viewer.single .pair::after, .viewer.single footer { display: none; }
.viewer.single .pair { margin-bottom: 16px; }
@media print {
  body { background: #fff; }
  details, .compare { display: none; }
  .card { break-inside: avoid; box-shadow: inset 0 0 0 1px var(--line); }
}
]]

-- A column is read from so many pixels on, one of many from fewer; the page has margins.
local LEAST, LEAST_OF_MANY, MARGINS = 175, 150, 40

local parts = { STYLE }
for n = 2, 8 do
  local least = MARGINS + n * (n < 7 and LEAST or LEAST_OF_MANY)
  local values = { n = tostring(n), least = tostring(least) }
  parts[n] = GRAPH:gsub("{(%w+)}", values)
end
parts[#parts + 1] = VIEWER

return table.concat(parts)
