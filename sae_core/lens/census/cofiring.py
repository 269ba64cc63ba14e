"""Which latents fire together, and which avoid each other: the correlation of firing, φ. Plain numpy and scipy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

__all__ = ["company", "phi"]

N_NEIGHBOURS = 8
BLOCK = 1024
"""Latents whose correlations with all others are held at a time."""

DENSE_ABOVE = 0.08
"""Share of firing codes above which a dense product is quicker than a sparse one."""


def phi(codes: csc_array, start: int = 0, end: int | None = None) -> NDArray[np.float32]:
    """Correlations of firing of the latents ``start:end`` with all, shape (end − start, n_latents).

    φ_ij = (p_ij − p_i p_j) / sqrt(p_i (1 − p_i) p_j (1 − p_j)), with p_ij the share of images on which both fire; 0
    where one of them never or always fires, and for a latent with itself.
    """
    n = codes.shape[0]
    fires = csc_array((np.ones(codes.nnz, np.float32), codes.indices, codes.indptr), shape=codes.shape)
    block = fires[:, start:end]
    if codes.nnz > DENSE_ABOVE * n * codes.shape[1]:
        both = block.toarray().T @ fires.toarray()
    else:
        both = (block.T @ fires).toarray()
    p = np.diff(codes.indptr).astype(np.float32) / n
    spread = np.sqrt(p * (1 - p))
    rows = slice(start, end)
    scale = spread[rows, None] * spread
    result: NDArray[np.float32] = np.zeros_like(scale)
    np.divide(both / n - p[rows, None] * p, scale, out=result, where=scale > 0)
    np.fill_diagonal(result[:, start:], 0.0)
    return result


def company(codes: csc_array) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """For each latent the others of largest φ with these, and those of smallest φ with these; −1 where there are none.

    Each array has shape (n_latents, `N_NEIGHBOURS`); only positive φ are company, only negative ones avoidance.
    """
    found = []
    for start in range(0, codes.shape[1], BLOCK):
        correlations = phi(codes, start, min(start + BLOCK, codes.shape[1]))
        found.append((*_largest(correlations), *_largest(-correlations)))
    together, with_phi, apart, without_phi = (np.concatenate([part[i] for part in found]) for i in range(4))
    return together, with_phi, apart, -without_phi


def _largest(values: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The columns of each row's largest values, largest first, and these; −1 and 0 where they are not positive."""
    n = min(N_NEIGHBOURS, values.shape[1])
    columns = np.argpartition(-values, n - 1, axis=1)[:, :n]
    there = np.take_along_axis(values, columns, 1)
    order = np.argsort(-there, axis=1, kind="stable")
    columns, there = np.take_along_axis(columns, order, 1), np.take_along_axis(there, order, 1)
    padding = ((0, 0), (0, N_NEIGHBOURS - n))
    return (
        np.pad(np.where(there > 0, columns, -1), padding, constant_values=-1),
        np.pad(np.maximum(there, 0.0), padding).astype(np.float32),
    )
