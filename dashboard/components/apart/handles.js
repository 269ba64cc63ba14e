// What hands have done to the codes: units scaled, fixed, switched off, added. The controls stand above the sum.

import { el } from "../dom.js";

export class Handles {
  /**
   * @param player walks through the sum
   * @param on {change: (whole: boolean) => void, focus: (latent) => void, fail: (sentence|null) => void}
   */
  constructor(player, on) {
    this.on = on;
    this.edits = new Map();
    this.fixes = el("select", { class: "ps-select", "aria-label": "What a handle does", title: "Scaled, a unit's change follows the image; fixed, it stays the same for every image." }, el("option", { value: "scale", text: "handles scale" }), el("option", { value: "clamp", text: "handles fix a value" }));
    this.adding = el("input", { type: "number", class: "ps-select pa-number", min: "0", step: "1", value: "0", "aria-label": "Number of the unit to add" });
    const add = () => this.add(Number(this.adding.value));
    this.adding.onkeydown = (event) => event.key === "Enter" && add();
    this.head = el(
      "div",
      { class: "pa-sum-head" },
      el("h3", { class: "ps-chart-title", text: "The image as a sum: each unit adds its filter, as strongly as it fires" }),
      el("span", { class: "pa-row" }, player.node),
      el("span", { class: "pa-row" }, this.fixes, this.adding, el("button", { type: "button", class: "ps-button", text: "Add unit", onclick: add })),
    );
  }

  get clamps() {
    return this.fixes.value === "clamp";
  }

  /** @param network whose units can be added  @param codes of the image */
  receive(network, codes) {
    Object.assign(this, { network, codes });
    this.adding.max = network.n - 1;
  }

  /** @param {{kind: "scale"|"clamp", value: number}|null} edit null takes the change back */
  edit(latent, edit) {
    const known = this.edits.has(latent);
    if (edit) this.edits.set(latent, edit);
    else this.edits.delete(latent);
    this.on.change(!(known && edit));
  }

  add(latent) {
    const { network, codes } = this;
    if (!Number.isInteger(latent) || latent < 0 || latent >= network.n) {
      this.on.fail(`There is no unit ${latent}: there are ${network.n}, counted from 0.`);
      return;
    }
    this.on.fail(null);
    this.edit(latent, { kind: "clamp", value: codes[latent] || (network.strongest?.[latent] ?? 0) / 2 || 1 });
    this.on.focus(latent);
  }

  clear() {
    this.edits.clear();
    this.on.change(true);
  }
}
