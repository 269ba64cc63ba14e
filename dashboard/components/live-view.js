// The Train page's live view: one socket in, one picture out. Nothing here trains, measures or remembers a run;
// it shows frames, and sends what hands do. The flow is one-directional: frame → draw; gesture → message.

import { Charts } from "./charts.js";
import { Dial } from "./dial.js";
import { Digits } from "./digits.js";
import { el, setText, toggle } from "./dom.js";
import { Enlarged } from "./enlarged.js";
import { readLook } from "./look.js";
import { isVector, Mosaic } from "./mosaic.js";
import { Notice } from "./notice.js";
import { Formula, Tiles } from "./numbers.js";
import { Rows } from "./rows.js";
import { LiveSocket } from "./socket.js";
import { Story } from "./story.js";
import { listenForKeys, SPEEDS, Transport } from "./transport.js";

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
    this.speed = "ramp";
    this.rows = new Rows();
    this.markers = [];
    this.allDials = [];
    this.view = { digit: null, latent: null, weights: "decoder", lecture: false, notation: "words", ...data.view };
    this.build(parentElement);
    const url = new URL(`${data.base}/live`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new LiveSocket(url.href, (message) => this.hear(message));
    this.stopKeys = listenForKeys(this.shortcuts());
    this.resized = new ResizeObserver(() => this.schedule());
    this.resized.observe(this.node);
  }

  build(parent) {
    this.transport = new Transport((action, value) => this.act(action, value));
    this.notice = new Notice((action) => this.act(action));
    this.story = new Story(this.data.story, (action) => this.tell(action), () => this.run !== this.leaving && this.pictured === this.run && this.frame.step > 0);
    this.story.onShow = () => this.notice.hush(this.story.telling);
    this.formula = new Formula((notation) => this.choose({ notation }));
    this.tiles = new Tiles();
    this.mosaic = new Mosaic((latent) => this.choose({ latent }));
    this.mosaic.chosen = this.view.latent;
    this.enlarged = new Enlarged(() => this.mosaic.choose(null));
    this.digits = new Digits((digit) => this.choose({ digit: this.view.digit === digit ? null : digit }));
    this.charts = new Charts(this.data.base);
    this.dials = el("div", { class: "ps-dials" });
    this.weights = el("button", { type: "button", class: "ps-link", title: "Decoder or encoder weights (W)", onclick: () => this.act("weights") });
    this.mosaicTitle = el("h3", { class: "ps-chart-title" });
    this.storyButton = el("button", { type: "button", class: "ps-button ps-story-button", title: "Next step: PageDown", onclick: () => this.story.playByItself() }, "60-second story");
    this.lectureButton = el("button", { type: "button", class: "ps-button", title: "Large type, no sidebar, more contrast (L)", onclick: () => this.act("lecture") }, "Lecture");
    this.node = el(
      "div",
      { class: "ps-root" },
      el("div", { class: "ps-bar" }, this.transport.node, el("div", { class: "ps-bar-more" }, this.storyButton, this.lectureButton), this.dials),
      el("div", { class: "ps-strip" }, this.notice.node, this.story.node),
      el("div", { class: "ps-readout" }, this.formula.node, this.tiles.node),
      el(
        "div",
        { class: "ps-body" },
        el(
          "div",
          { class: "ps-left" },
          el("section", { class: "ps-filters" }, el("div", { class: "ps-chart-head" }, this.mosaicTitle, this.mosaic.hint, this.weights), el("div", { class: "ps-mosaic-box" }, this.mosaic.node, this.enlarged.node)),
          (this.mosaicWhat = el("p", { class: "ps-what" })),
          this.digits.node,
          (this.digitsWhat = el("p", { class: "ps-what" })),
        ),
        this.charts.node,
      ),
    );
    parent.append(this.node);
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
      moved: ({ run }) => this.follow(run),
      error: ({ message: text }) => this.fail(text),
    }[message.t];
    handler?.(message);
    this.schedule();
  }

  rejoin() {
    this.notice.link(true);
    if (this.run !== undefined) this.socket.send({ t: "watch", run: this.run, weights: this.view.weights });
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

  follow(run) {
    this.watch(run);
  }

  takeFrame(frame) {
    this.frame = frame;
    this.pictured = this.run;
    this.unacknowledged = frame.seq;
    if (!this.run || performance.now() - (this.steeredAt ?? 0) <= 700) return; // the first picture is no run's
    const target = this.method?.target;
    const values = { rho: frame.rho, [target]: frame.target, [this.dial?.name]: frame.dial };
    for (const dial of this.allDials) if (Number.isFinite(values[dial.name])) dial.follow(values[dial.name]);
  }

  setStatus(status) {
    this.status = { ...this.status, ...status };
    if (status.state !== "paused" || status.step) this.busy = false; // until its worker is there, a new run is paused at 0
    this.notice.status(this.run, this.busy ? { state: "starting" } : this.status);
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
    this.busy = false;
    this.notice.error(text);
  }

  // ── what hands do ─────────────────────────────────────────────────────────────────────────────────────────────

  get playing() {
    return Boolean(this.run) && (this.busy || ["training", "starting", "queued"].includes(this.status.state));
  }

  act(action, value) {
    const { run } = this;
    const control = (what) => this.socket.send({ t: "control", run, do: what }, true);
    const actions = {
      toggle: () => (this.playing ? control("pause") : run ? this.play() : this.start({}, true)),
      step: () => (run ? control("step") : this.start({}, false, "step")),
      epoch: () => (run ? control("epoch") : this.start({}, false, "epoch")),
      resume: () => control("resume"),
      reset: () => this.reset({}),
      seed: () => this.reset({ seed: ((this.config?.seed ?? 0) + 1) % 2 ** 31 }),
      speed: () => this.setSpeed(value),
      weights: () => this.setWeights(this.view.weights === "decoder" ? "encoder" : "decoder"),
      lecture: () => this.setLecture(!this.view.lecture),
      story: () => this.story.playByItself(),
    };
    actions[action]?.();
    this.schedule();
  }

  play() {
    this.busy = true;
    this.socket.send({ t: "control", run: this.run, do: "play" }, true);
  }

  start(overrides, play, then) {
    this.busy = play;
    const config = { ...this.data.pending, ...this.dialValues(), ...overrides };
    this.socket.send({ t: "start", config, play, then, speed: this.speed }, true);
  }

  /** The story's beginning: its own settings, whatever the sidebar says; a run that is watched makes room. */
  beginStory(overrides) {
    this.busy = true;
    this.leaving = this.run;
    const knobs = Object.values(this.data.knobs).filter(({ name }) => name in this.data.pending);
    const config = { ...Object.fromEntries(knobs.map((knob) => [knob.name, knob.default])), ...overrides };
    if (this.run) this.socket.send({ t: "reset", run: this.run, config, play: true, speed: this.speed }, true);
    else this.socket.send({ t: "start", config, play: true, speed: this.speed }, true);
  }

  /** A new run from the sidebar's settings; the old one is kept, and the dials stay where they are. */
  reset(overrides) {
    if (!this.run) return;
    const keep = this.data.pending.method === this.config?.method ? this.dialValues() : {};
    const config = { ...this.data.pending, ...keep, ...overrides };
    this.socket.send({ t: "reset", run: this.run, config, play: this.playing, speed: this.speed }, true);
    this.notice.say(`Begun anew. The earlier run is kept: ${this.run}.`);
  }

  setSpeed(value) {
    this.speed = value;
    this.transport.speed.value = value;
    if (this.run) this.socket.send({ t: "speed", run: this.run, value });
  }

  setWeights(weights) {
    this.choose({ weights });
    this.socket.send({ t: "watch", run: this.run ?? null, weights });
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

  /** One action of a story's step, on the live run. */
  tell(action) {
    if ("start" in action) this.beginStory(action.start);
    if ("dial" in action) this.whenDialIs((dial) => dial.glide(action.dial, action.seconds ?? 1));
    if ("digit" in action) this.choose({ digit: action.digit });
  }

  whenDialIs(then) {
    if (this.dial) then(this.dial);
  }

  // ── dials ─────────────────────────────────────────────────────────────────────────────────────────────────────

  showDials(config) {
    const method = this.data.methods[config.method];
    const names = [method?.dial, ...(method?.knobs ?? []).filter((name) => name !== method.dial)].filter(Boolean);
    const key = `${config.method}:${config.n_latents}`;
    if (key !== this.dialsKey) {
      this.dialsKey = key;
      const made = names.map((name) => {
        const knob = { ...this.data.knobs[name], ...method.looks[name] };
        knob.default = method.defaults[name] ?? knob.default;
        const dial = name === "k" ? [1, config.n_latents] : knob.dial;
        return new Dial(name, { ...knob, dial }, (value, drag) => this.steer(name, value, drag));
      });
      [this.dial] = this.allDials = made;
      this.dials.replaceChildren(...made.map((dial) => dial.node), ...(made.length ? [] : [el("span", { class: "ps-what", text: "A plain autoencoder has no sparsity dial." })]));
    }
    for (const dial of this.allDials) if (config[dial.name] !== undefined) dial.follow(config[dial.name]);
  }

  /** The declaration of the method that is shown. */
  get method() {
    return this.data.methods[((this.run && this.config) || this.data.pending).method];
  }

  dialValues() {
    return Object.fromEntries(this.allDials.map((dial) => [dial.name, dial.value]));
  }

  steer(name, value, drag) {
    this.steeredAt = performance.now();
    const { target, dial } = this.method ?? {};
    const goal = this.allDials.find((one) => one.name === target);
    if (name === dial && goal?.value) {
      goal.show(0); // a hand on the weight takes it over
      this.send(target, 0, -drag);
    } else if (name === target && value === 0) {
      this.send(dial, this.dial.value, -drag); // the weight that was found is kept
    }
    this.send(name, value, drag);
  }

  send(name, value, drag) {
    if (this.config) this.config = { ...this.config, [name]: value };
    if (this.run) this.socket.send({ t: "set", run: this.run, name, value, drag });
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
    this.transport.show({ playing: this.playing, canSteer: this.canSteer !== false, busy: this.busy });
    for (const dial of this.allDials) dial.enable(this.canSteer !== false);
    this.node.dataset.state = this.status.state;
    const { frame, look, view } = this;
    if (!frame) return;
    const digit = view.digit !== null && view.digit < frame.digit_names.length ? view.digit : null;
    this.mosaic.draw(frame, look.palette, digit);
    this.enlarged.draw(frame, look.palette, this.mosaic.chosen);
    this.digits.draw(frame, look.palette, digit);
    this.formula.draw(frame, this.method, this.dial?.value, view.notation);
    this.tiles.draw(frame);
    this.explain(frame, digit);
    const now = performance.now();
    if (fresh || now - (this.sparkedAt ?? 0) > 250) {
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
    this.node.dataset.pictures = this.pictures;
    this.node.dataset.step = this.frame.step;
    this.node.dataset.run = this.pictured ?? "";
    this.node.dataset.fvu = this.frame.fvu;
    this.node.dataset.l0 = this.frame.l0;
    this.node.dataset.dead = this.frame.dead_fraction;
  }

  explain(frame, digit) {
    const encoder = view(frame.weights);
    const vectors = isVector(frame.image_shape);
    toggle(this.node, "ps-vectors", vectors);
    setText(this.mosaicTitle, vectors ? `${frame.n_latents} hidden units: vectors have no filters to draw` : `${frame.n_latents} filters, ${encoder.title}`);
    setText(this.weights, `show ${encoder.other}`);
    const zero = frame.image_shape.length > 2 ? "middle grey is zero" : "orange adds ink, blue takes it away";
    const all = vectors ? "Each square is one hidden unit: the stronger its colour, the more often it fires; grey: dead." : `Each tile is one hidden unit: ${encoder.what}; ${zero}; faded: dead.`;
    setText(
      this.mosaicWhat,
      digit === null
        ? all
        : `Lit: the ${frame.digit_l0[digit]} units that fire for “${frame.digit_names[digit]}”; the other ${frame.n_latents - frame.digit_l0[digit]} are dimmed. Esc shows all.`,
    );
    const what = vectors ? "Test vectors it never trained on, a bar for each number" : "Test images it never trained on";
    setText(this.digitsWhat, `${what}. The last two are strangers: does it just copy?`);
  }

  shortcuts() {
    const digits = Object.fromEntries([..."1234567890"].map((key, i) => [key, () => this.digits.onChoose(i)]));
    const nextSpeed = () => {
      const values = SPEEDS.map(([value]) => value);
      return values[(values.indexOf(this.speed) + 1) % values.length];
    };
    return {
      ...digits,
      " ": () => this.act("toggle"),
      s: () => this.act("step"),
      e: () => this.act("epoch"),
      backspace: () => this.act("reset"),
      n: () => this.act("seed"),
      v: () => this.act("speed", nextSpeed()),
      w: () => this.act("weights"),
      l: () => this.act("lecture"),
      "[": () => this.dial?.nudge(-1),
      "]": () => this.dial?.nudge(1),
      pagedown: () => (this.story.telling ? this.story.next() : this.story.go(0)),
      pageup: () => this.story.go(this.story.index - 1),
      escape: () => (this.mosaic.chosen !== null ? this.mosaic.choose(null) : this.choose({ digit: null })),
      "?": () => this.notice.showKeys(),
    };
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

function view(weights) {
  return weights === "encoder"
    ? { title: "as the encoder sees them", what: "what it looks for", other: "decoder" }
    : { title: "as the decoder draws them", what: "what it adds to the picture when it fires", other: "encoder" };
}
