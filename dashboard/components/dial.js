// A slider that speaks while it is dragged: logarithmic, its leftmost stop exactly off, its zones labelled.

import { el, setText } from "./dom.js";
import { dialText } from "./format.js";

const OFF_SHARE = 0.07; // the leftmost stretch of the track is "off", so that off can be hit with a finger
let drags = Date.now() % 1e9;

/** Track position in [0, 1] ↔ value, for one knob. */
export function scaleOf(knob) {
  const [low, high] = knob.dial;
  const start = knob.off ? OFF_SHARE : 0;
  const span = Math.log(high / low);
  const tidy = (v) => (knob.integer ? Math.round(v) : Number(v.toPrecision(3)));
  return {
    toValue: (at) => (at < start ? 0 : tidy(low * Math.exp(span * Math.min(1, (at - start) / (1 - start))))),
    toPosition: (value) => (value <= 0 ? 0 : Math.max(start, Math.min(1, start + ((1 - start) * Math.log(value / low)) / span))),
  };
}

export class Dial {
  /** @param {(value: number, drag: number) => void} onMove every value while dragging, `drag` shared by one gesture */
  constructor(name, knob, onMove) {
    this.name = name;
    this.knob = knob;
    this.scale = scaleOf(this.knob);
    this.onMove = onMove;
    this.value = knob.default;
    this.dragging = null;
    this.build();
    this.show(this.value);
  }

  build() {
    this.thumb = el("div", { class: "ps-thumb" });
    this.fill = el("div", { class: "ps-fill" });
    this.output = el("output", { class: "ps-dial-value" });
    this.track = el("div", {
      class: "ps-track",
      role: "slider",
      tabindex: "0",
      "aria-label": this.knob.label,
      "aria-valuemin": this.knob.off ? 0 : this.knob.dial[0],
      "aria-valuemax": this.knob.dial[1],
    });
    this.track.append(el("div", { class: "ps-rail" }), this.fill, this.thumb);
    this.node = el(
      "div",
      { class: "ps-dial", title: this.knob.help },
      el("div", { class: "ps-dial-head" }, el("span", { class: "ps-dial-label", text: this.knob.label }), this.output),
      this.track,
      this.zones(),
    );
    this.track.onpointerdown = (e) => this.grab(e);
    this.track.onpointermove = (e) => this.dragging !== null && this.moveTo(e);
    this.track.onpointerup = (e) => this.release(e);
    this.track.onpointercancel = () => this.release();
    this.track.onmousedown = (e) => {
      e.preventDefault(); // or a second drag would take hold of the text that the first one selected
      this.track.focus();
    };
    this.track.onkeydown = (e) => this.key(e);
  }

  zones() {
    const row = el("div", { class: "ps-zones", "aria-hidden": "true" });
    let from = 0;
    if (this.knob.off) {
      row.append(el("span", { class: "ps-zone ps-zone-off", style: `left:0;width:${100 * OFF_SHARE}%`, text: "off" }));
      from = OFF_SHARE;
    }
    for (const [upTo, words] of this.knob.zones ?? []) {
      const to = this.scale.toPosition(Math.min(upTo, this.knob.dial[1]));
      if (to <= from) continue;
      row.append(el("span", { class: "ps-zone", style: `left:${100 * from}%;width:${100 * (to - from)}%`, title: words, text: words }));
      from = to;
    }
    return row;
  }

  grab(event) {
    if (event.button || this.disabled) return;
    this.track.setPointerCapture(event.pointerId);
    this.dragging = ++drags;
    this.moveTo(event);
  }

  release(event) {
    if (event && this.dragging !== null) this.moveTo(event);
    this.dragging = null;
  }

  moveTo(event) {
    const box = this.track.getBoundingClientRect();
    this.set(this.scale.toValue(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width))), this.dragging);
  }

  key(event) {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (this.disabled || (!by && event.key !== "Home" && event.key !== "End")) return;
    event.preventDefault();
    if (event.key === "Home") return this.set(this.knob.off ? 0 : this.knob.dial[0], ++drags);
    if (event.key === "End") return this.set(this.knob.dial[1], ++drags);
    this.nudge(by);
  }

  /** One notch: a fiftieth of the track, or one whole unit; notches in quick succession are one gesture. */
  nudge(by) {
    const now = performance.now();
    if (!this.nudged || now - this.nudged > 800) this.nudgeDrag = ++drags;
    this.nudged = now;
    const position = this.scale.toPosition(this.value);
    let at = position + by * 0.02;
    if (this.knob.off && at < OFF_SHARE) at = by < 0 ? 0 : OFF_SHARE;
    let value = this.scale.toValue(Math.max(0, Math.min(1, at)));
    if (this.knob.integer && value === this.value) value += by;
    const floor = this.knob.off ? 0 : this.knob.dial[0];
    this.set(Math.max(floor, Math.min(this.knob.dial[1], value)), this.nudgeDrag);
  }

  set(value, drag) {
    if (value === this.value) return;
    this.show(value);
    this.onMove(value, drag ?? ++drags);
  }

  /** Glide there as a hand would: one gesture of many values (the story does this). */
  glide(to, seconds) {
    cancelAnimationFrame(this.gliding);
    const from = this.scale.toPosition(this.value);
    const target = this.scale.toPosition(to);
    const drag = ++drags;
    const began = performance.now();
    const tick = (now) => {
      const t = Math.min(1, Math.max(0, (now - began) / (1000 * seconds)));
      const eased = t * t * (3 - 2 * t);
      this.set(t === 1 ? to : this.scale.toValue(from + (target - from) * eased), drag);
      if (t < 1) this.gliding = requestAnimationFrame(tick);
    };
    this.gliding = requestAnimationFrame(tick);
  }

  /** Show a value that came from elsewhere (another tab, the command line); never while a hand is on it. */
  follow(value) {
    if (this.dragging === null && value !== this.value) this.show(value);
  }

  show(value) {
    this.value = value;
    const at = `${100 * this.scale.toPosition(value)}%`;
    this.thumb.style.left = at;
    this.fill.style.width = at;
    const text = dialText(value, this.knob);
    setText(this.output, text);
    this.track.setAttribute("aria-valuenow", value);
    this.track.setAttribute("aria-valuetext", text);
  }

  enable(on) {
    this.disabled = !on;
    this.track.setAttribute("aria-disabled", String(!on));
    this.track.tabIndex = on ? 0 : -1;
  }
}
