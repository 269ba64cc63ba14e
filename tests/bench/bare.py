"""A run's trainer and nothing beside it: ``python -m tests.bench.bare RUN SECONDS`` prints its images a second."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from sae_core import load_images
from sae_core.runs.directory import RunDirectory
from sae_core.runs.worker.archive import newest_checkpoint
from sae_core.training.step import Trainer

AT_ONCE = 20
"""Steps between two looks at the clock."""


def main(folder: str, seconds: str) -> None:
    """Go on from the run's newest checkpoint, with its threads, for so long."""
    run = RunDirectory(Path(folder))
    saved, note = newest_checkpoint(run.path)
    assert saved is not None, note
    torch.set_num_threads(run.config.threads or 1)
    trainer = Trainer(saved.config, load_images(saved.config.dataset), saved)
    for _ in range(AT_ONCE):
        trainer.step()
    before, began = trainer.images_seen, time.perf_counter()
    while (spent := time.perf_counter() - began) < float(seconds):
        for _ in range(AT_ONCE):
            trainer.step()
    print((trainer.images_seen - before) / spent)


if __name__ == "__main__":
    main(*sys.argv[1:])
