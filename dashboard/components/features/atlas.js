// The atlas: every latent a tile, in whatever order was asked for. Tiles are painted on one canvas, and what a hand
// does (hover, focus, choice) on a second one above it, so that a choice shows at once however many tiles there are.

import { el } from "../dom.js";
import { columnsFor, imageShape } from "../mosaic.js";

const GAP = 2;
const SCROLLBAR = 12;
const SMALLEST = 17; // CSS pixels a tile is at least wide; what does not fit then is scrolled to
const LARGEST = 110; // and at most, where the filters themselves are small

export class Atlas {
  /** @param {{choose: (latent: number) => void, hover: (latent: number|null) => void, open: () => void}} on */
  constructor(on) {
    this.on = on;
    this.cells = [];
    this.chosen = null;
    this.focus = 0;
    this.tiles = el("canvas", { class: "ps-atlas-tiles" });
    this.marks = el("canvas", { class: "ps-atlas-marks", tabindex: "0", role: "listbox", "aria-label": "Filters, one per hidden unit. Arrow keys move, Home and End jump." });
    this.sheet = el("div", { class: "ps-atlas-sheet" }, this.tiles, this.marks);
    this.node = el("div", { class: "ps-atlas" }, this.sheet);
    this.marks.onclick = (e) => this.pick(this.cellAt(e));
    this.marks.onpointermove = (e) => this.on.hover(this.cells[this.cellAt(e)] ?? null);
    this.marks.onpointerleave = () => this.on.hover(null);
    this.marks.onkeydown = (e) => this.key(e);
    this.marks.onfocus = () => this.mark();
    this.marks.onblur = () => this.mark();
  }

  /** @param {number[]} cells the latents in the order they are shown */
  arrange(cells) {
    this.cells = cells;
    this.focus = Math.max(0, cells.indexOf(this.chosen));
    this.layoutKey = null;
    this.draw();
  }

  show(atlas, palette, favourites) {
    Object.assign(this, { atlas, palette, favourites });
    this.draw();
  }

  layout() {
    const nPixels = this.atlas.arrays.filters.shape[1];
    const [h, w] = imageShape(this.atlas.image_shape, nPixels);
    const box = this.node.getBoundingClientRect();
    const n = Math.max(1, this.cells.length);
    const key = `${n}:${h}:${w}:${Math.round(box.width)}:${Math.round(box.height)}`;
    if (key === this.layoutKey || !box.width) return;
    this.layoutKey = key;
    this.tile = { w: w + GAP, h: h + GAP };
    const room = box.width - SCROLLBAR;
    const columns = (this.columns = this.columnsFor(n));
    this.rows = Math.ceil(n / columns);
    const size = { width: columns * this.tile.w + GAP, height: this.rows * this.tile.h + GAP };
    Object.assign(this.tiles, size);
    const fits = Math.min(room / size.width, box.height / size.height);
    this.scale = Math.min(Math.max(4, LARGEST / this.tile.h), Math.max(fits, (SMALLEST * columns) / size.width));
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const shown = { width: Math.floor(size.width * this.scale), height: Math.floor(size.height * this.scale) };
    Object.assign(this.marks, { width: shown.width * ratio, height: shown.height * ratio });
    this.ratio = ratio;
    for (const canvas of [this.tiles, this.marks]) Object.assign(canvas.style, { width: `${shown.width}px`, height: `${shown.height}px` });
    Object.assign(this.sheet.style, { width: `${shown.width}px`, height: `${shown.height}px` });
    this.tiles.classList.toggle("ps-crisp", this.scale >= 1);
    this.context = this.tiles.getContext("2d", { alpha: false });
    this.image = this.context.createImageData(size.width, size.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** How many stand in a row where there are n. */
  columnsFor(n) {
    const { width, height } = this.node.getBoundingClientRect();
    const room = width - SCROLLBAR;
    return Math.max(1, Math.min(columnsFor(n, room, height, this.tile.w, this.tile.h), Math.floor(room / SMALLEST)));
  }

  draw() {
    if (!this.atlas) return;
    this.layout();
    if (!this.pixels) return;
    const { filters, dead } = this.atlas.arrays;
    const nPixels = filters.shape[1];
    const [h, w, colours = 1] = imageShape(this.atlas.image_shape, nPixels);
    const width = this.tiles.width;
    this.pixels.fill(this.palette.paper);
    this.cells.forEach((latent, cell) => {
      const table = dead.data[latent] ? this.palette.dead : this.palette.weights;
      const left = (cell % this.columns) * this.tile.w + GAP;
      const top = Math.floor(cell / this.columns) * this.tile.h + GAP;
      let from = latent * nPixels;
      for (let y = 0; y < h; y++) {
        let to = (top + y) * width + left;
        if (colours === 1) for (let x = 0; x < w; x++) this.pixels[to++] = table[filters.data[from++]];
        else for (let x = 0; x < w; x++, from += 3) this.pixels[to++] = table.rgb[0][filters.data[from]] | table.rgb[1][filters.data[from + 1]] | table.rgb[2][filters.data[from + 2]];
      }
    });
    this.context.putImageData(this.image, 0, 0);
    this.mark();
  }

  /** The layer above: favourites, the chosen tile, the focus. */
  mark() {
    if (!this.columns) return;
    const context = this.marks.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.marks.width, this.marks.height);
    context.scale(this.ratio * this.scale, this.ratio * this.scale);
    const style = getComputedStyle(this.node);
    context.fillStyle = style.getPropertyValue("--star") || "#e69f00";
    this.cells.forEach((latent, cell) => {
      if (this.favourites?.has(latent)) {
        const [left, top] = this.corner(cell);
        context.beginPath();
        context.arc(left + this.tile.w - GAP - 3, top + 3, 4, 0, 7);
        context.fill();
      }
    });
    const chosen = this.chosen === null ? -1 : this.cells.indexOf(this.chosen);
    context.strokeStyle = style.color;
    if (chosen >= 0) this.ring(context, chosen, 3, []);
    if (document.activeElement === this.marks || this.marks.matches(":focus")) this.ring(context, this.focus, 2, [4, 2]);
  }

  ring(context, cell, thickness, dash) {
    if (cell >= this.cells.length) return;
    const [left, top] = this.corner(cell);
    context.lineWidth = Math.max(thickness / this.scale, 1);
    context.setLineDash(dash.map((d) => d / this.scale));
    context.strokeRect(left - 1, top - 1, this.tile.w - GAP + 2, this.tile.h - GAP + 2);
  }

  corner(cell) {
    return [(cell % this.columns) * this.tile.w + GAP, Math.floor(cell / this.columns) * this.tile.h + GAP];
  }

  cellAt(event) {
    if (!this.columns) return -1;
    const box = this.marks.getBoundingClientRect();
    const column = Math.floor((((event.clientX - box.left) / box.width) * this.tiles.width) / this.tile.w);
    const row = Math.floor((((event.clientY - box.top) / box.height) * this.tiles.height) / this.tile.h);
    return column < 0 || column >= this.columns ? -1 : row * this.columns + column;
  }

  key(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns, Home: -Infinity, End: Infinity }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      const last = this.cells.length - 1;
      const next = Number.isFinite(by) ? this.focus + by : by < 0 ? 0 : last;
      if (next >= 0 && next <= last) this.pick(next);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      this.pick(this.focus);
      this.on.open();
    }
  }

  pick(cell) {
    const latent = this.cells[cell];
    if (latent === undefined) return;
    this.focus = cell;
    this.select(latent);
    this.on.choose(latent);
  }

  /** Show a latent as chosen, and bring it into view. */
  select(latent) {
    this.chosen = latent;
    const cell = this.cells.indexOf(latent);
    if (cell >= 0) this.focus = cell;
    this.mark();
    if (cell < 0 || !this.columns) return;
    const top = this.corner(cell)[1] * this.scale;
    const height = this.tile.h * this.scale;
    const box = this.node;
    if (top < box.scrollTop) box.scrollTop = top - height;
    else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * height - box.clientHeight;
  }

  /** The neighbour in the shown order. */
  beside(by) {
    const cell = this.cells.indexOf(this.chosen);
    return this.cells[cell < 0 ? 0 : Math.min(this.cells.length - 1, Math.max(0, cell + by))] ?? null;
  }
}
