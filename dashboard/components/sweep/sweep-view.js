// A sweep: its frontier and its knobs side by side, linked. What is chosen in one, by lasso, click or a stroke along an
// axis, stands out in the other, and Python hears which runs these are.

import { loadPlotly, resizePlot } from "../charts.js";
import { el, setText } from "../dom.js";
import { readLook } from "../look.js";

const TELL_AFTER = 250; // ms without another change

const views = new WeakMap();

export function mount(component) {
  const { parentElement } = component;
  let view = views.get(parentElement);
  if (!view || !view.node.isConnected) views.set(parentElement, (view = new SweepView(parentElement)));
  view.receive(component);
  return () => setTimeout(() => !view.node.isConnected && view.close());
}

class SweepView {
  constructor(parent) {
    this.frontier = el("div", { class: "sw-plot", role: "img" });
    this.parallel = el("div", { class: "sw-plot sw-wide", role: "img" });
    this.said = el("span", { class: "sw-said", role: "status" });
    this.all = el("button", { class: "sw-all", type: "button", text: "Show all", hidden: true, onclick: () => this.choose(null, true) });
    const figure = (title, hint, plot) => el("figure", { class: "sw-figure" }, el("h3", { class: "ps-chart-title", text: title }), plot, el("p", { class: "ps-what", text: hint }));
    this.node = el("div", { class: "ps-root sw-root" },
      el("div", { class: "sw-grid" },
        figure("Explained against lit, on test images", "Click a trial, or draw around several. The line joins those that no other beats in both.", this.frontier),
        figure("Knobs and results, a line a trial", "Drag along an axis to keep a part of it; click on an axis to let go.", this.parallel)),
      el("div", { class: "sw-bar" }, this.said, this.all));
    parent.append(this.node);
    this.shades = new MutationObserver(() => this.draw());
    this.shades.observe(document.documentElement, { attributes: true, attributeFilter: ["style", "class"] });
    this.resized = new ResizeObserver(() => this.resize());
    this.resized.observe(this.node);
  }

  receive({ data, setStateValue }) {
    if (data.sweep !== this.data?.sweep) this.chosen = this.brushed = null;
    this.data = data;
    this.tell = setStateValue;
    this.draw();
  }

  async draw() {
    if (!this.data) return;
    const { frontier, parallel, base, lecture, sweep, colour } = this.data;
    const Plotly = (this.Plotly = await loadPlotly(base));
    const look = readLook(this.node, lecture);
    const key = [look.key, sweep, colour, this.data.runs.length].join("|");
    if (key === this.drawn) return;
    this.drawn = key;
    const paint = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: look.text, family: look.font, size: look.size + 1 }, autosize: true };
    const axis = (one) => ({ ...one, gridcolor: look.grid, zerolinecolor: look.grid, linecolor: look.grid });
    const layout = { ...frontier.layout, ...paint, xaxis: axis(frontier.layout.xaxis), yaxis: axis(frontier.layout.yaxis) };
    const config = { displayModeBar: false, responsive: true };
    await Plotly.react(this.frontier, frontier.data, layout, config);
    this.colours = structuredClone(parallel.data[0].line); // restyling changes the trace's own
    this.grey = look.palette.dark ? "#2b343d" : "#e4e7ea"; // solid: these lines know no transparency
    const trace = { ...parallel.data[0], labelfont: { size: look.size + 1 }, tickfont: { color: look.text }, rangefont: { color: "rgba(0,0,0,0)" } };
    await Plotly.react(this.parallel, [trace], { ...parallel.layout, ...paint }, config);
    this.frontier.setAttribute("aria-label", frontier.layout.meta.alt);
    this.parallel.setAttribute("aria-label", parallel.layout.meta.alt);
    this.node.dataset.drawn = String(this.data.runs.length);
    this.listen();
    this.show();
  }

  listen() {
    for (const plot of [this.frontier, this.parallel]) plot.removeAllListeners?.();
    const numbers = (event) => event.points.filter((point) => point.curveNumber === 0).map((point) => point.pointIndex);
    this.frontier.on("plotly_selected", (event) => event && this.choose(numbers(event)));
    this.frontier.on("plotly_click", (event) => this.choose(numbers(event)));
    this.frontier.on("plotly_deselect", () => this.choose(null));
    this.parallel.on("plotly_restyle", () => this.brush());
  }

  /** Trials chosen on the frontier; null for all. */
  choose(trials, everywhere = false) {
    this.chosen = trials?.length ? new Set(trials) : null;
    if (everywhere) {
      this.brushed = null;
      const open = Object.fromEntries(this.parallel.data[0].dimensions.map((_, i) => [`dimensions[${i}].constraintrange`, null]));
      this.quiet = true;
      this.Plotly.restyle(this.parallel, open).then(() => (this.quiet = false));
      this.Plotly.relayout(this.frontier, { selections: [] }); // what was drawn around them
    }
    this.show(true);
  }

  /** Trials within every range that was drawn along an axis. */
  brush() {
    if (this.quiet) return;
    const drawn = this.parallel.data[0].dimensions.filter((dimension) => dimension.constraintrange);
    const within = (value, range) => (Array.isArray(range[0]) ? range.some((one) => within(value, one)) : value >= range[0] && value <= range[1]);
    const kept = this.data.runs.map((_, at) => at).filter((at) => drawn.every((dimension) => within(dimension.values[at], dimension.constraintrange)));
    this.brushed = drawn.length ? new Set(kept) : null;
    this.show(true);
  }

  get picked() {
    if (!this.chosen && !this.brushed) return null;
    return this.data.runs.map((_, at) => at).filter((at) => (this.chosen?.has(at) ?? true) && (this.brushed?.has(at) ?? true));
  }

  async show(changed = false) {
    if (!this.frontier.data) return;
    const picked = this.picked;
    setText(this.said, picked ? `${picked.length} of ${this.data.runs.length} trials chosen` : `${this.data.runs.length} trials`);
    this.all.hidden = !picked;
    await this.Plotly.restyle(this.frontier, { selectedpoints: [picked] }, [0]);
    if (this.chosen || this.faded) {
      this.faded = Boolean(this.chosen);
      this.quiet = true;
      const lines = this.lines();
      await this.Plotly.restyle(this.parallel, { "line.color": [lines.color], "line.colorscale": [lines.colorscale], "line.cmin": lines.cmin, "line.cmax": lines.cmax }, [0]);
      this.quiet = false;
    }
    if (!changed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell("picked", picked ? picked.map((at) => this.data.runs[at]) : null), TELL_AFTER);
  }

  /** The lines' colours: grey for what is not chosen on the frontier. */
  lines() {
    const values = this.colours.color;
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const span = high - low || 1;
    if (!this.chosen) return { ...this.colours, cmin: low, cmax: low + span };
    const scale = this.colours.colorscale.map(([at, colour]) => [0.5 + at / 2, colour]);
    return { ...this.colours, color: values.map((value, at) => (this.chosen.has(at) ? 0.5 + (value - low) / span / 2 : 0)), cmin: 0, cmax: 1, colorscale: [[0, this.grey], [0.49, this.grey], ...scale] };
  }

  resize() {
    for (const plot of [this.frontier, this.parallel]) resizePlot(this.Plotly, plot);
  }

  close() {
    clearTimeout(this.timer);
    this.shades.disconnect();
    this.resized.disconnect();
    for (const plot of [this.frontier, this.parallel]) this.Plotly?.purge(plot);
  }
}
