// The objective as a formula with its numbers, and the tiles with their sparklines.

import { el, setText } from "./dom.js";
import { dialText, figure, percent, short, whole } from "./format.js";

const WEIGHT_WORDS = { penalty_weight: "penalty weight", beta: "β" };
const NO_LIMIT = 100; // the largest weight there is, where the data sets no limit of its own

const NOTATIONS = { words: "words", course: "CS294A", modern: "modern" };

export class Formula {
  /** @param onNotation told the notation that was chosen */
  constructor(onNotation) {
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
    this.auxiliary = el("span", { class: "ps-term-group" }, sign("+"), term("auxiliary", "auxiliary"));
    this.note = el("span", { class: "ps-formula-note" });
    this.notations = Object.entries(NOTATIONS).map(([key, text]) => el("button", { type: "button", class: "ps-link", "data-notation": key, onclick: () => onNotation?.(key) }, text));
    const notation = el("span", { class: "ps-notation", role: "group", "aria-label": "Notation of the formula" }, ...this.notations);
    this.node = el(
      "div",
      { class: "ps-formula", role: "math", "aria-label": "The objective and its terms" },
      term("objective", "objective J"), sign("="), term("reconstruction", "reconstruction (FVU)"), this.penalty, this.decay, this.auxiliary, el("div", { class: "ps-formula-foot" }, this.note, notation),
    );
  }

  /** @param method the sparsity method's declaration; `dial` is where its slider stands */
  draw(frame, method, dial, notation = "words") {
    const set = (key, value) => setText(this.parts[key].number, figure(value));
    set("objective", frame.objective);
    set("reconstruction", frame.reconstruction);
    set("weight", frame.weight);
    set("sparsity", frame.sparsity);
    set("decay", frame.decay);
    set("auxiliary", frame.auxiliary);
    this.write(method, notation);
    this.penalty.hidden = !method?.penalty;
    if (method?.penalty) {
      const letters = method.letters?.[notation];
      const word = letters && method.dial !== "beta" ? letters.weight : (WEIGHT_WORDS[method.dial] ?? "weight");
      const warming = isWarming(frame);
      setText(this.parts.weight.label, warming ? "warming up" : word);
      this.parts.weight.label.title = warming ? `The ${word} rises to ${dialText(frame.dial, { off: true })} over the first steps.` : "";
      setText(this.parts.sparsity.label, letters?.sparsity || method.penalty);
    }
    this.decay.hidden = !frame.weight_decay;
    this.auxiliary.hidden = !frame.auxiliary;
    setText(this.note, method?.structure ? method.structure.replace("{}", share(dial)) : weightNote(frame, method));
  }

  /** The labels in words, or in the letters of the course or of this program. */
  write(method, notation) {
    const letters = method?.letters?.[notation];
    if (this.written === letters && letters) return;
    this.written = letters;
    for (const key of ["objective", "decay"]) setText(this.parts[key].label, letters?.[key] ?? WORDS[key]);
    setText(this.parts.reconstruction.label, letters?.reconstruction ?? method?.reconstruction ?? "reconstruction (FVU)");
    for (const button of this.notations) button.setAttribute("aria-pressed", String(button.dataset.notation === notation));
  }
}

const WORDS = { objective: "objective J", decay: "weight decay" };

const share = (value) => (value > 0 && value <= 1 && !Number.isInteger(value) ? percent(value, value < 0.1 ? 1 : 0) : String(value));
const isWarming = (frame) => frame.weight < frame.dial * 0.999;

/** What the weight does at the moment, where that is not to be seen: nothing, too much, or what a target asks of it. */
export function weightNote(frame, method) {
  if (!method?.penalty || !frame.step) return "";
  const limit = frame.largest_weight ?? NO_LIMIT;
  const tidy = (value, places = 3) => String(Number(value.toPrecision(places)));
  const lit = tidy(frame.l0);
  if (frame.target) {
    const goal = method.target === "target_rho" ? `ρ̂ = ${tidy(frame.target)}` : `L0 = ${tidy(frame.target)}`;
    if (isWarming(frame)) return `warming up, then finding the weight for ${goal}`;
    if (frame.dial >= 0.99 * limit) return `${goal} is out of reach: at the largest weight ${lit} are still lit`;
    if (frame.dial <= 1.01e-5 * limit) return `${goal} is out of reach: without a penalty only ${lit} are lit`;
    const reached = method.target === "target_rho" || Math.abs(Math.log(frame.l0 / frame.target)) < 0.1;
    return reached ? `the weight follows ${goal}` : `finding the weight for ${goal}`;
  }
  if (!frame.dial || isWarming(frame)) return "";
  const silent = frame.l0 < 0.5 && method.dial !== "beta"; // sigmoid units say much below the line at which they count as lit
  if (silent || frame.fvu > 0.97) return frame.largest_weight ? `saturated: next to nothing is lit; from ${tidy(limit, 2)} on, nothing can be` : "saturated: the copies say nothing";
  const paid = method.dial === "beta"; // KL is next to nothing where it has done its work
  if (!paid && frame.weight * frame.sparsity < 0.01 * frame.objective) return `inert here: the penalty is ${percent((frame.weight * frame.sparsity) / frame.objective, 1)} of J`;
  return frame.largest_weight ? `everything is dead from ${tidy(limit, 2)} on` : "";
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
