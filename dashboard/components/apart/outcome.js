// What comes of it: the image, its copy, the copy after changes; how much is explained; what the probe makes of both.

import { el, setText, toggle } from "../dom.js";
import { figure, percent } from "../format.js";
import { classify } from "./network.js";
import { drawGrey } from "./pictures.js";

export class Outcome {
  constructor(onReset, probeHref) {
    this.pictures = ["goes in", "comes out", "changed"].map((name) => {
      const canvas = el("canvas", { class: "ps-crisp" });
      const note = el("span", { class: "pa-note" });
      return { canvas, note, node: el("figure", { class: "pa-outcome-picture" }, canvas, el("figcaption", { text: name }), note) };
    });
    this.reset = el("button", { type: "button", class: "ps-button", onclick: onReset, text: "Undo all changes" });
    this.verdict = el("p", { class: "pa-verdict", role: "status" });
    this.bars = el("div", { class: "pa-bars", role: "group", "aria-label": "Class probabilities of the probe, before and after changes" });
    this.none = el("p", { class: "ps-what" }, "What would a classifier make of these codes? Train the probe on ", el("a", { href: probeHref, text: "Classify" }), ".");
    this.stale = el("p", { class: "pa-note", hidden: true });
    this.node = el("section", { class: "pa-outcome", "aria-label": "What comes of it" }, el("div", { class: "pa-outcome-pictures" }, ...this.pictures.map(({ node }) => node)), this.verdict, this.bars, this.stale, this.none, this.reset);
  }

  /** @param shown {network, probe, names, codes, changed, x, xHat, changedHat, nEdits, look, shape, label} */
  draw(shown) {
    const { network, x, xHat, changedHat, look, shape, nEdits } = shown;
    const [before, after] = [network.fvu(x, xHat), network.fvu(x, changedHat)];
    [x, xHat, changedHat].forEach((pixels, i) => drawGrey(this.pictures[i].canvas, pixels, shape, look.palette));
    setText(this.pictures[0].note, shown.label);
    setText(this.pictures[1].note, `FVU ${figure(before)}`);
    setText(this.pictures[2].note, nEdits ? `FVU ${figure(after)}` : "nothing yet");
    toggle(this.pictures[2].node, "pa-later", !nEdits);
    this.reset.disabled = !nEdits;
    setText(this.reset, nEdits ? `Undo ${nEdits === 1 ? "the change" : `all ${nEdits} changes`}` : "Undo all changes");
    const answers = shown.probe ? this.drawBars(shown) : null;
    this.none.hidden = Boolean(answers);
    this.bars.hidden = !answers;
    this.stale.hidden = !answers || shown.stale === null;
    if (!this.stale.hidden) setText(this.stale, `The probe was trained at step ${shown.stale.toLocaleString("en-US")}: on other weights its answers are guesses.`);
    setText(this.verdict, sentence(before, after, nEdits, answers, shown));
    return { before, after, answers };
  }

  drawBars({ probe, names, codes, changed, nEdits }) {
    const before = classify(probe, codes);
    const after = nEdits ? classify(probe, changed) : before;
    if (this.rows?.length !== before.length) this.buildBars(names, before.length);
    this.rows.forEach((row, c) => {
      row.was.style.width = `${100 * before[c]}%`;
      row.now.style.width = `${100 * after[c]}%`;
      setText(row.value, percent(after[c]));
    });
    return { before: best(before), after: best(after) };
  }

  buildBars(names, n) {
    this.rows = Array.from({ length: n }, (_, c) => {
      const [was, now, value] = [el("div", { class: "pa-was" }), el("div", { class: "pa-now" }), el("span", { class: "pa-bar-value" })];
      return { was, now, value, node: el("div", { class: "pa-bar" }, el("span", { class: "pa-bar-name", text: names[c] ?? c }), el("div", { class: "pa-bar-track" }, was, now), value) };
    });
    this.bars.replaceChildren(...this.rows.map(({ node }) => node));
  }
}

const best = (odds) => odds.indexOf(Math.max(...odds));

function sentence(before, after, nEdits, answers, { names }) {
  const explained = (fvu) => percent(Math.max(0, 1 - fvu));
  const says = (c) => `“${names[c] ?? c}”`;
  if (!nEdits) return `${explained(before)} explained.${answers ? ` The probe says ${says(answers.before)}.` : ""}`;
  const change = `${explained(before)} → ${explained(after)} explained.`;
  if (!answers) return change;
  return answers.before === answers.after ? `${change} The probe still says ${says(answers.after)}.` : `${change} The probe now says ${says(answers.after)}, not ${says(answers.before)}.`;
}
