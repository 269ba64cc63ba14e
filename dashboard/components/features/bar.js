// In which order the units of the atlas stand, which of them, and which of their weights: four lists in a row.

import { el, setText } from "../dom.js";
import { FILTERS, SORTS } from "./orders.js";

export class Bar {
  /** @param {(changes: object) => void} onChange sort, filter or digit  @param {() => void} onWeights */
  constructor(onChange, onWeights) {
    const list = (label, options, onchange) => el("select", { class: "ps-select", "aria-label": label, onchange: (event) => onchange(event.target.value) }, ...Object.entries(options).map(([value, text]) => el("option", { value, text })));
    this.sort = list("Sorted by", SORTS, (sort) => onChange({ sort }));
    this.filter = list("Which units", FILTERS, (filter) => onChange({ filter }));
    this.digit = list("Units that respond most to", {}, (digit) => onChange({ digit: digit === "" ? null : Number(digit) }));
    this.weightsList = list("Weights", { decoder: "decoder", encoder: "encoder" }, onWeights);
    this.hint = el("span", { class: "ps-mosaic-hint", role: "status" });
    const named = (name, node) => el("label", {}, `${name} `, node);
    this.node = el("div", { class: "ps-features-bar" }, named("sort by", this.sort), named("show", this.filter), named("for", this.digit), named("weights", this.weightsList), this.hint);
  }

  get weights() {
    return this.weightsList.value;
  }

  show({ sort, filter, digit }) {
    this.sort.value = sort;
    this.filter.value = filter;
    this.digit.value = digit === null ? "" : String(digit);
  }

  /** @param {string[]} names of the classes; none where the images have no labels */
  setClasses(names) {
    this.digit.replaceChildren(el("option", { value: "", text: names.length ? "any class" : "no labels" }), ...names.map((name, i) => el("option", { value: String(i), text: name })));
    this.digit.disabled = names.length < 2;
  }

  say(words) {
    setText(this.hint, words);
  }
}
