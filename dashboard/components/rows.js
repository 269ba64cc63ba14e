// The curves' points, kept within a fixed size however long the run: older ones are thinned, newer ones kept.

const KEEP = 1600;

export class Rows {
  constructor() {
    this.clear();
  }

  clear() {
    this.columns = {};
    this.length = 0;
  }

  /** @param {Object<string, number[]>} columns new points, in order; a step already seen starts a new attempt there */
  add(columns) {
    const added = columns.step?.length ?? 0;
    if (!added) return;
    this.forgetFrom(columns.step[0]);
    const derived = columns.weight ? { penalty: columns.weight.map((weight, i) => weight * columns.sparsity[i]) } : {};
    for (const [name, values] of Object.entries({ ...columns, ...derived })) (this.columns[name] ??= new Array(this.length).fill(null)).push(...values);
    this.length += added;
    while (this.length > KEEP) this.thin();
  }

  /** A resumed run repeats the steps after its checkpoint: what a crash superseded goes. */
  forgetFrom(step) {
    const steps = this.columns.step ?? [];
    let end = steps.length;
    while (end && steps[end - 1] >= step) end--;
    if (end === steps.length) return;
    for (const values of Object.values(this.columns)) values.length = end;
    this.length = end;
  }

  thin() {
    const old = Math.floor(this.length / 2);
    for (const [name, values] of Object.entries(this.columns)) this.columns[name] = values.filter((_, i) => i >= old || i % 2 === 0);
    this.length = this.columns.step.length;
  }

  column(name) {
    return this.columns[name] ?? [];
  }
}
