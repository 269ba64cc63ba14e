// Play, pause, one step, one epoch, reset, new seed, speed; and the keys for all of them.

import { el, isTyping, setText, toggle } from "./dom.js";

const ICONS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M6.5 5h4v14h-4zM13.5 5h4v14h-4z",
  step: "M5 5v14l9-7zM16 5h3v14h-3z",
  epoch: "M3 5v14l8-7zM11 5v14l8-7zM19.5 5h2v14h-2z",
  reset: "M12 5V2L7.5 6 12 10V7a5 5 0 1 1-5 5H5a7 7 0 1 0 7-7z",
  seed: "M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zm3.5 4A1.5 1.5 0 1 0 8.5 10 1.5 1.5 0 0 0 8.5 7zm7 7a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3zM12 10.500a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3z",
};

export const KEYS = [
  ["Space", "play or pause"],
  ["S", "one step"],
  ["E", "one epoch"],
  ["Backspace", "reset, same seed"],
  ["N", "new seed"],
  ["V", "next speed"],
  ["[  ]", "dial down, up"],
  ["1 … 9, 0", "choose a digit; Esc: none"],
  ["W", "decoder or encoder weights"],
  ["PageDown, PageUp", "story: next, back"],
  ["L", "lecture mode"],
  ["?", "these keys"],
];

export const SPEEDS = [
  ["ramp", "ramp up", "From one step a picture, doubling each second, to full speed"],
  ["full", "full speed", "As fast as this machine trains"],
  ["slow", "slow motion", "One step a picture, five pictures a second"],
];

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

export class Transport {
  /** @param {(action: string, value?: string) => void} act */
  constructor(act) {
    this.act = act;
    const button = (name, label, key, extra = "") =>
      el("button", { type: "button", class: `ps-button ${extra}`, title: `${label} (${key})`, "aria-label": label, onclick: () => act(name) }, icon(name));
    this.play = button("play", "Play", "Space", "ps-primary");
    this.play.append(el("span", { class: "ps-button-text", text: "Play" }));
    this.play.onclick = () => act("toggle");
    this.step = button("step", "One step", "S");
    this.epoch = button("epoch", "One epoch", "E");
    this.reset = button("reset", "Reset, same seed", "Backspace");
    this.seed = button("seed", "New seed", "N");
    this.speed = el("select", { class: "ps-select", "aria-label": "Speed", title: "Speed (V)", onchange: () => {
      act("speed", this.speed.value);
      this.speed.blur(); // so that Space plays, and does not open the list again
    } });
    for (const [value, text, title] of SPEEDS) this.speed.append(el("option", { value, text, title }));
    this.node = el("div", { class: "ps-transport", role: "toolbar", "aria-label": "Training" }, this.play, this.step, this.epoch, this.reset, this.seed, this.speed);
  }

  show({ playing, canSteer, busy }) {
    if (this.shown !== playing) {
      this.shown = playing;
      this.play.firstChild.replaceWith(icon(playing ? "pause" : "play"));
      setText(this.play.lastChild, playing ? "Pause" : "Play");
      this.play.setAttribute("aria-label", playing ? "Pause" : "Play");
      this.play.title = `${playing ? "Pause" : "Play"} (Space)`;
    }
    toggle(this.play, "ps-busy", Boolean(busy));
    for (const control of [this.play, this.step, this.epoch, this.reset, this.seed, this.speed]) {
      if (control.disabled !== !canSteer) control.disabled = !canSteer;
    }
  }
}

/** One listener for every shortcut. @returns a function that removes it. */
export function listenForKeys(handlers) {
  const listener = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const named = handlers[event.key] ?? handlers[event.key.toLowerCase?.()];
    const always = event.key === "PageDown" || event.key === "PageUp";
    if (!named || (isTyping(event) && !always)) return;
    const onButton = event.composedPath()[0]?.closest?.("button, a, summary, [role=tab]");
    if (onButton && (event.key === " " || event.key === "Enter")) return; // the focused button answers itself
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat || event.key === "[" || event.key === "]") named(event);
  };
  document.addEventListener("keydown", listener, true);
  return () => document.removeEventListener("keydown", listener, true);
}
