// The Features page: the atlas of all filters, the page of the chosen one, and a slider through the run's history.
// Nothing here waits for a rerun: the server is asked directly, and Streamlit hears only what belongs in the address.

import { el, isTyping, setText, shown, toggle } from "../dom.js";
import { figure, percent, whole } from "../format.js";
import { readLook } from "../look.js";
import { isVector } from "../mosaic.js";
import { mounting } from "../mounting.js";
import { saveAs } from "../save.js";
import { TakeAlong } from "../take-along.js";
import { Atlas } from "./atlas.js";
import { Bar } from "./bar.js";
import { inPlacesOf, sorted, wanted } from "./orders.js";
import { Panel } from "./panel.js";
import { Pictures } from "./pictures.js";
import { Questions } from "./questions.js";
import { Scrubber } from "./scrubber.js";
import { Then } from "./then.js";
import { sentence } from "./words.js";

const LOOK_EVERY = 2500; // ms between questions whether the run has gone on
const QUIET = 250; // ms after the last choice before the address is told, or a past step's census is asked for

class Features {
  constructor({ data, parentElement }) {
    this.questions = new Questions(data.base);
    this.pictures = new Pictures(this.questions);
    this.notes = {};
    this.choice = { sort: "place", filter: "all", digit: null };
    this.latent = null;
    this.step = null;
    this.build(data, parentElement);
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.node);
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.timer = setInterval(() => this.lookAgain(), LOOK_EVERY);
  }

  build(data, parent) {
    this.atlas = new Atlas({ choose: (latent) => this.choose(latent), hover: (latent) => this.hover(latent), open: () => this.panel.title.focus() });
    this.panel = new Panel(data.base, { go: (latent) => this.go(latent), beside: (by) => this.go(this.atlas.beside(by)), note: (latent, note) => this.note(latent, note) });
    this.scrubber = new Scrubber((step) => this.travel(step));
    this.bar = new Bar((changes) => this.rearrange(changes), () => this.load());
    this.then = new Then();
    this.along = new TakeAlong([{ text: "this montage (PNG)", title: "The filters as they stand here", onclick: () => this.saveMontage() }]);
    this.words = el("p", { class: "ps-what ps-features-words", role: "status", text: "The filters are on their way…" });
    this.error = el("p", { class: "ps-trouble", role: "alert", hidden: true });
    this.node = el(
      "div",
      { class: "ps-root ps-features" },
      this.error,
      this.bar.node,
      el("div", { class: "ps-features-body" }, el("div", { class: "ps-features-left" }, this.atlas.node, this.words, this.scrubber.node, this.then.node, this.along.node), this.panel.node),
    );
    parent.append(this.node);
  }

  // ── from Streamlit ────────────────────────────────────────────────────────────────────────────────────────────

  receive({ data, setStateValue }) {
    this.setStateValue = setStateValue;
    this.data = data;
    this.look = readLook(this.node, data.lecture);
    toggle(this.node, "ps-dark", this.look.palette.dark);
    toggle(this.node, "ps-lecture", Boolean(data.lecture));
    this.panel.allow(data.maySteer, data.watchOnly);
    this.panel.setFigures(data.figures, this.look).catch((problem) => this.attempt(() => Promise.reject(problem)));
    this.along.show(data.exports, data.again);
    if (data.run !== this.run) this.open(data);
    else if (data.said !== this.said) this.follow(data);
    this.draw();
  }

  /** Another run: its atlas, in the places of the one before where they can be matched. */
  open(data) {
    const before = this.run && this.cells ? { run: this.run, cells: this.cells } : null;
    Object.assign(this, { run: data.run, said: data.said, latent: data.latent, step: data.step, shown: null, life: null, map: null, cells: null });
    this.choice = { ...this.choice, ...Object.fromEntries(["sort", "filter", "digit"].flatMap((name) => (data[name] === null || data[name] === undefined ? [] : [[name, data[name]]]))) };
    this.pictures.clear();
    this.attempt(async () => {
      this.notes = (await this.questions.json("notes", this.run, "notes")) ?? {};
      await this.load();
      this.questions.picture("life", this.run, "life").then((life) => {
        if (!life) return;
        this.life = life;
        this.rearrange({});
      }, () => {});
      if (before && this.choice.sort === "place") this.standWhere(before);
    });
  }

  async standWhere({ run, cells }) {
    const found = await this.questions.picture("match", this.run, "match", { other: run }).catch(() => null);
    if (!found || this.choice.sort !== "place") return;
    this.places = { of: run, cells: inPlacesOf(cells, found.arrays.order.data, this.shown.n_latents) };
    this.rearrange({});
  }

  /** The address was changed by somebody else; a rerun that has not heard our newest telling has old news. */
  follow(data) {
    this.said = data.said;
    if (this.told !== undefined && data.heard !== this.told) return;
    if (data.latent !== null && data.latent !== this.latent) this.go(data.latent);
    if (data.step !== this.step) this.travel(data.step);
  }

  /** Keep what shapes the view in the address (the Python side writes it there), once hands are still. */
  remember() {
    this.told = 0; // until it is told, no rerun can have heard it
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      this.told = Date.now();
      this.setStateValue("view", { latent: this.latent, step: this.step, ...this.choice, told: this.told });
    }, QUIET);
  }

  // ── from the server ───────────────────────────────────────────────────────────────────────────────────────────

  async attempt(work) {
    try {
      await work();
      this.error.hidden = true;
    } catch (problem) {
      setText(this.error, problem.message);
      this.error.hidden = false;
    }
  }

  async load() {
    const run = this.run;
    const picture = await this.pictures.at(run, this.step, this.bar.weights);
    if (!picture || run !== this.run) return;
    const first = this.shown === null;
    this.shown = picture;
    if (first) this.bar.setClasses(picture.class_names);
    if (first || this.cells === null) this.rearrange({});
    if (this.latent === null || this.latent >= picture.n_latents) this.latent = this.liveliest(picture);
    this.scrubber.receive(picture.history, this.data.markers, this.step);
    this.scrubber.describe(picture, this.step === null);
    this.draw();
    if (first) {
      this.atlas.select(this.latent);
      this.panel.announce(this.latent, picture, this.look.palette, this.notes[this.latent]);
    }
    this.ask(this.latent);
  }

  /** The first to be shown: the one that fires most strongly, summed over images. */
  liveliest({ arrays }) {
    const worth = [...arrays.density.data].map((density, i) => density * arrays.strength.data[i]);
    return worth.indexOf(Math.max(...worth));
  }

  /** Whether the run has gone on; a page that looks at its past, or is hidden, does not care. */
  lookAgain() {
    if (!this.run || document.hidden || this.step !== null || this.scrubber.playing) return;
    this.attempt(async () => {
      const now = await this.questions.json("now", this.run, "now");
      if (!now) return;
      const news = this.stamp !== undefined && now.stamp !== this.stamp;
      this.stamp = now.stamp;
      this.node.dataset.state = now.state;
      if (news) await this.load();
    });
  }

  /** The chosen unit's page; the choice itself is seen first. */
  ask(latent) {
    const seen = shown();
    this.attempt(async () => {
      const page = await this.questions.picture("latent", this.run, `latent/${latent}`, { step: this.step });
      await seen;
      if (!page || page.latent !== this.latent) return;
      await this.panel.show(page, this.shown, this.look.palette);
      if (latent !== this.latent) return;
      this.node.dataset.stands = latent;
      if (page.complete || this.scrubber.playing) return;
      const step = this.step;
      await new Promise((resolve) => setTimeout(resolve, step === null ? 0 : QUIET));
      if (step !== this.step || latent !== this.latent) return; // leafed on
      const all = await this.questions.picture("latent", this.run, `latent/${latent}`, { step: this.step, wait: 1 });
      if (all && all.latent === this.latent) this.panel.show(all, this.shown, this.look.palette);
    });
  }

  async note(latent, note) {
    await this.attempt(async () => {
      this.notes = await this.questions.note(this.run, latent, note);
      this.draw();
    });
  }

  // ── hands ─────────────────────────────────────────────────────────────────────────────────────────────────────

  choose(latent) {
    this.latent = latent;
    this.panel.announce(latent, this.shown, this.look.palette, this.notes[latent]);
    this.ask(latent);
    this.remember();
  }

  go(latent) {
    if (latent === null || latent === undefined || !this.shown || latent >= this.shown.n_latents) return;
    this.atlas.select(latent);
    this.choose(latent);
  }

  travel(step) {
    this.step = step;
    this.attempt(() => this.load());
    this.remember();
  }

  async rearrange(changes) {
    Object.assign(this.choice, changes);
    this.bar.show(this.choice);
    if (!this.shown) return;
    const { sort } = this.choice;
    if (Object.keys(changes).length) {
      this.remember();
      if ("sort" in changes) this.places = null;
    }
    if (sort === "map" && !this.map) await this.attempt(() => this.loadMap());
    const order = this.places && sort === "place" ? this.places.cells : sorted(sort, this.shown, this.life, this.map?.arrays.cells.data);
    this.cells = order.filter(wanted(this.choice, this.shown, this.life, this.notes));
    this.atlas.arrange(this.cells);
    this.atlas.select(this.latent);
    this.node.dataset.shown = this.cells.length;
    this.say();
  }

  async loadMap() {
    setText(this.words, "Finding out which units look alike…");
    this.map = await this.questions.picture("map", this.run, "map", { step: this.step, columns: this.atlas.columnsFor(this.shown.n_latents) });
  }

  key(event) {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || !this.shown) return;
    const does = { ",": () => this.go(this.atlas.beside(-1)), ".": () => this.go(this.atlas.beside(1)), f: () => this.data.maySteer && this.panel.toggleStar(), p: () => this.scrubber.toggle() }[event.key];
    if (does) {
      event.preventDefault();
      does();
    }
  }

  hover(latent) {
    if (latent === null || !this.shown) return this.bar.say("");
    const label = this.notes[latent]?.label;
    this.bar.say(`unit ${latent}${label ? ` “${label}”` : ""}: ${sentence(this.shown, latent)}`);
  }

  // ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────────

  draw() {
    if (!this.shown || !this.look) return;
    toggle(this.node, "ps-vectors", isVector(this.shown.image_shape));
    const favourites = new Set(Object.entries(this.notes).flatMap(([latent, note]) => (note.favourite ? [Number(latent)] : [])));
    this.atlas.show(this.shown, this.look.palette, favourites);
    this.then.draw(this.shown, this.look.palette);
    this.panel.setNote(this.notes[this.latent]);
    Object.assign(this.node.dataset, { step: this.shown.step, latents: this.shown.n_latents });
    this.say();
  }

  say() {
    if (!this.shown || !this.cells) return;
    const { n_latents: n, n_test, fvu, l0, dead_fraction: dead } = this.shown;
    const few = this.cells.length < n ? `${whole(this.cells.length)} of ${whole(n)} units` : `${whole(n)} units`;
    const none = this.cells.length ? "" : " None is like that: choose another filter.";
    const all = dead === 1 ? " All are dead: the penalty is too strong, or training has only begun." : "";
    const places = this.places && this.choice.sort === "place" ? ` Each stands where its like stood in ${this.places.of}.` : "";
    setText(this.words, `${few}; ${percent(Math.max(0, 1 - fvu))} explained (FVU ${figure(fvu)}), ${figure(l0)} lit per image, ${percent(dead, 1)} dead, over ${whole(n_test)} test images.${none}${all}${places}`);
  }

  saveMontage() {
    this.atlas.tiles.toBlob((blob) => saveAs(`${this.run}-filters-step-${this.shown.step}.png`, blob));
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.telling);
    document.removeEventListener("keydown", this.onKey);
    this.scrubber.stop();
    this.resized.disconnect();
    this.questions.close();
    this.panel.close();
  }
}

export const mount = mounting(Features);
