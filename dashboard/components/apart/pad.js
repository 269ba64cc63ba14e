// Somewhere to draw: mouse, finger, pen, or the arrow keys. What is drawn is framed as the data set frames its images.

import { el } from "../dom.js";
import { centred } from "./centre.js";
import { drawGrey } from "./pictures.js";

const SIDE = 280;
const PEN = 23; // a stroke of about two pixels once the ink fits its box of 20
const STEP = 10;
const INK = { grey: Uint32Array.from({ length: 256 }, (_, i) => (255 << 24) | (i << 16) | (i << 8) | i) };

export class Pad {
  /** @param {(x: Float32Array|null) => void} onInk called once a picture while drawing, and at the end of each stroke */
  constructor(onInk) {
    this.onInk = onInk;
    this.strokes = [];
    this.cursor = [SIDE / 2, SIDE / 2];
    this.canvas = el("canvas", {
      class: "pa-pad-canvas",
      width: SIDE,
      height: SIDE,
      tabindex: "0",
      role: "application",
      "aria-label": "Drawing pad. Draw with mouse, finger or pen; or arrow keys move the pen, Space puts it down and lifts it, Z takes the last stroke back, Delete clears.",
    });
    this.undoButton = el("button", { type: "button", class: "ps-button", text: "Undo", title: "Take the last stroke back (Z)", onclick: () => this.undo() });
    this.clearButton = el("button", { type: "button", class: "ps-button", text: "Clear", title: "Delete", onclick: () => this.clear() });
    this.node = el(
      "div",
      { class: "pa-pad" },
      this.canvas,
      el("div", { class: "pa-row" }, this.undoButton, this.clearButton),
      el("p", { class: "ps-what", text: "Keys: arrows move, Space pen down or up, Z undo, Delete clear." }),
    );
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.canvas.onpointerdown = (event) => this.begin(event);
    this.canvas.onpointermove = (event) => this.stroke && this.extend(event);
    this.canvas.onpointerup = (event) => this.end(event);
    this.canvas.onpointercancel = (event) => this.end(event);
    this.canvas.onkeydown = (event) => this.key(event);
    this.canvas.onfocus = () => this.paint();
    this.canvas.onblur = () => this.paint();
  }

  frame(shape, framing) {
    this.shape = shape;
    this.framing = framing;
  }

  /** What the model sees of it: the same in light and dark, white ink on black. */
  show(canvas, x, shape) {
    drawGrey(canvas, x, shape, INK);
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  begin(event) {
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({ preventScroll: true });
    this.penDown = false;
    this.stroke = [this.at(event)];
    this.strokes.push(this.stroke);
    this.changed();
  }

  extend(event) {
    const events = event.getCoalescedEvents?.() ?? [event];
    this.stroke.push(...(events.length ? events : [event]).map((one) => this.at(one)));
    this.changed();
  }

  end(event) {
    if (!this.stroke) return;
    if (event.type === "pointerup") this.stroke.push(this.at(event));
    this.cursor = this.stroke.at(-1);
    this.stroke = null;
    this.changed(true);
  }

  key(event) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move) this.moveCursor(move, event.shiftKey ? 3 : 1);
    else if (event.key === " ") this.togglePen();
    else if (event.key === "z" || event.key === "Z") this.undo();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  moveCursor([dx, dy], times) {
    this.cursor = [this.cursor[0] + dx * STEP * times, this.cursor[1] + dy * STEP * times].map((v) => Math.max(0, Math.min(SIDE, v)));
    if (this.penDown) this.strokes.at(-1).push(this.cursor);
    this.changed();
  }

  togglePen() {
    this.penDown = !this.penDown;
    if (this.penDown) this.strokes.push([this.cursor]);
    this.changed(!this.penDown);
  }

  undo() {
    this.strokes.pop();
    this.penDown = false;
    this.changed(true);
  }

  clear() {
    this.strokes = [];
    this.penDown = false;
    this.changed(true);
  }

  changed(now = false) {
    cancelAnimationFrame(this.due);
    const tell = () => {
      this.paint();
      this.onInk(this.strokes.length ? this.image() : null);
    };
    if (now) tell();
    else this.due = requestAnimationFrame(tell);
  }

  /** White ink on black in either theme: that is what the model sees. */
  ink() {
    const { context } = this;
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE, SIDE);
    context.strokeStyle = context.fillStyle = "#fff";
    context.lineWidth = PEN;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      if (stroke.length === 1) context.lineTo(stroke[0][0] + 0.01, stroke[0][1]);
      for (const point of stroke.slice(1)) context.lineTo(...point);
      context.stroke();
    }
  }

  image() {
    this.ink();
    const { data } = this.context.getImageData(0, 0, SIDE, SIDE);
    const ink = new Float32Array(SIDE * SIDE);
    for (let p = 0; p < ink.length; p++) ink[p] = data[4 * p] / 255;
    this.paint();
    return centred(ink, SIDE, SIDE, this.shape, this.framing);
  }

  paint() {
    this.ink();
    const { context } = this;
    if (this.canvas.matches(":focus-visible") || this.penDown) {
      context.strokeStyle = this.penDown ? "#e69f00" : "#56b4e9";
      context.lineWidth = 3;
      context.beginPath();
      context.arc(...this.cursor, PEN / 2, 0, 7);
      context.stroke();
    }
    if (!this.strokes.length) {
      context.fillStyle = "#bbb";
      context.font = "20px sans-serif";
      context.textAlign = "center";
      context.fillText("draw a digit here", SIDE / 2, SIDE / 2 + 50);
    }
    this.undoButton.disabled = this.clearButton.disabled = !this.strokes.length;
  }
}
