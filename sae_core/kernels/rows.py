"""Rows held at a norm, and numbers rounded for the matrix products, while they are at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sae_core.kernels.compiling import kernel, number, put

__all__ = [
    "BLOCKS",
    "NOWHERE",
    "View",
    "Views",
    "array_of",
    "bits_of",
    "copy_",
    "hold_row_",
    "project_",
    "total_columns",
    "weigh_rows",
]

Array = NDArray[Any]

View: TypeAlias = Callable[[Tensor], Array]
"""`array_of`, or `Views` that remember."""

NOWHERE: NDArray[np.uint16] = np.empty((0, 0), np.uint16)
"""For what nobody needs rounded."""

BLOCKS = 16
"""A sum over rows is taken in so many parts, whatever the number of threads."""


def array_of(tensor: Tensor) -> Array:
    """A tensor's numbers, or a bfloat16 tensor's bits."""
    if tensor.dtype == torch.bfloat16:
        return bits_of(tensor)
    array: Array = tensor.detach().numpy()
    return array


class Views:
    """`array_of` tensors that stay where they are, made once: to make one takes as long as many a kernel."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Tensor, Array]] = {}

    def __call__(self, tensor: Tensor) -> Array:
        """Its numbers, or bits."""
        known = self._known.get(id(tensor))
        if known is None:
            known = self._known[id(tensor)] = (tensor, array_of(tensor))
        return known[1]


def bits_of(tensor: Tensor) -> NDArray[np.uint16]:
    """A bfloat16 tensor's bits, on its own memory: numpy has no such numbers."""
    bits: NDArray[np.uint16] = tensor.detach().view(torch.uint16).numpy()
    return bits


@kernel
def hold_row_(row: Array, least: Any) -> None:
    """Divide a row by its norm, by ``least`` where that is shorter."""
    square = row.dtype.type(0)
    for p in range(len(row)):
        square += row[p] * row[p]
    norm = max(np.sqrt(square), least)
    for p in range(len(row)):
        row[p] /= norm


@kernel
def project_(grad: Array, row: Array) -> Any:
    """Take from ``grad`` its part along the unit ``row``; the sum of the squares of what is left."""
    along = square = grad.dtype.type(0)
    for p in range(len(row)):
        along += grad[p] * row[p]
    for p in range(len(row)):
        grad[p] -= along * row[p]
        square += grad[p] * grad[p]
    return square


@kernel
def copy_(numbers: Array, out: Array) -> None:
    """As numbers, or rounded to bfloat16."""
    for i in range(len(out)):
        put(out, i, numbers[i])


@kernel
def weigh_rows(rows: Array, weights: Array, parts: Array, first: int, end: int) -> None:
    """Add Σ weight · row to ``parts`` (BLOCKS, n), to each that of a block of the rows."""
    n = len(rows)
    for block in range(first, end):
        sums = parts[block]
        for j in range(n * block // BLOCKS, n * (block + 1) // BLOCKS):
            row, weight = rows[j], weights[j]
            for p in range(len(sums)):
                sums[p] += weight * number(row[p])


@kernel
def total_columns(rows: Array, scale: Any, out: Array, first: int, end: int) -> None:
    """Write scale · Σ of all rows, of the columns ``first`` to ``end``."""
    sums = out[first:end]
    sums[:] = 0
    for r in range(len(rows)):
        row = rows[r, first:end]
        for p in range(len(sums)):
            sums[p] += number(row[p])
    for p in range(len(sums)):
        sums[p] *= scale
