// "Take apart": one image through the network, in the browser. Python says which run; the server hands out weights and
// pixels once; everything a hand changes is worked out and drawn here at once.

import { el, setText, toggle } from "../dom.js";
import { Scrubber } from "../features/scrubber.js";
import { readLook } from "../look.js";
import { imageShape } from "../mosaic.js";
import { Between } from "./between.js";
import { ImageMap } from "./image-map.js";
import { dequantised, edited, Network } from "./network.js";
import { NetworkView } from "./network-view.js";
import { Outcome } from "./outcome.js";
import { Pad } from "./pad.js";
import { Picker } from "./picker.js";
import { Player } from "./player.js";
import { Store } from "./store.js";
import { Sum } from "./sum.js";

const SURVEY_AFTER = 700; // ms at one step: a film's pictures pass too quickly to survey each
const NEWS_EVERY = 2000; // ms between two looks for a newer snapshot

const views = new WeakMap();

/** Streamlit calls this at every rerun; the view is built once per place and told what changed. */
export function mount(component) {
  const { parentElement } = component;
  let view = views.get(parentElement);
  if (!view || !view.node.isConnected) {
    view?.close();
    view = new Apart(component);
    views.set(parentElement, view);
  }
  view.receive(component);
  return () => {
    view.close();
    views.delete(parentElement);
  };
}

class Apart {
  constructor({ data, parentElement }) {
    this.data = data;
    this.store = new Store(data.base);
    this.edits = new Map();
    this.stage = null; // null: the whole sum; else after how many terms the animation stands
    this.image = null; // {x, index: number|null, name}
    this.decodes = 0;
    this.build(parentElement);
    this.resized = new ResizeObserver(() => {
      this.sparse.measure();
      this.plain.measure();
      this.schedule();
    });
    this.resized.observe(this.node);
    this.timer = setInterval(() => this.lookForNews(), NEWS_EVERY);
  }

  build(parent) {
    const page = (name) => (latent) => `${this.data.pages}/${name}?run=${encodeURIComponent(this.data.run)}${latent === undefined ? "" : `&latent=${latent}`}`;
    this.picker = new Picker((action, value) => this.pick(action, value));
    this.pad = new Pad((x) => this.drawn(x));
    this.preview = el("canvas", { class: "ps-crisp" });
    this.padBox = el("div", { class: "pa-padbox", hidden: true }, this.pad.node, el("figure", { class: "pa-outcome-picture" }, this.preview, el("figcaption", { text: "what the model sees" }), (this.previewNote = el("span", { class: "pa-note" }))));
    this.sparse = new NetworkView("This run's network", (latent) => this.sum.focus(latent));
    this.plain = new NetworkView("A plain autoencoder, the same image");
    this.plainNote = el("p", { class: "ps-what" });
    this.plain.node.append(this.plainNote);
    this.outcome = new Outcome(() => this.resetEdits(), page("classify")());
    this.sum = new Sum((latent, edit) => this.edit(latent, edit), page("features"));
    this.player = new Player((stage) => this.setStage(stage), () => this.sum.steps);
    this.between = new Between(() => this.chooseOther());
    this.map = new ImageMap((index) => this.take(index), (index) => this.store.image(this.data.dataset, index));
    this.scrubber = new Scrubber((step) => this.travel(step));
    this.trouble = el("p", { class: "pa-trouble", role: "alert", hidden: true });
    this.node = el(
      "div",
      { class: "ps-root pa-root" },
      this.picker.node,
      this.padBox,
      this.trouble,
      this.scrubber.node,
      el("div", { class: "pa-top" }, el("div", { class: "pa-networks" }, this.sparse.node, this.plain.node), this.outcome.node, el("section", { class: "pa-sum" }, this.sumHead(), this.sum.node)),
      el("div", { class: "pa-bottom" }, this.between.node, this.map.node),
    );
    parent.append(this.node);
  }

  sumHead() {
    this.fixes = el("select", { class: "ps-select", "aria-label": "What a handle does" }, el("option", { value: "scale", text: "handles scale" }), el("option", { value: "clamp", text: "handles fix a value" }));
    this.fixes.onchange = () => {
      this.sum.fixes = this.fixes.value === "clamp";
    };
    this.fixes.title = "Scaled, a unit's change follows the image; fixed, it stays the same for every image.";
    this.adding = el("input", { type: "number", class: "ps-select pa-number", min: "0", step: "1", value: "0", "aria-label": "Number of the unit to add" });
    const add = () => this.add(Number(this.adding.value));
    this.adding.onkeydown = (event) => event.key === "Enter" && add();
    return el(
      "div",
      { class: "pa-sum-head" },
      el("h3", { class: "ps-chart-title", text: "The image as a sum: each unit adds its filter, as strongly as it fires" }),
      el("span", { class: "pa-row" }, this.player.node),
      el("span", { class: "pa-row" }, this.fixes, this.adding, el("button", { type: "button", class: "ps-button", text: "Add unit", onclick: add })),
    );
  }

  // ── from Python ───────────────────────────────────────────────────────────────────────────────────────────────

  receive({ data, setStateValue }) {
    const before = this.data;
    this.data = data;
    this.setStateValue = setStateValue;
    this.look = null;
    this.shape = imageShape(data.image_shape, data.image_shape[0] * data.image_shape[1]);
    this.pad.frame(data.image_shape, data.framing);
    if (before.run !== data.run) this.forget();
    if (data.upload && data.upload.id !== this.uploaded) this.takeUpload(data.upload);
    else if (data.image !== null && data.image !== this.said && data.image !== this.image?.index) this.wanted = data.image;
    if (before.run !== data.run || before.weights !== data.weights || !this.loaded) {
      this.at = data.step;
      this.load(data.weights);
    }
    else this.schedule();
  }

  forget() {
    this.edits.clear();
    this.network = this.probe = this.survey = this.history = undefined;
    this.image = this.other = null;
    this.loaded = null;
  }

  /** Weights first, then the image, then what takes longer. */
  async load(version) {
    this.loaded = version;
    const { run, dataset } = this.data;
    const at = this.at;
    try {
      const { arrays, header } = await this.store.weights(run, at, version);
      if (this.loaded !== version) return;
      this.network = new Network(arrays, header);
      this.probe = arrays["probe.weights"] ? { weights: arrays["probe.weights"], bias: arrays["probe.bias"] } : null;
      this.step = header.step;
      this.probeStep = header.probe_step;
      this.labels = this.data.has_labels ? await this.store.labels(dataset) : null;
      this.fail(null);
      if (!this.plainNetwork && this.data.plain) this.loadPlain();
      if (this.image) await this.encodeAgain();
      else await this.take(this.wanted ?? 0, false);
      if (!this.other) await this.chooseOther();
      this.scrubber.receive(this.history ?? [], this.data.markers, at);
      this.scrubber.describe({ step: header.step, images: header.images }, at === null);
      clearTimeout(this.surveying);
      this.surveying = setTimeout(() => this.loadSurvey(version), this.survey ? SURVEY_AFTER : 0);
      if (!this.history) this.lookForNews();
    } catch (problem) {
      this.fail(problem.message);
    }
  }

  /** A running run brings a newer snapshot every few seconds; image and handles stay as they are. */
  async lookForNews() {
    if (this.closed || this.asking || document.hidden || !this.network) return;
    this.asking = true;
    try {
      const now = await this.store.now(this.data.run);
      this.live = now.state === "training";
      if (now.history.join() !== this.history?.join()) {
        this.history = now.history;
        this.scrubber.receive(now.history, this.data.markers, this.at);
      }
      if (this.at !== null || this.scrubber.playing) return;
      if (now.stamp !== this.loaded && now.stamp !== "0" && now.stamp !== this.data.weights) await this.load(now.stamp);
      else this.drawPicker();
    } catch {
      // the next look may succeed; what is shown stays
    } finally {
      this.asking = false;
    }
  }

  /** Go to a kept step; null is the newest. The image and the handles come along. */
  travel(step) {
    this.at = step;
    if (!this.scrubber.playing) this.setStateValue?.("step", step);
    this.load(step === null ? `now-${Date.now()}` : `step-${step}`);
  }

  async loadPlain() {
    const { arrays, header } = await this.store.plain();
    for (const name of ["filters", "encoder"]) arrays[name] = dequantised(arrays[name], arrays[`${name}.scale`]);
    this.plainNetwork = new Network(arrays, header);
    this.schedule();
  }

  async loadSurvey(version) {
    try {
      const survey = await this.store.survey(this.data.run, this.at, version);
      if (this.loaded === version) this.survey = survey;
    } catch (problem) {
      this.map.fail(problem.message);
    }
    this.schedule();
  }

  fail(sentence) {
    this.trouble.hidden = !sentence;
    setText(this.trouble, sentence ?? "");
  }

  // ── which image ───────────────────────────────────────────────────────────────────────────────────────────────

  pick(action, value) {
    const n = this.data.n_test;
    const here = this.image?.index ?? 0;
    const among = (list) => list[Math.floor(Math.random() * list.length)];
    const after = (list) => list[(list.indexOf(here) + 1) % list.length];
    const actions = {
      test: () => this.take(Math.max(0, Math.min(n - 1, Math.floor(value) || 0))),
      previous: () => this.take((here + n - 1) % n),
      next: () => this.take((here + 1) % n),
      random: () => this.take(Math.floor(Math.random() * n)),
      class: () => this.takeOfClass(value, among),
      worst: () => this.take(after(this.survey.worst)),
      wrong: () => this.take(this.survey.wrong.find((index) => index > here) ?? this.survey.wrong[0]),
      draw: () => this.openPad(this.padBox.hidden),
    };
    actions[action]?.();
  }

  takeOfClass(c, among) {
    const found = [];
    this.labels.forEach((label, i) => label === c && found.push(i));
    if (found.length) this.take(among(found));
    else this.fail(`No test image is of the class “${this.data.class_names[c]}”.`);
  }

  async take(index, remember = true) {
    const wanted = (this.taking = index);
    try {
      const x = await this.store.image(this.data.dataset, index);
      if (this.taking !== wanted) return;
      const label = this.labels?.[index];
      const name = label === undefined ? `image ${index}` : `${this.data.class_names[label]}`;
      await this.show({ x, index, name });
      if (remember) this.remember(index);
    } catch (problem) {
      this.fail(problem.message);
    }
  }

  remember(index) {
    this.said = index;
    this.setStateValue?.("image", index);
  }

  takeUpload(upload) {
    this.uploaded = upload.id;
    const bytes = Uint8Array.from(atob(upload.pixels), (c) => c.charCodeAt(0));
    this.taking = null;
    this.show({ x: Float32Array.from(bytes, (byte) => byte / 255), index: null, name: "your upload" });
  }

  openPad(open) {
    this.padBox.hidden = !open;
    if (open) {
      this.pad.paint();
      this.pad.canvas.focus({ preventScroll: true });
      if (this.pad.strokes.length) this.drawn(this.pad.image());
    }
    this.schedule();
  }

  drawn(x) {
    this.taking = null;
    if (x) this.show({ x, index: null, name: "your drawing" });
    this.schedule();
  }

  async chooseOther() {
    if (!this.network) return;
    const n = this.data.n_test;
    const index = this.other ? Math.floor(Math.random() * n) : (1 % n);
    const x = await this.store.image(this.data.dataset, index);
    const label = this.labels?.[index];
    this.other = { x, codes: await this.encode(x), name: label === undefined ? `image ${index}` : `a ${this.data.class_names[label]}` };
    this.schedule();
  }

  async encode(x) {
    const { network } = this;
    return network.canEncode ? network.encode(x) : this.store.encode(this.data.run, this.at, x);
  }

  /** The newest image wins: while one is encoded, others may come. */
  async show(image) {
    this.image = image;
    if (!this.network) return;
    const codes = await this.encode(image.x);
    if (this.image !== image) return;
    this.codes = codes;
    this.order = this.network.order(codes);
    this.plainDone = null;
    this.fail(null);
    this.draw();
  }

  async encodeAgain() {
    if (this.other) this.other = { ...this.other, codes: await this.encode(this.other.x) };
    await this.show(this.image);
  }

  // ── handles ───────────────────────────────────────────────────────────────────────────────────────────────────

  edit(latent, edit) {
    const known = this.edits.has(latent);
    if (edit) this.edits.set(latent, edit);
    else this.edits.delete(latent);
    this.stage = null;
    if (known && edit) this.drawChange();
    else this.draw();
  }

  add(latent) {
    if (!Number.isInteger(latent) || latent < 0 || latent >= this.network.n) {
      this.fail(`There is no unit ${latent}: there are ${this.network.n}, counted from 0.`);
      return;
    }
    this.fail(null);
    this.edit(latent, { kind: "clamp", value: this.codes[latent] || (this.network.strongest?.[latent] ?? 0) / 2 || 1 });
    this.sum.focus(latent);
  }

  resetEdits() {
    this.edits.clear();
    this.draw();
  }

  setStage(stage) {
    this.stage = stage;
    this.drawChange();
  }

  // ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────────

  schedule() {
    if (this.due || this.closed) return;
    this.due = requestAnimationFrame(() => {
      this.due = null;
      this.draw();
    });
  }

  draw() {
    if (!this.node.isConnected) return;
    this.look ??= readLook(this.node, this.data.lecture);
    toggle(this.node, "ps-dark", this.look.palette.dark);
    toggle(this.node, "ps-lecture", Boolean(this.data.lecture));
    this.drawPicker();
    this.map.show(this.survey ?? null, { labels: this.labels, names: this.data.class_names, look: this.look, shape: this.shape, chosen: this.image?.index });
    if (!this.network || !this.codes) return;
    this.adding.max = this.network.n - 1;
    this.computeChange();
    this.sum.show(this.shown());
    this.player.show(this.stage, this.sum.steps);
    this.drawPlain();
    this.drawPictures();
  }

  /** Only what a dragged handle or the animation changes. */
  drawChange() {
    this.computeChange();
    this.sum.draw(this.shown());
    this.player.show(this.stage, this.sum.steps);
    this.drawPictures();
  }

  computeChange() {
    this.changed = edited(this.codes, this.edits);
    const added = [...this.edits.keys()].filter((latent) => latent < this.network.n && !this.order.includes(latent));
    this.latents = [...added, ...this.order];
    this.xHat = this.network.decode(this.codes, this.order);
    this.changedHat = this.edits.size ? this.network.decode(this.changed, this.latents) : this.xHat;
  }

  shown() {
    const { network, codes, changed, order, edits, look, shape, stage } = this;
    return { network, codes, changed, order, edits, look, shape, stage, x: this.image.x, xHat: this.changedHat };
  }

  drawPictures() {
    const { network, probe, look, shape, codes, changed } = this;
    const names = this.data.class_names;
    const lit = this.stage === null ? this.latents : this.sum.latentsUpTo(this.stage);
    const ordered = lit.filter((latent) => changed[latent]);
    const partial = this.stage === null ? this.changedHat : network.decode(changed, ordered);
    this.sparse.draw({ network, x: this.image.x, codes: this.stage === null ? changed : only(changed, ordered), xHat: partial, lit: ordered, shape, look });
    const label = this.image.index === null ? this.image.name : `test image ${this.image.index}${this.labels ? `: ${this.image.name}` : ""}`;
    const found = this.outcome.draw({ network, probe, names, codes, changed, x: this.image.x, xHat: this.xHat, changedHat: this.changedHat, nEdits: this.edits.size, look, shape, label, stale: this.probeStep === this.step ? null : this.probeStep });
    clearTimeout(this.mixing); // the strip of mixtures can wait until a handle rests
    this.mixing = setTimeout(() => this.between.draw({ network, probe, names, codes: changed, other: this.other, look, shape, label }), 60);
    this.tell(found);
  }

  drawPlain() {
    const { plainNetwork, look, shape } = this;
    this.plain.node.hidden = !this.data.plain && !this.data.plain_note;
    setText(this.plainNote, this.data.plain_note ?? "");
    this.plain.canvas.hidden = !plainNetwork || !this.data.plain;
    if (!plainNetwork || !this.data.plain) return;
    if (!this.plainDone) {
      const codes = plainNetwork.encode(this.image.x);
      const lit = plainNetwork.order(codes);
      this.plainDone = { codes, lit, xHat: plainNetwork.decode(codes, lit) };
    }
    this.plain.draw({ network: plainNetwork, x: this.image.x, ...this.plainDone, shape, look });
  }

  drawPicker() {
    const { data, image, survey } = this;
    this.picker.show({
      image: image ?? { index: null },
      nTest: data.n_test,
      names: data.class_names,
      hasLabels: Boolean(this.labels),
      worst: survey?.worst,
      wrong: survey?.wrong,
      probe: this.probe,
      drawing: !this.padBox.hidden,
      words: this.step === undefined ? "The weights are on their way…" : `as of step ${this.step.toLocaleString("en-US")}${this.at !== null ? ", not the newest" : this.live ? ", and going on" : ""}`,
    });
    if (!this.padBox.hidden && this.look) {
      const own = image?.name === "your drawing";
      this.preview.style.visibility = own ? "visible" : "hidden";
      if (own) this.pad.show(this.preview, image.x, this.shape, this.look.palette);
      setText(this.previewNote, own ? "" : "draw something");
    }
  }

  /** For tests, and for whoever looks with a debugger. */
  tell({ before, after, answers }) {
    const { dataset } = this.node;
    this.decodes += 1;
    Object.assign(dataset, { decodes: this.decodes, fvu: before, changed: after, lit: this.network.lit(this.changed), image: this.image.index ?? this.image.name, step: this.step });
    dataset.answer = answers ? answers.after : "";
  }

  close() {
    this.closed = true;
    cancelAnimationFrame(this.due);
    clearInterval(this.timer);
    clearTimeout(this.surveying);
    clearTimeout(this.mixing);
    this.scrubber.stop();
    this.player.stop();
    this.resized.disconnect();
    this.node.remove();
  }
}

/** The codes of these latents, the others 0. */
function only(codes, latents) {
  const some = new Float64Array(codes.length);
  for (const latent of latents) some[latent] = codes[latent];
  return some;
}
