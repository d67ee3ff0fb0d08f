"""The look of the page and its little script; without the script everything is shown, unsorted and unfiltered."""

# Route colours keep a contrast of 3:1 with their ground; dashes tell them apart without colour.
STYLE = """
:root{--paper:#f7f6f2;--card:#fff;--ink:#1d2327;--soft:#586069;--line:#dedbd2;--accent:#0b6270;--good:#0a6b3d;
--bad:#a8321a;
--band:#9cc8d6;--mean:#0b5c78;--stock:#8a5a00;--area:#f0dfb9;--receipt:#6a4fb3;--bar:#0b7285;--minus:#a8321a;
--road:#e2dfd6;
--c0:#0072b2;--c1:#c04a00;--c2:#00805c;--c3:#a8468a;--c4:#7d6400;--c5:#5b4fc4;--c6:#12798f;--c7:#4c5560}
@media(prefers-color-scheme:dark){:root{--paper:#14181b;--card:#1d2327;--ink:#e8e6e0;--soft:#a2abb3;--line:#353d43;
--accent:#6cc6d4;--good:#66d19a;--bad:#ff9d83;--band:#2f5d6e;--mean:#7cd0ea;--stock:#f0bf61;--area:#493c20;
--receipt:#b7a2ff;
--bar:#4fb3c4;--minus:#ff9d83;--road:#2f373d;--c0:#56b4e9;--c1:#ff9d5c;--c2:#3cc9a0;--c3:#e79ac8;--c4:#e0c04a;
--c5:#a79bff;
--c6:#5fd3e6;--c7:#c3cad0}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0 auto;max-width:1280px;padding:0 32px 64px;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
header{padding:40px 0 20px}
.brand{margin:0 0 4px;font-size:12px;font-weight:700;letter-spacing:.16em;text-transform:uppercase;
color:var(--accent)}
h1{margin:0 0 12px;font-size:clamp(28px,4vw,42px);line-height:1.12;letter-spacing:-.02em;font-weight:700}
h2{margin:0 0 16px;font-size:23px;line-height:1.2;letter-spacing:-.01em}
h3{margin:24px 0 4px;font-size:16px}
p{margin:0 0 8px;max-width:76ch}
.lead{margin:12px 0 20px;font-size:18px;max-width:none}
.state{margin:0 0 8px;color:var(--soft);max-width:none}
.state b{display:inline-block;margin-right:6px;padding:1px 10px;border-radius:99px;color:var(--card);
background:var(--good)}
.state.bad b{background:var(--bad)}
.facts{display:flex;flex-wrap:wrap;gap:8px 32px;margin:0}
.facts div{min-width:0}
dt{font-size:12px;color:var(--soft)}
dd{margin:0;font-weight:600;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
nav{position:sticky;top:0;z-index:2;margin:0 -32px;padding:8px 32px;background:var(--paper);
border-bottom:1px solid var(--line)}
nav ul{display:flex;gap:4px 20px;margin:0;padding:0;overflow-x:auto;list-style:none;scrollbar-width:none}
nav a{display:block;padding:4px 0;color:var(--soft);font-size:14px;text-decoration:none;white-space:nowrap}
nav a:hover,nav a:focus{color:var(--accent);text-decoration:underline}
section{padding:36px 0 4px;scroll-margin-top:28px}
.note,.rest,figcaption,footer{color:var(--soft);font-size:14px}
.rest{margin:6px 0 0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:12px;margin:0 0 24px}
.card{padding:14px 16px;background:var(--card);border:1px solid var(--line);border-radius:8px}
.card p{margin:0}
.label{font-size:13px;color:var(--soft)}
.value{margin:2px 0!important;font-size:22px;line-height:1.25;font-weight:650;letter-spacing:-.01em;
font-variant-numeric:tabular-nums}
.before{font-size:13px;color:var(--soft)}
.before span{display:block}
.value small{font-size:14px;font-weight:600;color:var(--soft)}
.better{color:var(--good);font-weight:600}
.worse{color:var(--bad);font-weight:600}
.neutral,.same{color:var(--soft)}
table{width:100%;margin:0 0 20px;border-collapse:collapse;background:var(--card);border:1px solid var(--line);
font-size:14px;
font-variant-numeric:tabular-nums}
div>table:not(:last-child){margin-bottom:0}
caption{padding:8px 0;text-align:left;color:var(--soft);font-size:14px;caption-side:top}
caption b{color:var(--ink);font-size:16px}
th,td{padding:6px 12px;text-align:left;vertical-align:top;border-top:1px solid var(--line);unicode-bidi:isolate}
tbody th,td,caption,figcaption,p,li{overflow-wrap:anywhere}
td{min-width:7em}
thead th{border-top:0;color:var(--soft);font-size:12.5px;font-weight:600;white-space:nowrap;overflow-wrap:normal}
tbody th{min-width:9em;font-weight:600}
tbody th.why,tbody th.n{font-weight:400}
tbody th.n{min-width:0}
td.n,th.n{min-width:0;text-align:right;white-space:nowrap;overflow-wrap:normal}
td time,th time{white-space:nowrap}
.why{min-width:220px}
td.why{color:var(--soft)}
td.bars{width:30%;min-width:120px;vertical-align:middle}
.id{color:var(--soft);font-weight:400;font-size:12.5px}
code{font:13px ui-monospace,SFMono-Regular,Consolas,monospace}
thead button{all:unset;cursor:pointer}
thead button:hover,thead button:focus-visible{color:var(--accent);text-decoration:underline}
.filter{float:right;width:220px;max-width:100%;margin:-6px 0 0;padding:3px 10px;border:1px solid var(--line);
border-radius:6px;
background:var(--card);color:var(--ink);font:inherit;font-size:14px}
figure{margin:0}
svg{display:block;max-width:100%}
svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:var(--soft)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:16px}
.charts figure{min-width:0;padding:12px 14px 6px;background:var(--card);border:1px solid var(--line);border-radius:8px;
break-inside:avoid}
.charts figcaption{margin-bottom:6px;line-height:1.35}
.charts figcaption b{color:var(--ink);font-size:15px}
.charts small{display:block}
.outlook{width:100%;height:auto}
.axis{font-size:10.5px}
.end{text-anchor:end}
.middle{text-anchor:middle}
.grid{stroke:var(--line);fill:none}
.band{fill:var(--band);fill-opacity:.65}
.mean{fill:none;stroke:var(--mean);stroke-width:2}
.stock{fill:none;stroke:var(--stock);stroke-width:2}
.stock-area{fill:var(--area);fill-opacity:.7}
.receipt{fill:var(--receipt)}
.bar{width:100%;height:10px}
.bar rect{fill:var(--bar)}
.bar .minus{fill:var(--minus)}
.map-figure{margin-bottom:24px}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}
.map{width:100%;min-width:620px;height:auto}
.road{stroke:var(--road);stroke-width:1.5;fill:none}
.route{fill:none;stroke-width:3;stroke-linejoin:round}
.arrow,.stop{stroke:var(--card);stroke-width:1.5}
.number{fill:var(--card);font-size:10px;font-weight:700;text-anchor:middle}
.place{stroke:var(--card);stroke-width:2;fill:var(--ink)}
.label{font-size:13px}
.map .label{fill:var(--ink);font-size:14px;font-weight:600;paint-order:stroke;stroke:var(--card);stroke-width:4px}
.map .axis{font-size:12px}
.scale{fill:none;stroke:var(--soft);stroke-width:1.5}
.route.r0{stroke:var(--c0)}.route.r1{stroke:var(--c1);stroke-dasharray:9 4}.route.r2{stroke:var(--c2);
stroke-dasharray:3 3}
.route.r3{stroke:var(--c3);stroke-dasharray:14 4 3 4}.route.r4{stroke:var(--c4);stroke-dasharray:6 6}
.route.r5{stroke:var(--c5);stroke-dasharray:18 5}.route.r6{stroke:var(--c6);stroke-dasharray:2 6}
.route.r7{stroke:var(--c7);stroke-dasharray:10 3 2 3 2 3}
.stop.r0,.arrow.r0{fill:var(--c0)}.stop.r1,.arrow.r1{fill:var(--c1)}.stop.r2,.arrow.r2{fill:var(--c2)}
.stop.r3,.arrow.r3{fill:var(--c3)}.stop.r4,.arrow.r4{fill:var(--c4)}.stop.r5,.arrow.r5{fill:var(--c5)}
.stop.r6,.arrow.r6{fill:var(--c6)}.stop.r7,.arrow.r7{fill:var(--c7)}.stop.plain{fill:var(--soft)}
.legend{display:flex;flex-wrap:wrap;gap:4px 22px;margin:10px 0 4px;padding:0;list-style:none;font-size:14px}
.legend li{display:flex;align-items:center;gap:8px}
footer{margin-top:40px;padding-top:12px;border-top:1px solid var(--line)}
@media(max-width:720px){body{padding:0 16px 40px}nav{margin:0 -16px;padding:6px 16px}header{padding:24px 0 16px}
.lead{font-size:16px}.cards{grid-template-columns:1fr 1fr;gap:8px}.card{padding:10px 12px}.value{font-size:20px}
.charts{grid-template-columns:1fr}
table,tbody,caption,tr{display:block}thead{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%)}
table{background:none;border:0}
tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(96px,1fr));gap:2px 12px;margin-bottom:8px;
padding:8px 12px;
background:var(--card);border:1px solid var(--line);border-radius:8px}
th,td{padding:0;border:0}tbody th,td.why,td.bars{grid-column:1/-1;min-width:0;width:auto;text-align:left}
td:empty{display:none}
td,td.n,th.n{min-width:0;text-align:left;white-space:normal}
td[data-label]:not(.why):not(.bars)::before{content:attr(data-label);display:block;font-size:11.5px;line-height:1.3;
color:var(--soft);font-weight:400}
tbody th.n{white-space:normal}}
details{margin:-12px 0 20px}summary{padding:6px 0;cursor:pointer;color:var(--accent);font-size:14px}
@media print{details::details-content{content-visibility:visible;display:block;height:auto}summary{display:none}
:root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb}body{max-width:none;padding:0;
font-size:11px}
nav,.filter{display:none}.charts{grid-template-columns:repeat(3,1fr)}table{font-size:10px}
thead{display:table-header-group}
tr,.card,figure{break-inside:avoid}h2,h3,caption{break-after:avoid}}
"""

SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table[data-table]")) {
  const body = table.tBodies[0];
  if (body.rows.length < 8) continue;
  const value = cell => {
    const time = cell.querySelector("time");
    if (time) return time.dateTime;
    const text = cell.textContent.trim();
    const number = parseFloat(text.replace(/,/g, ""));
    return cell.classList.contains("n") && !isNaN(number) ? number : text.toLowerCase();
  };
  const sort = (column, up) => {
    const rows = [...body.rows].map(row => [value(row.cells[column]), row]);
    const order = (a, b) => typeof a !== typeof b ? (typeof a === "number" ? -1 : 1) : a < b ? -1 : a > b ? 1 : 0;
    rows.sort(([a], [b]) => order(a, b) * up);
    body.append(...rows.map(([, row]) => row));
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up > 0 ? "ascending" : "descending");
      sort(column, up);
    });
  });
  if (body.rows.length < 20) continue;
  const input = document.createElement("input");
  input.type = "search";
  input.className = "filter";
  input.placeholder = "Show rows with …";
  input.setAttribute("aria-label", "Show rows with these words");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(words);
  });
  table.caption.append(input);
}
"""
