// The objective as a formula with its numbers, and the tiles with their sparklines.

import { el, setText } from "./dom.js";
import { dialText, figure, percent, short, whole } from "./format.js";

const TERM_WORDS = {
  penalty_weight: ["penalty weight", "L1 sparsity"],
  beta: ["β", "KL to ρ"],
};

export class Formula {
  constructor() {
    this.parts = {};
    const term = (key, words) => {
      const number = el("span", { class: "ps-term-number" });
      const label = el("span", { class: "ps-term-label", text: words });
      this.parts[key] = { number, label };
      return el("span", { class: `ps-term ps-term-${key}` }, number, label);
    };
    const sign = (text, cls = "") => el("span", { class: `ps-sign ${cls}`, text });
    this.penalty = el("span", { class: "ps-term-group" }, sign("+"), term("weight", "penalty weight"), sign("×"), term("sparsity", "sparsity"));
    this.decay = el("span", { class: "ps-term-group" }, sign("+"), term("decay", "weight decay"));
    this.note = el("span", { class: "ps-formula-note" });
    this.node = el(
      "div",
      { class: "ps-formula", role: "math", "aria-label": "The objective and its terms" },
      term("objective", "objective J"), sign("="), term("reconstruction", "reconstruction (FVU)"), this.penalty, this.decay, this.note,
    );
  }

  draw(frame, dial) {
    const set = (key, value) => setText(this.parts[key].number, figure(value));
    set("objective", frame.objective);
    set("reconstruction", frame.reconstruction);
    set("weight", frame.weight);
    set("sparsity", frame.sparsity);
    set("decay", frame.decay);
    const words = TERM_WORDS[dial];
    this.penalty.hidden = !words;
    if (words) {
      const warming = frame.weight < frame.dial * 0.999;
      setText(this.parts.weight.label, warming ? "warming up" : words[0]);
      this.parts.weight.label.title = warming ? `The ${words[0]} rises to ${dialText(frame.dial, { off: true })} over the first steps.` : "";
      setText(this.parts.sparsity.label, words[1]);
    }
    this.decay.hidden = !frame.weight_decay;
    setText(this.note, dial === "k" ? `keeping the ${frame.dial} strongest units per image` : "");
  }
}

const TILES = [
  { key: "fvu", label: "explained", text: (f) => percent(1 - f.fvu), detail: (f) => `FVU ${figure(f.fvu)}`, spark: "fvu", shown: (v) => 1 - v },
  { key: "l0", label: "lit per image", text: (f) => (f.l0 >= 10 ? Math.round(f.l0) : f.l0.toFixed(1)), detail: (f) => `L0, of ${whole(f.n_latents)} units`, spark: "l0" },
  { key: "dead_fraction", label: "dead", text: (f) => percent(f.dead_fraction, f.dead_fraction > 0 && f.dead_fraction < 0.1 ? 1 : 0), detail: (f) => `${Math.round(f.dead_fraction * f.n_latents)} units`, spark: "dead_fraction" },
  { key: "images_per_second", label: "images/s", text: (f) => (f.state === "training" ? short(f.images_per_second) : "–"), detail: (f) => `${whole(f.step)} steps`, spark: "images_per_second" },
  { key: "epoch", label: "epoch", text: (f) => f.epoch.toFixed(f.epoch < 100 ? 1 : 0), detail: (f) => `${whole(f.images)} images`, spark: null },
];

export class Tiles {
  constructor() {
    this.tiles = TILES.map((tile) => {
      const value = el("span", { class: "ps-tile-value" });
      const detail = el("span", { class: "ps-tile-detail" });
      const spark = el("canvas", { class: "ps-spark", width: 120, height: 28, "aria-hidden": "true" });
      const node = el("div", { class: `ps-tile ps-tile-${tile.key}` }, el("span", { class: "ps-tile-label", text: tile.label }), value, detail, tile.spark ? spark : null);
      return { ...tile, node, value, detailNode: detail, canvas: spark };
    });
    this.node = el("div", { class: "ps-tiles" }, ...this.tiles.map((tile) => tile.node));
  }

  draw(frame) {
    for (const tile of this.tiles) {
      const known = frame[tile.key] !== null && frame[tile.key] !== undefined;
      setText(tile.value, known ? String(tile.text(frame)) : "–");
      setText(tile.detailNode, known ? tile.detail(frame) : "");
    }
  }

  drawSparks(rows, colour) {
    for (const { spark, shown, canvas } of this.tiles) {
      if (spark) drawSpark(canvas, rows.column(spark).slice(-120).map(shown ?? ((v) => v)), colour);
    }
  }
}

function drawSpark(canvas, values, colour) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  const known = values.filter(Number.isFinite);
  if (known.length < 2) return;
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  context.beginPath();
  values.forEach((value, i) => {
    const x = 1 + ((canvas.width - 2) * i) / (values.length - 1);
    context.lineTo(x, canvas.height - 2 - ((canvas.height - 4) * (value - low)) / span);
  });
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.stroke();
}
