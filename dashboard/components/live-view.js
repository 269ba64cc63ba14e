// The Train page's live view: one socket in, one picture out. Nothing here trains, measures or remembers a run;
// it shows frames, and sends what hands do. The flow is one-directional: frame → draw; gesture → message.

import { Captions } from "./captions.js";
import { Charts } from "./charts.js";
import { Dials } from "./dials.js";
import { Digits } from "./digits.js";
import { el, setText, toggle } from "./dom.js";
import { Enlarged } from "./enlarged.js";
import { Hands } from "./hands.js";
import { readLook } from "./look.js";
import { isVector, Mosaic } from "./mosaic.js";
import { Notice } from "./notice.js";
import { Formula, Tiles } from "./numbers.js";
import { Rows } from "./rows.js";
import { LiveSocket } from "./socket.js";
import { Story } from "./story.js";
import { icon, listenForKeys, Transport } from "./transport.js";

const SPARKS_MS = 250;

const views = new WeakMap();

/** Streamlit calls this at every rerun; the view is built once per place and told what changed. */
export function mount(component) {
  const { parentElement } = component;
  let view = views.get(parentElement);
  if (!view || !view.node.isConnected) {
    view?.close();
    view = new LiveView(component);
    views.set(parentElement, view);
  }
  view.receive(component);
  return () => {
    view.close();
    views.delete(parentElement);
  };
}

class LiveView {
  constructor({ data, parentElement }) {
    this.data = data;
    this.run = undefined; // undefined: nothing watched yet; null: the network before training
    this.status = { state: "new" };
    this.rows = new Rows();
    this.markers = [];
    this.view = { digit: null, latent: null, weights: "decoder", lecture: false, notation: "words", ...data.view };
    this.build(parentElement);
    const url = new URL(`${data.base}/live`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new LiveSocket(url.href, (message) => this.hear(message));
    this.stopKeys = listenForKeys(this.hands.shortcuts());
    this.resized = new ResizeObserver(() => this.schedule());
    this.resized.observe(this.node);
  }

  build(parent) {
    this.hands = new Hands(this);
    const act = (action, value) => this.hands.act(action, value);
    this.transport = new Transport(act);
    this.dials = new Dials((name, value, drag) => this.steer(name, value, drag));
    this.notice = new Notice(act);
    this.story = new Story(this.data.story, (action) => this.hands.tell(action), () => this.underWay);
    this.story.onShow = () => this.notice.hush(this.story.telling);
    this.formula = new Formula((notation) => this.choose({ notation }));
    this.tiles = new Tiles();
    this.mosaic = new Mosaic((latent) => this.choose({ latent }));
    this.mosaic.chosen = this.view.latent;
    this.enlarged = new Enlarged(() => this.mosaic.choose(null));
    this.digits = new Digits((digit) => this.choose({ digit: this.view.digit === digit ? null : digit }));
    this.charts = new Charts(this.data.base);
    this.captions = new Captions(() => act("weights"));
    this.node = el("div", { class: "ps-root" }, this.bar(act), this.strip(act), el("div", { class: "ps-readout" }, this.formula.node, this.tiles.node), this.body());
    parent.append(this.node);
  }

  bar(act) {
    this.lecture = el("button", { type: "button", class: "ps-button ps-lecture-button", title: "Large type, no sidebar, more contrast (L)", onclick: () => act("lecture") });
    return el("div", { class: "ps-bar" }, this.transport.node, this.lecture, this.dials.node);
  }

  strip(act) {
    const button = el("button", { type: "button", class: "ps-button ps-story-button", title: "Begin the story; a key tells it step by step: PageDown", onclick: () => act("story") }, icon("play"), "60-second story");
    const invitation = el("div", { class: "ps-invitation" }, el("span", { class: "ps-invitation-text" }, "or watch what sparsity does:"), button);
    return el("div", { class: "ps-strip" }, this.notice.node, invitation, this.story.node);
  }

  body() {
    const { captions, mosaic, enlarged, digits, charts } = this;
    const head = el("div", { class: "ps-chart-head" }, captions.title, mosaic.hint, captions.weights);
    const filters = el("section", { class: "ps-filters" }, head, el("div", { class: "ps-mosaic-box" }, mosaic.node, enlarged.node));
    const copies = el("section", { class: "ps-copies" }, digits.node, captions.digits);
    return el("div", { class: "ps-body" }, filters, captions.filters, copies, charts.node);
  }

  /** Whether what the story began is seen to train. */
  get underWay() {
    return this.run !== this.hands.leaving && this.pictured === this.run && this.frame.step > 0;
  }

  // ── from Streamlit ────────────────────────────────────────────────────────────────────────────────────────────

  receive({ data, setStateValue }) {
    this.data = data;
    this.setStateValue = setStateValue;
    if (data.run !== this.pageRun) {
      // Only a *change* of the page's run is an order: a rerun under way when Play was pressed still says null.
      this.pageRun = data.run;
      if (data.run !== this.run) this.watch(data.run);
    }
    if (this.run === null || this.run === undefined) this.showDials(data.pending);
    this.look = null;
    this.schedule();
  }

  /** Keep what shapes the view in the URL (the Python side writes it there). */
  remember(values) {
    for (const [name, value] of Object.entries(values)) this.setStateValue?.(name, value);
  }

  // ── from the server ───────────────────────────────────────────────────────────────────────────────────────────

  watch(run) {
    this.run = run;
    this.socket.send({ t: "watch", run, weights: this.view.weights });
  }

  hear(message) {
    const handler = {
      link: ({ up }) => (up ? this.rejoin() : this.notice.link(false)),
      hello: ({ can_steer, why }) => this.meet(can_steer, why),
      run: (m) => this.meetRun(m),
      frame: ({ frame }) => this.takeFrame(frame),
      rows: ({ rows }) => this.rows.add(rows),
      markers: ({ markers }) => this.mark(markers),
      status: (m) => this.setStatus(m),
      moved: ({ run }) => this.watch(run),
      error: ({ message: text }) => this.fail(text),
    }[message.t];
    handler?.(message);
    this.schedule();
  }

  rejoin() {
    this.notice.link(true);
    if (this.run !== undefined) this.watch(this.run);
  }

  meet(canSteer, why) {
    this.canSteer = canSteer;
    this.notice.watching(canSteer ? null : why);
  }

  meetRun({ run, config, status, figures, rows, markers }) {
    this.pictured = undefined;
    this.run = run;
    this.config = config;
    this.rows.clear();
    this.rows.add(rows);
    this.markers = markers;
    this.showDials(run ? config : this.data.pending);
    this.setStatus(status);
    this.charts.setFigures(figures, run ?? "new").then(() => this.schedule(), (error) => this.fail(error.message));
    if (run !== this.pageRun) this.remember({ run });
  }

  takeFrame(frame) {
    this.frame = frame;
    this.pictured = this.run;
    this.unacknowledged = frame.seq;
    if (this.run) this.dials.follow(frame); // the first picture is no run's
  }

  setStatus(status) {
    this.status = { ...this.status, ...status };
    if (status.state !== "paused" || status.step) this.hands.busy = false; // until its worker is there, a new run is paused at 0
    this.notice.status(this.run, this.hands.busy ? { state: "starting" } : this.status, this.dials.hint());
  }

  mark(markers) {
    for (const marker of markers) {
      const same = marker.drag === null || marker.drag === undefined ? -1 : this.markers.findIndex((m) => m.drag === marker.drag);
      if (same >= 0) this.markers[same] = marker;
      else this.markers.push(marker);
    }
    this.charts.due = true;
  }

  fail(text) {
    this.hands.busy = false;
    this.notice.error(text);
  }

  // ── what shapes the view ──────────────────────────────────────────────────────────────────────────────────────

  showDials(config) {
    this.dials.show(config, this.data.methods, this.data.knobs);
  }

  steer(name, value, drag) {
    if (this.config) this.config = { ...this.config, [name]: value };
    if (this.run) this.socket.send({ t: "set", run: this.run, name, value, drag });
  }

  setWeights(weights) {
    this.choose({ weights });
    this.watch(this.run ?? null);
  }

  setLecture(lecture) {
    this.look = null;
    this.choose({ lecture });
  }

  choose(change) {
    Object.assign(this.view, change);
    this.remember(change);
    this.schedule();
  }

  // ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────────

  schedule() {
    if (this.drawing || this.closed) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.draw();
    });
  }

  draw() {
    if (!this.node.isConnected) return;
    const fresh = !this.look;
    this.look ??= readLook(this.node, this.view.lecture);
    toggle(this.node, "ps-lecture", this.view.lecture);
    toggle(this.node, "ps-dark", this.look.palette.dark);
    toggle(this.node, "ps-new", !this.run);
    setText(this.lecture, this.view.lecture ? "End lecture" : "Lecture");
    const canSteer = this.canSteer !== false;
    this.transport.show({ playing: this.hands.playing, canSteer, busy: this.hands.busy });
    this.dials.enable(canSteer);
    this.node.dataset.state = this.status.state;
    if (this.frame) this.drawFrame(this.frame, fresh);
  }

  drawFrame(frame, fresh) {
    const { look, view } = this;
    const digit = view.digit !== null && view.digit < frame.digit_names.length ? view.digit : null;
    this.mosaic.draw(frame, look.palette, digit);
    this.enlarged.draw(frame, look.palette, this.mosaic.chosen);
    this.digits.draw(frame, look.palette, digit);
    this.formula.draw(frame, this.dials.method, this.dials.first?.value, view.notation);
    this.tiles.draw(frame);
    toggle(this.node, "ps-vectors", isVector(frame.image_shape));
    this.captions.draw(frame, digit);
    const now = performance.now();
    if (fresh || now - (this.sparkedAt ?? 0) > SPARKS_MS) {
      this.sparkedAt = now;
      this.tiles.drawSparks(this.rows, look.accent);
    }
    this.charts.draw(now, this, look, fresh);
    this.acknowledge();
  }

  /** Only now is the picture seen; the next one may come. */
  acknowledge() {
    if (this.unacknowledged === undefined) return;
    this.socket.ack(this.unacknowledged);
    this.unacknowledged = undefined;
    this.pictures = (this.pictures ?? 0) + 1;
    const { step, fvu, l0, dead_fraction: dead } = this.frame;
    Object.assign(this.node.dataset, { pictures: this.pictures, step, run: this.pictured ?? "", fvu, l0, dead });
  }

  close() {
    this.closed = true;
    cancelAnimationFrame(this.drawing);
    this.story.stopClock();
    this.stopKeys();
    this.resized.disconnect();
    this.socket.close();
    this.charts.close();
    this.node.remove();
  }
}
