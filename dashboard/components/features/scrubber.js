// Time travel: a slider over the kept steps of a run, a film through them, and marks where the dial was moved.

import { el, setText } from "../dom.js";
import { short, whole } from "../format.js";

const PICTURE_MS = 350;

export class Scrubber {
  /** @param {(step: number|null) => void} onStep null is the newest, and stays so as the run goes on */
  constructor(onStep) {
    this.onStep = onStep;
    this.steps = [];
    this.slider = el("input", { type: "range", min: "0", max: "0", value: "0", class: "ps-scrub", "aria-label": "Step of the run", oninput: () => this.go(Number(this.slider.value)) });
    this.play = el("button", { type: "button", class: "ps-button", title: "Play the run as a film (P)", onclick: () => this.toggle() }, "▶ film");
    this.newest = el("button", { type: "button", class: "ps-button", title: "Back to now", onclick: () => this.go(this.steps.length) }, "now");
    this.marks = el("div", { class: "ps-scrub-marks", "aria-hidden": "true" });
    this.words = el("span", { class: "ps-scrub-words", role: "status" });
    this.node = el("div", { class: "ps-scrubber" }, this.play, el("div", { class: "ps-scrub-track" }, this.marks, this.slider), this.newest, this.words);
  }

  /** @param {number[]} steps kept, in order  @param {{step: number, text: string}[]} markers */
  receive(steps, markers, chosen) {
    this.steps = steps;
    this.slider.max = String(steps.length);
    if (!this.playing) this.slider.value = String(chosen === null || !steps.includes(chosen) ? steps.length : steps.indexOf(chosen));
    this.slider.disabled = this.play.disabled = steps.length < 2;
    this.marks.replaceChildren(
      ...markers.map(({ step, text }) => {
        const after = steps.findIndex((kept) => kept >= step);
        const at = after < 0 ? steps.length : after;
        return el("span", { class: "ps-scrub-mark", title: text, style: `left:${(100 * at) / Math.max(1, steps.length)}%` });
      }),
    );
  }

  go(i) {
    this.slider.value = String(i);
    this.onStep(i < this.steps.length ? this.steps[i] : null);
  }

  describe(atlas, live) {
    const text = `${live ? "now: " : ""}step ${whole(atlas.step)}, ${short(atlas.images)} images`;
    setText(this.words, text);
    this.slider.setAttribute("aria-valuetext", text);
  }

  toggle() {
    if (this.playing) return this.stop();
    setText(this.play, "⏸ film");
    let i = Number(this.slider.value) >= this.steps.length ? 0 : Number(this.slider.value);
    const next = () => {
      this.go(i++);
      if (i > this.steps.length) this.stop();
    };
    this.playing = setInterval(next, PICTURE_MS);
    next();
  }

  stop() {
    clearInterval(this.playing);
    this.playing = null;
    setText(this.play, "▶ film");
  }
}
