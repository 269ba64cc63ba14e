// What hands do: a button, a key or a step of the story becomes a message to the server. Nothing here draws.

import { SPEEDS } from "./transport.js";

export class Hands {
  /** @param view the live view, asked for the run, its config and status, and what the sidebar says */
  constructor(view) {
    this.view = view;
    this.speed = "ramp";
    this.busy = false; // something was pressed that shows only once its run has begun
  }

  get playing() {
    const { run, status } = this.view;
    return Boolean(run) && (this.busy || ["training", "starting", "queued"].includes(status.state));
  }

  send(message) {
    this.view.socket.send({ ...message }, true);
  }

  control(what) {
    this.send({ t: "control", run: this.view.run, do: what });
  }

  act(action, value) {
    const { view } = this;
    const { run } = view;
    const actions = {
      toggle: () => (this.playing ? this.control("pause") : run ? this.play() : this.start({}, true)),
      step: () => (run ? this.control("step") : this.start({}, false, "step")),
      epoch: () => (run ? this.control("epoch") : this.start({}, false, "epoch")),
      resume: () => this.control("resume"),
      reset: () => this.reset({}),
      seed: () => this.reset({ seed: ((view.config?.seed ?? 0) + 1) % 2 ** 31 }),
      speed: () => this.setSpeed(value),
      weights: () => view.setWeights(view.view.weights === "decoder" ? "encoder" : "decoder"),
      lecture: () => view.setLecture(!view.view.lecture),
      story: () => view.story.playByItself(),
    };
    actions[action]?.();
    view.schedule();
  }

  play() {
    this.busy = true;
    this.control("play");
  }

  start(overrides, play, then) {
    this.busy = play;
    const config = { ...this.view.data.pending, ...this.view.dials.values(), ...overrides };
    this.send({ t: "start", config, play, then, speed: this.speed });
  }

  /** The story's beginning: its own settings, whatever the sidebar says; a run that is watched makes room. */
  beginStory(overrides) {
    const { run, data } = this.view;
    this.busy = true;
    this.leaving = run;
    const knobs = Object.values(data.knobs).filter(({ name }) => name in data.pending);
    const config = { ...Object.fromEntries(knobs.map((knob) => [knob.name, knob.default])), ...overrides };
    this.send({ ...(run ? { t: "reset", run } : { t: "start" }), config, play: true, speed: this.speed });
  }

  /** A new run from the sidebar's settings; the old one is kept, and the dials stay where they are. */
  reset(overrides) {
    const { run, data, config: now, dials, notice } = this.view;
    if (!run) return;
    const keep = data.pending.method === now?.method ? dials.values() : {};
    const config = { ...data.pending, ...keep, ...overrides };
    this.send({ t: "reset", run, config, play: this.playing, speed: this.speed });
    notice.say(`Begun anew. The earlier run is kept: ${run}.`);
  }

  setSpeed(value) {
    const { run, transport, socket } = this.view;
    this.speed = value;
    transport.speed.value = value;
    if (run) socket.send({ t: "speed", run, value });
  }

  nextSpeed() {
    const values = SPEEDS.map(([value]) => value);
    return values[(values.indexOf(this.speed) + 1) % values.length];
  }

  /** One action of a story's step, on the live run. */
  tell(action) {
    if ("start" in action) this.beginStory(action.start);
    if ("dial" in action) this.view.dials.first?.glide(action.dial, action.seconds ?? 1);
    if ("digit" in action) this.view.choose({ digit: action.digit });
  }

  /** Every shortcut; `KEYS` in transport.js says what they do. */
  shortcuts() {
    const { view } = this;
    const { mosaic, story, digits, dials, notice } = view;
    return {
      ...Object.fromEntries([..."1234567890"].map((key, i) => [key, () => digits.onChoose(i)])),
      " ": () => this.act("toggle"),
      s: () => this.act("step"),
      e: () => this.act("epoch"),
      backspace: () => this.act("reset"),
      n: () => this.act("seed"),
      v: () => this.act("speed", this.nextSpeed()),
      w: () => this.act("weights"),
      l: () => this.act("lecture"),
      "[": () => dials.first?.nudge(-1),
      "]": () => dials.first?.nudge(1),
      pagedown: () => (story.telling ? story.next() : story.go(0)),
      pageup: () => story.go(story.index - 1),
      escape: () => (mosaic.chosen !== null ? mosaic.choose(null) : view.choose({ digit: null })),
      "?": () => notice.showKeys(),
    };
  }
}
