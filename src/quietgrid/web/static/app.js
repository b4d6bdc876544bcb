// Quietgrid's page behaviour. No framework, no inline code (the content security policy forbids it).
//
// Charts     <figure class="chart" data-chart> with a spec in <script type="application/json"> or from data-src;
//            with both, the second is loaded when data-fresh becomes new.
//            spec: {kind: "lines" | "bars", time, tz, x: [unix or label], x_title, unit, digits,
//                   series: [{name, color, style: line|dash|area|step|bar|hatch, stack, data: [number | null],
//                             low, high: [number], the interval a bar stands for, if it is not exact}],
//                   threshold: {value, label} or several, range: [from, to] of the axis, which grows with what is shown,
//                   band: [low, high], numbers of two series: what lies between them is tinted}
//                  {kind: "heatmap", x: [label], y: [label], values: [y][x], max, unit, digits, x_title, y_title}
//            null is a gap, never zero. Every chart has "Show as table".
// Live       <body data-live="/events" data-live-every="5">; server-sent events, each with JSON data:
//            values {key: text}                   -> every [data-value=key]
//            series {chart: id, x, values: []}    -> appended to that chart (data-keep: most points kept)
//            bytes  {rows: [[id, hex], ...]}      -> [data-bytes]
//            state  {key: {tone, text}}           -> every badge [data-state=key]
//            notice {text}                        -> a toast
//            fresh  {what}                        -> event fresh-WHAT for hx-trigger, charts with data-fresh=WHAT
//            reload {}                            -> the page is loaded again
// Keys       ? help, t theme, g then a letter: go to the page with that data-key. a presses the [data-ack] of the row
//            one is in, else the first.
"use strict";

// English is written the British way: day before month, 24 hours, as on the rest of the page.
const locale = () => (document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

/* ---- theme -------------------------------------------------------------------------------------------- */
const dark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
function showTheme() {
  for (const button of all("[data-theme-toggle]")) {
    button.setAttribute("aria-pressed", String(dark()));
  }
}
function toggleTheme() {
  const theme = dark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("quietgrid-theme", theme); } catch { /* storage is off: for this page only */ }
  showTheme();
  drawAll();
  for (const frame of all("iframe.glance")) tellTheme(frame);
}
// A frame of the other origin cannot read our setting; it is told the one word and takes no other.
function tellTheme(frame) {
  const theme = document.documentElement.dataset.theme;
  if (theme) frame.contentWindow.postMessage({ theme }, new URL(frame.src, location.href).origin);
}
addEventListener("message", (event) => {
  const theme = event.data && event.data.theme;
  if (!document.body.matches(".framed") || !["light", "dark"].includes(theme)) return;
  document.documentElement.dataset.theme = theme;
  drawAll();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { showTheme(); drawAll(); });

/* ---- small things ------------------------------------------------------------------------------------- */
function toast(text) {
  let box = document.querySelector(".toasts");
  if (!box) {
    box = make("div", "toasts");
    box.setAttribute("role", "status");
    document.body.append(box);
  }
  const note = make("div", "toast", text);
  box.append(note);
  setTimeout(() => note.remove(), 8000);
}

document.addEventListener("click", async (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const button = target && target.closest("[data-theme-toggle], [data-copy], [data-open], [data-close]");
  if (!button) return;
  if (button.matches("[data-theme-toggle]")) toggleTheme();
  if (button.matches("[data-open]")) document.querySelector(button.dataset.open).showModal();
  if (button.matches("[data-close]")) button.closest("dialog").close();
  if (button.matches("[data-copy]")) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      toast("Copied");
    } catch {
      toast("Copying is not allowed here; select the text instead");
    }
  }
});

document.addEventListener("change", (event) => {
  const form = event.target instanceof Element && event.target.closest("form[data-autosubmit]");
  if (form) form.requestSubmit();
});

// A file is read here and put into the field it is for; it leaves only with the form.
document.addEventListener("change", async (event) => {
  const input = event.target instanceof Element && event.target.closest("input[data-fill]");
  if (input && input.files.length) document.querySelector(input.dataset.fill).value = await input.files[0].text();
});

let afterG = 0;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target instanceof Element && event.target.closest("input, select, textarea, [contenteditable]")) return;
  const help = document.querySelector("#keys");
  if (event.key === "?" && help) { help.showModal(); event.preventDefault(); }
  else if (event.key === "t") toggleTheme();
  else if (event.key === "g") { afterG = Date.now(); return; }
  else if (Date.now() - afterG < 1500) {
    const link = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
    if (link) link.click();
  } else if (event.key === "a") {
    const here = document.activeElement.closest("tr");
    const button = (here && here.querySelector("[data-ack]")) || document.querySelector("[data-ack]");
    if (button) button.click();
  }
  afterG = 0;
});

// A failed request says what happened, where and what to do (application/problem+json).
document.addEventListener("htmx:responseError", (event) => {
  let problem = {};
  try { problem = JSON.parse(event.detail.xhr.responseText); } catch { /* not JSON: the generic words */ }
  toast([problem.title || "That did not work", problem.detail, problem.fix].filter(Boolean).join(". "));
});
document.addEventListener("htmx:sendError", () => toast("The server cannot be reached. It may be stopped; try again."));

/* ---- charts ------------------------------------------------------------------------------------------- */
const charts = new Map();
const probe = make("span");
probe.hidden = true;

function colour(name) {
  probe.style.color = `var(--${name})`;
  if (!probe.isConnected) document.body.append(probe);
  return getComputedStyle(probe).color;
}
const numberText = (value, spec) => value === null || value === undefined
  ? "no data"
  : `${value.toLocaleString(locale(), { minimumFractionDigits: spec.digits ?? 1,
    maximumFractionDigits: spec.digits ?? 1 })} ${spec.unit}`;

function timeTexts(spec) {
  const zone = { timeZone: spec.tz || "UTC" };
  const lang = locale();
  const clock = new Intl.DateTimeFormat(lang, { ...zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const date = new Intl.DateTimeFormat(lang, { ...zone, day: "numeric", month: "short" });
  const day = new Intl.DateTimeFormat(lang, { ...zone, weekday: "short", day: "numeric", month: "short" });
  const long = spec.x.length > 1 && spec.x[spec.x.length - 1] - spec.x[0] > 2.2 * 86400;
  return spec.x.map((unix) => {
    const moment = new Date(unix * 1000);
    const time = clock.format(moment);
    return { full: `${day.format(moment)}, ${time}`, tick: long ? date.format(moment) : time, time, long };
  });
}

function tickFilter(texts, width) {
  if (texts[0] && texts[0].long) {
    const days = texts.filter((text) => text.time === "00:00").length || 1;
    const step = Math.max(1, Math.ceil(days / Math.max(2, width / 62)));
    let seen = -1;
    const shown = texts.map((text) => text.time === "00:00" && ++seen % step === 0);
    return (index) => shown[index];
  }
  const hours = new Set(texts.map((text) => text.time.slice(0, 2))).size;
  const step = [1, 2, 3, 6, 12].find((candidate) => hours / candidate <= width / 58) || 12;
  return (index) => texts[index].time.endsWith(":00") && Number(texts[index].time.slice(0, 2)) % step === 0;
}

function hatch(color) {
  return { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4, color };
}

const isBar = (series) => series.style === "bar" || series.style === "hatch";

function seriesOption(series, spec) {
  const color = colour(series.color || "accent");
  const bar = spec.kind === "bars" || isBar(series);
  const option = {
    name: series.name, type: bar ? "bar" : "line", data: series.data, stack: series.stack, connectNulls: false,
    itemStyle: { color }, emphasis: { disabled: true }, animation: false,
  };
  if (bar) {
    option.barCategoryGap = "22%";
    option.barMaxWidth = 26;
    if (series.style === "hatch") {
      option.itemStyle = { color: colour("card"), borderColor: color, borderWidth: 1, decal: hatch(color) };
    } else option.itemStyle.borderRadius = 2;
  } else {
    option.showSymbol = false;
    option.symbol = "circle";
    option.lineStyle = { color, width: 2, type: series.style === "dash" ? [6, 4] : "solid" };
    option.step = series.style === "step" ? "end" : false;
    if (series.style === "area") option.areaStyle = { color, opacity: 0.14 };
  }
  return option;
}

// What lies between two series, as tinted pieces; a gap in either is a gap.
function between(spec) {
  const [low, high] = spec.band.map((number) => spec.series[number].data);
  const fill = colour(spec.series[spec.band[0]].color || "accent");
  const both = (index) => low[index] !== null && high[index] !== null && index < low.length;
  return {
    type: "custom", silent: true, animation: false, z: 1, encode: { x: 0, y: [1, 2] },
    data: low.map((value, index) => [index, value, high[index]]).filter(([index]) => both(index) && both(index + 1)),
    renderItem: (_params, api) => {
      const at = api.value(0);
      const points = [[at, low[at]], [at + 1, low[at + 1]], [at + 1, high[at + 1]], [at, high[at]]];
      return { type: "polygon", shape: { points: points.map((point) => api.coord(point)) }, style: { fill, opacity: 0.18 } };
    },
  };
}

function whiskers(series) {
  const strokes = [[colour("card"), 4], [colour("ink"), 1.5]]; // a rim, so that the line shows on a dark bar
  return {
    type: "custom", silent: true, animation: false, z: 3, encode: { x: 0, y: [1, 2] },
    data: series.low.map((low, index) => [index, low, series.high[index]]).filter(([, low, high]) => low < high),
    renderItem: (_params, api) => {
      const low = api.coord([api.value(0), api.value(1)]);
      const high = api.coord([api.value(0), api.value(2)]);
      const lines = [[...low, ...high], ...[low, high].map(([x, y]) => [x - 5, y, x + 5, y])];
      const drawn = ([stroke, lineWidth]) => lines.map(([x1, y1, x2, y2]) => (
        { type: "line", shape: { x1, y1, x2, y2 }, style: { stroke, lineWidth } }
      ));
      return { type: "group", children: strokes.flatMap(drawn) };
    },
  };
}

function axisBase() {
  const ink = colour("ink-2");
  return {
    axisLabel: { color: ink, fontSize: 12 }, axisLine: { lineStyle: { color: colour("line-strong") } },
    nameTextStyle: { color: ink, fontSize: 12 }, splitLine: { lineStyle: { color: colour("line") } },
  };
}

function tipOption(content) {
  return {
    confine: true, appendTo: "body", backgroundColor: colour("card"), borderColor: colour("line-strong"), borderWidth: 1,
    padding: [8, 11], transitionDuration: 0, formatter: content, extraCssText: "box-shadow: none; border-radius: 8px;",
  };
}

function cartesian(spec, width) {
  const texts = spec.time ? timeTexts(spec) : spec.x.map((label) => ({ full: String(label), tick: String(label) }));
  const axis = axisBase();
  const option = {
    animation: false, aria: { enabled: true, label: { enabled: false } },
    grid: { left: 4, right: 18, top: 26, bottom: 2, containLabel: true },
    tooltip: {
      ...tipOption((points) => {
        const box = make("div", "chart-tip");
        box.append(make("b", "", texts[points[0].dataIndex].full));
        for (const series of spec.series) {
          const line = make("div", "line");
          line.append(make("span", "", series.name), make("span", "", numberText(series.data[points[0].dataIndex], spec)));
          box.append(line);
          const at = points[0].dataIndex;
          if (series.low && series.low[at] < series.high[at]) {
            box.append(make("div", "", `95 % between ${numberText(series.low[at], spec)} and ${numberText(series.high[at], spec)}`));
          }
        }
        return box;
      }),
      trigger: "axis", axisPointer: { lineStyle: { color: colour("line-strong") }, shadowStyle: { color: colour("line"), opacity: 0.4 } },
    },
    xAxis: {
      type: "category", data: texts.map((text) => text.tick), ...axis, boundaryGap: spec.kind === "bars" || spec.series.some(isBar),
      axisTick: { show: false }, splitLine: { show: false },
      axisLabel: { ...axis.axisLabel, hideOverlap: true, interval: spec.time ? tickFilter(texts, width) : "auto" },
    },
    yAxis: { type: "value", ...axis, name: spec.unit, nameGap: 10, nameTextStyle: { ...axis.nameTextStyle, align: "left" },
      splitNumber: 4, axisLine: { show: false }, ...axisRange(spec) },
    series: [...spec.series.map((series) => seriesOption(series, spec)), ...spec.series.filter((series) => series.low).map(whiskers), ...(spec.band ? [between(spec)] : [])],
  };
  if (spec.threshold && option.series.length) {
    const color = colour("bad");
    option.series[0].markLine = {
      silent: true, symbol: "none", animation: false, lineStyle: { color, type: [2, 3], width: 1.5 },
      label: { color, position: "insideEndTop", fontSize: 12 },
      data: [spec.threshold].flat().map(({ value, label }) => ({ yAxis: value, label: { formatter: label } })),
    };
  }
  return option;
}

// A range that is asked for holds unless something lies outside: nothing is cut off.
function axisRange(spec) {
  if (!spec.range) return {};
  const [from, to] = spec.range;
  return { min: ({ min }) => (min < from ? Math.floor(min) : from), max: ({ max }) => (max > to ? Math.ceil(max) : to) };
}

function heatmap(spec) {
  const axis = axisBase();
  const cells = [];
  const missing = [];
  spec.values.forEach((row, y) => row.forEach((value, x) => (value === null ? missing : cells).push([x, y, value])));
  return {
    animation: false, aria: { enabled: true, label: { enabled: false } },
    grid: { left: 4, right: 6, top: 8, bottom: 2, containLabel: true },
    tooltip: tipOption((point) => {
      const [x, y] = point.value;
      const box = make("div", "chart-tip");
      box.append(make("b", "", `${spec.y[y]}, ${spec.x[x]}`), make("div", "", numberText(spec.values[y][x], spec)));
      return box;
    }),
    visualMap: { show: false, min: 0, max: spec.max, seriesIndex: 0, inRange: { color: ["heat-0", "heat-1", "heat-2"].map(colour) } },
    xAxis: { type: "category", data: spec.x, ...axis, axisTick: { show: false }, splitLine: { show: false },
      axisLabel: { ...axis.axisLabel, hideOverlap: true } },
    yAxis: { type: "category", data: spec.y, inverse: true, ...axis, axisTick: { show: false }, splitLine: { show: false }, axisLine: { show: false } },
    series: [
      { type: "heatmap", data: cells, itemStyle: { borderColor: colour("card"), borderWidth: 2, borderRadius: 3 }, emphasis: { disabled: true } },
      { type: "heatmap", data: missing.map(([x, y]) => [x, y, 0]), silent: false, emphasis: { disabled: true },
        itemStyle: { color: colour("card"), borderColor: colour("line-strong"), borderWidth: 1, decal: hatch(colour("line-strong")) } },
    ],
  };
}

function draw(figure) {
  const { spec, chart } = charts.get(figure);
  chart.setOption(spec.kind === "heatmap" ? heatmap(spec) : cartesian(spec, chart.getWidth() - 48), true);
  if (figure.querySelector(".twin[open]")) fillTable(figure);
}
const drawAll = () => { for (const figure of charts.keys()) draw(figure); };

// The same numbers as a table: for screen readers, for copying, for those who prefer it.
function fillTable(figure) {
  const { spec } = charts.get(figure);
  const place = figure.querySelector(".twin .scroll");
  const table = make("table");
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  const heading = (text, number) => {
    const cell = make("th", number ? "num" : "", text);
    cell.scope = "col";
    head.append(cell);
  };
  const line = (first, values) => {
    const row = body.insertRow();
    const cell = make("th", "nowrap", first);
    cell.scope = "row";
    row.append(cell);
    for (const value of values) row.append(make("td", "num", numberText(value, spec)));
  };
  if (spec.kind === "heatmap") {
    heading(spec.y_title);
    spec.x.forEach((label) => heading(label, true));
    spec.y.forEach((label, y) => line(label, spec.values[y]));
  } else {
    heading(spec.x_title);
    spec.series.forEach((series) => heading(series.name, true));
    const ranged = spec.series.filter((series) => series.low);
    ranged.forEach((series) => ["95 % from", "to"].forEach((text) => heading(text, true)));
    const labels = spec.time ? timeTexts(spec).map((text) => text.full) : spec.x.map(String);
    labels.forEach((label, index) => line(label, [
      ...spec.series.map((series) => series.data[index]), ...ranged.flatMap((series) => [series.low[index], series.high[index]]),
    ]));
  }
  place.replaceChildren(table);
}

function mount(figure, spec) {
  const place = figure.querySelector(".chart-canvas");
  const known = charts.get(figure);
  if (known) known.spec = spec;
  else {
    place.replaceChildren();
    const chart = window.echarts.init(place, null, { renderer: "canvas" });
    charts.set(figure, { spec, chart });
    let width = chart.getWidth();
    new ResizeObserver(() => {
      chart.resize();
      if (chart.getWidth() !== width) { width = chart.getWidth(); draw(figure); }
    }).observe(place);
    const twin = figure.querySelector(".twin");
    if (twin) twin.addEventListener("toggle", () => { if (twin.open) fillTable(figure); });
  }
  draw(figure);
}

async function load(figure) {
  const place = figure.querySelector(".chart-canvas");
  try {
    const answer = await fetch(figure.dataset.src, { headers: { Accept: "application/json" } });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.title || answer.statusText);
    mount(figure, body);
  } catch (error) {
    if (charts.has(figure)) return;
    const state = make("div", "state error");
    const retry = make("button", "button small", "Try again");
    retry.type = "button";
    retry.addEventListener("click", () => load(figure));
    state.append(make("h3", "", "The chart could not be loaded"), make("p", "meta", error.message), retry);
    place.replaceChildren(state);
  }
}

function mountCharts(root) {
  for (const figure of all("figure[data-chart]", root)) {
    if (charts.has(figure)) continue;
    const spec = figure.querySelector("script[type='application/json']");
    if (figure.dataset.src && !spec) {
      load(figure);
      if (figure.dataset.every) setInterval(() => figure.isConnected && load(figure), 1000 * figure.dataset.every);
    } else mount(figure, JSON.parse(spec.textContent));
  }
  for (const [figure, { chart }] of charts) {
    if (!figure.isConnected) { chart.dispose(); charts.delete(figure); }
  }
}

/* ---- live values -------------------------------------------------------------------------------------- */
const onLive = {
  values: (data) => {
    for (const [key, text] of Object.entries(data)) {
      for (const node of all(`[data-value="${CSS.escape(key)}"]`)) {
        if (node.matches("progress")) node.value = Number(text);
        else if (node.textContent !== text) node.textContent = text;
      }
    }
  },
  series: (data) => {
    const figure = document.getElementById(data.chart);
    if (!charts.has(figure)) return;
    const { spec } = charts.get(figure);
    spec.x.push(data.x);
    spec.series.forEach((series, index) => series.data.push(data.values[index]));
    const extra = spec.x.length - Number(figure.dataset.keep || Infinity);
    if (extra > 0) {
      spec.x.splice(0, extra);
      spec.series.forEach((series) => series.data.splice(0, extra));
    }
    draw(figure);
  },
  bytes: (data) => {
    for (const box of all("[data-bytes]")) {
      box.replaceChildren(...data.rows.flatMap(([id, hex]) => [make("span", "id", id), make("span", "hex", hex)]));
    }
  },
  state: (data) => {
    for (const [key, { tone, text }] of Object.entries(data)) {
      for (const node of all(`[data-state="${CSS.escape(key)}"]`)) {
        node.classList.remove("ok", "warn", "bad", "idle");
        node.classList.add(tone);
        node.textContent = text;
      }
    }
  },
  fresh: (data) => {
    document.body.dispatchEvent(new CustomEvent(`fresh-${data.what}`));
    for (const figure of all(`figure[data-fresh="${CSS.escape(data.what)}"]`)) load(figure);
  },
  notice: (data) => toast(data.text),
  reload: () => location.reload(),
};

function listen() {
  const url = document.body.dataset.live;
  if (!url) return;
  const every = Number(document.body.dataset.liveEvery || 5);
  let last = Date.now();
  const source = new EventSource(url);
  for (const [name, handle] of Object.entries(onLive)) {
    source.addEventListener(name, (event) => {
      last = Date.now();
      handle(JSON.parse(event.data));
    });
  }
  source.addEventListener("beat", () => { last = Date.now(); });
  setInterval(() => {
    const age = Math.round((Date.now() - last) / 1000);
    const stale = age > 2 * every;
    for (const node of all(".live")) {
      node.classList.toggle("is-stale", stale);
      node.querySelector(".word").textContent = stale ? `last update ${age} s ago` : "live";
    }
  }, 1000);
  addEventListener("pagehide", () => source.close());
}

document.addEventListener("DOMContentLoaded", () => {
  showTheme();
  for (const current of all(".nav [aria-current], .tabs [aria-current]")) {
    const strip = current.closest("ul, .tabs");
    strip.scrollLeft = current.offsetLeft - strip.offsetLeft - (strip.clientWidth - current.clientWidth) / 2;
  }
  if (window.echarts) mountCharts(document);
  listen();
  for (const frame of all("iframe.glance")) frame.addEventListener("load", () => tellTheme(frame));
  document.addEventListener("htmx:afterSettle", () => { if (window.echarts) mountCharts(document); });
});
