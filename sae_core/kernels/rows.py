"""Rows held at a norm, and numbers rounded for the matrix products, while they are at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sae_core.kernels.compiling import kernel
from sae_core.kernels.team import share

__all__ = ["NOWHERE", "bits_of", "hold_rows_", "round_"]

Array = NDArray[Any]

NOWHERE: NDArray[np.uint16] = np.empty(0, np.uint16)
"""For what nobody needs rounded."""


def bits_of(tensor: Tensor) -> NDArray[np.uint16]:
    """A bfloat16 tensor's bits, on its own memory: numpy has no such numbers."""
    bits: NDArray[np.uint16] = tensor.detach().view(torch.uint16).numpy()
    return bits


def hold_rows_(rows: Tensor, least: float, out: Tensor | None) -> None:
    """Divide each of ``rows`` (n, n_pixels) by its norm, by ``least`` where that is shorter; rounded into ``out``."""
    array = rows.detach().numpy()
    bits = NOWHERE.reshape(0, 0) if out is None else bits_of(out)
    share(lambda first, end: _hold_rows_(array, array.dtype.type(least), bits, first, end), len(array))


@kernel
def _hold_rows_(rows: Array, least: Any, out: NDArray[np.uint16], first: int, end: int) -> None:
    for j in range(first, end):
        row = rows[j]
        square = row[0] * 0
        for p in range(len(row)):
            square += row[p] * row[p]
        norm = max(np.sqrt(square), least)
        for p in range(len(row)):
            row[p] /= norm
        if len(out):
            round_(row, out[j])


@kernel
def round_(numbers: NDArray[np.float32], out: NDArray[np.uint16]) -> None:
    """To the nearest bfloat16, of two that are equally near to the one whose last bit is 0 (IEEE 754, 4.3.1)."""
    bits = numbers.view(np.uint32)
    for i in range(len(bits)):
        out[i] = (bits[i] + np.uint32(0x7FFF) + ((bits[i] >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
