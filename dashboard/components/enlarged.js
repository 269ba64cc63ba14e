// One unit, large, live: what the click on a filter opens.

import { el, setText } from "./dom.js";
import { describe, drawTile, imageShape } from "./mosaic.js";

export class Enlarged {
  /** @param {() => void} onClose */
  constructor(onClose) {
    this.canvas = el("canvas", { class: "ps-crisp" });
    this.title = el("strong");
    this.text = el("span");
    this.fires = el("span", { class: "ps-enlarged-fires" });
    this.node = el(
      "div",
      { class: "ps-enlarged", role: "dialog", "aria-label": "One unit, enlarged", hidden: true },
      this.canvas,
      el("div", { class: "ps-enlarged-text" }, this.title, this.text, this.fires, el("button", { type: "button", class: "ps-link", text: "close (Esc)", onclick: onClose })),
    );
  }

  draw(frame, palette, latent) {
    this.node.hidden = latent === null || latent >= frame.n_latents;
    if (this.node.hidden) return;
    const { filters, dead, lit } = frame.arrays;
    const [n, nPixels] = filters.shape;
    const shape = imageShape(frame.image_shape, nPixels);
    drawTile(this.canvas, filters.data.subarray(latent * nPixels, (latent + 1) * nPixels), shape, dead.data[latent] ? palette.dead : palette.weights);
    setText(this.title, `Unit ${latent}, ${frame.weights} weights`);
    setText(this.text, describe(latent, frame).replace(/^unit \d+: /, ""));
    const names = frame.digit_names.filter((_, digit) => lit.data[digit * n + latent]);
    setText(this.fires, names.length ? `of the digits below, fires on: ${names.join(", ")}` : "fires on none of the digits below");
  }
}
