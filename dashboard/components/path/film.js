// The dial: a path of models that a hand moves through, drawn entirely from the bytes of one film
// (sae_core/sweep/film.py). Between two trained points filters, digits and numbers are blended.

import { makePalette } from "../colours.js";
import { el, setText, toggle } from "../dom.js";
import { Frontier } from "./frontier.js";

const SECONDS = 10; // of the film, once through

// What is seen, by the share of units that are lit: as measured on MNIST (up to this share, in these words).
const STAGES = [
  [0.008, "A blur", "Too few units to say more than what kind of digit it is."],
  [0.045, "Whole shapes", "A few units each stand for a large part of a digit, or all of it."],
  [0.2, "Pen strokes", "A digit is a handful of strokes, and each unit is one of them."],
  [0.5, "Strokes in static", "Silence begins to pay: the first strokes rise out of the noise."],
  [2, "Static", "Every unit has a say in every digit, so none stands for anything."],
];

const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;
const short = (value) => (value >= 100 ? value.toFixed(0) : Number(value.toPrecision(2)).toString());

export class Film {
  constructor() {
    this.at = 0;
    this.digit = null;
    this.playing = false;
    this.canvas = el("canvas", { class: "pa-mosaic", role: "img" });
    this.frontier = new Frontier((at) => this.stop().set(at));
    this.bars = el("canvas", { class: "pa-bars", width: 240, height: 72, role: "img", "aria-label": "Histogram of how often each unit fires, on a logarithmic scale" });
    this.headline = el("p", { class: "pa-headline", "aria-live": "off" });
    this.stage = el("b", { class: "pa-stage" });
    this.meaning = el("span", { class: "pa-meaning" });
    this.value = el("output", { class: "pa-value" });
    this.facts = {};
    for (const [name, words] of [["l0", "lit per image"], ["explained", "explained"], ["dead", "dead"], ["accuracy", "told right"]]) {
      this.facts[name] = el("b", { text: "–" });
      this.facts[`${name}Box`] = el("span", { class: "pa-fact" }, this.facts[name], words);
    }
    this.digits = el("div", { class: "pa-digits", role: "group", "aria-label": "Digits in and out; choose one to see which units it lights" });
    this.slider = el("input", { type: "range", min: 0, max: 0, step: 0.01, value: 0, class: "pa-slider", oninput: () => this.stop().set(Number(this.slider.value)) });
    this.slider.onkeydown = (event) => this.key(event);
    this.play = el("button", { class: "pa-play", type: "button", "aria-label": "Play the film", text: "▶", onclick: () => (this.playing ? this.stop() : this.start()) });
    this.ticks = el("div", { class: "pa-ticks", "aria-hidden": "true" });
    this.ends = el("div", { class: "pa-ends", "aria-hidden": "true" }, el("span", { text: "everything lit" }), el("span", { text: "nearly nothing left" }));
    this.what = el("p", { class: "pa-what" });
    const figures = el("div", { class: "pa-facts" }, ...["l0", "explained", "dead", "accuracy"].map((name) => this.facts[`${name}Box`]));
    const side = el("div", { class: "pa-side" }, figures, this.digits, this.frontier.node, el("figure", { class: "pa-figure" }, el("figcaption", { class: "pa-title", text: "How often each unit fires" }), this.bars, el("div", { class: "pa-bar-ends", "aria-hidden": "true" }, el("span", { text: "never" }), el("span", { text: "rarely" }), el("span", { text: "for every image" }))));
    const left = el("div", { class: "pa-left" }, el("p", { class: "pa-says", role: "status" }, this.stage, this.meaning), this.canvas, this.what);
    this.dial = el("div", { class: "pa-dial" }, this.play, el("div", { class: "pa-track" }, el("div", { class: "pa-line" }, this.headline, this.value), this.slider, this.ticks, this.ends));
    this.node = el("div", { class: "pa", hidden: true }, this.dial, el("div", { class: "pa-body" }, left, side));
  }

  /** Take up a film, or a longer one of the same path; the dial stays where it is. */
  load(film) {
    const first = !this.film;
    const more = this.film && film.values.length > this.film.values.length && this.at >= this.film.values.length - 1;
    const earlier = this.film ? this.film.first - film.first : 0; // points that came before the first one shown
    this.film = film;
    this.count = film.values.length;
    this.points = film.values.map((value, i) => {
      const [, l0, fvu, dead, accuracy] = film.arrays.numbers.data.subarray(5 * i, 5 * i + 5);
      return { value, l0, fvu, dead, accuracy };
    });
    this.node.hidden = false;
    this.shown = film.arrays.filters.shape[1];
    this.columns = Math.ceil(Math.sqrt(this.shown));
    this.slider.max = this.count - 1;
    this.slider.setAttribute("aria-label", film.label);
    setText(this.headline, film.label);
    const planned = Math.max(film.planned.length, this.count);
    const share = (points) => `${(100 * points) / Math.max(1, planned - 1)}%`;
    this.slider.style.width = share(Math.max(this.count - 1, 0.35));
    this.slider.style.marginLeft = share(film.first);
    this.ticks.replaceChildren(...film.planned.map((value, i) => el("span", { style: `left:${(100 * i) / Math.max(1, planned - 1)}%`, class: i >= film.first && i < film.first + this.count ? "pa-there" : "", text: short(value) })));
    setText(this.what, `${this.shown < film.latents ? `The ${this.shown} most used of ${film.latents}` : `All ${film.latents}`} filters, each in its place: the same unit, trained on from left to right. Blue takes ink away, orange adds it. Between trained points the picture is blended.`);
    this.makeDigits();
    this.colours();
    this.frontier.draw(this.points, film.references, film.label);
    const whole = this.count === film.planned.length;
    if (first) this.set(whole ? Math.round(0.6 * (this.count - 1)) : this.count - 1);
    else this.set(more ? this.count - 1 : this.at + earlier);
  }

  /** Read the page's colours again: they follow its theme. */
  colours() {
    const style = getComputedStyle(this.node);
    const paper = style.getPropertyValue("--pa-paper").trim() || style.getPropertyValue("--st-background-color").trim() || "#ffffff";
    const accent = style.getPropertyValue("--pa-accent").trim() || style.getPropertyValue("--st-primary-color").trim() || "#0072B2";
    if (this.palette?.key !== paper + accent) this.palette = makePalette(paper, accent);
  }

  makeDigits() {
    const { digits, shape } = this.film;
    if (this.digits.childElementCount === digits.length) return;
    this.pairs = digits.map((name, i) => {
      const [into, out] = ["in", "out"].map((kind) => el("canvas", { width: shape[1], height: shape[0], class: `pa-digit pa-${kind}` }));
      const button = el("button", { type: "button", class: "pa-pair", "aria-pressed": "false", "aria-label": `${name}: which units does it light?`, onclick: () => this.choose(this.digit === i ? null : i) }, into, out);
      return { into, out, button };
    });
    this.digits.replaceChildren(...this.pairs.map((pair) => pair.button));
  }

  choose(digit) {
    this.digit = digit;
    this.pairs.forEach((pair, i) => {
      pair.button.setAttribute("aria-pressed", String(i === digit));
      toggle(pair.button, "pa-chosen", i === digit);
    });
    this.set(this.at);
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.stop().set(Math.round(this.at) + step);
  }

  start() {
    if (this.count < 2) return;
    this.playing = true;
    setText(this.play, "⏸");
    this.play.setAttribute("aria-label", "Stop the film");
    let before = null;
    let way = this.at >= this.count - 1 ? -1 : 1;
    const frame = (now) => {
      if (!this.playing || !this.node.isConnected) return;
      if (before !== null) {
        const next = this.at + (way * (this.count - 1) * Math.min(now - before, 100)) / (1000 * SECONDS);
        if (next >= this.count - 1 || next <= 0) way = -way;
        this.set(next);
      }
      before = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  stop() {
    this.playing = false;
    setText(this.play, "▶");
    this.play.setAttribute("aria-label", "Play the film");
    return this;
  }

  /** Move the dial: everything follows at once. */
  set(at) {
    this.at = Math.max(0, Math.min(this.count - 1, at));
    this.slider.value = this.at;
    const low = Math.min(Math.floor(this.at), this.count - 1);
    const high = Math.min(low + 1, this.count - 1);
    const share = this.at - low;
    this.drawFilters(low, high, share);
    this.drawDigits(low, high, share);
    this.drawBars(low, high, share);
    const [a, b] = [this.points[low], this.points[high]];
    const blend = (name) => a[name] + (b[name] - a[name]) * share;
    const l0 = Math.exp(Math.log(Math.max(a.l0, 0.01)) * (1 - share) + Math.log(Math.max(b.l0, 0.01)) * share);
    const value = a.value > 0 && b.value > 0 ? a.value ** (1 - share) * b.value ** share : blend("value");
    setText(this.value, short(value));
    this.slider.setAttribute("aria-valuetext", `${short(value)}: ${l0.toFixed(1)} lit, ${percent(1 - blend("fvu"))} explained`);
    const [, name, meaning] = STAGES.find(([share]) => l0 / this.film.latents <= share);
    setText(this.stage, name);
    setText(this.meaning, meaning);
    this.slider.style.setProperty("--pa-done", `${(100 * this.at) / Math.max(1, this.count - 1)}%`);
    setText(this.facts.l0, l0 >= 10 ? l0.toFixed(0) : l0.toFixed(1));
    setText(this.facts.explained, percent(1 - blend("fvu")));
    setText(this.facts.dead, percent(blend("dead")));
    this.facts.accuracyBox.hidden = a.accuracy < 0;
    setText(this.facts.accuracy, percent(blend("accuracy")));
    this.canvas.setAttribute("aria-label", `${this.shown} filters at ${this.film.label} ${short(value)}`);
    this.frontier.move(l0, blend("fvu"));
    return this;
  }

  drawFilters(low, high, share) {
    const { arrays, shape } = this.film;
    const [height, width] = shape;
    const size = height * width;
    const rows = Math.ceil(this.shown / this.columns);
    const across = this.columns * (width + 1) + 1;
    const down = rows * (height + 1) + 1;
    if (this.canvas.width !== across || this.canvas.height !== down) {
      this.canvas.width = across;
      this.canvas.height = down;
      this.picture = null;
    }
    const context = this.canvas.getContext("2d");
    this.picture ??= context.createImageData(across, down);
    const pixels = new Uint32Array(this.picture.data.buffer);
    pixels.fill(this.palette.paper);
    const filters = arrays.filters.data;
    const ways = Math.round(share * 256);
    for (let unit = 0; unit < this.shown; unit += 1) {
      const table = this.tableOf(unit, low, high, share);
      const from = (low * this.shown + unit) * size;
      const to = (high * this.shown + unit) * size;
      let target = (Math.floor(unit / this.columns) * (height + 1) + 1) * across + (unit % this.columns) * (width + 1) + 1;
      for (let y = 0, i = 0; y < height; y += 1, target += across - width) {
        for (let x = 0; x < width; x += 1, i += 1, target += 1) {
          const a = filters[from + i];
          pixels[target] = table[a + (((filters[to + i] - a) * ways) >> 8)];
        }
      }
    }
    context.putImageData(this.picture, 0, 0);
  }

  /** The colours of one filter: faded where it is dead; lit or dimmed where a digit is chosen. */
  tableOf(unit, low, high, share) {
    const { alive, lit } = this.film.arrays;
    const blend = (data, stride, offset) => data[low * stride + offset] * (1 - share) + data[high * stride + offset] * share;
    if (blend(alive.data, this.shown, unit) < 96) return this.palette.dead;
    if (this.digit === null) return this.palette.weights;
    const [, digits, shown] = lit.shape;
    const level = blend(lit.data, digits * shown, this.digit * shown + unit) / 255;
    return this.palette.lit[Math.ceil(level * (this.palette.lit.length - 1))];
  }

  drawDigits(low, high, share) {
    const { arrays, shape, digits } = this.film;
    const size = shape[0] * shape[1];
    const draw = (canvas, valueOf) => {
      const context = canvas.getContext("2d");
      const picture = context.createImageData(shape[1], shape[0]);
      const pixels = new Uint32Array(picture.data.buffer);
      for (let i = 0; i < size; i += 1) pixels[i] = this.palette.grey[Math.round(valueOf(i))];
      context.putImageData(picture, 0, 0);
    };
    digits.forEach((_, digit) => {
      const [from, to] = [low, high].map((point) => (point * digits.length + digit) * size);
      draw(this.pairs[digit].into, (i) => arrays.x.data[digit * size + i]);
      draw(this.pairs[digit].out, (i) => arrays.x_hat.data[from + i] * (1 - share) + arrays.x_hat.data[to + i] * share);
    });
  }

  drawBars(low, high, share) {
    const { data, shape } = this.film.arrays.densities;
    const bins = shape[1];
    const context = this.bars.getContext("2d");
    const { width, height } = this.bars;
    context.clearRect(0, 0, width, height);
    for (let bin = 0; bin < bins; bin += 1) {
      const bar = (data[low * bins + bin] * (1 - share) + data[high * bins + bin] * share) * (height - 2);
      context.fillStyle = bin === 0 ? "#8A8F98" : getComputedStyle(this.bars).color;
      context.fillRect((bin * width) / bins + 1, height - bar, width / bins - 1.5, bar);
    }
  }
}
