"""Every latent through the run's kept snapshots, and where alike latents stand side by side."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sae_core.lens.answers import Answer, Asked, LensError, Life
from sae_core.lens.latents import unit_rows
from sae_core.lens.shelf import Shelf, snapshot_path
from sae_core.metrics.match import match
from sae_core.runs.snapshots import load_snapshot

__all__ = ["life", "matched", "twins"]

KEPT = 80
BLOCK = 512


class _Age(NamedTuple):
    """A latent's part of one snapshot; ``filters`` unit rows in half precision, a quarter of the file."""

    step: int
    images: int
    n_images: int
    fvu: float
    l0: float
    density: NDArray[np.float32]
    strength: NDArray[np.float32]
    filters: NDArray[np.float16]
    twin: NDArray[np.int64]
    twin_cosine: NDArray[np.float32]


_ages: OrderedDict[tuple[str, int], _Age] = OrderedDict()
_lock = threading.Lock()


def life(shelf: Shelf, asked: Asked) -> Answer:
    """`Life` of every latent: the kept snapshots in order, the newest last.

    Raises:
        LensError: the run has no snapshot yet.
    """
    run = shelf.run(asked.run)
    paths = [snapshot_path(run.path, step) for step in run.history()]
    ages = [age for path in [*paths, snapshot_path(run.path, None)] if (age := _age(path)) is not None]
    ages = [age for i, age in enumerate(ages) if i + 1 == len(ages) or age.step < ages[i + 1].step]
    if not ages:
        raise LensError(f"The run {asked.run} has no snapshot yet.")
    last = ages[-1].filters.astype(np.float32)
    likeness = [np.einsum("ij,ij->i", age.filters, last, dtype=np.float32) for age in ages]
    return Life(
        steps=np.array([age.step for age in ages]),
        images=np.array([age.images for age in ages]),
        n_images=np.array([age.n_images for age in ages]),
        fvu=np.array([age.fvu for age in ages], np.float32),
        l0=np.array([age.l0 for age in ages], np.float32),
        density=np.stack([age.density for age in ages]),
        strength=np.stack([age.strength for age in ages]),
        likeness=np.stack(likeness),
        twin=np.stack([age.twin for age in ages]),
        twin_cosine=np.stack([age.twin_cosine for age in ages]),
        dead=np.stack([age.density == 0 for age in ages]).astype(np.uint8),
    ).to_answer()


def _age(path: Path) -> _Age | None:
    try:
        key = str(path), path.stat().st_mtime_ns
    except OSError:
        return None
    with _lock:
        if key in _ages:
            _ages.move_to_end(key)
            return _ages[key]
    snapshot = load_snapshot(path)
    if snapshot is None:
        return None
    unit = unit_rows(snapshot.filters)
    census = snapshot.census
    strength = np.divide(census.mean, census.density, out=np.zeros_like(census.mean), where=census.density > 0)
    age = _Age(
        snapshot.row.step,
        snapshot.row.images,
        census.n_images,
        census.fvu,
        census.l0,
        census.density,
        strength,
        unit.astype(np.float16),
        *twins(unit),
    )
    with _lock:
        _ages[key] = age
        while len(_ages) > KEPT:
            _ages.popitem(last=False)
    return age


def twins(unit: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each unit row the other one most alike, and their cosine; −1 and 0 for a row alone."""
    n = len(unit)
    if n < 2:
        return np.full(n, -1), np.zeros(n, np.float32)
    other, cosine = np.empty(n, np.int64), np.empty(n, np.float32)
    for start in range(0, n, BLOCK):
        block = unit[start : start + BLOCK] @ unit.T
        np.fill_diagonal(block[:, start:], -np.inf)
        other[start : start + BLOCK] = block.argmax(axis=1)
        cosine[start : start + BLOCK] = block.max(axis=1)
    return other, cosine


def matched(shelf: Shelf, asked: Asked) -> Answer:
    """For each latent of the run ``other``, the run's latent that is most like it (Hungarian), and the cosine."""
    mine = shelf.snapshot(asked.run, asked.step).filters
    theirs = shelf.snapshot(str(asked.arguments["other"]), None).filters
    if mine.shape[1] != theirs.shape[1]:
        raise LensError("These runs look at images of different sizes, so their filters cannot be matched.")
    found = match(theirs, mine)
    return Answer({"order": found.order, "cosine": found.cosine})
