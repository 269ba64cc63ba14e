// The words under the pictures: what one is looking at.

import { el, setText } from "./dom.js";
import { isVector } from "./mosaic.js";

const WEIGHTS = {
  decoder: { title: "as the decoder draws them", what: "what it adds to the picture when it fires", other: "encoder" },
  encoder: { title: "as the encoder sees them", what: "what it looks for", other: "decoder" },
};

export class Captions {
  /** @param {() => void} onWeights */
  constructor(onWeights) {
    this.title = el("h3", { class: "ps-chart-title" });
    this.weights = el("button", { type: "button", class: "ps-link", title: "Decoder or encoder weights (W)", onclick: onWeights });
    this.filters = el("p", { class: "ps-what" });
    this.digits = el("p", { class: "ps-what" });
  }

  draw(frame, digit) {
    const vectors = isVector(frame.image_shape);
    const seen = WEIGHTS[frame.weights] ?? WEIGHTS.decoder;
    setText(this.title, vectors ? `${frame.n_latents} hidden units: vectors have no filters to draw` : `${frame.n_latents} filters, ${seen.title}`);
    setText(this.weights, `show ${seen.other}`);
    setText(this.filters, digit === null ? aboutAll(frame, seen, vectors) : aboutLit(frame, digit));
    const what = vectors ? "Test vectors it never trained on, a bar for each number" : "Test images it never trained on";
    setText(this.digits, `${what}. The last two are strangers: does it just copy?`);
  }
}

function aboutAll(frame, seen, vectors) {
  if (vectors) return "Each square is one hidden unit: the stronger its colour, the more often it fires; grey: dead.";
  const zero = frame.image_shape.length > 2 ? "middle grey is zero" : "orange adds ink, blue takes it away";
  return `Each tile is one hidden unit: ${seen.what}; ${zero}; faded: dead.`;
}

function aboutLit(frame, digit) {
  const lit = frame.digit_l0[digit];
  return `Lit: the ${lit} units that fire for “${frame.digit_names[digit]}”; the other ${frame.n_latents - lit} are dimmed. Esc shows all.`;
}
