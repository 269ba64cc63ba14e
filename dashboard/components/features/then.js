// The fixed digits, and what the model made of them at the step that is shown.

import { el } from "../dom.js";
import { drawTile, imageShape } from "../mosaic.js";

export class Then {
  constructor() {
    this.node = el("div", { class: "ps-then", role: "group", "aria-label": "Fixed images above, their reconstructions below" });
  }

  draw({ arrays, image_shape, digit_names: names, digit_fvu: fvu }, palette) {
    const { x, x_hat } = arrays;
    const n = x.shape[1];
    const shape = imageShape(image_shape, n);
    if (this.node.children.length !== x.shape[0]) this.node.replaceChildren(...names.map(() => el("figure", {}, el("canvas", { class: "ps-crisp" }), el("canvas", { class: "ps-crisp" }))));
    [...this.node.children].forEach((pair, i) => {
      pair.title = `${names[i]}: above as it is, below as it comes out (FVU ${fvu[i]?.toFixed(2) ?? "–"})`;
      drawTile(pair.children[0], x.data.subarray(i * n, (i + 1) * n), shape, palette.grey);
      drawTile(pair.children[1], x_hat.data.subarray(i * n, (i + 1) * n), shape, palette.grey);
    });
  }
}
