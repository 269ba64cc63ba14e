// The frontier: how much is explained against how many are lit, drawn as SVG so that it needs no library anywhere.

import { el } from "../dom.js";

const W = 440;
const H = 290;
const EDGE = { left: 46, right: 14, top: 14, bottom: 40 };
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
const NS = "http://www.w3.org/2000/svg";
// What each is called, how it is drawn, and which of its points the name stands beside: below right, or above left.
const MARKS = { pca: ["PCA", "fr-pca", 0.6, 8, 14, "start"], dictionary_learning: ["dictionary learning", "fr-dl", 0.3, -7, -6, "end"] };

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export class Frontier {
  /** @param {(at: number) => void} onPick a point was clicked */
  constructor(onPick) {
    this.onPick = onPick;
    this.svg = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "fr", role: "img" });
    this.node = el("figure", { class: "pa-figure" }, el("figcaption", { class: "pa-title", text: "Explained against lit units (test images)" }), this.svg, (this.note = el("p", { class: "pa-note", hidden: true, text: "Dashed, for scale: principal components, of which all are lit for every image, and scikit-learn's dictionary learning, which searches anew for every image." })));
  }

  /** Everything but the moving dot. `points` are {l0, fvu, value}; `planned` how many there will be. */
  draw(points, references, label) {
    const others = Object.values(references).flat();
    const l0s = [...points, ...others].map((p) => Math.max(p.l0, 0.1));
    this.low = Math.log(Math.max(0.1, Math.min(1, ...l0s) * 0.9));
    this.high = Math.log(Math.max(100, ...l0s) * 1.15);
    this.svg.setAttribute("aria-label", `Share of variance explained against units lit per image at ${points.length} values of ${label}`);
    this.svg.replaceChildren(...this.axes());
    for (const [name, found] of Object.entries(references)) {
      const [title, mark, where, dx, dy, anchor] = MARKS[name] ?? [name, "fr-pca", 0.5, 7, 14, "start"];
      const shown = [...found].sort((a, b) => a.l0 - b.l0);
      if (!shown.length) continue;
      this.svg.append(svg("polyline", { points: this.line(shown), class: mark }));
      for (const p of shown) this.svg.append(svg("circle", { cx: this.x(p.l0), cy: this.y(p.fvu), r: 2.5, class: `${mark} fr-small` }));
      const beside = shown[Math.floor(where * shown.length)];
      const text = svg("text", { x: Number(this.x(beside.l0)) + dx, y: this.y(beside.fvu) + dy, "text-anchor": anchor, class: `fr-name ${mark}-name` });
      text.textContent = title;
      this.svg.append(text);
    }
    this.note.hidden = !others.length;
    this.svg.append(svg("polyline", { points: this.line(points), class: "fr-path" }));
    points.forEach((p, at) => {
      const dot = svg("circle", { cx: this.x(p.l0), cy: this.y(p.fvu), r: 5, class: "fr-point" });
      const title = svg("title");
      title.textContent = `${label} ${p.value}: ${(100 * (1 - p.fvu)).toFixed(0)}% explained, ${p.l0.toFixed(1)} lit`;
      dot.append(title);
      dot.addEventListener("click", () => this.onPick(at));
      this.svg.append(dot);
    });
    this.dot = svg("circle", { r: 9, class: "fr-now" });
    this.svg.append(this.dot);
  }

  move(l0, fvu) {
    if (!this.dot) return;
    this.dot.setAttribute("cx", this.x(l0));
    this.dot.setAttribute("cy", this.y(fvu));
  }

  x(l0) {
    const share = (Math.log(Math.max(l0, 0.1)) - this.low) / (this.high - this.low);
    return (EDGE.left + Math.min(1, Math.max(0, share)) * (W - EDGE.left - EDGE.right)).toFixed(1);
  }

  y(fvu) {
    return Number((EDGE.top + Math.min(1, Math.max(0, fvu)) * (H - EDGE.top - EDGE.bottom)).toFixed(1));
  }

  line(points) {
    return points.map((p) => `${this.x(p.l0)},${this.y(p.fvu)}`).join(" ");
  }

  axes() {
    const made = [];
    const write = (x, y, text, anchor, extra = {}) => {
      const node = svg("text", { x, y, "text-anchor": anchor, class: "fr-tick", ...extra });
      node.textContent = text;
      made.push(node);
    };
    for (const tick of TICKS) {
      const at = Math.log(tick);
      if (at < this.low || at > this.high) continue;
      made.push(svg("line", { x1: this.x(tick), x2: this.x(tick), y1: EDGE.top, y2: H - EDGE.bottom, class: "fr-grid" }));
      write(this.x(tick), H - EDGE.bottom + 15, String(tick), "middle");
    }
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      const y = this.y(1 - share);
      made.push(svg("line", { x1: EDGE.left, x2: W - EDGE.right, y1: y, y2: y, class: "fr-grid" }));
      write(EDGE.left - 6, y + 4, `${100 * share}%`, "end");
    }
    write(EDGE.left + (W - EDGE.left - EDGE.right) / 2, H - 6, "lit per image (L0), log scale", "middle");
    return made;
  }
}
