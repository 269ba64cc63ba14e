"""A map of latents: on a grid, filters that look alike stand side by side.

Linear assignment sorting (Barthel, Hezel, Jung & Schall 2023, "Improved Evaluation and Generation of Grid Layouts
Using Distance Preservation Quality and Linear Assignment Sorting", section 5): the grid of vectors is blurred with a
shrinking radius, and each time the vectors are assigned anew to the cells whose blurred vectors they are closest to.
As in their fast variant, the assignment is exact within random groups of cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.optimize import linear_sum_assignment

from sae_core.lens.answers import Answer, Asked
from sae_core.lens.latents import unit_rows
from sae_core.lens.shelf import Shelf

__all__ = ["arrange", "latent_map", "roughness"]

DIMENSIONS = 24
"""Principal directions that stand for the pixels."""

GROUP = 160
"""Cells assigned at a time: 5 ms."""

SHRINK = 0.8


def latent_map(shelf: Shelf, asked: Asked) -> Answer:
    """Cells (n_latents,) of each latent, row by row on a grid of ``columns``; dead ones come last, in their order."""
    snapshot = shelf.snapshot(asked.run, asked.step)
    alive = np.flatnonzero(snapshot.census.density > 0)
    dead = np.flatnonzero(snapshot.census.density == 0)
    columns = max(1, min(int(asked.arguments["columns"]), len(snapshot.filters)))
    order = np.concatenate([alive[arrange(unit_rows(snapshot.filters[alive]), columns)], dead])
    cells = np.empty(len(order), np.int64)
    cells[order] = np.arange(len(order))
    return Answer({"cells": cells})


def arrange(vectors: NDArray[np.float32], columns: int, seed: int = 0) -> NDArray[np.int64]:
    """An order of the rows of ``vectors`` (n, d) that, laid out row by row on ``columns``, puts alike ones together."""
    n = len(vectors)
    if n < 3:
        return np.arange(n)
    random = np.random.default_rng(seed)
    points = _reduced(vectors)
    columns = min(columns, n)
    rows = -(-n // columns)
    order = np.lexsort((points[:, 1 % points.shape[1]], points[:, 0]))
    grid = np.zeros((rows * columns, points.shape[1]), np.float32)
    radius = max(rows, columns) / 2
    while radius >= 1:
        grid[:n] = points[order]
        grid[n:] = points.mean(axis=0)
        size = 2 * int(radius) + 1
        cube = grid.reshape(rows, columns, -1)
        blurred = uniform_filter(cube, size=(min(size, rows), min(size, columns), 1), mode="reflect").reshape(
            len(grid), -1
        )
        shuffled = random.permutation(n)
        for start in range(0, n, GROUP):
            cells = shuffled[start : start + GROUP]
            distance = -2.0 * blurred[cells] @ points[order[cells]].T + (points[order[cells]] ** 2).sum(1)
            order[cells] = order[cells][linear_sum_assignment(distance)[1]]
        radius *= SHRINK
    return order


def _reduced(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return np.ascontiguousarray(centred @ axes[:, ::-1][:, :DIMENSIONS], dtype=np.float32)


def roughness(vectors: NDArray[np.float32], order: NDArray[np.int64], columns: int) -> float:
    """Mean distance of neighbours on the grid, as a share of the mean distance of all pairs: 1 for a random order."""
    placed = vectors[order].astype(np.float64)
    right = [i for i in range(len(order) - 1) if (i + 1) % columns]
    below = range(len(order) - columns)
    beside = [np.linalg.norm(placed[i] - placed[i + 1]) for i in right]
    under = [np.linalg.norm(placed[i] - placed[i + columns]) for i in below]
    squares = (placed**2).sum(1)
    pairs = np.sqrt(np.maximum(squares[:, None] + squares - 2 * placed @ placed.T, 0.0))
    return float(np.mean([*beside, *under]) / (pairs.sum() / (len(placed) * (len(placed) - 1))))
