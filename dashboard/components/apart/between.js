// Between two images: their codes are mixed, not their pixels, and the mixture is decoded.

import { el, setText } from "../dom.js";
import { classify, interpolated } from "./network.js";
import { drawGrey } from "./pictures.js";

const STOPS = 7;

export class Between {
  /** @param onOther () => void: another second image is wanted */
  constructor(onOther) {
    this.slider = el("input", { type: "range", min: "0", max: "1", step: "0.01", value: "0.5", "aria-label": "Share of the second image's code" });
    this.slider.oninput = () => this.drawMixture();
    this.mixture = el("canvas", { class: "ps-crisp pa-mixture" });
    this.words = el("p", { class: "ps-what", role: "status" });
    this.strip = Array.from({ length: STOPS }, () => el("canvas", { class: "ps-crisp" }));
    this.node = el(
      "section",
      { class: "pa-between" },
      el("h3", { class: "ps-chart-title", text: "Between two images: their codes mixed, then decoded" }),
      el("div", { class: "pa-strip" }, ...this.strip),
      this.slider,
      el("div", { class: "pa-row" }, this.mixture, el("div", {}, this.words, el("button", { type: "button", class: "ps-button", text: "Another second image", onclick: onOther }))),
    );
  }

  /** @param shown {network, probe, names, codes, other: {x, codes, name}, look, shape, label} */
  draw(shown) {
    this.shown = shown;
    if (!shown.other) return;
    this.strip.forEach((canvas, i) => drawGrey(canvas, this.decoded(i / (STOPS - 1)), shown.shape, shown.look.palette));
    this.drawMixture();
  }

  codesAt(t) {
    return interpolated(this.shown.codes, this.shown.other.codes, t);
  }

  decoded(t) {
    return this.shown.network.decode(this.codesAt(t));
  }

  drawMixture() {
    const { network, probe, names, other, look, shape, label } = this.shown;
    const t = Number(this.slider.value);
    const codes = this.codesAt(t);
    drawGrey(this.mixture, network.decode(codes), shape, look.palette);
    const odds = probe ? classify(probe, codes) : null;
    const answer = odds ? ` The probe says “${names[odds.indexOf(Math.max(...odds))]}”.` : "";
    setText(this.words, `${Math.round(100 * (1 - t))}% ${label}, ${Math.round(100 * t)}% ${other.name}; ${network.lit(codes)} units lit.${answer}`);
  }
}
