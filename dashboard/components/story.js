// A told sequence: each step a sentence and an action on the live run, advanced by one key or by the clock.

import { el, setText, toggle } from "./dom.js";

const TICK_MS = 50;

export class Story {
  /**
   * @param {{title: string, steps: {at: number, say: string, do: object[]}[]}} script
   * @param {(action: object) => void} act
   * @param {() => boolean} ready whether what the step began is under way; until then its clock stands still
   */
  constructor(script, act, ready) {
    this.script = script;
    this.act = act;
    this.ready = ready;
    this.index = -1;
    this.sentence = el("p", { class: "ps-story-sentence", "aria-live": "polite" });
    this.dots = script.steps.map((step, i) => el("button", { type: "button", class: "ps-dot", "aria-label": `Step ${i + 1}: ${step.name}`, title: step.name, onclick: () => this.go(i) }));
    this.auto = el("button", { type: "button", class: "ps-link", onclick: () => this.toggleAuto() });
    this.node = el(
      "div",
      { class: "ps-story", role: "region", "aria-label": script.title, hidden: true },
      el("div", { class: "ps-story-head" }, el("div", { class: "ps-dots" }, ...this.dots), this.auto,
        el("button", { type: "button", class: "ps-link", text: "back", title: "PageUp", onclick: () => this.go(this.index - 1) }),
        el("button", { type: "button", class: "ps-link", text: "next", title: "PageDown", onclick: () => this.next() }),
        el("button", { type: "button", class: "ps-link", text: "close", onclick: () => this.close() })),
      this.sentence,
    );
  }

  get telling() {
    return this.index >= 0;
  }

  /** From the beginning, by the clock. */
  playByItself() {
    this.go(0);
    this.schedule();
  }

  next() {
    if (this.index + 1 < this.script.steps.length) this.go(this.index + 1);
    else this.close();
  }

  /** @param {number} index a step; whoever advances by hand has taken over from the clock */
  go(index, byClock = false) {
    if (index < 0 || index >= this.script.steps.length) return;
    if (!byClock) this.stopClock();
    this.index = index;
    const step = this.script.steps[index];
    for (const action of step.do) this.act(action);
    this.show();
  }

  schedule() {
    const { steps } = this.script;
    const following = steps[this.index + 1];
    let left = 1000 * ((following?.at ?? steps[this.index].at + 8) - steps[this.index].at);
    clearInterval(this.clock);
    this.clock = setInterval(() => {
      if (this.ready()) left -= TICK_MS;
      if (left > 0) return;
      if (!following) return this.stopClock();
      this.go(this.index + 1, true);
      this.schedule();
    }, TICK_MS);
    this.show();
  }

  stopClock() {
    clearInterval(this.clock);
    this.clock = null;
    if (this.telling) this.show();
  }

  toggleAuto() {
    if (this.clock) this.stopClock();
    else if (this.index + 1 < this.script.steps.length) this.schedule();
    else this.playByItself();
  }

  show() {
    this.node.hidden = !this.telling;
    setText(this.sentence, this.telling ? this.script.steps[this.index].say : "");
    setText(this.auto, this.clock ? "stop the clock" : "play by itself");
    this.dots.forEach((dot, i) => {
      toggle(dot, "ps-done", i < this.index);
      toggle(dot, "ps-now", i === this.index);
    });
    this.onShow?.();
  }

  close() {
    this.stopClock();
    this.index = -1;
    this.show();
  }
}
