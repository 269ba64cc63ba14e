"""A folder that SAELens saved, opened as a run: every page can look at it."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from sae_core.census import SnapshotJob
from sae_core.data import load_images
from sae_core.export.saelens import read_saelens
from sae_core.runs.directory import RunDirectory, Status, write_status
from sae_core.runs.files import RunError, write_atomically
from sae_core.runs.folder import Runs
from sae_core.runs.snapshots import snapshot_to_bytes
from sae_core.training.step import Trainer

__all__ = ["open_saelens"]


def open_saelens(folder: Path, runs: Runs, *, dataset: str = "mnist", name: str | None = None) -> RunDirectory:
    """A finished run that holds the folder's model, measured on the test images of ``dataset``.

    Raises:
        RunError: the folder cannot be read, cannot be expressed here, or looks at images of another size.
        DataError: the data set cannot be had.
    """
    config, tensors = read_saelens(folder)
    images = load_images(dataset)
    size = tensors["b_dec"].shape[0]
    if size != images.n_pixels:
        raise RunError(f"{folder} looks at {size} numbers, but an image of {dataset} has {images.n_pixels} pixels.")
    trainer = Trainer(config.with_changes(dataset=dataset), images)
    with torch.no_grad():
        for key, tensor in trainer.model.tensors.items():
            tensor.copy_(torch.tensor(tensors[key]))
    data = snapshot_to_bytes(SnapshotJob(trainer).finish())
    run = runs.create(trainer.config, name=name or folder.name, origin="cli")
    write_atomically(run.path / "snapshot.safetensors", data)
    write_atomically(run.path / "history" / f"snapshot-{0:012d}.safetensors", data)
    reason = f"Opened from SAELens' folder {folder.name}; it was trained elsewhere."
    write_status(run.path / "status.json", Status("finished", reason, updated=time.time()))
    return run
