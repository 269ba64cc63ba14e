// The Path page: follows a path while it is trained, then hands its dial over; saving is a link, going on a click.

import { el, setText } from "../dom.js";
import { parseFrame } from "../frame.js";
import { Film } from "./film.js";

const EVERY = 400; // ms between two looks while it is trained
const ENDED = new Set(["finished", "stopped", "failed", "lost", "paused"]);

export function mount(component) {
  const { parentElement, data } = component;
  if (!parentElement.pathView || !parentElement.pathView.root.isConnected) parentElement.pathView = new PathView(parentElement);
  const view = parentElement.pathView;
  view.update(component, data);
  // What was shown before may be cleaned up after its successor has been mounted on the same node.
  return () => setTimeout(() => !view.root.isConnected && view.close());
}

class PathView {
  constructor(parent) {
    this.film = new Film();
    this.progress = el("progress", { max: 1, value: 0, "aria-label": "How much of the path is trained" });
    this.said = el("span", { class: "pa-said", role: "status" });
    this.use = el("button", { class: "pa-do", type: "button", text: "Use this", title: "Begin a run that goes on from the nearest trained point" });
    this.html = el("a", { text: "Save the dial (HTML)", download: "" });
    this.gif = el("a", { text: "Save the film (GIF)", download: "" });
    this.bar = el("div", { class: "pa-bar" }, this.progress, this.said, this.use, this.html, this.gif);
    this.root = el("div", {}, this.bar, this.film.node);
    parent.append(this.root);
  }

  update(component, data) {
    const fresh = this.run !== data.run;
    this.data = data;
    this.run = data.run;
    this.closed = false;
    this.base = `${data.base}/path/${data.run}`;
    this.html.href = `${this.base}/dial.html`;
    this.gif.href = `${this.base}/film.gif`;
    this.use.disabled = !data.maySteer;
    this.use.onclick = () => {
      const [at, film] = [Math.round(this.film.at), this.film.film];
      component.setStateValue("use", { run: film.runs[at], step: film.steps[at], at: Date.now() });
    };
    if (fresh) {
      this.known = -1;
      this.film.node.hidden = true;
      this.film.film = null;
      this.film.at = 0;
      for (const node of [this.use, this.html, this.gif]) node.hidden = true; // nothing to use before it is here
    } else if (this.film.film) {
      this.film.colours();
      this.film.set(this.film.at);
    }
    clearTimeout(this.timer);
    this.look();
  }

  async look() {
    const run = this.run;
    try {
      const now = await (await fetch(`${this.base}/now`)).json();
      if (this.closed || run !== this.run) return;
      if (now.points !== this.known || now.references !== this.references) await this.fetchFilm(now);
      this.show(now);
      if (ENDED.has(now.state) && now.references) return;
    } catch {
      setText(this.said, "The server does not answer; trying again.");
    }
    if (!this.closed) this.timer = setTimeout(() => this.look(), EVERY);
  }

  async fetchFilm(now) {
    if (now.points > 0) {
      const film = parseFrame(await (await fetch(`${this.base}/film`)).arrayBuffer());
      if (film === null || film.run !== this.run) return;
      this.film.load(film);
    }
    this.known = now.points;
    this.references = now.references;
  }

  show(now) {
    const over = now.points >= now.planned;
    const working = !over && !ENDED.has(now.state);
    this.progress.hidden = over;
    this.progress.value = now.last ? now.step / now.last : 0;
    for (const node of [this.use, this.html, this.gif]) node.hidden = !over;
    if (over) setText(this.said, `${now.points} points.`);
    else if (working) setText(this.said, `${now.points} of ${now.planned} points${this.left(now)}`);
    else setText(this.said, now.reason || `The path is ${now.state} at step ${now.step.toLocaleString("en")}.`);
  }

  /** Seconds left, from how fast it has been since this page looked first. */
  left(now) {
    const seconds = performance.now() / 1000;
    if (!this.first || this.first.run !== this.run) this.first = { run: this.run, seconds, step: now.step };
    const done = now.step - this.first.step;
    if (done <= 0) return now.state === "training" ? "" : ` · ${now.state}`;
    return ` · about ${Math.max(1, Math.round(((now.last - now.step) * (seconds - this.first.seconds)) / done))} s left`;
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.film.stop();
  }
}
