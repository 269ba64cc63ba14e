// The network itself, drawn: pixels, latents as a grid of cells, the reconstruction. Only what fires is lit, and the
// edges shown are the strongest of those that carry something for this image: orange adds, blue takes away.

import { el, setText } from "../dom.js";
import { percent } from "../format.js";
import { drawGrey } from "./pictures.js";

const MOST_EDGES = 1100;
const EDGES_A_LATENT = 9;
const LARGEST_CELL = 26; // px: two latents need not fill the picture
const ROOM = 12; // px: cells smaller than this may grow over their neighbours, or their strength could not be seen
const ORANGE = { light: "213,94,0", dark: "255,140,50" };
const BLUE = { light: "0,114,178", dark: "86,180,233" };

export class NetworkView {
  /** @param {(latent: number) => void} onChoose a lit cell was clicked */
  constructor(title, onChoose = null) {
    this.onChoose = onChoose;
    this.title = el("h3", { class: "ps-chart-title", text: title });
    this.canvas = el("canvas", { class: "pa-net", role: "img" });
    this.words = el("p", { class: "ps-what" });
    this.input = el("canvas");
    this.output = el("canvas");
    this.node = el("section", { class: "pa-network" }, this.title, this.canvas, this.words);
    this.canvas.onclick = (event) => this.click(event);
    this.canvas.onpointermove = (event) => {
      const latent = this.latentAt(event);
      this.canvas.title = latent === null ? "" : `unit ${latent}: ${this.last.codes[latent] ? this.last.codes[latent].toFixed(2) : "silent"}`;
    };
  }

  /** @param shown {network, x, codes, xHat, lit: latents in order of strength, shape, look} */
  draw(shown) {
    this.last = shown;
    const { network, x, codes, xHat, lit, shape, look } = shown;
    if (!this.width) this.measure();
    if (!this.width) return;
    const { width } = this;
    drawGrey(this.input, x, shape, look.palette);
    drawGrey(this.output, xHat, shape, look.palette);
    const context = this.canvas.getContext("2d");
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    context.clearRect(0, 0, width, this.height);
    this.place(network.n, shape);
    this.edges(context, shown);
    context.imageSmoothingEnabled = false;
    for (const [picture, box] of [[this.input, this.boxes.input], [this.output, this.boxes.output]]) {
      context.drawImage(picture, box.x, box.y, box.w, box.h);
      context.strokeStyle = look.grid;
      context.strokeRect(box.x - 0.5, box.y - 0.5, box.w + 1, box.h + 1);
    }
    this.cells(context, shown);
    this.caption(network, codes, x, xHat, lit);
  }

  /** Asking for a width makes the browser lay the page out: once a resize, not at every move of a handle. */
  measure() {
    const width = Math.round(this.node.getBoundingClientRect().width);
    if (width) this.fit(width);
  }

  fit(width) {
    this.height = Math.round(Math.max(104, Math.min(190, width * 0.3)));
    this.width = width;
    this.scale = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * this.scale), Math.round(this.height * this.scale)];
    if (this.canvas.width !== w || this.canvas.height !== h) {
      Object.assign(this.canvas, { width: w, height: h });
      this.canvas.style.height = `${this.height}px`;
    }
  }

  /** Where the two pictures and the grid of latents stand. */
  place(n, [rows, columns]) {
    const side = Math.min(this.height - 4, this.width * 0.27);
    const shape = { w: side * Math.min(1, columns / rows), h: side * Math.min(1, rows / columns) };
    const top = (this.height - shape.h) / 2;
    this.gridColumns = Math.ceil(Math.sqrt(n));
    this.gridRows = Math.ceil(n / this.gridColumns);
    this.cell = Math.min(LARGEST_CELL, side / this.gridColumns);
    this.boxes = {
      input: { x: 1, y: top, ...shape },
      grid: { x: (this.width - this.cell * this.gridColumns) / 2, y: (this.height - this.cell * this.gridRows) / 2 },
      output: { x: this.width - shape.w - 1, y: top, ...shape },
    };
  }

  centre(latent) {
    const { x, y } = this.boxes.grid;
    return [x + ((latent % this.gridColumns) + 0.5) * this.cell, y + (Math.floor(latent / this.gridColumns) + 0.5) * this.cell];
  }

  cells(context, { network, codes, lit, look }) {
    const strongest = lit.length ? Math.max(...lit.map((j) => Math.abs(codes[j]) * network.norms[j])) : 1;
    const size = Math.max(1, this.cell * 0.78);
    const inset = (this.cell - size) / 2;
    const { x, y } = this.boxes.grid;
    context.fillStyle = look.palette.dark ? "rgba(255,255,255,0.10)" : "rgba(0,0,0,0.09)";
    for (let j = 0; j < network.n; j++) {
      context.fillRect(x + (j % this.gridColumns) * this.cell + inset, y + Math.floor(j / this.gridColumns) * this.cell + inset, size, size);
    }
    for (const j of lit) {
      if (Math.abs(codes[j]) <= network.spec.threshold) continue;
      const share = (Math.abs(codes[j]) * network.norms[j]) / strongest;
      context.globalAlpha = 0.35 + 0.65 * share;
      context.fillStyle = look.text; // neither orange nor blue: those are the weights' signs
      const grown = Math.min(size + this.cell * 0.5 * share, Math.max(this.cell * 0.94, ROOM));
      const [cx, cy] = this.centre(j);
      context.fillRect(cx - grown / 2, cy - grown / 2, grown, grown);
    }
    context.globalAlpha = 1;
  }

  edges(context, { network, x, codes, lit, shape, look }) {
    const fires = lit.filter((j) => Math.abs(codes[j]) > network.spec.threshold);
    if (!fires.length) return;
    const each = Math.max(2, Math.min(EDGES_A_LATENT, Math.floor(MOST_EDGES / fires.length)));
    const inward = strongestEdges(fires, network, each, (j, p, at) => x[p] * network.encoder[at]);
    const outward = strongestEdges(fires, network, each, (j, p, at) => codes[j] * network.filters[at]);
    const tone = look.palette.dark ? "dark" : "light";
    for (const [edges, box] of [[inward, this.boxes.input], [outward, this.boxes.output]]) {
      const most = Math.max(...edges.map(([, , weight]) => Math.abs(weight)), 1e-9);
      for (const [j, p, weight] of edges) {
        const share = Math.abs(weight) / most;
        const [cx, cy] = this.centre(j);
        context.strokeStyle = `rgba(${(weight > 0 ? ORANGE : BLUE)[tone]},${(0.06 + 0.8 * share ** 1.2).toFixed(3)})`;
        context.lineWidth = 0.5 + 1.3 * share;
        context.beginPath();
        const pixel = Math.floor(p / (shape[2] ?? 1));
        context.moveTo(box.x + (((pixel % shape[1]) + 0.5) / shape[1]) * box.w, box.y + ((Math.floor(pixel / shape[1]) + 0.5) / shape[0]) * box.h);
        context.lineTo(cx, cy);
        context.stroke();
      }
    }
  }

  caption(network, codes, x, xHat, lit) {
    const count = network.lit(codes);
    const explained = percent(Math.max(0, 1 - network.fvu(x, xHat)));
    const said = count ? "Lines: the strongest weights in use; orange adds, blue takes away." : "No unit fires for this image: what comes out is the bias alone.";
    setText(this.words, `${count} of ${network.n} units lit, ${explained} explained. ${said}`);
    const named = lit.slice(0, 5).map((j) => `unit ${j} at ${codes[j].toFixed(2)}`).join(", ");
    const label = `The network drawn: ${count} of ${network.n} units are lit${named ? `, most strongly ${named}` : ""}; ${explained} of the image is explained.`;
    if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
    this.node.dataset.lit = count;
  }

  latentAt(event) {
    if (!this.boxes) return null;
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - this.boxes.grid.x) / this.cell);
    const row = Math.floor((event.clientY - box.top - this.boxes.grid.y) / this.cell);
    const latent = row * this.gridColumns + column;
    return column >= 0 && column < this.gridColumns && row >= 0 && latent < this.last.network.n ? latent : null;
  }

  click(event) {
    const latent = this.latentAt(event);
    if (latent !== null) this.onChoose?.(latent);
  }
}

/** For each latent the few pixels with the largest |weight(latent, pixel)|: [[latent, pixel, weight], …]. */
function strongestEdges(latents, network, each, weight) {
  const edges = [];
  for (const j of latents) {
    const best = [];
    for (let p = 0, at = j * network.nPixels; p < network.nPixels; p++, at++) {
      const w = weight(j, p, at);
      const size = Math.abs(w);
      if (!size || (best.length === each && size <= Math.abs(best[each - 1][2]))) continue;
      let i = best.length;
      while (i > 0 && Math.abs(best[i - 1][2]) < size) i--;
      best.splice(i, 0, [j, p, w]);
      if (best.length > each) best.pop();
    }
    edges.push(...best);
  }
  return edges;
}
