"""Adam's arithmetic with the gradient's scale in it, in one reading of weights, gradient and moments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sae_core.kernels.compiling import kernel
from sae_core.kernels.rows import NOWHERE, bits_of, round_
from sae_core.kernels.team import share

__all__ = ["CompiledAdam", "sum_of_squares"]

Array = NDArray[Any]

PARTS = 64
"""Each matrix is cut into so many: sums of squares are taken part by part, whatever the number of threads."""

AT_ONCE = 1_024
"""Numbers that are moved, and then rounded while they are at hand."""

SMALL = 100_000
"""Numbers that are not worth a second thread."""


class CompiledAdam:
    """The step of `sae_core.training.adam.Adam`, with the same equations and state."""

    def __init__(
        self,
        weights: Sequence[Tensor],
        moments: Sequence[tuple[Tensor, Tensor]],
        lower: Sequence[Tensor | None],
    ) -> None:
        self._weights = list(map(_flat, weights))
        self._moments = [(_flat(m), _flat(v)) for m, v in moments]
        self._lower = [NOWHERE if out is None else bits_of(out).reshape(-1) for out in lower]

    def step(
        self, grads: Sequence[Tensor], t: float, rate: float, longest: float, squares: Sequence[float | None]
    ) -> None:
        """Step number ``t`` (from 1), with the gradient shortened to norm ``longest`` where it is longer; 0: as it is.

        ``squares``: of each gradient, the sum of its squares where it is known.
        """
        flats, scale, number = list(map(_flat, grads)), 1.0, self._weights[0].dtype.type
        if longest:
            unknown = [flat for flat, known in zip(flats, squares, strict=True) if known is None]
            norm = math.sqrt(sum(known or 0.0 for known in squares) + sum_of_squares(unknown))
            scale = longest / norm if norm > longest else 1.0
        numbers = (number(scale), number(rate / (1.0 - 0.9**t)), number(1.0 / math.sqrt(1.0 - 0.999**t)))

        def move(first: int, end: int) -> None:
            for weights, grad, (m, v), out in zip(self._weights, flats, self._moments, self._lower, strict=True):
                a, z = len(grad) * first // PARTS, len(grad) * end // PARTS
                _move_(weights[a:z], grad[a:z], m[a:z], v[a:z], out[a:z], *numbers)

        share(move, PARTS)


def sum_of_squares(flats: Sequence[Array]) -> float:
    """Of all elements of all of them."""
    sums = np.zeros((len(flats), PARTS))

    def square(first: int, end: int) -> None:
        for flat, of_each in zip(flats, sums, strict=True):
            _square(flat, of_each, first, end)

    if sum(map(len, flats)) > SMALL:
        share(square, PARTS)
    else:
        square(0, PARTS)
    return float(sums.sum())


def _flat(tensor: Tensor) -> Array:
    """On its own memory."""
    flat: Array = tensor.detach().view(-1).numpy()
    return flat


@kernel
def _move_(
    weights: Array, grad: Array, m: Array, v: Array, out: NDArray[np.uint16], scale: Any, pace: Any, spread: Any
) -> None:
    for a in range(0, len(weights), AT_ONCE):
        z = min(a + AT_ONCE, len(weights))
        _adam_(weights[a:z], grad[a:z], m[a:z], v[a:z], scale, pace, spread)
        if len(out):
            round_(weights[a:z], out[a:z])


@kernel
def _adam_(weights: Array, grad: Array, m: Array, v: Array, scale: Any, pace: Any, spread: Any) -> None:
    keep_m, keep_v = weights.dtype.type(0.9), weights.dtype.type(0.999)
    take_m, take_v, least = weights.dtype.type(0.1), weights.dtype.type(0.001), weights.dtype.type(1e-8)
    for i in range(len(weights)):
        g = scale * grad[i]
        m[i] = keep_m * m[i] + take_m * g
        v[i] = keep_v * v[i] + take_v * g * g
        weights[i] -= pace * m[i] / (np.sqrt(v[i]) * spread + least)


@kernel
def _square(flat: Array, sums: Array, first: int, end: int) -> None:
    for index in range(first, end):
        part = flat[len(flat) * index // PARTS : len(flat) * (index + 1) // PARTS]
        total = np.zeros(1, flat.dtype)[0]
        for i in range(len(part)):
            total += part[i] * part[i]
        sums[index] = total
