"""Who fired, and how often of late."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sae_core.kernels.compiling import kernel
from sae_core.kernels.rows import View, array_of

__all__ = ["observe_"]

Array = NDArray[Any]


def observe_(
    counts: Tensor, density: Tensor, last_fired: Tensor, batch: int, rate: float, images: int, view: View = array_of
) -> float:
    """Density ← density + rate · (counts/batch − density), last_fired ← images where counts > 0; Σ counts.

    All of shape (n_latents,); ``view`` of tensors that stay where they are.
    """
    number = np.float32
    total: float = _observe_(view(counts), view(density), view(last_fired), number(1 / batch), number(rate), images)
    return total


@kernel
def _observe_(counts: Array, density: Array, last_fired: NDArray[np.int64], each: Any, rate: Any, images: int) -> float:
    total = 0.0
    for j in range(len(counts)):
        total += counts[j]
        density[j] += rate * (counts[j] * each - density[j])
        if counts[j] > 0:
            last_fired[j] = images
    return total
