"""A stand-in for a worker: writes a real run directory, trains nothing.

``python writer.py RUN_FOLDER`` holds the run's lock, answers play, pause, step, set and stop, and, while somebody
watches, shows pictures whose mean grey says which step they are of. Killed, it leaves a lost run behind.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from sae_core.runs.directory import RunDirectory, Status, write_status
from sae_core.runs.events import EventReader
from sae_core.runs.files import LineWriter, lock_of
from sae_core.runs.frame_file import FrameWriter
from sae_core.runs.frames import encode_frame, max_payload, row_fields
from sae_core.snapshot import Frame, Histogram, Row, Terms

DIGITS = 10


def row_at(step: int, dial: float) -> Row:
    terms = Terms(reconstruction=0.2, sparsity=0.8, weight=dial, decay=0.0)
    return Row(step, step * 256, step / 234, step / 400, 1e5, terms, 0.2, 27.0, 0.0, dial)


def frame_at(step: int, dial: float, n_latents: int, weights: str) -> Frame:
    grey = np.full((n_latents, 784), step % 256, np.uint8)
    bins = Histogram(np.linspace(0, 1, 41, dtype=np.float32), np.ones(40, np.float32))
    return Frame(
        row=row_at(step, dial),
        image_shape=(28, 28),
        filters=grey if weights == "decoder" else None,
        encoder=grey if weights == "encoder" else None,
        lit=np.ones((DIGITS, n_latents), np.uint8),
        x=np.zeros((DIGITS, 784), np.uint8),
        x_hat=np.zeros((DIGITS, 784), np.uint8),
        digit_names=tuple("7210414950"),
        digit_fvu=(0.2,) * DIGITS,
        digit_l0=(27,) * DIGITS,
        density=np.full(n_latents, 0.1, np.float32),
        dead=np.zeros(n_latents, np.uint8),
        activations=bins,
        densities=bins,
    )


class Writer:
    """One run's stand-in worker."""

    def __init__(self, run: RunDirectory, *, pictures: float, rows: float) -> None:
        self.run = run
        self.every = 1 / pictures
        self.row_every = 1 / rows
        self.dial = run.config.penalty_weight
        self.state = "paused"
        self.step = 0
        self.events = EventReader(run.path / "events.jsonl")
        self.applied = LineWriter(run.path / "applied.jsonl")
        self.metrics = LineWriter(run.path / "metrics.jsonl")
        size = max_payload(run.config.n_latents, 784, DIGITS)
        self.frames = FrameWriter(run.path / "frame.bin", size)
        self.shown: tuple[object, ...] = ()

    def work(self) -> None:
        next_row = next_picture = 0.0
        while self.state != "stopped":
            self.obey()
            now = time.monotonic()
            if self.state == "training" and now >= next_row:
                next_row = now + self.row_every
                self.metrics.append([{**row_fields(row_at(self.step, self.dial)), "attempt": 1}])
            if now >= next_picture:
                next_picture = now + self.every
                self.picture()
            time.sleep(0.002)

    def obey(self) -> None:
        for event in self.events.poll():
            if event.kind == "set":
                self.dial = float(event.value or 0)
            state = {"play": "training", "pause": "paused", "stop": "stopped"}.get(event.kind, self.state)
            self.step += event.kind == "step"
            record = {"step": self.step, "kind": event.kind, "offset": event.end, "event": event.offset}
            extra = {"name": event.name, "value": event.value, "drag": event.drag}
            self.applied.append([{**record, **{k: v for k, v in extra.items() if v is not None}}])
            self.become(state)

    def become(self, state: str) -> None:
        self.state = state
        write_status(self.run.path / "status.json", Status(state, step=self.step, updated=time.time()))

    def picture(self) -> None:
        weights = self.watched()
        if self.state == "training":
            self.step += 1
        if weights is None or (self.state != "training" and self.shown == (self.step, weights)):
            return
        self.shown = (self.step, weights)
        frame = frame_at(self.step, self.dial, self.run.config.n_latents, weights)
        self.frames.write(encode_frame(frame, self.frames.seq + 1, {"state": self.state}))

    def watched(self) -> str | None:
        path = self.run.path / "watch"
        try:
            return path.read_text() if time.time() - path.stat().st_mtime < 3 else None
        except FileNotFoundError:
            return None


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--pictures", type=float, default=20)
    parser.add_argument("--rows", type=float, default=20)
    options = parser.parse_args(argv)
    run = RunDirectory(options.run)
    with lock_of(run.path / "lock").acquire(timeout=5):
        writer = Writer(run, pictures=options.pictures, rows=options.rows)
        writer.become("paused")
        print("ready", flush=True)
        writer.work()


if __name__ == "__main__":
    main(sys.argv[1:])
