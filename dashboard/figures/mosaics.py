"""Filters and digits as pictures: numpy in, numpy out, with nothing that a browser would have to draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["digit_rows", "filter_mosaic"]

Floats = NDArray[np.floating]
Pixels = NDArray[np.uint8]

LIGHT, DARK = np.array([255, 255, 255]), np.array([18, 23, 29])
ENDS = {
    False: (np.array([0, 114, 178]), np.array([213, 94, 0])),
    True: (np.array([86, 180, 233]), np.array([255, 140, 50])),
}


def filter_mosaic(
    filters: Floats, shape: tuple[int, ...], columns: int, *, strength: Floats | None = None, dark: bool = False
) -> Pixels:
    """Signed filters (n, n_pixels) as a sheet of tiles (height, width, 3): blue below 0, orange above, paper at 0.

    Each is scaled by its own largest magnitude; ``strength`` (n,) in [0, 1] fades tiles into the paper.
    """
    height, width = shape[:2]
    rows = filters.reshape(len(filters), height * width, -1).mean(axis=2)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    deep = np.abs(rows / np.where(largest > 0, largest, 1)) ** 0.65
    if strength is not None:
        deep = deep * strength[:, None]
    paper, (negative, positive) = DARK if dark else LIGHT, ENDS[dark]
    ends = np.where(rows[..., None] < 0, negative, positive)
    tiles = np.clip(paper + (ends - paper) * deep[..., None], 0, 255).astype(np.uint8)
    return _sheet(tiles.reshape(len(tiles), height, width, 3), columns, paper)


def digit_rows(images: Floats, shape: tuple[int, ...], *, dark: bool = False) -> Pixels:
    """Images (n, n_pixels) in [0, 1] side by side, ink dark on light paper and light on dark."""
    height, width = shape[:2]
    grey = np.clip(images.reshape(len(images), height * width, -1).mean(axis=2), 0, 1)[..., None]
    paper, ink = (DARK, LIGHT) if dark else (LIGHT, np.array([20, 20, 20]))
    tiles = (paper + (ink - paper) * grey).astype(np.uint8)
    return _sheet(tiles.reshape(len(tiles), height, width, 3), len(tiles), paper)


def _sheet(tiles: Pixels, columns: int, paper: NDArray[np.int64]) -> Pixels:
    count, height, width, _ = tiles.shape
    down = -(-count // columns)
    sheet = np.empty((down * (height + 1) + 1, columns * (width + 1) + 1, 3), np.uint8)
    sheet[:] = paper
    for at, tile in enumerate(tiles):
        top, left = at // columns * (height + 1) + 1, at % columns * (width + 1) + 1
        sheet[top : top + height, left : left + width] = tile
    return sheet
