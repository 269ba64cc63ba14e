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
  picture(kind, run, path, params) {
    return this.ask(kind, this.address(run, path, params), async (response) => parseFrame(await response.arrayBuffer()));
  }

  json(kind, run, path) {
    return this.ask(kind, this.address(run, path), (response) => response.json());
  }

  /** @param read makes of the response what was asked for; a newer question may stop it, too */
  async ask(kind, url, read) {
    this.asked.get(kind)?.abort();
    const stop = new AbortController();
    this.asked.set(kind, stop);
    try {
      const response = await fetch(url, { signal: stop.signal });
      if (!response.ok) throw new Error(await response.text());
      return await read(response);
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
