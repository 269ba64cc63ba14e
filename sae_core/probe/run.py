"""A probe of a run: the newest checkpoint, or each kept step, encodes the images; `sae_core.probe` does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from sae_core.data import DataError, Images
from sae_core.lens.shelf import model_of
from sae_core.probe import COUNTS, ProbeResult, Progress, Split, compare
from sae_core.probe.light import light_accuracy, light_pixels
from sae_core.probe.over_training import CurvePoint, ProbeCurve, keep
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError
from sae_core.runs.worker.archive import newest_checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sae_core.model import SparseAutoencoder
    from sae_core.snapshot import Floats, Ints

__all__ = ["LARGEST", "codes_of", "extend_curve", "probe_run"]

LARGEST = 2**27
"""Numbers in a table of codes or pixels, 512 MB: at a greater width or number of pixels fewer images are used."""

MOST_IMAGES = 60_000

BATCH = 1024


@torch.no_grad()
def codes_of(model: SparseAutoencoder, x: NDArray[np.float32], rows: Ints | None = None) -> Floats:
    """(n, n_latents) codes of images (n, n_pixels), or of those ``rows`` of them, in batches."""
    rows = np.arange(len(x)) if rows is None else rows
    codes = np.empty((len(rows), model.config.n_latents), np.float32)
    for start in range(0, len(rows), BATCH):
        some = torch.from_numpy(np.array(x[rows[start : start + BATCH]]))
        codes[start : start + BATCH] = model.encode(some).numpy()
    return codes


def probe_run(
    run: RunDirectory,
    images: Images,
    *,
    counts: Sequence[int | None] = COUNTS,
    repeats: int = 5,
    seed: int = 0,
    everything: bool = False,
    progress: Progress | None = None,
) -> ProbeResult:
    """Probe the run's newest checkpoint and keep the result in its directory.

    At most 60,000 training images and `LARGEST` numbers are used, drawn from ``seed``, unless ``everything``:
    the result's ``n_train`` and ``n_available`` say so.

    Raises:
        DataError: the images have no labels, or too few for a probe.
        RunError: there is no checkpoint yet, or the result cannot be written.
    """
    from sae_core.runs.run import Run

    if images.train_labels is None or images.test_labels is None:
        raise DataError(f"The data set {images.name} has no labels, and a probe learns to tell them.")
    checkpoint, note = newest_checkpoint(run.path)
    if checkpoint is None:
        raise RunError(f"The run {run.id} has no checkpoint yet. {note}".rstrip())
    model = Run(run).model()
    widest = max(images.n_pixels, checkpoint.config.n_latents)
    most = len(images.train) if everything else min(MOST_IMAGES, max(1, LARGEST // widest))
    train = _some(len(images.train), most, seed)
    test = _some(len(images.test), most, seed)
    labels, test_labels = images.train_labels[train], images.test_labels[test]
    result = compare(
        Split(codes_of(model, images.train, train), labels, codes_of(model, images.test, test), test_labels),
        Split(np.array(images.train[train]), labels, np.array(images.test[test]), test_labels),
        images.class_names,
        dataset=images.name,
        step=checkpoint.step,
        n_available=len(images.train),
        counts=counts,
        repeats=repeats,
        seed=seed,
        progress=progress,
    )
    try:
        result.save(run.path)
    except OSError as error:
        raise RunError(f"The probe of {run.id} cannot be kept: {error.strerror or error}.") from error
    return result


def extend_curve(run: RunDirectory, images: Images, progress: Progress | None = None) -> ProbeCurve:
    """Measure `light_accuracy` at the kept steps, and where nobody trains the run at its last, that still lack it.

    Each is kept in the run's directory as soon as it is found.

    Raises:
        DataError: the images have no labels.
        RunError: a snapshot is damaged or of an older Penstroke, or a result cannot be written.
    """
    if images.train_labels is None or images.test_labels is None:
        raise DataError(f"The data set {images.name} has no labels, and a probe learns to tell them.")
    curve = ProbeCurve.load(run.path)
    ends = {} if run.alive() or (newest := run.snapshot()) is None else {newest.row.step: newest}
    steps = curve.missing([*run.history(), *ends])
    try:
        if curve.pixels is None:
            keep(run.path, light_pixels(images))
        for done, step in enumerate(steps):
            if progress:
                progress(done, len(steps), f"step {step:,}")
            snapshot = run.snapshot_at(step) or ends.get(step)
            if snapshot is not None:  # else it was thinned out meanwhile
                accuracy = light_accuracy(model_of(snapshot), images)
                keep(run.path, CurvePoint(step, snapshot.row.images, accuracy))
    except OSError as error:
        raise RunError(f"The probe's curve of {run.id} cannot be kept: {error.strerror or error}.") from error
    return ProbeCurve.load(run.path)


def _some(n: int, most: int, seed: int) -> Ints:
    """Indices of all of ``n`` images or, in order, of ``most`` drawn at random."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng((seed, 2)).permutation(n)[:most])
