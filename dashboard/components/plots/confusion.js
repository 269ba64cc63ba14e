// Which classes are mistaken for which: a table whose cells open their images. Arrow keys walk through it.

import { Store } from "../apart/store.js";
import { drawGrey } from "../apart/pictures.js";
import { el, setText } from "../dom.js";

const SHOWN = 48;

export class Confusion {
  /** @param {Store} store @param href (index) => address of the page that takes a test image apart */
  constructor(store, href) {
    this.store = store;
    this.href = href;
    this.title = el("h3", { class: "ps-chart-title", text: "Which are mistaken for which (test images, from the codes)" });
    this.table = el("table", { class: "pl-confusion", role: "grid", "aria-label": "Confusion matrix: rows are the true classes, columns the probe's answers" });
    this.what = el("p", { class: "ps-what" });
    this.heading = el("h3", { class: "ps-chart-title", role: "status" });
    this.images = el("div", { class: "pl-tiles" });
    this.box = el("section", { class: "pl-confusion-box", hidden: true }, this.title, el("div", { class: "pl-confusion-scroll" }, this.table), this.what);
    this.opened = el("section", { class: "pl-confused-images", hidden: true }, this.heading, this.images);
    this.table.onkeydown = (event) => this.key(event);
  }

  /** @param labels, answers a class for each test image; `waiting`: they are on their way, and their place is kept */
  show({ labels, answers, names, data, shape, look, waiting }) {
    this.box.hidden = this.opened.hidden = !answers && !waiting;
    if (this.box.hidden) return;
    Object.assign(this, { labels, answers: answers ?? [], names, data, shape, look });
    const n = names.length;
    const counts = Array.from({ length: n }, () => new Array(n).fill(0));
    this.answers.forEach((answer, i) => (counts[labels[i]][answer] += 1));
    const key = JSON.stringify(counts);
    if (key !== this.key_) this.build(counts);
    this.key_ = key;
    if (answers) this.open(...(this.cell ?? worst(counts)));
  }

  build(counts) {
    const { names } = this;
    const mistakes = Math.max(1, ...counts.flatMap((row, i) => row.filter((_, j) => i !== j)));
    const head = el("tr", {}, el("th", { scope: "col", text: "is ↓ read as →" }), ...names.map((name) => el("th", { scope: "col", text: name })));
    this.cells = counts.map((row, i) => row.map((count, j) => this.cellFor(count, i, j, mistakes, counts[i].reduce((a, b) => a + b, 0))));
    this.table.replaceChildren(el("thead", {}, head), el("tbody", {}, ...this.cells.map((row, i) => el("tr", {}, el("th", { scope: "row", text: names[i] }), ...row))));
    this.cell = null;
    this.cells[0][0].firstChild.tabIndex = 0;
    const right = counts.reduce((sum, row, i) => sum + row[i], 0);
    const all = this.answers.length;
    setText(this.what, !all ? "Being counted…" : `${((100 * right) / all).toFixed(1)}% of ${all.toLocaleString("en-US")} are read right. Choose a cell to see its images; the darker, the more.`);
  }

  cellFor(count, i, j, mistakes, ofClass) {
    const share = i === j ? 0.12 * (count / Math.max(1, ofClass)) : 0.12 + 0.7 * (count / mistakes);
    const button = el("button", {
      type: "button",
      tabindex: "-1",
      text: count || "",
      "aria-label": `${this.names[i]} read as ${this.names[j]}: ${count}`,
      onclick: () => this.open(i, j),
    });
    if (count) button.style.background = `color-mix(in srgb, ${i === j ? "var(--accent)" : "#d55e00"} ${Math.round(100 * share)}%, transparent)`;
    return el("td", {}, button);
  }

  async open(i, j) {
    this.cell = [i, j];
    this.cells.flat().forEach((cell) => cell.firstChild.setAttribute("aria-pressed", String(cell === this.cells[i][j])));
    const found = [];
    this.answers.forEach((answer, index) => answer === j && this.labels[index] === i && found.push(index));
    const some = found.slice(0, SHOWN);
    setText(this.heading, `${found.length.toLocaleString("en-US")} × “${this.names[i]}” read as “${this.names[j]}”${found.length > SHOWN ? `, the first ${SHOWN}` : ""}`);
    const tiles = some.map((index) => {
      const canvas = el("canvas", { class: "ps-crisp" });
      return { index, canvas, node: el("a", { class: "pl-tile", href: this.href(index), title: `Take test image ${index} apart` }, canvas, el("span", { text: index })) };
    });
    this.images.replaceChildren(...tiles.map(({ node }) => node));
    await Promise.all(tiles.map(async ({ index, canvas }) => drawGrey(canvas, await this.store.image(this.data, index), this.shape, this.look.palette)));
    this.opened.dataset.shown = some.length;
  }

  key(event) {
    const by = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const [i, j] = this.at(event.target);
    const next = this.cells[i + by[0]]?.[j + by[1]]?.firstChild;
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  at(button) {
    const i = this.cells.findIndex((row) => row.some((cell) => cell.firstChild === button));
    return [i, this.cells[i].findIndex((cell) => cell.firstChild === button)];
  }
}

/** The most frequent mistake: row and column. */
function worst(counts) {
  let [found, most] = [[0, 0], 0];
  counts.forEach((row, i) => row.forEach((count, j) => i !== j && count > most && ([found, most] = [[i, j], count])));
  return found;
}
