// Walks through the sum, one term after the other: a button, and a slider to go by hand.

import { el, setText } from "../dom.js";

const EVERY = 420; // ms a term

export class Player {
  /** @param onStage (stage | null) => void, null being the whole; steps () => how many stages there are */
  constructor(onStage, steps) {
    this.onStage = onStage;
    this.steps = steps;
    this.button = el("button", { type: "button", class: "ps-button", onclick: () => (this.timer ? this.stop() : this.play()) });
    this.slider = el("input", { type: "range", min: "0", value: "0", step: "1", "aria-label": "How many units have been added" });
    this.slider.oninput = () => {
      this.stop();
      this.go(Number(this.slider.value));
    };
    this.node = el("span", { class: "pa-row pa-player" }, this.button, this.slider);
    this.show(null, 1);
  }

  play() {
    let stage = 0;
    this.go(stage);
    this.timer = setInterval(() => {
      stage += 1;
      if (stage < this.steps()) this.go(stage);
      else {
        this.stop();
        this.go(null);
      }
    }, EVERY);
    this.label();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.label();
  }

  go(stage) {
    this.onStage(stage !== null && stage >= this.steps() ? null : stage);
  }

  show(stage, steps) {
    this.slider.max = steps;
    this.slider.value = stage ?? steps;
    this.slider.setAttribute("aria-valuetext", stage === null ? "all of it" : stage === 0 ? "the bias alone" : `${stage} of ${steps}`);
    this.label();
  }

  label() {
    setText(this.button, this.timer ? "Stop" : "Add up, one by one");
  }
}
