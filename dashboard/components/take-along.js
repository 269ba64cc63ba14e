// What can be taken along from every page of a run: its files, a picture of what stands there, and the way back to it.

import { el, setText } from "./dom.js";

export class TakeAlong {
  /** @param {{text: string, title: string, onclick: () => void}[]} own what only this page can make, in the browser */
  constructor(own = []) {
    this.own = own.map(({ text, title, onclick }) => el("button", { type: "button", class: "ps-save", title, text, onclick }));
    this.links = el("span", { class: "ps-saves" });
    this.pre = el("pre");
    this.copied = el("span", { class: "ps-what", role: "status" });
    const copy = el("button", { type: "button", class: "ps-save", text: "copy", onclick: () => this.copy() });
    this.again = el("details", { class: "ps-again" }, el("summary", { text: "reproduce this view: the command and the Python" }), this.pre, copy, this.copied);
    this.node = el("section", { class: "ps-along", "aria-label": "Take it with you" }, el("span", { class: "ps-along-title", text: "Take it with you" }), this.links, this.again);
  }

  /** @param {{href: string, text: string, title: string}[]} exports  @param {string} again */
  show(exports, again) {
    const key = JSON.stringify(exports);
    if (key !== this.key) {
      this.key = key;
      this.links.replaceChildren(...this.own, ...exports.map(({ href, text, title }) => el("a", { class: "ps-save", href, download: "", title, text })));
    }
    setText(this.pre, again);
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.pre.textContent);
      setText(this.copied, " copied");
    } catch {
      getSelection().selectAllChildren(this.pre);
      setText(this.copied, " marked: copy it with Ctrl-C");
    }
    setTimeout(() => setText(this.copied, ""), 4000);
  }
}
