"""Rows of an array that stay where they are until they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.data.images import DataError, Floats

__all__ = ["Scaling", "Stored", "as_rows", "colour_axis"]

Array = NDArray[Any]

_LARGEST = 2**33
"""Bytes that are handed out at once at most."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """x → (x − low) / (high − low)."""

    low: float = 0.0
    high: float = 1.0

    @property
    def words(self) -> str:
        """For the user."""
        if self.low == 0:
            return "as they are" if self.high == 1 else f"divided by {self.high:g}"
        return f"mapped from {self.low:g} … {self.high:g} to 0 … 1"

    def apply(self, block: Array) -> Floats:
        """float32; 8-bit pixels exactly as the bundled sets have them, all else worked out in float64."""
        if self.low == 0 and block.dtype.itemsize <= 4:
            return np.divide(block, np.float32(self.high), dtype=np.float32)
        return ((block.astype(np.float64) - self.low) / (self.high - self.low)).astype(np.float32)


def colour_axis(shape: tuple[int, ...]) -> int | None:
    """Where the 1, 3 or 4 colours of (n, height, width, colours) or (n, colours, height, width) are; None: nowhere.

    Colours on the last axis are the more usual, and 4 of them (alpha) the less.
    """
    return next((axis for number in ({1, 3}, {4}) for axis in (3, 1) if shape[axis] in number), None)


def as_rows(block: Array) -> Array:
    """(k, n_pixels) of images (k, height, width[, channels]), (k, channels, height, width) or vectors (k, d)."""
    if block.ndim == 4:
        block = np.moveaxis(block, colour_axis(block.shape) or 0, -1)
        block = block[..., : 1 if block.shape[-1] == 1 else 3]
    return block.reshape(len(block), -1)


class Stored:
    """(n, n_pixels) float32 in [0, 1], read from the file a few rows at a time; stands where an array would.

    ``x[rows]`` with a slice or an array of indices gives a plain array; nothing else of an array is offered, except
    all of it at once while that is not absurdly large.
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, raw: Array, index: NDArray[np.int64] | None, scaling: Scaling) -> None:
        self._raw, self._index, self._scaling = raw, index, scaling
        n = len(raw) if index is None else len(index)
        self.shape = (n, as_rows(raw[:1]).shape[1])
        self.nbytes = 4 * n * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Floats:
        if isinstance(rows, int | np.integer):
            row: Floats = self[int(rows) : int(rows) + 1 or None][0]
            return row
        if isinstance(rows, slice) and self._index is None:
            return self._read(self._raw[rows])
        wanted = np.arange(len(self))[rows] if self._index is None else self._index[rows]
        order = np.argsort(wanted, kind="stable")  # a file is read forwards
        found = self._read(self._raw[wanted[order]])
        whole = np.empty_like(found)
        whole[order] = found
        return whole

    def _read(self, block: Array) -> Floats:
        return np.ascontiguousarray(self._scaling.apply(np.asarray(as_rows(block))))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self.nbytes > _LARGEST:
            raise DataError(
                f"This needs all {len(self):,} images in memory at once, {self.nbytes / 2**30:.0f} GB: too much."
            )
        return self[:].astype(dtype or self.dtype, copy=False)
