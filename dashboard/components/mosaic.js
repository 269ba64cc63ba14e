// Every filter on one canvas, each keeping its place: a tile a latent, in the latents' own order.

import { LEVELS } from "./colours.js";
import { el, setText } from "./dom.js";
import { percent } from "./format.js";

const GAP = 2; // pixels between tiles, at the filters' own resolution; a lit tile's frame is painted there
const UNIT = [8, 8, 1]; // a unit that has no filter to draw is a square of this size

/** Columns for n tiles of w × h in a box of the given proportion, so that the tiles come out as large as they can, in as wide a block. */
export function columnsFor(n, width, height, tileWidth, tileHeight) {
  let best = { columns: 1, scale: 0 };
  for (let columns = 1; columns <= n; columns++) {
    const rows = Math.ceil(n / columns);
    const scale = Math.min(width / (columns * tileWidth), height / (rows * tileHeight));
    if (scale > best.scale - 1e-9) best = { columns, scale };
  }
  return best.columns;
}

export class Mosaic {
  /** @param {(latent: number|null) => void} onChoose */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.chosen = null;
    this.focus = 0;
    this.canvas = el("canvas", {
      class: "ps-mosaic-canvas",
      tabindex: "0",
      role: "grid",
      "aria-label": "Filters, one per hidden unit. Arrow keys move, Enter enlarges.",
    });
    this.hint = el("div", { class: "ps-mosaic-hint", role: "status" });
    this.node = el("div", { class: "ps-mosaic" }, this.canvas);
    this.canvas.onclick = (e) => this.choose(this.latentAt(e));
    this.canvas.onpointermove = (e) => this.hover(this.latentAt(e));
    this.canvas.onpointerleave = () => this.hover(null);
    this.canvas.onkeydown = (e) => this.key(e);
    this.canvas.onblur = () => this.redraw();
    this.canvas.onfocus = () => this.redraw();
  }

  layout(n, [h, w]) {
    const box = this.node.getBoundingClientRect();
    const key = `${n}:${h}:${w}:${Math.round(box.width)}:${Math.round(box.height)}`;
    if (key === this.layoutKey || !box.width) return;
    this.layoutKey = key;
    this.tile = { w: w + GAP, h: h + GAP };
    this.columns = columnsFor(n, box.width, box.height, this.tile.w, this.tile.h);
    this.rows = Math.ceil(n / this.columns);
    this.canvas.width = this.columns * this.tile.w + GAP;
    this.canvas.height = this.rows * this.tile.h + GAP;
    const scale = Math.min(box.width / this.canvas.width, box.height / this.canvas.height);
    this.canvas.style.width = `${Math.floor(this.canvas.width * scale)}px`;
    this.canvas.style.height = `${Math.floor(this.canvas.height * scale)}px`;
    this.canvas.classList.toggle("ps-crisp", scale >= 1);
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** @param {number|null} digit whose lit latents stand out; null shows all alike */
  draw(frame, palette, digit) {
    const filters = frame.arrays.filters;
    const [n, nPixels] = filters.shape;
    const vectors = isVector(frame.image_shape);
    const shape = vectors ? UNIT : imageShape(frame.image_shape, nPixels);
    this.last = { frame, palette, digit };
    this.n = n;
    this.layout(n, shape);
    if (!this.pixels) return;
    const litRow = digit === null ? null : frame.arrays.lit.data.subarray(digit * n, (digit + 1) * n);
    this.pixels.fill(palette.paper);
    for (let i = 0; i < n; i++) {
      const [left, top] = this.place(i);
      if (litRow && litRow[i] && !vectors) this.outline(left, top, palette.frame[level(litRow[i])]);
      if (vectors) this.fill(left, top, shape, unitColour(i, frame, palette, litRow));
      else this.paint(left, top, filters.data, i * nPixels, shape, tableFor(i, frame, palette, litRow));
    }
    this.ring(this.chosen, palette);
    if (document.activeElement === this.canvas || this.canvas.matches(":focus")) this.ring(this.focus, palette);
    this.context.putImageData(this.image, 0, 0);
  }

  /** Where on the canvas a latent's tile begins. */
  place(i) {
    return [(i % this.columns) * this.tile.w + GAP, Math.floor(i / this.columns) * this.tile.h + GAP];
  }

  paint(left, top, weights, from, [h, w, colours], table) {
    const width = this.canvas.width;
    for (let y = 0; y < h; y++) {
      const to = (top + y) * width + left;
      if (colours === 3) from = paintColours(this.pixels, to, w, weights, from, table.rgb);
      else for (let x = 0; x < w; x++) this.pixels[to + x] = table[weights[from++]];
    }
  }

  fill(left, top, [h, w], colour) {
    for (let y = top; y < top + h; y++) this.pixels.fill(colour, y * this.canvas.width + left, y * this.canvas.width + left + w);
  }

  outline(left, top, colour, by = 1) {
    const width = this.canvas.width;
    const right = left + this.tile.w - GAP + by - 1;
    const bottom = top + this.tile.h - GAP + by - 1;
    for (let x = left - by; x <= right; x++) this.pixels[(top - by) * width + x] = this.pixels[bottom * width + x] = colour;
    for (let y = top - by; y <= bottom; y++) this.pixels[y * width + left - by] = this.pixels[y * width + right] = colour;
  }

  ring(latent, palette) {
    if (latent === null || latent === undefined || latent >= this.n) return;
    const [left, top] = this.place(latent);
    this.outline(left, top, palette.focus, 1);
    this.outline(left, top, palette.focus, 2);
  }

  redraw() {
    if (this.last) this.draw(this.last.frame, this.last.palette, this.last.digit);
  }

  latentAt(event) {
    if (!this.columns) return null;
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((((event.clientX - box.left) / box.width) * this.canvas.width) / this.tile.w);
    const row = Math.floor((((event.clientY - box.top) / box.height) * this.canvas.height) / this.tile.h);
    const latent = row * this.columns + column;
    return column < this.columns && latent >= 0 && latent < this.n ? latent : null;
  }

  hover(latent) {
    this.hovered = latent;
    setText(this.hint, latent === null || !this.last ? "" : describe(latent, this.last.frame));
  }

  key(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns }[event.key];
    if (by) {
      event.preventDefault();
      const next = (this.chosen ?? this.focus) + by;
      if (next >= 0 && next < this.n) {
        this.focus = next;
        if (this.chosen !== null) this.choose(next);
        else this.redraw();
        this.hover(next);
      }
    } else if (event.key === "Enter") {
      event.preventDefault();
      event.stopPropagation();
      this.choose(this.focus);
    } else if (event.key === "Escape" && this.chosen !== null) this.choose(null);
  }

  choose(latent) {
    this.chosen = latent;
    if (latent !== null) this.focus = latent;
    this.redraw();
    this.onChoose(latent);
  }
}

const level = (lit) => Math.max(1, Math.ceil((lit * LEVELS) / 255));

function tableFor(i, frame, palette, litRow) {
  if (litRow) return palette.lit[litRow[i] ? level(litRow[i]) : 0];
  return frame.arrays.dead.data[i] ? palette.dead : palette.weights;
}

/** How often a unit fires, or for the chosen vector how strongly: where there is no filter to draw. */
function unitColour(i, frame, palette, litRow) {
  if (litRow) return litRow[i] ? palette.frame[level(litRow[i])] : palette.lit[0][0];
  if (frame.arrays.dead.data[i]) return palette.dead[255];
  return palette.frame[Math.max(1, Math.ceil(LEVELS * Math.sqrt(frame.arrays.density.data[i])))];
}

/** Whether the data have no picture: vectors of numbers in no order that an eye could use. */
export const isVector = (shape) => shape.length < 2;

/** [height, width, colours]; a vector is a strip of one row. */
export function imageShape(shape, nPixels) {
  const [h, w, colours = 1] = shape;
  if (isVector(shape)) return [1, nPixels, 1];
  return [h, w, h * w === nPixels ? 1 : colours];
}

/** One row of red, green and blue, by three tables; returns where the next row begins. */
function paintColours(pixels, to, w, values, from, [red, green, blue]) {
  for (let x = 0; x < w; x++) {
    pixels[to + x] = red[values[from]] | green[values[from + 1]] | blue[values[from + 2]];
    from += 3;
  }
  return from;
}

export function describe(latent, frame) {
  const density = frame.arrays.density.data[latent];
  const state = frame.arrays.dead.data[latent] ? "dead: it fires on nothing" : `fires on ${percent(density, density < 0.1 ? 1 : 0)} of images`;
  return `unit ${latent}: ${state}`;
}

/** One tile, large, on a canvas of its own size. */
export function drawTile(canvas, weights, [h, w, colours = 1], table) {
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  const image = context.createImageData(w, h);
  const pixels = new Uint32Array(image.data.buffer);
  if (colours === 3) paintColours(pixels, 0, h * w, weights, 0, table.rgb);
  else for (let i = 0; i < pixels.length; i++) pixels[i] = table[weights[i]];
  context.putImageData(image, 0, 0);
}
