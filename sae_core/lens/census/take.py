"""The whole census, put together from one pass over the test set."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from sae_core.lens.answers import LatentCensus
from sae_core.lens.census.cofiring import company
from sae_core.lens.census.firing import Firing, look
from sae_core.lens.census.gallery import hang
from sae_core.lens.latents import selectivity
from sae_core.model import SparseAutoencoder

__all__ = ["take_census"]


def take_census(
    model: SparseAutoencoder,
    x: NDArray[np.float32],
    labels: NDArray[np.int64] | None,
    n_classes: int,
    *,
    step: int = 0,
    seed: int = 0,
) -> LatentCensus:
    """The census of ``model`` over ``x`` (n, n_pixels); ``labels`` (n,) in [0, n_classes), or None."""
    firing = look(model, x, labels, n_classes)
    with ThreadPoolExecutor(1) as beside:  # scipy's product lets go of the interpreter, so both go on at once
        neighbours = beside.submit(company, firing.codes)
        pictures = hang(firing.codes, seed)
    together, together_phi, apart, apart_phi = neighbours.result()
    n = len(x)
    labelled = labels is not None and n_classes > 0
    class_mean, class_density, class_removal = _per_class(firing, labelled=labelled)
    best, how_selective = selectivity(class_mean)
    fired = firing.fires.sum(axis=0)
    dead = fired == 0
    variance = float(firing.variances.sum())
    strength = np.asarray(firing.codes.sum(axis=0)).ravel() / np.maximum(fired, 1)
    return LatentCensus(
        step=step,
        n_images=n,
        threshold=firing.threshold,
        fvu=float(firing.errors.sum()) / variance,
        l0=float(fired.sum()) / n,
        density=(fired / n).astype(np.float32),
        mean=(firing.sums.sum(axis=0) / n).astype(np.float32),
        max=pictures.max,
        strength=strength.astype(np.float32),
        histogram=pictures.histogram,
        class_mean=class_mean,
        class_density=class_density,
        best_class=np.where(dead, -1, best) if labelled else np.full(len(fired), -1),
        selectivity=np.where(dead, 0.0, how_selective).astype(np.float32),
        removal=(firing.removal.sum(axis=0) / variance).astype(np.float32),
        class_removal=class_removal,
        top_images=pictures.top_images,
        top_codes=pictures.top_codes,
        quantile_images=pictures.quantile_images,
        quantile_codes=pictures.quantile_codes,
        random_images=pictures.random_images,
        random_codes=pictures.random_codes,
        together=together,
        together_phi=together_phi,
        apart=apart,
        apart_phi=apart_phi,
    )


def _per_class(
    firing: Firing, *, labelled: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Mean codes, densities and removal effects, each (L, C); C = 0 without labels."""
    if not labelled:
        none = np.zeros((firing.sums.shape[1], 0), np.float32)
        return none, none, none
    counts = np.maximum(firing.counts, 1)[:, None]
    variances = np.where(firing.variances > 0, firing.variances, np.inf)[:, None]
    shares = (firing.sums / counts, firing.fires / counts, firing.removal / variances)
    mean, density, removal = (np.ascontiguousarray(share.T, dtype=np.float32) for share in shares)
    return mean, density, removal
