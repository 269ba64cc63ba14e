// A row of small pictures with a number under each. Its nodes stay from one unit to the next: only pixels change.

import { el, setText } from "../dom.js";
import { drawTile } from "../mosaic.js";

export class Tiles {
  /** @param {((item: object) => void)|null} onChoose makes each picture a button */
  constructor(title, onChoose = null) {
    this.onChoose = onChoose;
    this.title = title;
    this.strip = el("div", { class: "ps-strip-images" });
    this.none = el("span", { class: "ps-what", text: "none" });
    this.node = el("div", { class: "ps-gallery", hidden: true }, el("span", { class: "ps-gallery-title", text: title }), el("div", {}, this.strip, this.none));
    this.tiles = [];
  }

  /** @param {{bytes: Uint8Array, number: string, title: string}[]|null} items null hides the row */
  show(items, shape, table) {
    this.node.hidden = items === null;
    if (items === null) return;
    this.none.hidden = items.length > 0;
    while (this.tiles.length < items.length) this.add();
    this.tiles.forEach((tile, i) => {
      const item = (tile.item = items[i]);
      tile.node.hidden = item === undefined;
      if (item === undefined) return;
      drawTile(tile.canvas, item.bytes, shape, table);
      setText(tile.number, item.number);
      tile.node.title = item.title;
      if (this.onChoose) tile.node.setAttribute("aria-label", `${this.title}, ${item.title}`);
    });
  }

  add() {
    const [canvas, number] = [el("canvas", { class: "ps-crisp" }), el("span")];
    const tile = { canvas, number };
    tile.node = this.onChoose ? el("button", { type: "button", class: "ps-thumb-image", onclick: () => this.onChoose(tile.item) }, canvas, number) : el("figure", { class: "ps-thumb-image" }, canvas, number);
    this.tiles.push(tile);
    this.strip.append(tile.node);
  }
}
