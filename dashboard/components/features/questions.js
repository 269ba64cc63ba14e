// Asks the server for what the Features page shows. A newer question of a kind makes the older one's answer void.

import { parseFrame } from "../frame.js";

export class Questions {
  constructor(base) {
    this.base = base;
    this.asked = new Map();
  }

  address(run, path, params = {}) {
    const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== null && value !== undefined));
    return `${this.base}/explore/${encodeURIComponent(run)}/${path}?${query}`;
  }

  /** A picture's header and arrays; null where a newer question of this kind was asked meanwhile. */
  async picture(kind, run, path, params) {
    const response = await this.ask(kind, this.address(run, path, params));
    return response && parseFrame(await response.arrayBuffer());
  }

  async json(kind, run, path) {
    const response = await this.ask(kind, this.address(run, path));
    return response && response.json();
  }

  async ask(kind, url) {
    this.asked.get(kind)?.abort();
    const stop = new AbortController();
    this.asked.set(kind, stop);
    try {
      const response = await fetch(url, { signal: stop.signal });
      if (!response.ok) throw new Error(await response.text());
      return response;
    } catch (error) {
      if (error.name === "AbortError") return null;
      throw error instanceof TypeError ? new Error("The server does not answer.") : error;
    }
  }

  async note(run, latent, note) {
    const response = await fetch(this.address(run, `notes/${latent}`), { method: "POST", body: JSON.stringify(note) });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  }

  close() {
    for (const stop of this.asked.values()) stop.abort();
  }
}
