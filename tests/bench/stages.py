"""Where a live run's time goes: a training step, and the stages of a picture, each by itself in this process."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from sae_core import Config, load_images
from sae_core.census import SnapshotJob
from sae_core.runs.frame_file import FrameReader, FrameWriter
from sae_core.runs.frames import encode_frame, max_payload
from sae_core.training.step import Trainer

__all__ = ["print_stages"]

ROUNDS = 15


def print_stages(n_latents: int) -> None:
    """Median milliseconds of each stage, on one thread, each after a training step as in a live run."""
    torch.set_num_threads(1)
    trainer = Trainer(Config(n_latents=n_latents, threads=1), load_images())
    for _ in range(ROUNDS):
        trainer.step()
    frame = trainer.frame()
    payload = encode_frame(frame, 1, {})
    with tempfile.TemporaryDirectory() as folder:
        n_digits, n_pixels = frame.x.shape
        writer = FrameWriter(Path(folder) / "frame.bin", max_payload(n_latents, n_pixels, n_digits))
        reader = FrameReader(Path(folder) / "frame.bin")
        job = SnapshotJob(trainer)
        sketch = trainer.sketch()
        stages: list[tuple[str, str, Callable[[], object]]] = [
            ("trainer", "one step", trainer.step),
            ("trainer", "copy the moment", trainer.sketch),
            ("trainer", "one slice of the census", job.slice),
            ("beside it", "draw the picture", sketch.frame),
            ("beside it", "encode it", lambda: encode_frame(frame, 1, {})),
            ("beside it", "checksum and publish it", lambda: writer.write(payload)),
            ("server", "read and verify it", reader.read),
        ]
        print(
            f"\nstage times at {n_latents} latents, one thread, median of {ROUNDS} ({len(payload):,} bytes a picture)"
        )
        for where, what, do in stages:
            print(f"  {where:12}{what:28}{1000 * median_seconds(trainer, do):8.2f} ms")
        reader.close()
        writer.close()


def median_seconds(trainer: Trainer, do: Callable[[], object]) -> float:
    """Of something done after each of a few steps, whose weights have pushed everything else out of the cache."""
    times = []
    for _ in range(ROUNDS):
        trainer.step()
        began = time.perf_counter()
        do()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
