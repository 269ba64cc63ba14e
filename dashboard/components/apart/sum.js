// The image as a sum: bias, then the strongest latents one by one, then all others together, then what is left over.
// Every latent has a handle: what is dragged here changes its code.

import { el, setText, toggle } from "../dom.js";
import { drawGrey, drawSigned } from "./pictures.js";

const FIRST = 18; // cards before "show more"

export class Sum {
  /**
   * @param handles what has been done to the codes; cards tell it what they are dragged to
   * @param href (latent) => address of its page
   */
  constructor(handles, href) {
    this.handles = handles;
    this.href = href;
    this.most = FIRST;
    this.cards = [];
    this.bias = still("bias", "what it draws for nothing");
    this.rest = still("the others", "");
    this.left = still("left over", "what no unit explains");
    this.more = el("button", { type: "button", class: "ps-link", onclick: () => this.showMore() });
    this.list = el("ol", { class: "pa-cards", "aria-label": "The image as a sum, strongest units first" });
    this.node = el("div", {}, this.list, this.more);
  }

  /** @param shown {network, codes, changed, order, edits, x, xHat, look, shape, stage} */
  show(shown) {
    this.shown = shown;
    const { network, order, edits } = shown;
    const added = [...edits.keys()].filter((latent) => latent < network.n && !order.includes(latent));
    this.latents = [...added, ...order.slice(0, this.most)];
    this.others = order.slice(this.most);
    while (this.cards.length < this.latents.length) this.cards.push(new Card(this));
    const nodes = [this.bias.node, ...this.cards.slice(0, this.latents.length).map((card) => card.node)];
    if (this.others.length) nodes.push(this.rest.node);
    nodes.push(this.left.node);
    if (nodes.length !== this.list.children.length || nodes.some((node, i) => this.list.children[i] !== node)) this.list.replaceChildren(...nodes);
    const more = this.most < order.length ? `show ${Math.min(36, order.length - this.most)} more of ${order.length}` : this.most > FIRST && order.length > FIRST ? "show fewer" : "";
    setText(this.more, more);
    this.more.hidden = !more;
    this.draw(shown);
  }

  /** What changes while a handle is dragged: the partial sums, the amounts, what is left over. */
  draw({ network, codes, changed, edits, x, xHat, look, shape, stage }) {
    const { palette } = look;
    const partial = Float64Array.from(network.bDec);
    drawGrey(this.bias.picture, network.output(partial), shape, palette);
    drawSigned(this.bias.part, partial, shape, palette);
    this.latents.forEach((latent, i) => {
      network.add(partial, latent, changed[latent]);
      this.cards[i].show({ network, latent, code: codes[latent], amount: changed[latent], edit: edits.get(latent), partial: network.output(partial), shape, palette });
      toggle(this.cards[i].node, "pa-later", stage !== null && i >= stage);
    });
    if (this.others.length) this.drawRest(network, changed, partial, shape, palette, stage);
    this.end = network.output(partial); // exactly the reconstruction: the same additions in the same order
    const residual = Float64Array.from(x, (value, p) => value - xHat[p]);
    drawGrey(this.left.picture, x, shape, palette);
    drawSigned(this.left.part, residual, shape, palette, 1);
    toggle(this.left.node, "pa-later", stage !== null && stage <= this.steps - 1);
  }

  drawRest(network, changed, partial, shape, palette, stage) {
    const part = new Float64Array(network.nPixels);
    for (const latent of this.others) {
      network.add(part, latent, changed[latent]);
      network.add(partial, latent, changed[latent]);
    }
    drawGrey(this.rest.picture, network.output(partial), shape, palette);
    drawSigned(this.rest.part, part, shape, palette);
    setText(this.rest.note, `${this.others.length} weaker units together`);
    toggle(this.rest.node, "pa-later", stage !== null && stage <= this.latents.length);
  }

  /** Stages of the animation: bias, each card, the others, what is left over. */
  get steps() {
    return this.latents.length + (this.others.length ? 1 : 0) + 1;
  }

  /** What has been added after so many stages. */
  latentsUpTo(stage) {
    return stage > this.latents.length ? [...this.latents, ...this.others] : this.latents.slice(0, stage);
  }

  /** In the order in which they are added here. */
  get all() {
    return [...this.latents, ...this.others];
  }

  showMore() {
    this.most = this.most < this.shown.order.length ? this.most + 36 : FIRST;
    this.show(this.shown);
  }

  focus(latent) {
    this.cards.find((card) => card.latent === latent && card.node.isConnected)?.slider.focus();
  }
}

/** A card without a handle: {node, picture, part, note}. */
function still(name, words) {
  const [picture, part] = [el("canvas", { class: "ps-crisp" }), el("canvas", { class: "ps-crisp" })];
  const note = el("span", { class: "pa-note", text: words });
  return { picture, part, note, node: el("li", { class: "pa-card pa-still" }, picture, part, el("strong", { text: name }), note) };
}

class Card {
  constructor(sum) {
    this.picture = el("canvas", { class: "ps-crisp", title: "the sum so far" });
    this.part = el("canvas", { class: "ps-crisp", title: "its filter" });
    this.name = el("a", { title: "Open this unit's page" });
    this.amount = el("output");
    this.slider = el("input", { type: "range", min: "0", step: "any" });
    this.off = el("button", { type: "button", class: "pa-mini", "aria-pressed": "false", text: "off", title: "Ablate: leave this unit out" });
    this.back = el("button", { type: "button", class: "pa-mini", text: "undo", title: "As it was" });
    this.node = el("li", { class: "pa-card" }, this.picture, this.part, el("span", { class: "pa-card-head" }, this.name, this.amount), this.slider, el("span", { class: "pa-card-head" }, this.off, this.back));
    this.slider.oninput = () => sum.handles.edit(this.latent, this.editTo(Number(this.slider.value), sum.handles.clamps));
    this.slider.onkeydown = (event) => this.nudge(event);
    this.off.onclick = () => sum.handles.edit(this.latent, this.edit && this.now === 0 ? null : { kind: "scale", value: 0 });
    this.back.onclick = () => sum.handles.edit(this.latent, null);
    this.href = sum.href;
  }

  editTo(value, fixes) {
    return fixes || !this.code ? { kind: "clamp", value } : { kind: "scale", value: value / this.code };
  }

  /** A range with step "any" moves by its browser's own idea of a step: by a fiftieth here. */
  nudge(event) {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const most = Number(this.slider.max);
    this.slider.value = Math.max(0, Math.min(most, this.now + (by * most) / 50));
    this.slider.oninput();
  }

  show({ network, latent, code, amount, edit, partial, shape, palette }) {
    const moved = latent !== this.latent || network !== this.network;
    Object.assign(this, { latent, network, code, edit, now: amount });
    if (moved) {
      setText(this.name, `#${latent}`);
      this.name.href = this.href(latent);
      this.slider.setAttribute("aria-label", `Activation of unit ${latent}`);
      this.off.setAttribute("aria-label", `Ablate unit ${latent}`);
      this.back.setAttribute("aria-label", `Undo the change to unit ${latent}`);
    }
    const most = network.spec.activation === "sigmoid" ? 1 : Math.max(2 * code, network.strongest?.[latent] ?? 0, edit?.kind === "clamp" ? edit.value : 0) || 1;
    if (Number(this.slider.max) !== most && document.activeElement !== this.slider) this.slider.max = most;
    if (Math.abs(Number(this.slider.value) - amount) > 1e-9) this.slider.value = amount;
    setText(this.amount, edit ? (edit.kind === "clamp" ? `= ${amount.toFixed(2)}` : amount === 0 ? "off" : `×${edit.value.toFixed(2)}`) : amount.toFixed(2));
    this.slider.setAttribute("aria-valuetext", this.amount.textContent);
    this.off.setAttribute("aria-pressed", String(Boolean(edit) && amount === 0));
    this.back.style.visibility = edit ? "visible" : "hidden";
    toggle(this.node, "pa-edited", Boolean(edit));
    drawGrey(this.picture, partial, shape, palette);
    if (moved || palette !== this.palette) drawSigned(this.part, network.filter(latent), shape, palette);
    this.palette = palette;
  }
}
