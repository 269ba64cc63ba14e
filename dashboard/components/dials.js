// The dials of a method, side by side: made for its knobs, moved by hands, and following the run where no hand is on them.

import { Dial } from "./dial.js";
import { el } from "./dom.js";

const HAND_REST_MS = 700; // after a hand moved one, pictures on their way still say the value before

export class Dials {
  /** @param {(name: string, value: number, drag: number) => void} send */
  constructor(send) {
    this.send = send;
    this.all = [];
    this.node = el("div", { class: "ps-dials" });
    this.steeredAt = -Infinity;
  }

  /** The one that steers sparsity; undefined where the method has none. */
  get first() {
    return this.all[0];
  }

  /** The dials of `config`'s method at its values; made anew only where they are other ones. */
  show(config, methods, knobs) {
    this.method = methods[config.method];
    const key = `${config.method}:${config.n_latents}`;
    if (key !== this.key) {
      this.key = key;
      this.all = this.names().map((name) => this.make(name, config, knobs));
      const none = el("span", { class: "ps-what", text: "A plain autoencoder has no sparsity dial." });
      this.node.replaceChildren(...(this.all.length ? this.all.map((dial) => dial.node) : [none]));
    }
    for (const dial of this.all) if (config[dial.name] !== undefined) dial.follow(config[dial.name]);
  }

  names() {
    const { dial, knobs = [] } = this.method ?? {};
    return [dial, ...knobs.filter((name) => name !== dial)].filter(Boolean);
  }

  make(name, config, knobs) {
    const knob = { ...knobs[name], ...this.method.looks[name] };
    knob.default = this.method.defaults[name] ?? knob.default;
    const dial = name === "k" ? [1, config.n_latents] : knob.dial;
    return new Dial(name, { ...knob, dial }, (value, drag) => this.steer(name, value, drag));
  }

  /** Where another tab, the command line or a target has moved them. */
  follow(frame) {
    if (performance.now() - this.steeredAt <= HAND_REST_MS) return;
    const values = { rho: frame.rho, [this.method?.target]: frame.target, [this.first?.name]: frame.dial };
    for (const dial of this.all) if (Number.isFinite(values[dial.name])) dial.follow(values[dial.name]);
  }

  steer(name, value, drag) {
    this.steeredAt = performance.now();
    const { target, dial } = this.method ?? {};
    const goal = this.all.find((one) => one.name === target);
    if (name === dial && goal?.value) {
      goal.show(0); // a hand on the weight takes it over
      this.send(target, 0, -drag);
    } else if (name === target && value === 0) {
      this.send(dial, this.first.value, -drag); // the weight that was found is kept
    }
    this.send(name, value, drag);
  }

  values() {
    return Object.fromEntries(this.all.map((dial) => [dial.name, dial.value]));
  }

  /** What a newcomer could do next, in a sentence. */
  hint() {
    const choose = "hoose a digit to see which units draw it.";
    if (!this.first) return `C${choose}`;
    const { label } = this.first.knob;
    const words = /^[A-Z][a-z]/.test(label) ? label[0].toLowerCase() + label.slice(1) : label;
    return `Drag the ${words} while it learns, and c${choose}`;
  }

  enable(on) {
    for (const dial of this.all) dial.enable(on);
  }
}
