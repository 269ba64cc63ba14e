// One latent's page: what it looks for, what fires it, who is like it, what it is worth, and its life so far.

import { Charts } from "../charts.js";
import { el, setText, toggle } from "../dom.js";
import { figure, whole } from "../format.js";
import { drawTile, imageShape } from "../mosaic.js";
import { Tiles } from "./tiles.js";
import { describe, sentence } from "./words.js";

const WHAT = { born: "became what it is", died: "went silent on the test set", revived: "came back to life", duplicated: "became a duplicate of unit", parted: "went its own way again from unit" };
const BANDS = ["strongly", "middling", "weakly", "barely"];
const NEIGHBOURS = { alike: ["look alike (cosine)", "alike_cosine"], opposite: ["look opposite (cosine)", "opposite_cosine"], together: ["fire together (φ)", "together_phi"], apart: ["avoid it (φ)", "apart_phi"] };

export class Panel {
  /** @param {{go: (latent: number) => void, beside: (by: number) => void, note: (latent: number, note: object) => void}} on */
  constructor(base, on) {
    this.on = on;
    this.title = el("h3", { class: "ps-unit-title", tabindex: "-1" });
    this.words = el("p", { class: "ps-unit-words" });
    this.asOf = el("p", { class: "ps-what", role: "status" });
    this.star = el("button", { type: "button", class: "ps-button ps-star", title: "Favourite (F)", "aria-label": "Favourite", "aria-pressed": "false", onclick: () => this.toggleStar() }, "☆");
    this.label = el("input", { class: "ps-unit-label", type: "text", maxlength: "200", placeholder: "your name for it", "aria-label": "Label of this unit", onchange: () => this.sendNote() });
    const go = (by, text, title) => el("button", { type: "button", class: "ps-button", title, "aria-label": title, onclick: () => on.beside(by) }, text);
    this.pictures = Object.fromEntries(["filter", "encoder", "maximal"].map((name) => [name, picture()]));
    this.top = new Tiles("most of all");
    this.bands = BANDS.map((name) => new Tiles(name));
    this.random = new Tiles("any of them");
    this.neighbours = Object.fromEntries(Object.entries(NEIGHBOURS).map(([name, [title]]) => [name, new Tiles(title, ({ latent }) => on.go(latent))]));
    this.story = el("ol", { class: "ps-unit-story" });
    this.worth = el("p", { class: "ps-unit-words" });
    this.charts = new Charts(base);
    const nodes = (tiles) => tiles.map(({ node }) => node);
    this.node = el(
      "section",
      { class: "ps-unit", "aria-label": "The chosen unit" },
      el("div", { class: "ps-unit-head" }, go(-1, "◀", "Previous (,)"), this.title, go(1, "▶", "Next (.)"), this.star, this.label),
      this.words,
      el("div", { class: "ps-unit-pictures" }, ...nodes(Object.values(this.pictures))),
      el("h4", { text: "Test images that fire it" }),
      el("div", { class: "ps-unit-galleries" }, ...nodes([this.top, ...this.bands, this.random])),
      this.charts.node,
      el("h4", { text: "Without it" }),
      this.worth,
      el("h4", { text: "Other units" }),
      el("div", { class: "ps-unit-neighbours" }, ...nodes(Object.values(this.neighbours))),
      el("h4", { text: "Its life so far" }),
      this.story,
      this.asOf,
    );
  }

  /** At once, from what the atlas knows; the rest follows with `show`. */
  announce(latent, atlas, palette, note) {
    Object.assign(this, { latent, atlas, palette });
    const { filters } = atlas.arrays;
    this.shape = imageShape(atlas.image_shape, filters.shape[1]);
    setText(this.title, `Unit ${latent}`);
    setText(this.words, sentence(atlas, latent));
    if (atlas.weights === "decoder") this.draw("filter", this.filterOf(latent), palette.weights, ...ADDS);
    this.setNote(note);
    toggle(this.node, "ps-stale", true);
  }

  /** All of it; resolves when the charts are drawn too. */
  async show(page, atlas, palette) {
    Object.assign(this, { page, atlas, palette, latent: page.latent });
    const { arrays } = page;
    setText(this.title, `Unit ${page.latent}`);
    setText(this.words, describe(page));
    this.draw("filter", arrays.filter.data, palette.weights, ...ADDS);
    this.draw("encoder", arrays.encoder.data, palette.weights, "what it looks for", `encoder weights, cosine ${figure(page.tie)}`);
    this.draw("maximal", arrays.maximal.data, palette.grey, "what would fire it most", "with a usual image's ink");
    this.showGalleries(arrays);
    this.showNeighbours(arrays);
    this.showWorth(page);
    this.showStory(page.story);
    const older = page.census_step < page.step ? ` Images and counts are of step ${whole(page.census_step)}, and follow.` : "";
    setText(this.asOf, `As of step ${whole(page.step)}, over ${whole(page.n_test)} test images.${page.complete ? "" : older || " More is being worked out…"}`);
    toggle(this.node, "ps-stale", false);
    await this.showCharts(page);
    if (this.page === page) Object.assign(this.node.dataset, { latent: page.latent, complete: page.complete });
  }

  filterOf(latent) {
    const { data, shape } = this.atlas.arrays.filters;
    return data.subarray(latent * shape[1], (latent + 1) * shape[1]);
  }

  draw(name, bytes, table, caption, note) {
    const { canvas, words, small } = this.pictures[name];
    setText(words, caption);
    setText(small, note);
    drawTile(canvas, bytes, this.shape, table);
  }

  showGalleries(arrays) {
    this.top.show(this.imagesOf(arrays, "top"), this.shape, this.palette.grey);
    const per = arrays.quantile ? arrays.quantile.data.length / BANDS.length : 0;
    this.bands.forEach((tiles, band) => tiles.show(arrays.quantile ? this.imagesOf(arrays, "quantile", band * per, (band + 1) * per) : null, this.shape, this.palette.grey));
    this.random.show(this.imagesOf(arrays, "random"), this.shape, this.palette.grey);
  }

  /** The images of a group from the `from`th to before the `to`th; null where the group is not there (yet). */
  imagesOf(arrays, name, from = 0, to = Infinity) {
    const pixels = arrays[`${name}_pixels`];
    if (!pixels) return null;
    const n = this.shape.reduce((a, b) => a * b, 1);
    const found = [];
    const images = arrays[name].data;
    for (let i = from; i < Math.min(to, images.length); i++) {
      if (images[i] < 0) continue;
      const code = figure(arrays[`${name}_codes`].data[i]);
      const label = arrays[`${name}_labels`]?.data[i];
      const what = label === undefined ? "" : `, a ${this.page.class_names[label] ?? label}`;
      found.push({ bytes: pixels.data.subarray(i * n, (i + 1) * n), number: code, title: `test image ${images[i]}${what}: ${code}` });
    }
    return found;
  }

  showNeighbours(arrays) {
    for (const [name, tiles] of Object.entries(this.neighbours)) tiles.show(this.unitsOf(arrays, name), this.shape, this.palette.weights);
  }

  /** The units of a group with their numbers; null where the group is not there (yet). */
  unitsOf(arrays, name) {
    if (!arrays[name]) return null;
    const values = arrays[NEIGHBOURS[name][1]].data;
    return [...arrays[name].data].flatMap((latent, i) => {
      const number = values[i].toFixed(2).replace("-", "−");
      return latent >= 0 && latent < this.atlas.n_latents ? [{ latent, bytes: this.filterOf(latent), number, title: `unit ${latent}: ${number}` }] : [];
    });
  }

  showWorth(page) {
    if (page.removal === null) return setText(this.worth, "…");
    const by = (100 * Math.abs(page.removal)).toFixed(Math.abs(page.removal) < 0.01 ? 3 : 2);
    const harm = page.removal < 0 ? " It does more harm than good." : "";
    setText(this.worth, `The reconstructions explain ${by} percentage points ${page.removal < 0 ? "more" : "less"} (FVU ${figure(page.fvu)} → ${(page.fvu + page.removal).toFixed(5)}).${harm}${this.probeWords(page)}`);
  }

  /** Which digits the probe tells less, or more, often without it. */
  probeWords({ arrays, class_names: names }) {
    if (!arrays.class_probe) return "";
    const changed = [...arrays.class_probe.data].flatMap((change, i) => (Math.abs(change) >= 5e-4 ? [`${names[i]}: ${change > 0 ? "+" : ""}${(100 * change).toFixed(1).replace("-", "−")}`] : []));
    return changed.length ? ` The probe reads, in percentage points of each digit: ${changed.join(", ")}.` : " The probe reads as well as with it.";
  }

  showStory(story) {
    if (!story) return this.story.replaceChildren(el("li", { text: "…" }));
    const lines = story.map(({ images, step, what, other }) => {
      const line = el("li", {}, `${whole(images)} images (step ${whole(step)}): ${WHAT[what]} `);
      if (other !== null) line.append(el("button", { type: "button", class: "ps-link", onclick: () => this.on.go(other) }, String(other)));
      return line;
    });
    this.story.replaceChildren(...(lines.length ? lines : [el("li", { text: "Nothing has happened to it yet." })]));
  }

  /** The charts as Python made them; a rerun that brings the same ones draws nothing. */
  async setFigures(figures, look) {
    this.look = look;
    const key = `${look.key}:${Object.keys(figures)}`;
    if (key === this.drawn) return;
    this.drawn = key;
    await this.charts.setFigures(figures, "features");
    await this.redrawCharts();
  }

  showCharts(page) {
    const { arrays } = page;
    const bins = arrays.histogram ? [...arrays.histogram.data] : [];
    const width = bins.length ? arrays.histogram_max.data[0] / bins.length : 0;
    const columns = {
      activation: bins.map((_, i) => (i + 0.5) * width),
      count: bins,
      images: arrays.life_images ? [...arrays.life_images.data] : [],
      density: arrays.life_density ? [...arrays.life_density.data] : [],
      digit: page.class_names,
      mean: [...arrays.class_mean.data],
      removal: arrays.class_removal ? [...arrays.class_removal.data] : [],
    };
    this.sources = { rows: { column: (name) => columns[name] ?? [] }, frame: null, markers: [] };
    for (const name of ["classes", "removal"]) {
      const chart = this.charts.node.querySelector(`.ps-chart-${name}`);
      if (chart) chart.hidden = page.class_names.length < 2;
    }
    return this.redrawCharts();
  }

  async redrawCharts() {
    if (this.sources && this.look) await this.charts.drawAll(this.sources, this.look);
  }

  setNote(note = { label: "", favourite: false }) {
    this.noted = note;
    if (document.activeElement !== this.label) this.label.value = note.label;
    setText(this.star, note.favourite ? "★" : "☆");
    this.star.setAttribute("aria-pressed", String(note.favourite));
  }

  toggleStar() {
    this.setNote({ ...this.noted, label: this.label.value, favourite: !this.noted.favourite });
    this.sendNote();
  }

  sendNote() {
    this.on.note(this.latent, { label: this.label.value, favourite: this.noted.favourite });
  }

  allow(maySteer, why) {
    for (const node of [this.star, this.label]) node.disabled = !maySteer;
    this.label.title = maySteer ? "" : why;
  }

  close() {
    this.charts.close();
  }
}

const ADDS = ["what it adds", "decoder weights: its filter"];

function picture() {
  const [canvas, words, small] = [el("canvas", { class: "ps-crisp" }), el("figcaption"), el("span", { class: "ps-unit-note" })];
  return { canvas, words, small, node: el("figure", { class: "ps-unit-picture" }, canvas, words, small) };
}
