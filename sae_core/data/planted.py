"""Images made from a dictionary that is known, to see whether it is found again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sae_core.data.images import Images

__all__ = ["planted_images"]

SIDE = 16
N_ATOMS = 64
STROKES_PER_IMAGE = 4
LARGEST_OVERLAP = 0.6
PATIENCE = 3_000
"""Strokes tried before saying that no more fit."""


def planted_images(
    seed: int = 0, *, n_train: int = 20_000, n_test: int = 2_000, n_atoms: int = N_ATOMS, noise: float = 0.01
) -> Images:
    """``x = codes @ atoms + noise``, scaled into [0, 1]: each image is a few of ``n_atoms`` pen strokes, added up.

    ``codes`` are zero but for `STROKES_PER_IMAGE` atoms drawn evenly, whose strengths are uniform in [½, 1]; ``noise``
    is its standard deviation where a pixel of the brightest image is 1. The unit-norm atoms are in ``atoms``.

    Raises:
        ValueError: there is no room for so many different strokes.
    """
    random = np.random.default_rng(seed)
    atoms = _strokes(random, n_atoms)
    x = _codes(random, n_train + n_test, n_atoms) @ atoms
    brightest = x.max()
    x = np.clip(x / brightest + noise * random.standard_normal(x.shape), 0.0, 1.0).astype(np.float32)
    return Images.of(
        "planted",
        np.ascontiguousarray(x[:n_train]),
        None,
        np.ascontiguousarray(x[n_train:]),
        None,
        image_shape=(SIDE, SIDE),
        atoms=atoms.astype(np.float32),
    )


def _codes(random: np.random.Generator, n: int, n_atoms: int) -> NDArray[np.float64]:
    codes = np.zeros((n, n_atoms))
    chosen = random.permuted(np.tile(np.arange(n_atoms), (n, 1)), axis=1)[:, :STROKES_PER_IMAGE]
    np.put_along_axis(codes, chosen, random.uniform(0.5, 1.0, chosen.shape), axis=1)
    return codes


def _strokes(random: np.random.Generator, n_atoms: int) -> NDArray[np.float64]:
    """(n_atoms, SIDE²) unit-norm straight strokes, no two of which overlap by more than `LARGEST_OVERLAP`."""
    atoms = np.empty((0, SIDE * SIDE))
    for _ in range(PATIENCE):
        if len(atoms) == n_atoms:
            return atoms
        row, column = random.uniform(2.0, SIDE - 3.0, 2)
        stroke = _stroke(row, column, random.uniform(0, np.pi))
        if not len(atoms) or (atoms @ stroke).max() < LARGEST_OVERLAP:
            atoms = np.vstack([atoms, stroke])
    raise ValueError(f"n_atoms is {n_atoms}, but only {len(atoms)} strokes found room beside each other.")


def _stroke(row: float, column: float, angle: float, length: float = 5.0, width: float = 0.8) -> NDArray[np.float64]:
    """exp(−d²/2·width²), d a pixel's distance from the segment centred at (row, column)."""
    down, right = np.mgrid[:SIDE, :SIDE]
    along = (down - row) * np.sin(angle) + (right - column) * np.cos(angle)
    across = (down - row) * np.cos(angle) - (right - column) * np.sin(angle)
    distance = np.hypot(across, np.maximum(np.abs(along) - length / 2, 0.0))
    bright = np.exp(-(distance**2) / (2 * width**2)).ravel()
    bright[bright < 0.01] = 0.0
    return np.asarray(bright / np.linalg.norm(bright))
