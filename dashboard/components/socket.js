// The one WebSocket of a page. Frames are acknowledged after they are drawn, so a slow page gets fewer, never a queue.

import { parseFrame } from "./frame.js";

const RETRY_MS = [250, 500, 1000, 2000, 3000];

export class LiveSocket {
  /** @param {(message: object) => void} onMessage text messages and {t: "frame", frame}, and {t: "link", up: boolean} */
  constructor(url, onMessage) {
    this.url = url;
    this.onMessage = onMessage;
    this.tries = 0;
    this.closed = false;
    this.unsent = [];
    this.wake = () => this.socket?.readyState !== WebSocket.OPEN && this.retryNow();
    window.addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    const socket = (this.socket = new WebSocket(this.url));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.tries = 0;
      this.onMessage({ t: "link", up: true });
      for (const text of this.unsent.splice(0)) socket.send(text);
    };
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = () => {
      if (this.closed || socket !== this.socket) return;
      this.onMessage({ t: "link", up: false });
      this.timer = setTimeout(() => this.open(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
    };
  }

  retryNow() {
    if (this.closed || this.socket?.readyState === WebSocket.CONNECTING) return;
    this.tries = 0;
    this.open();
  }

  receive(data) {
    if (typeof data === "string") return this.onMessage(JSON.parse(data));
    const frame = parseFrame(data);
    if (frame) this.onMessage({ t: "frame", frame, bytes: data.byteLength });
  }

  get up() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Sends now; `keep` holds it for the next connection where there is none (a pressed Play must not be lost). */
  send(message, keep = false) {
    const text = JSON.stringify(message);
    if (this.up) this.socket.send(text);
    else if (keep) this.unsent.push(text);
  }

  ack(seq) {
    this.send({ t: "ack", seq });
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    window.removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    this.socket?.close();
  }
}
