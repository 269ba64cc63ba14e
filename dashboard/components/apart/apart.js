// "Take apart": one image through the network, in the browser. Python says which run; the server hands out weights and
// pixels once; everything a hand changes is worked out and drawn here at once.

import { el, setText, toggle } from "../dom.js";
import { whole } from "../format.js";
import { Scrubber } from "../features/scrubber.js";
import { readLook } from "../look.js";
import { imageShape } from "../mosaic.js";
import { mounting } from "../mounting.js";
import { saveAs } from "../save.js";
import { TakeAlong } from "../take-along.js";
import { Between } from "./between.js";
import { Chooser } from "./chooser.js";
import { Handles } from "./handles.js";
import { ImageMap } from "./image-map.js";
import { Models } from "./models.js";
import { edited } from "./network.js";
import { NetworkView } from "./network-view.js";
import { Outcome } from "./outcome.js";
import { Player } from "./player.js";
import { Store } from "./store.js";
import { Sum } from "./sum.js";

class Apart {
  constructor({ data, parentElement }) {
    this.data = data;
    this.store = new Store(data.base);
    this.stage = null; // null: the whole sum; else after how many terms the animation stands
    this.decodes = 0;
    this.build(parentElement);
    this.resized = new ResizeObserver(() => {
      this.sparse.measure();
      this.plain.measure();
      this.schedule();
    });
    this.resized.observe(this.node);
  }

  build(parent) {
    const page = (name) => (latent) => `${this.data.pages}/${name}?run=${encodeURIComponent(this.data.run)}${latent === undefined ? "" : `&latent=${latent}`}`;
    const fail = (sentence) => this.fail(sentence);
    this.chooser = new Chooser(this.store, { show: (image) => this.show(image), remember: (index) => this.remember(index), fail, redraw: () => this.schedule() });
    this.models = new Models(this.store, {
      ready: (header) => this.ready(header),
      history: (steps) => this.scrubber.receive(steps, this.data.markers, this.models.at),
      survey: (found) => {
        this.chooser.survey = found;
        this.schedule();
      },
      unmapped: (sentence) => this.map.fail(sentence),
      fail,
      redraw: () => this.schedule(),
      paused: () => Boolean(this.scrubber.playing),
    });
    this.sparse = new NetworkView("This run's network", (latent) => this.sum.focus(latent));
    this.plain = new NetworkView("A plain autoencoder, the same image");
    this.plainNote = el("p", { class: "ps-what" });
    this.plain.node.append(this.plainNote);
    this.player = new Player((stage) => this.setStage(stage), () => this.sum.steps);
    this.handles = new Handles(this.player, { change: (all) => this.reshape(all), focus: (latent) => this.sum.focus(latent), fail });
    this.outcome = new Outcome(() => this.handles.clear(), page("classify")());
    this.sum = new Sum(this.handles, page("features"));
    this.between = new Between(() => this.chooseOther());
    this.map = new ImageMap((index) => this.chooser.take(index), (index) => this.store.image(this.data, index));
    this.scrubber = new Scrubber((step) => this.travel(step));
    this.along = new TakeAlong([{ text: "codes of this image (CSV)", title: "Unit, code and code after your changes", onclick: () => this.saveCodes() }]);
    this.trouble = el("p", { class: "pa-trouble", role: "alert", hidden: true });
    this.node = el(
      "div",
      { class: "ps-root pa-root" },
      this.chooser.picker.node,
      this.chooser.padBox,
      this.trouble,
      this.scrubber.node,
      el("div", { class: "pa-top" }, (this.networks = el("div", { class: "pa-networks" }, this.sparse.node, this.plain.node)), this.outcome.node, el("section", { class: "pa-sum" }, this.handles.head, this.sum.node)),
      el("div", { class: "pa-bottom" }, this.between.node, this.map.node),
      this.along.node,
    );
    parent.append(this.node);
  }

  // ── from Python ───────────────────────────────────────────────────────────────────────────────────────────────

  receive({ data, setStateValue }) {
    const before = this.data;
    this.data = data;
    this.setStateValue = setStateValue;
    this.look = null;
    this.shape = imageShape(data.image_shape, data.image_shape.reduce((a, b) => a * b, 1));
    this.chooser.receive(data, this.shape);
    this.along.show(data.exports, data.again);
    if (before.run !== data.run) {
      this.handles.edits.clear();
      this.chooser.forget();
      this.codes = null;
    }
    if (data.image !== null && data.image !== this.said && data.image !== this.image?.index) this.wanted = data.image;
    if (!this.models.receive(data)) this.schedule();
  }

  get image() {
    return this.chooser.image;
  }

  get network() {
    return this.models.network;
  }

  get probe() {
    return this.models.probe;
  }

  /** Other weights are here: the image and the handles stay as they are. */
  async ready(header) {
    this.chooser.labels = this.data.has_labels ? await this.store.labels(this.data) : null;
    this.fail(null);
    const { other } = this.chooser;
    if (other) other.codes = await this.models.encode(other.x);
    if (this.image) await this.show(this.image);
    else await this.chooser.take(this.wanted ?? 0, false);
    if (!other) await this.chooseOther();
    this.scrubber.receive(this.models.history ?? [], this.data.markers, this.models.at);
    this.scrubber.describe(header, header.newest);
  }

  travel(step) {
    if (!this.scrubber.playing) this.setStateValue?.("step", step);
    this.models.travel(step);
  }

  fail(sentence) {
    this.trouble.hidden = !sentence;
    setText(this.trouble, sentence ?? "");
  }

  // ── which image ───────────────────────────────────────────────────────────────────────────────────────────────

  remember(index) {
    this.said = index;
    this.setStateValue?.("image", index);
  }

  async chooseOther() {
    if (!this.network) return;
    const other = await this.chooser.second();
    other.codes = await this.models.encode(other.x);
    this.schedule();
  }

  /** The newest image wins: while one is encoded, others may come. */
  async show(image) {
    if (!this.network) return;
    const codes = await this.models.encode(image.x);
    if (this.image !== image) return;
    this.codes = codes;
    this.order = this.network.order(codes);
    this.plainDone = null;
    this.fail(null);
    this.draw();
  }

  // ── handles ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param all whether cards come or go; else only what a dragged handle changes is drawn */
  reshape(all) {
    this.stage = null;
    if (all) this.draw();
    else this.drawChange();
  }

  setStage(stage) {
    this.stage = stage;
    this.drawChange();
  }

  saveCodes() {
    const lines = this.latents.map((latent) => [latent, this.codes[latent], this.changed[latent]].join(","));
    saveAs(`${this.data.run}-codes.csv`, ["unit,code,code after changes", ...lines].join("\r\n") + "\r\n", "text/csv");
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
    this.drawChooser();
    this.map.show(this.chooser.survey, { labels: this.chooser.labels, names: this.data.class_names, look: this.look, shape: this.shape, chosen: this.image?.index });
    if (!this.network || !this.codes) return;
    this.handles.receive(this.network, this.codes);
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
    const { edits } = this.handles;
    this.changed = edited(this.codes, edits);
    const added = [...edits.keys()].filter((latent) => latent < this.network.n && !this.order.includes(latent));
    this.latents = [...added, ...this.order];
    this.xHat = this.network.decode(this.codes, this.order);
    this.changedHat = edits.size ? this.network.decode(this.changed, this.latents) : this.xHat;
  }

  shown() {
    const { network, codes, changed, order, look, shape, stage } = this;
    return { network, codes, changed, order, edits: this.handles.edits, look, shape, stage, x: this.image.x, xHat: this.changedHat };
  }

  drawPictures() {
    const { network, probe, look, shape, codes, changed } = this;
    const names = this.data.class_names;
    const lit = this.stage === null ? this.latents : this.sum.latentsUpTo(this.stage);
    const ordered = lit.filter((latent) => changed[latent]);
    const partial = this.stage === null ? this.changedHat : network.decode(changed, ordered);
    this.sparse.draw({ network, x: this.image.x, codes: this.stage === null ? changed : only(changed, ordered), xHat: partial, lit: ordered, shape, look });
    const label = this.image.index === null ? this.image.name : `test image ${this.image.index}${this.chooser.labels ? `: ${this.image.name}` : ""}`;
    const found = this.outcome.draw({ network, probe, names, codes, changed, x: this.image.x, xHat: this.xHat, changedHat: this.changedHat, nEdits: this.handles.edits.size, look, shape, label, stale: this.models.probeStep === this.models.step ? null : this.models.probeStep });
    clearTimeout(this.mixing); // the strip of mixtures can wait until a handle rests
    this.mixing = setTimeout(() => this.between.draw({ network, probe, names, codes: changed, other: this.chooser.other, look, shape, label }), 60);
    this.tell(found);
  }

  drawPlain() {
    const { look, shape } = this;
    const plainNetwork = this.models.plain;
    this.plain.node.hidden = !this.data.plain && !this.data.plain_note;
    setText(this.plainNote, this.data.plain_note ?? "");
    toggle(this.networks, "pa-alone", !this.data.plain);
    this.plain.title.hidden = !this.data.plain;
    this.plain.canvas.hidden = !plainNetwork || !this.data.plain;
    if (!plainNetwork || !this.data.plain) return;
    if (!this.plainDone) {
      const codes = plainNetwork.encode(this.image.x);
      const lit = plainNetwork.order(codes);
      this.plainDone = { codes, lit, xHat: plainNetwork.decode(codes, lit) };
    }
    this.plain.draw({ network: plainNetwork, x: this.image.x, ...this.plainDone, shape, look });
  }

  drawChooser() {
    const { probe, look } = this;
    const { step, at, live } = this.models;
    const words = step === undefined ? "The weights are on their way…" : `as of step ${whole(step)}${at !== null ? ", not the newest" : live ? ", and going on" : ""}`;
    this.chooser.draw({ probe, words, look });
  }

  /** For tests, and for whoever looks with a debugger. */
  tell({ before, after, answers }) {
    const { dataset } = this.node;
    this.decodes += 1;
    Object.assign(dataset, { decodes: this.decodes, fvu: before, changed: after, lit: this.network.lit(this.changed), image: this.image.index ?? this.image.name, step: this.models.step });
    dataset.answer = answers ? answers.after : "";
  }

  close() {
    this.closed = true;
    cancelAnimationFrame(this.due);
    this.models.close();
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

export const mount = mounting(Apart);
