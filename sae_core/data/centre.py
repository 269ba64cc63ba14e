"""A drawing or a photograph, turned into an image such as the model has learned from.

Source for MNIST: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition" (1998),
section III.A: the ink is scaled to fit a 20×20 box, its proportions kept, then moved so that its centre of mass is the
centre of the 28×28 field. In the files themselves that centre is the pixel (14, 14), counted from 0, and the move is
by whole pixels (measured: every test image has its mass between 13.5 and 14.5, and a longer side of 20, one of 19).
The other data sets were cut to their frames: there the ink fills the field, and the middle of its frame is the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Framing", "box_average", "centred", "framing_of"]

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

EMPTY = 1e-6
"""Ink below this is paper."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How a data set frames what it shows: the longer side of the ink in pixels, and what is put in the middle."""

    box: int
    by_mass: bool


def framing_of(dataset: str, image_shape: tuple[int, ...]) -> Framing:
    """The framing of a data set: MNIST's 20-pixel box by centre of mass, EMNIST's 24 pixels, else the whole field."""
    side = min(image_shape[:2])
    if dataset == "mnist":
        return Framing(20, by_mass=True)
    if dataset == "emnist":  # Cohen et al., "EMNIST" (2017), section II.C: a frame with 2 pixels of border
        return Framing(24, by_mass=False)
    return Framing(side, by_mass=False)


def box_average(n_in: int, n_out: int) -> Array:
    """(n_out, n_in) weights that average over stretches of n_in/n_out pixels; every row sums to 1."""
    edges = np.arange(n_out + 1) * (n_in / n_out)
    pixels = np.arange(n_in)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(overlap, 0.0, None)
    averages: Array = weights / weights.sum(axis=1, keepdims=True)
    return averages


def centred(ink: NDArray[np.floating], image_shape: tuple[int, ...], framing: Framing) -> Floats:
    """The flattened image (n_pixels,) in [0, 1] of ``ink`` (height, width), 1 being full ink and 0 bare paper.

    The ink's frame is scaled to ``framing.box`` by averaging areas, its proportions kept. Bare paper gives zeros.
    """
    height, width = image_shape[:2]
    field = np.zeros((height, width))
    inked = ink > EMPTY
    if not inked.any():
        return field.astype(np.float32).ravel()
    top, bottom = _extent(np.any(inked, axis=1))
    left, right = _extent(np.any(inked, axis=0))
    small = _scaled(np.asarray(ink[top:bottom, left:right], np.float64), framing.box)
    _place(field, small, *_corner(small, height, width, by_mass=framing.by_mass))
    return np.clip(field, 0.0, 1.0).astype(np.float32).ravel()


def _extent(some: NDArray[np.bool_]) -> tuple[int, int]:
    where = np.flatnonzero(some)
    return int(where[0]), int(where[-1]) + 1


def _scaled(ink: Array, box: int) -> Array:
    height, width = ink.shape
    longer = max(height, width)
    new_height, new_width = (max(1, int(box * side / longer + 0.5)) for side in (height, width))
    scaled: Array = box_average(height, new_height) @ ink @ box_average(width, new_width).T
    return scaled


def _corner(small: Array, height: int, width: int, *, by_mass: bool) -> tuple[int, int]:
    """Where the scaled ink's first pixel goes; it may lie outside the field."""
    if not by_mass:
        return (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    mass = small.sum()
    row = float(small.sum(axis=1) @ np.arange(small.shape[0])) / mass
    column = float(small.sum(axis=0) @ np.arange(small.shape[1])) / mass
    return int(np.floor(height // 2 - row + 0.5)), int(np.floor(width // 2 - column + 0.5))


def _place(field: Array, small: Array, top: int, left: int) -> None:
    height, width = field.shape
    rows = slice(max(0, top), min(height, top + small.shape[0]))
    columns = slice(max(0, left), min(width, left + small.shape[1]))
    field[rows, columns] = small[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
