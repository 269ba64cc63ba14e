// The atlas of each step that was looked at: a film shall not ask the server for the same picture twice.

const KEPT_BYTES = 120e6;

export class Pictures {
  /** @param {import("./questions.js").Questions} questions */
  constructor(questions) {
    this.questions = questions;
    this.kept = new Map();
  }

  /** The atlas of a run at a step, the newest for null; null where a newer question overtook this one. */
  async at(run, step, weights) {
    const key = `${step}:${weights}`;
    const picture = this.kept.get(key) ?? (await this.questions.picture("atlas", run, "atlas", { step, weights }));
    if (picture && step !== null) this.keep(key, picture);
    return picture;
  }

  keep(key, picture) {
    this.kept.set(key, picture);
    const each = picture.arrays.filters.data.length;
    while (this.kept.size * each > KEPT_BYTES) this.kept.delete(this.kept.keys().next().value);
  }

  clear() {
    this.kept.clear();
  }
}
