// The charts: figures made once in Python (dashboard/figures), fed here on the same DOM nodes, so zoom and hover stay.

import { el } from "./dom.js";
import { saveButtons } from "./save.js";

const EVERY_MS = 300; // a chart costs 5–20 ms to redraw; the picture beside it must stay smooth
const SHARE = 1 / 8; // of the page's time that charts may take, on a slow machine too
const SHOWN_LABELS = 6;

let plotly; // one load a page

export function loadPlotly(base) {
  plotly ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = el("script", { src: `${base}/plotly.min.js`, onload: () => resolve(window.Plotly), onerror: () => reject(new Error("plotly.min.js did not load")) });
    document.head.append(script);
  });
  return plotly;
}

/** To its box's new size; one that is not shown (its page just left, a folded part) would complain. */
export function resizePlot(Plotly, plot) {
  if (plot.data && plot.getClientRects().length) Plotly?.Plots.resize(plot);
}

export class Charts {
  constructor(base) {
    this.base = base;
    this.charts = new Map();
    this.node = el("div", { class: "ps-charts" });
    this.turn = 0;
    this.drawnAt = 0;
    this.cost = 0; // ms that drawing one took
  }

  /** @param {Object<string, {data: object[], layout: object}>} figures by name, from Python */
  async setFigures(figures, revision) {
    this.revision = revision;
    const Plotly = await loadPlotly(this.base);
    this.Plotly = Plotly;
    for (const [name, figure] of Object.entries(figures)) {
      const known = this.charts.get(name);
      const chart = known ?? this.addChart(name);
      const { title, what, alt } = figure.layout.meta;
      const [words, unit = ""] = title.split(/(?= \()/);
      chart.title.replaceChildren(words, el("span", { class: "ps-title-unit", text: unit }));
      chart.what.textContent = what;
      chart.plot.setAttribute("aria-label", alt);
      chart.figure = figure;
    }
    this.due = true;
  }

  addChart(name) {
    const title = el("h3", { class: "ps-chart-title" });
    const legend = el("div", { class: "ps-legend", "aria-hidden": "true" });
    const plot = el("div", { class: `ps-plot ps-plot-${name}`, role: "img" });
    const what = el("p", { class: "ps-what" });
    const saves = saveButtons(() => this.Plotly, plot, name);
    this.node.append(el("figure", { class: `ps-chart ps-chart-${name}` }, saves, el("div", { class: "ps-chart-head" }, title, legend), plot, what));
    const chart = { name, title, legend, plot, what };
    this.charts.set(name, chart);
    return chart;
  }

  /** Called with every picture; redraws one chart at a time, each a few times a second where the machine affords it. */
  draw(now, sources, look, force = false) {
    if (!this.Plotly || !this.charts.size) return;
    if (!force && !this.due && now - this.drawnAt < Math.max(EVERY_MS / this.charts.size, this.cost / SHARE)) return;
    this.drawnAt = now;
    const all = [...this.charts.values()].filter((chart) => chart.figure);
    const chosen = force || this.due ? all : [all[this.turn++ % all.length]];
    this.due = false;
    const began = performance.now();
    for (const chart of chosen) this.react(chart, sources, look);
    this.cost = (performance.now() - began) / Math.max(1, chosen.length);
  }

  /** All of them, one after the other, letting the page breathe between; a later call takes over from this one. */
  async drawAll(sources, look) {
    if (!this.Plotly) return;
    const turn = (this.calls = (this.calls ?? 0) + 1);
    for (const chart of this.charts.values()) {
      if (chart.plot.parentElement.hidden || !chart.figure) continue;
      this.react(chart, sources, look);
      await new Promise((done) => setTimeout(done, 0));
      if (turn !== this.calls) return;
    }
  }

  react(chart, { rows, frame, markers }, look) {
    const data = chart.figure.data.map((trace) => coloured(bind(trace, rows, frame), look.onDark));
    const layout = {
      ...chart.figure.layout,
      autosize: true,
      showlegend: false,
      margin: { ...scaled(chart.figure.layout.margin, look.size / 11), t: 8 },
      uirevision: this.revision,
      font: { ...chart.figure.layout.font, color: look.text, family: look.font, size: look.size },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
    };
    for (const axis of ["xaxis", "yaxis"]) layout[axis] = { ...layout[axis], title: { ...layout[axis].title, font: { size: look.size } }, gridcolor: look.grid, zerolinecolor: look.grid, linecolor: look.grid };
    if (look.large) layout.yaxis = { ...layout.yaxis, title: {}, nticks: 4 }; // the chart's own title says it
    if (chart.figure.layout.meta.markers) Object.assign(layout, markerLayout(markers, look));
    if (!data.some((trace) => trace.x.length)) Object.assign(layout, nothingYet(layout, look));
    showLegend(chart.legend, data);
    this.Plotly.react(chart.plot, data, layout, { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"] });
  }

  close() {
    for (const { plot } of this.charts.values()) this.Plotly?.purge(plot);
  }
}

/** A trace's `meta` names the arrays it shows: columns of the curves, or a histogram of the frame. */
function bind(trace, rows, frame) {
  const { x, y, histogram } = trace.meta ?? {};
  if (histogram) {
    if (!frame) return trace;
    const edges = frame.arrays[`${histogram}_edges`].data;
    const counts = frame.arrays[`${histogram}_counts`].data;
    const centres = Array.from(counts, (_, i) => (edges[i] + edges[i + 1]) / 2);
    return { ...trace, x: centres, y: Array.from(counts), width: centres.map((_, i) => (edges[i + 1] - edges[i]) * 0.92) };
  }
  return { ...trace, x: [...rows.column(x)], y: [...rows.column(y)] };
}

/** Beside the title, where it takes no height from the curves; built anew only when a colour or a name is another. */
function showLegend(node, data) {
  const colour = (trace) => trace.line?.color ?? trace.marker?.color ?? "currentColor";
  const key = data.length > 1 ? data.map((trace) => `${trace.name} ${colour(trace)}`).join() : "";
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.replaceChildren(...(key ? data.map((trace) => el("span", { style: `--swatch:${colour(trace)}`, text: trace.name })) : []));
}

/** Before the first point: axes of nothing have no numbers. */
function nothingYet({ xaxis, yaxis }, look) {
  const text = { text: "drawn as it learns", showarrow: false, font: { size: look.size + 1 }, opacity: 0.7 };
  return {
    xaxis: { ...xaxis, showticklabels: false },
    yaxis: { ...yaxis, showticklabels: false },
    annotations: [{ ...text, x: 0.5, y: 0.5, xref: "paper", yref: "paper" }],
  };
}

/** The trace with its colours exchanged for those of the page's theme. */
function coloured(trace, colours) {
  const result = { ...trace };
  for (const part of ["line", "marker"]) if (colours[trace[part]?.color]) result[part] = { ...trace[part], color: colours[trace[part].color] };
  return result;
}

const scaled = (margin, by) => Object.fromEntries(Object.entries(margin).map(([side, size]) => [side, Math.round(size * by)]));

function markerLayout(markers, look) {
  const shapes = markers.map(({ images }) => ({ type: "line", xref: "x", yref: "paper", x0: images, x1: images, y0: 0, y1: 1, line: { color: look.accent, width: 1, dash: "dot" } }));
  const annotations = markers.slice(-SHOWN_LABELS).map(({ images, text }, i) => ({
    x: images, y: 1 - 0.13 * (i % 3), xref: "x", yref: "paper", text, showarrow: false, xanchor: "left", yanchor: "top", font: { size: look.size - 1, color: look.accent },
  }));
  return { shapes, annotations };
}
