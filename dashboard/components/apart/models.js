// The networks that are shown: the run's at a kept step or at the newest, with its probe, and the bundled plain one.

import { dequantised, Network } from "./network.js";

const SURVEY_AFTER = 700; // ms at one step: a film's pictures pass too quickly to survey each
const NEWS_EVERY = 2000; // ms between two looks for a newer snapshot

export class Models {
  /**
   * @param store what the server hands out
   * @param on {ready: (header) => Promise, history: (steps) => void, survey: (found) => void, fail: (sentence) => void,
   *            unmapped: (sentence) => void, redraw: () => void, paused: () => boolean}
   */
  constructor(store, on) {
    Object.assign(this, { store, on, at: null });
    this.timer = setInterval(() => this.lookForNews(), NEWS_EVERY);
  }

  /** What Python says; whether other weights are on their way now. */
  receive(data) {
    const before = this.data;
    this.data = data;
    if (before && before.run !== data.run) this.network = this.probe = this.history = this.loaded = null;
    if (before?.run === data.run && before.weights === data.weights && this.loaded) return false;
    this.at = data.step;
    this.load(data.weights);
    return true;
  }

  /** Weights first, then what is made of them, then what takes longer. */
  async load(version) {
    this.loaded = version;
    const { at } = this;
    try {
      const { arrays, header } = await this.store.weights(this.data.run, at, version);
      if (this.loaded !== version) return;
      this.network = new Network(arrays, header);
      this.probe = arrays["probe.weights"] ? { weights: arrays["probe.weights"], bias: arrays["probe.bias"] } : null;
      this.step = header.step;
      this.probeStep = header.probe_step;
      if (!this.plain && this.data.plain) this.loadPlain();
      await this.on.ready({ ...header, newest: at === null });
      clearTimeout(this.surveying);
      this.surveying = setTimeout(() => this.loadSurvey(version), this.surveyed ? SURVEY_AFTER : 0);
      if (!this.history) this.lookForNews();
    } catch (problem) {
      this.on.fail(problem.message);
    }
  }

  /** Go to a kept step; null is the newest. */
  travel(step) {
    this.at = step;
    this.load(step === null ? `now-${Date.now()}` : `step-${step}`);
  }

  /** A running run brings a newer snapshot every few seconds. */
  async lookForNews() {
    if (this.closed || this.asking || document.hidden || !this.network) return;
    this.asking = true;
    try {
      const now = await this.store.now(this.data.run);
      this.live = now.state === "training";
      if (now.history.join() !== this.history?.join()) {
        this.history = now.history;
        this.on.history(now.history);
      }
      if (this.at !== null || this.on.paused()) return;
      if (now.stamp !== this.loaded && now.stamp !== "0" && now.stamp !== this.data.weights) await this.load(now.stamp);
      else this.on.redraw();
    } catch {
      // the next look may succeed; what is shown stays
    } finally {
      this.asking = false;
    }
  }

  async loadPlain() {
    const { arrays, header } = await this.store.plain();
    for (const name of ["filters", "encoder"]) arrays[name] = dequantised(arrays[name], arrays[`${name}.scale`]);
    this.plain = new Network(arrays, header);
    this.on.redraw();
  }

  async loadSurvey(version) {
    try {
      const survey = await this.store.survey(this.data.run, this.at, version);
      if (this.loaded !== version) return;
      this.surveyed = true;
      this.on.survey(survey);
    } catch (problem) {
      this.on.unmapped(problem.message);
    }
  }

  /** Codes of an image: worked out here where this file's arithmetic is the method's, else by the model itself. */
  async encode(x) {
    return this.network.canEncode ? this.network.encode(x) : this.store.encode(this.data.run, this.at, x);
  }

  close() {
    this.closed = true;
    clearInterval(this.timer);
    clearTimeout(this.surveying);
  }
}
