// A map of test images in code space: near each other where the network treats them alike. A click takes one.

import { directionOf, nextPoint } from "../direction.js";
import { el, setText } from "../dom.js";
import { percent } from "../format.js";
import { drawGrey } from "./pictures.js";

// Okabe and Ito's eight, then two more of the same kind; glyphs tell the classes apart where colours do not.
const LIGHT = ["#0072B2", "#D55E00", "#009E73", "#B07C00", "#CC3F8E", "#4B3FA7", "#2E8FC4", "#7A4B12", "#666666", "#111111"];
const DARK = ["#56B4E9", "#FF8C32", "#2BC797", "#F0C040", "#F08CC8", "#A79CFF", "#8FD3FF", "#D8A46A", "#B5B5B5", "#FFFFFF"];

export class ImageMap {
  /** @param onTake (index) => void; peek (index) => Promise of its pixels */
  constructor(onTake, peek) {
    this.onTake = onTake;
    this.peek = peek;
    this.canvas = el("canvas", {
      class: "pa-map-canvas",
      tabindex: "0",
      role: "application",
      "aria-label": "Map of test images in code space. Arrow keys go to the next image in that direction, Enter takes it.",
    });
    this.title = el("h3", { class: "ps-chart-title", text: "Images in code space" });
    this.words = el("p", { class: "ps-what" });
    this.hovered = el("canvas", { class: "ps-crisp pa-map-peek", hidden: true });
    this.status = el("span", { class: "ps-mosaic-hint", role: "status" });
    this.node = el("section", { class: "pa-map" }, el("div", { class: "ps-chart-head" }, this.title, this.status), el("div", { class: "pa-map-box" }, this.canvas, this.hovered), this.words);
    this.canvas.onpointermove = (event) => this.hover(this.nearest(...this.at(event), 18));
    this.canvas.onpointerleave = () => this.hover(null);
    this.canvas.onclick = (event) => this.take(this.nearest(...this.at(event), 24));
    this.canvas.onkeydown = (event) => this.key(event);
    this.canvas.onfocus = this.canvas.onblur = () => this.paint();
  }

  /** @param survey {indices, x, y, shares, plane} of the server; labels null where there are none */
  show(survey, { labels, names, look, shape, chosen }) {
    Object.assign(this, { survey, labels, names, look, shape, chosen });
    if (survey) {
      const explained = survey.plane ? "" : ` They hold ${percent(survey.shares[0] + survey.shares[1])} of the codes' variance.`;
      setText(this.title, survey.plane ? "Images in code space: the two units' own plane" : "Images in code space: the two main directions");
      const same = survey.shares[0] === 0;
      if (same) setText(this.words, "Every image has the same code: there is nothing to map.");
      else setText(this.words, `${survey.x.length.toLocaleString("en-US")} test images, each at its code; alike codes lie close.${explained} Click one to take it apart.`);
    } else setText(this.words, this.trouble ?? "The map is being drawn…");
    this.paint();
  }

  fail(sentence) {
    this.trouble = sentence;
    setText(this.words, sentence);
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  paint() {
    const width = Math.round(this.canvas.parentElement?.getBoundingClientRect().width ?? 0);
    if (!width || !this.look) return;
    const height = Math.round(Math.min(430, width * 0.72));
    const scale = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      Object.assign(this.canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
      this.canvas.style.height = `${height}px`;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!this.survey) return;
    this.layout(width, height);
    const colours = this.look.palette.dark ? DARK : LIGHT;
    context.font = "600 10px sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    this.places.forEach(([x, y], i) => {
      const label = this.labels?.[this.survey.indices[i]];
      context.fillStyle = label === undefined ? this.look.accent : colours[label % colours.length];
      const glyph = label === undefined ? "•" : String(this.names[label] ?? label);
      context.fillText(glyph.length > 2 ? glyph.slice(0, 2) : glyph, x, y);
    });
    const mark = this.focus ?? this.survey.indices.indexOf(this.chosen);
    if (mark !== null && mark >= 0) this.ring(context, this.places[mark]);
  }

  layout(width, height) {
    const { x, y } = this.survey;
    const span = (values) => {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      return [low, Math.max(high - low, 1e-9)];
    };
    const [[x0, dx], [y0, dy]] = [span(x), span(y)];
    this.places = x.map((value, i) => [12 + ((value - x0) / dx) * (width - 24), height - 12 - ((y[i] - y0) / dy) * (height - 24)]);
  }

  ring(context, [x, y]) {
    context.strokeStyle = this.look.text;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, 10, 0, 7);
    context.stroke();
  }

  nearest(x, y, within) {
    let best = null;
    let distance = within ** 2;
    this.places?.forEach(([px, py], i) => {
      const d = (px - x) ** 2 + (py - y) ** 2;
      if (d < distance) [best, distance] = [i, d];
    });
    return best;
  }

  async hover(i) {
    if (i === this.hovering) return;
    this.hovering = i;
    this.hovered.hidden = i === null;
    setText(this.status, i === null ? "" : this.name(i));
    if (i === null) return;
    const [x, y] = this.places[i];
    Object.assign(this.hovered.style, { left: `${Math.max(0, x - 70)}px`, top: `${Math.max(0, y - 70)}px` });
    const pixels = await this.peek(this.survey.indices[i]);
    if (i === this.hovering) drawGrey(this.hovered, pixels, this.shape, this.look.palette);
  }

  name(i) {
    const index = this.survey.indices[i];
    const label = this.labels?.[index];
    return `test image ${index}${label === undefined ? "" : `: ${this.names[label]}`}`;
  }

  take(i) {
    if (i === null) return;
    this.focus = i;
    this.onTake(this.survey.indices[i]);
  }

  key(event) {
    const direction = directionOf(event.key);
    if (direction && this.places) this.go(direction);
    else if (event.key === "Enter" && this.focus !== undefined) this.take(this.focus);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** To the closest image that lies within 45° of a direction. */
  go(direction) {
    const best = nextPoint(this.places, this.focus ?? Math.max(0, this.survey.indices.indexOf(this.chosen)), direction, 4);
    if (best === null) return;
    this.focus = best;
    this.hover(best);
    this.paint();
  }
}
