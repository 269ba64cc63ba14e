"""What one latent means, worked out from weights and mean codes alone; plain numpy, so that the server may."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["maximal_input", "nearest", "selectivity", "unit_rows"]

Floats = NDArray[np.float32]


def selectivity(class_mean: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The class of the largest mean code, and (μ_best − μ_rest) / (μ_best + μ_rest), for (L, C) mean codes.

    μ_rest is the mean of the other classes' mean codes (Morcos et al. 2018, "On the importance of single directions",
    section 2.3). With fewer than two classes nothing is selective: 0.
    """
    n_latents, n_classes = class_mean.shape
    if n_classes == 0:
        return np.full(n_latents, -1), np.zeros(n_latents, np.float32)
    best = class_mean.argmax(axis=1)
    if n_classes == 1:
        return best, np.zeros(n_latents, np.float32)
    largest = class_mean.max(axis=1).astype(np.float64)
    rest = (class_mean.sum(axis=1, dtype=np.float64) - largest) / (n_classes - 1)
    total = largest + rest
    index = np.divide(largest - rest, total, out=np.zeros_like(total), where=total > 0)
    return best, index.astype(np.float32)


def maximal_input(weights: Floats, norm: float) -> Floats:
    """The image that fires a latent most: argmax w·x over 0 ≤ x ≤ 1, ‖x‖ ≤ norm; shape of ``weights`` (n_pixels,).

    The norm-bounded form of Ng's lecture notes (CS294A "Sparse autoencoder", section 4: x_p = w_p / ‖w‖), for pixels
    that cannot be negative nor brighter than 1: x_p = min(1, t · max(w_p, 0)) with t such that the norm is reached.
    """
    positive = np.maximum(weights, 0.0).astype(np.float64)
    lit = np.sort(positive[positive > 0])[::-1]
    if not len(lit):
        return np.zeros_like(weights)
    if norm**2 >= len(lit):
        return (positive > 0).astype(np.float32)
    # With the m strongest pixels full, t² Σ_rest w² = norm² − m; the smallest m for which no other pixel overflows.
    rest = np.cumsum((lit**2)[::-1])[::-1]
    full = np.arange(len(lit))
    scale = np.sqrt(np.maximum(norm**2 - full, 0.0) / rest)
    m = int(np.argmax(scale * lit <= 1.0))
    image: Floats = np.minimum(1.0, scale[m] * positive).astype(np.float32)
    return image


def unit_rows(filters: Floats) -> Floats:
    """Rows at norm 1; rows of zeros stay."""
    norms = np.linalg.norm(filters, axis=1, keepdims=True)
    unit: Floats = np.zeros_like(filters)
    np.divide(filters, norms, out=unit, where=norms > 0)
    return unit


def nearest(unit: Floats, latent: int, n: int) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64], Floats]:
    """The other latents whose filters are most alike (cosines, largest first), and most opposite (smallest first)."""
    cosines = unit @ unit[latent]
    order = np.argsort(-cosines, kind="stable")
    order = order[order != latent]
    alike, opposite = order[:n], order[::-1][:n]
    return alike, cosines[alike], opposite, cosines[opposite]
