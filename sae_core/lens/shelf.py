"""What the helper keeps in memory: the newest snapshots, models and data sets it was asked about."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch

from sae_core.data import Images, load_images
from sae_core.lens.answers import LensError
from sae_core.model import SparseAutoencoder
from sae_core.runs.directory import RunDirectory
from sae_core.runs.folder import Runs
from sae_core.runs.snapshots import load_snapshot
from sae_core.snapshot import Snapshot

__all__ = ["Shelf", "model_of", "snapshot_path"]

KEPT = 6
"""Snapshots and models in memory, a few MB each; of data sets two."""

Thing = TypeVar("Thing")


class Shelf:
    """The runs of one folder, with what was read of them lately. Any thread may ask."""

    def __init__(self, root: Path) -> None:
        self.runs = Runs(root)
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()

    def run(self, run_id: str) -> RunDirectory:
        """The run.

        Raises:
            RunError: there is none, or it is damaged.
        """
        return self.runs.open(run_id)

    def snapshot(self, run_id: str, step: int | None) -> Snapshot:
        """The run's snapshot of that step, or the newest.

        Raises:
            LensError, RunError: there is none, or it is damaged.
        """
        path = snapshot_path(self.run(run_id).path, step)
        return self._keep(("snapshot", path, _stamp(path)), lambda: _load(path, run_id, step))

    def model(self, run_id: str, step: int | None) -> SparseAutoencoder:
        """The model of that snapshot, without gradients.

        Raises:
            LensError, RunError: there is no such snapshot, or it is damaged.
        """
        path = snapshot_path(self.run(run_id).path, step)
        return self._keep(("model", path, _stamp(path)), lambda: model_of(self.snapshot(run_id, step)))

    def images(self, dataset: str) -> Images:
        """The data set.

        Raises:
            DataError: it cannot be had.
        """
        return self._keep(("images", dataset), lambda: load_images(dataset))

    def _keep(self, key: Hashable, make: Callable[[], Thing]) -> Thing:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            self._kept.move_to_end(key)
            while len(self._kept) > 2 * KEPT:
                self._kept.popitem(last=False)
            return cast("Thing", self._kept[key])


def snapshot_path(run: Path, step: int | None) -> Path:
    """Where a run keeps the snapshot of that step; the newest for None."""
    if step is None:
        return run / "snapshot.safetensors"
    return run / "history" / f"snapshot-{step:012d}.safetensors"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _load(path: Path, run_id: str, step: int | None) -> Snapshot:
    snapshot = load_snapshot(path)
    if snapshot is None:
        which = "yet" if step is None else f"of step {step}"
        raise LensError(f"The run {run_id} has no snapshot {which}.")
    return snapshot


@torch.no_grad()
def model_of(snapshot: Snapshot) -> SparseAutoencoder:
    """The model that a snapshot shows, on the processor, without gradients.

    Raises:
        LensError: the snapshot lacks a tensor of its method: it was taken by an older Penstroke.
    """
    config = snapshot.config.with_changes(device="cpu")
    model = SparseAutoencoder(config, snapshot.filters.shape[1]).requires_grad_(False)
    weights = {
        "W_enc": snapshot.encoder,
        "b_enc": snapshot.b_enc,
        "dictionary": snapshot.filters,
        "b_dec": snapshot.b_dec,
        **snapshot.extras,
    }
    for name, tensor in model.tensors.items():
        if name not in weights:
            raise LensError(f"This snapshot has no {name}, which the method {config.method} needs.")
        tensor.copy_(torch.from_numpy(np.array(weights[name])))
    return model
