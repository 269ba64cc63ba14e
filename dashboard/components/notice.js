// One line that says where things stand: what to press, what is waited for, what went wrong and what helps.

import { el, setText, toggle } from "./dom.js";
import { KEYS } from "./transport.js";

const LATE = 4000; // ms of starting after which a reason is due
const STARTING = { text: "Starting…" };
const LOADING = { text: "Starting… Its trainer is being loaded; the first time on a machine, its arithmetic may have to be compiled: some ten seconds." };

export class Notice {
  /** @param {(action: string) => void} act */
  constructor(act) {
    this.act = act;
    this.text = el("span", { class: "ps-notice-text", role: "status", "aria-live": "polite" });
    this.button = el("button", { type: "button", class: "ps-button", hidden: true });
    this.keys = el("dl", { class: "ps-keys", hidden: true });
    for (const [key, what] of KEYS) this.keys.append(el("dt", {}, el("kbd", { text: key })), el("dd", { text: what }));
    this.node = el("div", { class: "ps-notice" }, this.text, this.button, this.keys);
    this.parts = {};
  }

  /** While a story is told, only troubles speak. */
  hush(on) {
    this.hushed = on;
    this.show();
  }

  link(up) {
    this.parts.link = up ? null : { text: "The connection is lost; trying again. The run goes on without this page.", trouble: true };
    this.show();
  }

  watching(why) {
    this.parts.watching = why ? { text: why } : null;
    this.show();
  }

  /** @param {string} hint what to try while it trains */
  status(run, { state, reason, step, queue }, hint = "") {
    const at = step === undefined || step === null ? "" : ` at step ${step.toLocaleString("en-US")}`;
    this.parts.error = null;
    this.wait(run && state === "starting");
    this.parts.status = {
      queued: { text: `Waiting for a free worker${queue ? `: ${queue} ${queue === 1 ? "run is" : "runs are"} before this one` : ""}. It begins by itself.` },
      starting: this.late ? LOADING : STARTING,
      lost: { text: `The trainer of this run stopped unexpectedly${at}. Nothing is lost.`, trouble: true, button: "Resume", action: "resume" },
      failed: { text: reason || "The run failed.", trouble: true, button: "Resume", action: "resume" },
      paused: step ? { text: reason || `Paused${at}. Space goes on.`, trouble: Boolean(reason) } : { text: "Nothing learned yet. Press Play (Space)." },
      stopped: { text: `Stopped${at}. Space goes on from there.` },
      finished: { text: `Finished${at}.` },
      training: { text: hint, hint: true },
    }[run ? state : "none"] ?? { text: "Nothing learned yet. Press Play (Space)." };
    this.show();
  }

  /** What starts late has found no warm worker, or is a machine's first run that needs compiled arithmetic. */
  wait(on) {
    if (on && this.waiting) return;
    clearTimeout(this.waiting);
    this.late = false;
    this.waiting = on ? setTimeout(() => this.explain(), LATE) : null;
  }

  explain() {
    this.late = true;
    this.parts.status = LOADING;
    this.show();
  }

  error(text) {
    this.parts.error = { text, trouble: true };
    this.show();
  }

  /** A sentence that goes by itself. */
  say(text) {
    this.parts.said = { text };
    clearTimeout(this.saying);
    this.saying = setTimeout(() => {
      this.parts.said = null;
      this.show();
    }, 6000);
    this.show();
  }

  showKeys() {
    this.keys.hidden = !this.keys.hidden;
  }

  show() {
    const { link, error, said, status, watching } = this.parts;
    const troubles = [link, error, status?.trouble ? status : null];
    const part = troubles.find(Boolean) ?? (this.hushed ? null : said ?? (watching && status?.hint ? watching : null) ?? (status?.text ? status : null) ?? watching) ?? { text: "" };
    setText(this.text, part.text);
    toggle(this.node, "ps-trouble", Boolean(part.trouble));
    toggle(this.node, "ps-hint", Boolean(part.hint));
    this.button.hidden = !part.button;
    if (part.button) {
      setText(this.button, part.button);
      this.button.onclick = () => this.act(part.action);
    }
    this.node.classList.toggle("ps-quiet", !part.text);
  }
}
