"""Adam's arithmetic with the gradient's scale in it, in one reading of weights, gradient and moments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sae_core.kernels.compiling import kernel, number
from sae_core.kernels.rows import NOWHERE, Views, array_of, bits_of, copy_, hold_row_
from sae_core.kernels.team import share

__all__ = ["CompiledAdam", "sum_of_squares"]

Array = NDArray[Any]

PARTS = 64
"""Each matrix is cut into so many: sums of squares are taken part by part, whatever the number of threads."""

SMALL = 100_000
"""Numbers that are not worth a second thread."""


class CompiledAdam:
    """The step of `sae_core.training.adam.Adam`, with the same equations and state; it also looks after the rows of
    what it moves, which are at hand.

    Of each of ``weights``: ``state``, that is m, v and how many steps were taken; ``lower``, where its numbers go
    rounded to bfloat16; ``least``, so that rows are divided by their norms, by this where that is shorter, 0: as they
    are.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        state: Sequence[tuple[Tensor, Tensor, Tensor]],
        lower: Sequence[Tensor | None],
        least: Sequence[float],
    ) -> None:
        self._weights = [_in_rows(array_of(tensor)) for tensor in weights]
        self._moments = [(_in_rows(array_of(m)), _in_rows(array_of(v))) for m, v, _ in state]
        self._taken = [array_of(taken) for _, _, taken in state]
        self._lower = [NOWHERE if out is None else bits_of(out) for out in lower]
        self._view = Views()
        self._least = [rows.dtype.type(norm) for rows, norm in zip(self._weights, least, strict=True)]

    def step(self, grads: Sequence[Tensor], rate: float, longest: float, squares: Sequence[float | None]) -> None:
        """One, with the gradient shortened to norm ``longest`` where it is longer; 0: as it is.

        ``squares``: of each gradient, the sum of its squares where it is known.
        """
        for taken in self._taken:
            taken[()] += 1.0
        t = float(self._taken[0])
        rows, scale, number = [_in_rows(self._view(grad)) for grad in grads], 1.0, self._weights[0].dtype.type
        if longest:
            unknown = [grad.reshape(-1) for grad, known in zip(rows, squares, strict=True) if known is None]
            norm = math.sqrt(sum(known or 0.0 for known in squares) + sum_of_squares(unknown))
            scale = longest / norm if norm > longest else 1.0
        numbers = (number(scale), number(rate / (1.0 - 0.9**t)), number(1.0 / math.sqrt(1.0 - 0.999**t)))

        def move(first: int, end: int) -> None:
            for weights, grad, (m, v), out, least in zip(
                self._weights, rows, self._moments, self._lower, self._least, strict=True
            ):
                n = len(grad)
                _move_(weights, grad, m, v, out, least, *numbers, n * first // PARTS, n * end // PARTS)

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


def _in_rows(array: Array) -> Array:
    """(n_rows, n); a vector is one row."""
    return array if array.ndim == 2 else array.reshape(1, -1)


@kernel
def _move_(
    weights: Array,
    grads: Array,
    m: Array,
    v: Array,
    out: NDArray[np.uint16],
    least: Any,
    scale: Any,
    pace: Any,
    spread: Any,
    first: int,
    end: int,
) -> None:
    for j in range(first, end):
        row = weights[j]
        _adam_(row, grads[j], m[j], v[j], scale, pace, spread)
        if least:
            hold_row_(row, least)
        if len(out):
            copy_(row, out[j])


@kernel
def _adam_(weights: Array, grad: Array, m: Array, v: Array, scale: Any, pace: Any, spread: Any) -> None:
    keep_m, keep_v = weights.dtype.type(0.9), weights.dtype.type(0.999)
    take_m, take_v, least = weights.dtype.type(0.1), weights.dtype.type(0.001), weights.dtype.type(1e-8)
    for i in range(len(weights)):
        g = scale * number(grad[i])
        m[i] = keep_m * m[i] + take_m * g
        v[i] = keep_v * v[i] + take_v * g * g
        weights[i] -= pace * m[i] / (np.sqrt(v[i]) * spread + least)


@kernel
def _square(flat: Array, sums: Array, first: int, end: int) -> None:
    for index in range(first, end):
        part = flat[len(flat) * index // PARTS : len(flat) * (index + 1) // PARTS]
        total = np.float32(0)
        for i in range(len(part)):
            total += number(part[i]) * number(part[i])
        sums[index] = total
