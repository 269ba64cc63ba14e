// Which image is taken apart: one of the test set, by number, class or list; one drawn here; one uploaded.

import { el, setText } from "../dom.js";
import { Pad } from "./pad.js";
import { Picker } from "./picker.js";

export class Chooser {
  /**
   * @param store what the server hands out
   * @param on {show: (image) => Promise, remember: (index) => void, fail: (sentence|null) => void, redraw: () => void}
   */
  constructor(store, on) {
    Object.assign(this, { store, on, image: null, other: null, labels: null, survey: null });
    this.picker = new Picker((action, value) => this.pick(action, value));
    this.pad = new Pad((x) => this.drawn(x));
    this.preview = el("canvas", { class: "ps-crisp" });
    this.previewNote = el("span", { class: "pa-note" });
    this.padBox = el("div", { class: "pa-padbox", hidden: true }, this.pad.node, el("figure", { class: "pa-outcome-picture" }, this.preview, el("figcaption", { text: "what the model sees" }), this.previewNote));
  }

  /** @param data what Python says of the run and its images */
  receive(data, shape) {
    Object.assign(this, { data, shape });
    this.pad.frame(data.image_shape, data.framing);
    if (!data.drawable) this.padBox.hidden = true;
  }

  forget() {
    this.image = this.other = this.survey = null;
  }

  pick(action, value) {
    const n = this.data.n_test;
    const here = this.image?.index ?? 0;
    const after = (list) => list[(list.indexOf(here) + 1) % list.length];
    const actions = {
      test: () => this.take(Math.max(0, Math.min(n - 1, Math.floor(value) || 0))),
      previous: () => this.take((here + n - 1) % n),
      next: () => this.take((here + 1) % n),
      random: () => this.take(Math.floor(Math.random() * n)),
      class: () => this.takeOfClass(value),
      worst: () => this.take(after(this.survey.worst)),
      wrong: () => this.take(this.survey.wrong.find((index) => index > here) ?? this.survey.wrong[0]),
      draw: () => this.openPad(this.padBox.hidden),
      upload: () => this.upload(value),
    };
    actions[action]?.();
  }

  takeOfClass(c) {
    const found = [];
    this.labels.forEach((label, i) => label === c && found.push(i));
    if (found.length) this.take(found[Math.floor(Math.random() * found.length)]);
    else this.on.fail(`No test image is of the class “${this.data.class_names[c]}”.`);
  }

  async take(index, remember = true) {
    const wanted = (this.taking = index);
    try {
      const x = await this.store.image(this.data, index);
      if (this.taking !== wanted) return;
      await this.show({ x, index, name: this.nameOf(index) });
      if (remember) this.on.remember(index);
    } catch (problem) {
      this.on.fail(problem.message);
    }
  }

  nameOf(index) {
    const label = this.labels?.[index];
    return label === undefined ? `image ${index}` : `${this.data.class_names[label]}`;
  }

  show(image) {
    this.image = image;
    return this.on.show(image);
  }

  async upload(file) {
    const wanted = (this.taking = file);
    try {
      const x = await this.store.picture(this.data, file);
      if (this.taking === wanted) await this.show({ x, index: null, name: "your upload" });
    } catch (problem) {
      this.on.fail(problem.message);
    }
  }

  openPad(open) {
    this.padBox.hidden = !open;
    if (open) {
      this.pad.paint();
      this.pad.canvas.focus({ preventScroll: true });
      if (this.pad.strokes.length) this.drawn(this.pad.image());
    }
    this.on.redraw();
  }

  drawn(x) {
    this.taking = null;
    if (x) this.show({ x, index: null, name: "your drawing" });
    this.on.redraw();
  }

  /** Another image to mix with: the second of the test set, then any. */
  async second() {
    const n = this.data.n_test;
    const index = this.other ? Math.floor(Math.random() * n) : 1 % n;
    const name = this.nameOf(index);
    this.other = { x: await this.store.image(this.data, index), name: this.labels ? `a ${name}` : name };
    return this.other;
  }

  /** @param about {probe, words, look} */
  draw({ probe, words, look }) {
    const { data, image, survey } = this;
    this.picker.show({
      image: image ?? { index: null },
      nTest: data.n_test,
      names: data.class_names,
      hasLabels: Boolean(this.labels),
      worst: survey?.worst,
      wrong: survey?.wrong,
      probe,
      drawing: !this.padBox.hidden,
      drawable: data.drawable,
      words,
    });
    if (this.padBox.hidden || !look) return;
    const own = image?.name === "your drawing";
    this.preview.style.visibility = own ? "visible" : "hidden";
    if (own) this.pad.show(this.preview, image.x, this.shape, look.palette);
    setText(this.previewNote, own ? "" : "draw something");
  }
}
