// Charts that stand still: figures from Python, redrawn on the same nodes when a newer snapshot comes. Hovering a point
// shows its unit's filter, a click opens the unit's page; arrow keys and Enter do the same.

import { Store } from "../apart/store.js";
import { drawSigned } from "../apart/pictures.js";
import { loadPlotly, resizePlot } from "../charts.js";
import { el, setText, toggle } from "../dom.js";
import { readLook } from "../look.js";
import { Scrubber } from "../features/scrubber.js";
import { imageShape } from "../mosaic.js";
import { mounting } from "../mounting.js";
import { saveButtons } from "../save.js";
import { TakeAlong } from "../take-along.js";
import { Confusion } from "./confusion.js";
import { Walk } from "./walk.js";

const LISTED = 60; // tiles in a list

class Plots {
  constructor({ data, parentElement }) {
    this.store = new Store(data.base);
    this.charts = new Map();
    this.words = el("p", { class: "ps-what pl-words", role: "status" });
    this.grid = el("div", { class: "pl-grid" });
    this.lists = el("div", { class: "pl-lists" });
    this.confusion = new Confusion(this.store, (index) => `${this.data.pages}/take-apart?run=${encodeURIComponent(this.data.run)}&image=${index}`);
    this.scrubber = new Scrubber((step) => this.setStateValue("step", step));
    this.peek = el("canvas", { class: "ps-crisp pl-peek", hidden: true });
    this.along = new TakeAlong();
    this.node = el("div", { class: "ps-root pl-root" }, this.words, this.scrubber.node, this.grid, this.confusion.opened, this.lists, this.along.node, this.peek);
    parentElement.append(this.node);
    this.resized = new ResizeObserver(() => this.resize());
    this.resized.observe(this.node);
    this.shades = new MutationObserver(() => this.redraw());
    this.shades.observe(document.documentElement, { attributes: true, attributeFilter: ["style", "class"] });
  }

  receive({ data, setStateValue }) {
    this.data = data;
    this.setStateValue = setStateValue;
    this.scrubber.node.hidden = !data.history;
    if (data.history) this.scrubber.receive(data.history, data.markers, data.step);
    this.look = readLook(this.node, data.lecture);
    toggle(this.node, "ps-dark", this.look.palette.dark);
    toggle(this.node, "ps-lecture", Boolean(data.lecture));
    setText(this.words, data.words);
    if (data.at) this.scrubber.describe(data.at, data.step === null);
    this.along.show(data.exports, data.again);
    this.showLists();
    this.show();
    if (data.weights !== this.loaded) this.load(data.weights);
  }

  async load(version) {
    this.loaded = version;
    const { run, step } = this.data;
    try {
      const [{ arrays }, survey] = await Promise.all([this.store.weights(run, step, version), this.store.survey(run, step, version)]);
      if (this.loaded !== version) return;
      this.filters = arrays.filters;
      this.survey = survey;
      this.labels = this.data.confusion && this.data.has_labels ? await this.store.labels(this.data) : null;
      this.node.dataset.surveyed = version;
      this.showLists();
      this.show();
      this.failed = false;
    } catch (problem) {
      this.failed = true;
      setText(this.words, problem.message);
      this.show();
    }
  }

  async show() {
    const Plotly = (this.Plotly ??= await loadPlotly(this.data.base));
    for (const [name, figure] of Object.entries(this.data.figures)) this.react(Plotly, this.chart(name), figure);
    this.confusion.show({ labels: this.labels, answers: this.labels ? (this.data.answers ?? this.survey?.answers) : null, names: this.data.class_names, waiting: this.data.confusion && this.data.has_labels && !this.failed, data: this.data, shape: imageShape(this.data.image_shape, this.data.image_shape.reduce((a, b) => a * b, 1)), look: this.look });
    for (const [name, chart] of this.charts) chart.node.hidden = !(name in this.data.figures);
    if (this.data.confusion) this.grid.append(this.confusion.box);
  }

  redraw() {
    if (!this.data) return;
    this.look = readLook(this.node, this.data.lecture);
    toggle(this.node, "ps-dark", this.look.palette.dark);
    this.show();
    this.showLists();
  }

  resize() {
    for (const { plot } of this.charts.values()) resizePlot(this.Plotly, plot);
  }

  chart(name) {
    if (!this.charts.has(name)) {
      const [title, plot, what] = [el("h3", { class: "ps-chart-title" }), el("div", { class: `pl-plot pl-plot-${name}`, role: "img" }), el("p", { class: "ps-what" })];
      const node = el("figure", { class: "ps-chart" }, saveButtons(() => this.Plotly, plot, name), title, plot, what);
      this.grid.append(node);
      this.charts.set(name, { title, plot, what, node });
    }
    return this.charts.get(name);
  }

  react(Plotly, { title, plot, what }, figure) {
    const { look } = this;
    const { meta } = figure.layout;
    setText(title, meta.title);
    setText(what, meta.what);
    plot.setAttribute("aria-label", meta.alt);
    toggle(plot, "pl-waiting", !this.survey && !this.failed && figure.data.some((trace) => trace.meta?.survey));
    const layout = {
      ...figure.layout,
      autosize: true,
      uirevision: this.data.run,
      font: { ...figure.layout.font, color: look.text, family: look.font, size: look.size },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
    };
    for (const axis of ["xaxis", "yaxis"]) layout[axis] = { ...layout[axis], gridcolor: look.grid, zerolinecolor: look.grid, linecolor: look.grid };
    const first = !plot.data;
    Plotly.react(plot, figure.data.map((trace) => this.filled(trace)), layout, { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"] });
    if (first && meta.opens === "step") {
      plot.on("plotly_click", ({ points: [point] }) => point.customdata !== undefined && this.setStateValue("step", point.customdata));
    }
    if (first && meta.opens === "latent") {
      plot.on("plotly_hover", ({ points: [point], event }) => this.peekAt(point.customdata, event));
      plot.on("plotly_unhover", () => (this.peek.hidden = true));
      plot.on("plotly_click", ({ points: [point] }) => point.customdata !== undefined && this.open(point.customdata));
      new Walk(Plotly, plot, { visit: (latent, at) => this.peekBeside(plot, latent, at), open: (latent) => this.open(latent) });
    }
  }

  /** A trace whose `meta` names columns of the survey gets them. */
  filled(trace) {
    const columns = trace.meta?.survey;
    if (!columns) return trace;
    const [x, y] = columns.map((name) => this.survey?.[name] ?? []);
    return { ...trace, x, y };
  }

  href(latent) {
    return `${this.data.pages}/features?run=${encodeURIComponent(this.data.run)}&latent=${latent}`;
  }

  filter(latent) {
    const [n, nPixels] = this.filters.shape;
    return latent < n ? this.filters.data.subarray(latent * nPixels, (latent + 1) * nPixels) : null;
  }

  open(latent) {
    location.assign(this.href(latent));
  }

  /** The filter of the point that the keyboard has come to. */
  peekBeside(plot, latent, at) {
    if (latent === null) return (this.peek.hidden = true);
    const box = plot.getBoundingClientRect();
    this.peekAt(latent, { clientX: box.left + at.x, clientY: box.top + at.y });
  }

  peekAt(latent, event) {
    const filter = latent === undefined || !this.filters ? null : this.filter(latent);
    this.peek.hidden = !filter;
    if (!filter) return;
    drawSigned(this.peek, filter, imageShape(this.data.image_shape, filter.length), this.look.palette);
    const box = this.node.getBoundingClientRect();
    Object.assign(this.peek.style, { left: `${event.clientX - box.left + 16}px`, top: `${event.clientY - box.top - 90}px` });
  }

  showLists() {
    const lists = this.data.lists ?? [];
    this.lists.replaceChildren(...lists.map(({ title, what, latents, values }) => this.list(title, what, latents, values)));
  }

  list(title, what, latents, values) {
    const tiles = latents.slice(0, LISTED).map((latent, i) => {
      const canvas = el("canvas", { class: "ps-crisp" });
      const filter = this.filters && this.filter(latent);
      if (filter) drawSigned(canvas, filter, imageShape(this.data.image_shape, filter.length), this.look.palette);
      const note = values?.[i];
      return el("a", { href: this.href(latent), class: "pl-tile", title: `unit ${latent}${note ? `: ${note}` : ""}` }, canvas, el("span", { text: `#${latent}` }), note ? el("span", { class: "pl-tile-note", text: note }) : null);
    });
    const more = latents.length > LISTED ? ` The first ${LISTED} of ${latents.length.toLocaleString("en-US")} are shown.` : "";
    return el("section", { class: "pl-list" }, el("h3", { class: "ps-chart-title", text: title }), el("p", { class: "ps-what", text: what + more }), el("div", { class: "pl-tiles" }, ...tiles));
  }

  close() {
    for (const { plot } of this.charts.values()) this.Plotly?.purge(plot);
    this.resized.disconnect();
    this.shades.disconnect();
    this.scrubber.stop();
    this.node.remove();
  }
}

export const mount = mounting(Plots);
