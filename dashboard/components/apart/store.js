// What the server hands out, fetched once: weights, test images, labels, the survey of the test set.

import { fetchTensors } from "./tensors.js";

export class Store {
  constructor(base) {
    this.base = base;
    this.images = new Map();
    this.labelled = new Map();
  }

  url(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
    const text = new URLSearchParams(given).toString();
    return `${this.base}/${path}${text ? `?${text}` : ""}`;
  }

  async fetch(path, query, options) {
    let response;
    try {
      response = await fetch(this.url(path, query), options);
    } catch {
      throw new Error("The server does not answer.");
    }
    if (!response.ok) throw new Error((await response.text()) || `The server answered ${response.status}.`);
    return response;
  }

  /** {arrays, header}; `version` only keeps a browser from taking an older answer. */
  weights(run, step, version) {
    return fetchTensors(this.url(`weights/${encodeURIComponent(run)}`, { step, v: version }));
  }

  plain() {
    this.plainWeights ??= fetchTensors(this.url("plain"));
    return this.plainWeights;
  }

  /** A test image of a run's data set as floats in [0, 1]. */
  async image({ run, dataset }, index) {
    const key = `${dataset}:${index}`;
    if (!this.images.has(key)) {
      if (this.images.size > 4000) this.images.clear();
      const response = await this.fetch(`images/${encodeURIComponent(run)}`, { indices: index, of: dataset });
      this.images.set(key, floats(await response.arrayBuffer()));
    }
    return this.images.get(key);
  }

  async labels({ run, dataset }) {
    if (!this.labelled.has(dataset)) {
      const response = await this.fetch(`labels/${encodeURIComponent(run)}`, { of: dataset });
      this.labelled.set(dataset, new Uint8Array(await response.arrayBuffer()));
    }
    return this.labelled.get(dataset);
  }

  /** A picture's file as the model sees it, as floats in [0, 1]. */
  async picture({ run }, file) {
    return floats(await (await this.fetch(`picture/${encodeURIComponent(run)}`, {}, { method: "POST", body: file })).arrayBuffer());
  }

  /** {state, step, stamp} of the run at this moment; the stamp changes with its newest snapshot. */
  async now(run) {
    return (await this.fetch(`explore/${encodeURIComponent(run)}/now`)).json();
  }

  async survey(run, step, version) {
    return (await this.fetch(`survey/${encodeURIComponent(run)}`, { step, v: version })).json();
  }

  /** Codes from the model itself, for methods whose encoder is not in `network.js`. */
  async encode(run, step, x) {
    const response = await this.fetch(`encode/${encodeURIComponent(run)}`, { step }, { method: "POST", body: new Float32Array(x).buffer });
    return Float64Array.from(new Float32Array(await response.arrayBuffer()));
  }
}

const floats = (buffer) => Float32Array.from(new Uint8Array(buffer), (byte) => byte / 255);
