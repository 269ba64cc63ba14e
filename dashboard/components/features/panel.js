// One latent's page: what it looks for, what fires it, who is like it, what it is worth, and its life so far.

import { Charts } from "../charts.js";
import { el, setText, toggle } from "../dom.js";
import { figure, percent, whole } from "../format.js";
import { drawTile, imageShape } from "../mosaic.js";
import { DENSE } from "./orders.js";

const WHAT = { born: "became what it is", died: "went silent on the test set", revived: "came back to life", duplicated: "became a duplicate of unit", parted: "went its own way again from unit" };
const BANDS = 4;

export class Panel {
  /** @param {{go: (latent: number) => void, beside: (by: number) => void, note: (note: object) => void}} on */
  constructor(base, on) {
    this.on = on;
    this.canvases = new Map();
    this.title = el("h3", { class: "ps-unit-title", tabindex: "-1" });
    this.words = el("p", { class: "ps-unit-words" });
    this.asOf = el("p", { class: "ps-what", role: "status" });
    this.star = el("button", { type: "button", class: "ps-button ps-star", title: "Favourite (F)", "aria-pressed": "false", onclick: () => this.toggleStar() }, "☆");
    this.label = el("input", { class: "ps-unit-label", type: "text", maxlength: "200", placeholder: "your name for it", "aria-label": "Label of this unit", onchange: () => this.sendNote() });
    const go = (by, text, title) => el("button", { type: "button", class: "ps-button", title, "aria-label": title, onclick: () => on.beside(by) }, text);
    this.pictures = el("div", { class: "ps-unit-pictures" });
    this.galleries = el("div", { class: "ps-unit-galleries" });
    this.neighbours = el("div", { class: "ps-unit-neighbours" });
    this.story = el("ol", { class: "ps-unit-story" });
    this.worth = el("p", { class: "ps-unit-words" });
    this.charts = new Charts(base);
    this.node = el(
      "section",
      { class: "ps-unit", "aria-label": "The chosen unit" },
      el("div", { class: "ps-unit-head" }, go(-1, "◀", "Previous (,)"), this.title, go(1, "▶", "Next (.)"), this.star, this.label),
      this.words,
      this.pictures,
      this.galleries,
      this.charts.node,
      this.worth,
      this.neighbours,
      el("h4", { text: "Its life so far" }),
      this.story,
      this.asOf,
    );
  }

  /** At once, from what the atlas knows; the rest follows with `show`. */
  announce(latent, atlas, palette, note) {
    this.latent = latent;
    this.atlas = atlas;
    this.palette = palette;
    const { filters, density, selectivity, best, dead, strength } = atlas.arrays;
    const nPixels = filters.shape[1];
    this.shape = imageShape(atlas.image_shape, nPixels);
    setText(this.title, `Unit ${latent}`);
    setText(this.words, sentence({ density: density.data[latent], selectivity: selectivity.data[latent], best: best.data[latent], dead: dead.data[latent] === 1, strength: strength.data[latent], class_names: atlas.class_names }));
    this.picture(this.pictures, "filter", `what it adds (${atlas.weights} weights)`, filters.data.subarray(latent * nPixels, (latent + 1) * nPixels), palette.weights);
    this.setNote(note);
    toggle(this.node, "ps-stale", true);
  }

  show(page, atlas, palette) {
    Object.assign(this, { page, atlas, palette });
    const { arrays } = page;
    this.latent = page.latent;
    setText(this.title, `Unit ${page.latent}`);
    setText(this.words, sentence(page));
    this.picture(this.pictures, "filter", "what it adds (decoder)", arrays.filter.data, palette.weights);
    this.picture(this.pictures, "encoder", `what it looks for (encoder), ${figure(page.tie)} alike`, arrays.encoder.data, palette.weights);
    this.picture(this.pictures, "maximal", "the image that fires it most", arrays.maximal.data, palette.grey);
    this.showGalleries(arrays);
    this.showNeighbours(arrays);
    this.showWorth(page);
    this.showStory(page.story);
    this.showCharts(page);
    const older = page.census_step < page.step ? ` Images and counts are of step ${whole(page.census_step)}, and follow.` : "";
    setText(this.asOf, `As of step ${whole(page.step)}, over ${whole(page.n_test)} test images.${page.complete ? "" : older || " More is being worked out…"}`);
    toggle(this.node, "ps-stale", false);
    this.node.dataset.latent = page.latent;
    this.node.dataset.complete = page.complete;
  }

  picture(place, key, caption, bytes, table, onclick = null) {
    let known = this.canvases.get(key);
    if (!known) {
      const canvas = el("canvas", { class: "ps-crisp" });
      const words = el("figcaption");
      known = { canvas, words, node: el("figure", { class: "ps-unit-picture" }, canvas, words) };
      this.canvases.set(key, known);
      place.append(known.node);
    }
    known.canvas.onclick = onclick;
    setText(known.words, caption);
    drawTile(known.canvas, bytes, this.shape, table);
  }

  showGalleries(arrays) {
    const n = this.shape[0] * this.shape[1] * (this.shape[2] ?? 1);
    const groups = [];
    const add = (title, name, from, to) => {
      const images = arrays[name]?.data;
      const pixels = arrays[`${name}_pixels`]?.data;
      const shown = [];
      for (let i = from; images && pixels && i < Math.min(to, images.length); i++) if (images[i] >= 0) shown.push({ bytes: pixels.subarray(i * n, (i + 1) * n), code: arrays[`${name}_codes`].data[i], image: images[i], label: arrays[`${name}_labels`]?.data[i] });
      groups.push({ title, shown });
    };
    add("fire it most", "top", 0, 16);
    if (arrays.quantile) {
      const per = arrays.quantile.data.length / BANDS;
      for (let band = 0; band < BANDS; band++) add(["strong", "middling", "weak", "barely"][band], "quantile", band * per, (band + 1) * per);
      add("any that fire it", "random", 0, 12);
    }
    this.galleries.replaceChildren(
      ...groups
        .filter(({ shown }) => shown.length)
        .map(({ title, shown }) => {
          const strip = el("div", { class: "ps-strip-images" }, ...shown.map((one) => this.thumb(one)));
          return el("div", { class: "ps-gallery" }, el("span", { class: "ps-gallery-title", text: title }), strip);
        }),
    );
  }

  thumb({ bytes, code, image, label }) {
    const canvas = el("canvas", { class: "ps-crisp" });
    drawTile(canvas, bytes, this.shape, this.palette.grey);
    const name = label === undefined ? "" : (this.page.class_names[label] ?? label);
    return el("figure", { class: "ps-thumb-image", title: `test image ${image}${name === "" ? "" : `, a ${name}`}: ${figure(code)}` }, canvas, el("figcaption", { text: figure(code) }));
  }

  showNeighbours(arrays) {
    const { filters } = this.atlas.arrays;
    const n = filters.shape[1];
    const rows = [
      ["look alike (cosine)", "alike", "alike_cosine"],
      ["look opposite (cosine)", "opposite", "opposite_cosine"],
      ["fire together (φ)", "together", "together_phi"],
      ["avoid it (φ)", "apart", "apart_phi"],
    ];
    this.neighbours.replaceChildren(
      ...rows
        .filter(([, name]) => arrays[name])
        .map(([title, name, value]) => {
          const tiles = [...arrays[name].data].flatMap((latent, i) => {
            if (latent < 0 || latent >= this.atlas.n_latents) return [];
            const canvas = el("canvas", { class: "ps-crisp" });
            drawTile(canvas, filters.data.subarray(latent * n, (latent + 1) * n), this.shape, this.palette.weights);
            const words = `unit ${latent}: ${arrays[value].data[i].toFixed(2)}`;
            return [el("button", { type: "button", class: "ps-thumb-image", title: words, "aria-label": `${title}, ${words}`, onclick: () => this.on.go(latent) }, canvas, el("span", { text: arrays[value].data[i].toFixed(2) }))];
          });
          return el("div", { class: "ps-gallery" }, el("span", { class: "ps-gallery-title", text: title }), el("div", { class: "ps-strip-images" }, ...(tiles.length ? tiles : [el("span", { class: "ps-what", text: "none" })])));
        }),
    );
  }

  showWorth(page) {
    if (page.removal === null) return setText(this.worth, "");
    const by = (100 * page.removal).toFixed(page.removal < 0.01 ? 3 : 2);
    const harm = page.removal < 0 ? " It does more harm than good." : "";
    setText(this.worth, `Without it the reconstructions explain ${page.removal < 0 ? String(by).replace("-", "") : by} percentage points ${page.removal < 0 ? "more" : "less"} (FVU ${figure(page.fvu)} → ${(page.fvu + page.removal).toFixed(5)}).${harm}${this.probeWords(page)}`);
  }

  /** Which digits the probe tells less, or more, often without it. */
  probeWords({ arrays, class_names: names }) {
    if (!arrays.class_probe) return "";
    const changed = [...arrays.class_probe.data].flatMap((change, i) => (Math.abs(change) >= 5e-4 ? [`${names[i]}: ${(100 * change).toFixed(1).replace("-", "−")}`] : []));
    return changed.length ? ` The probe's accuracy without it, in points: ${changed.join(", ")}.` : " The probe answers as well without it.";
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
    this.redrawCharts();
  }

  redrawCharts(look = this.look) {
    this.look = look;
    if (this.sources && look) this.charts.draw(performance.now(), this.sources, look, true);
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

export function sentence({ density, selectivity, best, dead, strength, class_names: names }) {
  if (dead) return "Dead: it fires on no test image.";
  const often = `Fires on ${percent(density, density < DENSE ? 1 : 0)} of images${density > DENSE ? " (dense)" : ""}, at ${figure(strength)} on average`;
  if (best < 0 || !names?.length || names.length < 2) return `${often}.`;
  const choosy = selectivity > 0.9 ? "almost only" : selectivity > 0.6 ? "mostly" : selectivity > 0.3 ? "most strongly" : "about equally for all, a little more";
  return `${often}; ${choosy} for ${names[best]} (selectivity ${selectivity.toFixed(2)}).`;
}
