// The fixed digits: what goes in, what comes out, and what is left over; two strangers at the end.

import { el, setText, toggle } from "./dom.js";
import { drawTile, imageShape } from "./mosaic.js";
import { percent } from "./format.js";

const ROWS = ["in", "out", "left over"];
const STRANGERS = 2;
const SHORT = 10; // letters of a name that stand on one line under a digit

export class Digits {
  /** @param {(digit: number|null) => void} onChoose */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.columns = [];
    this.node = el("div", { class: "ps-digits", role: "group", "aria-label": "Fixed digits: choose one to light the units that fire for it" });
  }

  build(names) {
    this.names = names;
    this.node.replaceChildren(el("div", { class: "ps-digit-labels", "aria-hidden": "true" }, ...ROWS.map((text) => el("span", { text }))));
    this.columns = names.map((name, i) => {
      const canvases = ROWS.map(() => el("canvas", { class: "ps-crisp" }));
      const [explained, lit] = [el("span"), el("span")];
      const caption = el("span", { class: "ps-digit-caption" }, explained, lit);
      const stranger = i >= names.length - STRANGERS;
      const key = i < 9 ? String(i + 1) : i === 9 ? "0" : "";
      const button = el(
        "button",
        { type: "button", class: `ps-digit${stranger ? " ps-stranger" : ""}`, "aria-pressed": "false", title: key ? `Choose (key ${key})` : "", onclick: () => this.onChoose(i) },
        ...canvases,
        el("span", { class: name.length > SHORT ? "ps-digit-name ps-long" : "ps-digit-name", text: name }),
        caption,
      );
      this.node.append(button);
      return { button, canvases, explained, lit };
    });
  }

  draw(frame, palette, chosen) {
    const names = frame.digit_names;
    if (!this.names || names.join() !== this.names.join()) this.build(names);
    const { x, x_hat } = frame.arrays;
    const nPixels = x.shape[1];
    const shape = imageShape(frame.image_shape, nPixels);
    const residual = new Uint8Array(nPixels);
    this.columns.forEach(({ button, canvases, explained, lit }, i) => {
      const input = x.data.subarray(i * nPixels, (i + 1) * nPixels);
      const output = x_hat.data.subarray(i * nPixels, (i + 1) * nPixels);
      for (let p = 0; p < nPixels; p++) residual[p] = Math.max(1, Math.min(255, 128 + ((input[p] - output[p]) >> 1)));
      drawTile(canvases[0], input, shape, palette.grey);
      drawTile(canvases[1], output, shape, palette.grey);
      drawTile(canvases[2], residual, shape, palette.residual);
      setText(explained, percent(Math.max(0, 1 - frame.digit_fvu[i])));
      setText(lit, `${frame.digit_l0[i]} lit`);
      toggle(button, "ps-chosen", chosen === i);
      if (button.getAttribute("aria-pressed") !== String(chosen === i)) button.setAttribute("aria-pressed", String(chosen === i));
      const label = `${names[i]}: ${frame.digit_l0[i]} units lit, ${percent(Math.max(0, 1 - frame.digit_fvu[i]))} explained`;
      if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
    });
  }
}
