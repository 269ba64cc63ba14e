"""Products with lit codes alone, each reading what it needs once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sae_core.kernels import Given, Gradients
from sae_core.kernels.compiling import kernel, number
from sae_core.kernels.rows import BLOCKS, NOWHERE, View, array_of, copy_, project_, total_columns, weigh_rows
from sae_core.kernels.team import share

__all__ = ["CompiledLit", "by_latents", "decode_", "price_of", "prices", "rows_across"]

Array = NDArray[Any]


class CompiledLit:
    """Those of ``codes`` (batch, n_latents) that are lit, ``lit`` (batch,) of them on each image; ``view`` of tensors
    that stay where they are.

    Matrices that are only read may be rounded to bfloat16: half as much has to be fetched.
    """

    def __init__(self, codes: Tensor, lit: NDArray[np.int64], view: View = array_of) -> None:
        self._codes, self._view = view(codes), view
        ends = np.cumsum(lit)
        self._bounds = (ends - lit, ends)
        self._make(int(ends[-1]))

    def _make(self, n: int) -> None:
        """Room for so many lit codes."""
        n_images, n_latents = self._codes.shape
        self._values, self._latents = np.empty(n, self._codes.dtype), np.zeros(n, np.int32)
        self._counts, self._squares = np.empty(n_latents, np.int64), np.zeros(n_images)
        self._pulled = np.zeros_like(self._values)

    def error_(self, dictionary: Tensor, b_dec: Tensor, x: Tensor, out: Tensor, rounded: Tensor | None = None) -> float:
        """Codes @ dictionary + b_dec − x (batch, n_pixels) into ``out``, and into ``rounded``; the sum of its squares.

        While the filters are at hand, out @ dictionaryᵀ is taken at the lit codes, for `weigh_`.
        """
        decoding = self._decoding(dictionary, b_dec, x, out, rounded)
        share(lambda a, z: _error_(self._codes, *self._bounds, decoding, a, z), len(x))
        return self._missed()

    def _decoding(
        self, dictionary: Tensor, b_dec: Tensor, x: Tensor, out: Tensor, rounded: Tensor | None
    ) -> tuple[Array, ...]:
        """What `decode_` reads and writes."""
        low = NOWHERE if rounded is None else self._view(rounded)
        given = (self._view(dictionary), self._view(b_dec), self._view(x))
        return (self._latents, self._values, *given, self._view(out), low, self._squares, self._pulled)

    def _missed(self) -> float:
        _count(self._latents, *self._bounds, self._counts)
        return float(self._squares.sum())

    def count_(self, out: Tensor) -> None:
        """(n_latents,) on how many images each latent is lit."""
        self._view(out)[:] = self._counts

    def weigh_(self, given: Given, out: Gradients) -> tuple[list[float], Tensor | None]:
        """Write the gradients, those of matrices as numbers or in bfloat16.

        The sums of the squares of both matrices', and W_encᵀ Σ g if it is asked for.
        """
        view = self._view
        for_W_enc, for_b_enc, for_dictionary, for_b_dec = map(view, out)
        number_, squares = for_b_dec.dtype.type, np.empty((2, len(for_b_enc)))
        lists = (*self._bounds, self._latents, self._counts, self._values, self._pulled)
        arrays = (number_(given.slope), prices(given.price, for_b_enc), view(given.centred), view(given.error))
        grads = (for_W_enc, for_b_enc, for_dictionary, rows_across(given, for_b_dec.dtype, view), squares)
        through = by_latents(lambda a, z: _weigh_(*lists, *arrays, *grads, a, z), given, for_b_enc, for_b_dec, view)
        return [float(of_each.sum()) for of_each in squares], through


def by_latents(
    weigh: Callable[[int, int], object], given: Given, for_b_enc: Array, for_b_dec: Array, view: View = array_of
) -> Tensor | None:
    """Have ``weigh(first, end)`` write all latents' gradients, the threads sharing them; and write b_dec's. W_encᵀ Σ g,
    if it is asked for, ``for_b_enc`` being Σ g.
    """
    n, m, number_ = len(for_b_enc), len(for_b_dec), for_b_dec.dtype.type
    error, encoder = view(given.error), None if given.W_enc is None else view(given.W_enc)
    parts = np.zeros((BLOCKS, m), for_b_dec.dtype)

    def work(first: int, end: int) -> None:
        weigh(n * first // BLOCKS, n * end // BLOCKS)
        total_columns(error, number_(given.slope), for_b_dec, m * first // BLOCKS, m * end // BLOCKS)
        if encoder is not None:
            weigh_rows(encoder, for_b_enc, parts, first, end)

    share(work, BLOCKS)
    return None if encoder is None else torch.from_numpy(parts.sum(axis=0))


def rows_across(given: Given, dtype: np.dtype[Any], view: View = array_of) -> Array:
    """What the dictionary's gradient is projected off; no rows for nothing."""
    return np.empty((0, 0), dtype) if given.across is None else view(given.across)


def prices(price: float | Tensor | None, like: Array) -> Array:
    """Of each latent, or the one of all, or none."""
    if isinstance(price, Tensor):
        return array_of(price)
    return np.array([] if price is None else [price], like.dtype)


@kernel
def price_of(prices: Array, j: int) -> Any:
    """Of latent j."""
    if len(prices) == 0:
        return prices.dtype.type(0)
    return prices[j] if len(prices) > 1 else prices[0]


@kernel
def _error_(codes: Array, begins: Array, ends: Array, decoding: tuple[Array, ...], first: int, end: int) -> None:
    n, latents, values = codes.shape[1], decoding[0], decoding[1]
    found, where = np.empty(n + 1, codes.dtype), np.empty(n + 1, np.int32)
    for r in range(first, end):
        row, begin, lit = codes[r], begins[r], 0
        for j in range(n):
            found[lit], where[lit] = row[j], j
            lit += int(not row[j] <= 0)
        for i in range(lit):
            values[begin + i], latents[begin + i] = found[i], where[i]
        decode_(r, begin, ends[r], decoding)


@kernel
def decode_(r: int, i: int, last: int, decoding: tuple[Array, ...]) -> None:
    """Image r's error and the sum of its squares, from its lit codes ``i`` to ``last``; what pulls at them."""
    latents, values, dictionary, b_dec, x, error, rounded, squares, pulled = decoding
    sums, image = error[r], x[r]
    n = len(image)
    for p in range(n):
        sums[p] = b_dec[p] - image[p]
    squares[r] = _add(sums, values, dictionary, latents, i, last)
    if len(rounded):
        copy_(sums, rounded[r])
    while i + 3 < last:
        _pull_four(sums, dictionary, latents, pulled, i)
        i += 4
    while i < last:
        filter_ = dictionary[latents[i]]
        product = sums.dtype.type(0)
        for p in range(n):
            product += sums[p] * number(filter_[p])
        pulled[i] = product
        i += 1


@kernel
def _count(latents: Array, begins: Array, ends: Array, counts: Array) -> None:
    for j in range(len(counts)):
        counts[j] = 0
    for r in range(len(begins)):
        for i in range(begins[r], ends[r]):
            counts[latents[i]] += 1


@kernel
def _add(sums: Array, values: Array, rows: Array, index: Array, i: int, last: int) -> Any:
    """Add value · row for each of ``index[i:last]``; the sum of the squares of what comes out.

    Four rows at once: the sums are read and written a fourth as often.
    """
    n = len(sums)
    while i + 3 < last:
        row_a, row_b, row_c, row_d = rows[index[i]], rows[index[i + 1]], rows[index[i + 2]], rows[index[i + 3]]
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        for p in range(n):
            sums[p] += (a * number(row_a[p]) + b * number(row_b[p])) + (c * number(row_c[p]) + d * number(row_d[p]))
        i += 4
    while i < last:
        row, value = rows[index[i]], values[i]
        for p in range(n):
            sums[p] += value * number(row[p])
        i += 1
    square = sums.dtype.type(0)
    for p in range(n):
        square += sums[p] * sums[p]
    return square


@kernel
def _pull_four(sums: Array, dictionary: Array, latents: Array, pulled: Array, i: int) -> None:
    row_a, row_b = dictionary[latents[i]], dictionary[latents[i + 1]]
    row_c, row_d = dictionary[latents[i + 2]], dictionary[latents[i + 3]]
    a = b = c = d = sums.dtype.type(0)
    for p in range(len(sums)):
        a += sums[p] * number(row_a[p])
        b += sums[p] * number(row_b[p])
        c += sums[p] * number(row_c[p])
        d += sums[p] * number(row_d[p])
    pulled[i], pulled[i + 1], pulled[i + 2], pulled[i + 3] = a, b, c, d


@kernel
def _weigh_(
    image_begins: Array,
    image_ends: Array,
    latents: Array,
    counts: Array,
    codes: Array,
    pulled: Array,
    slope: Any,
    prices: Array,
    centred: Array,
    error: Array,
    for_W_enc: Array,
    for_b_enc: Array,
    for_dictionary: Array,
    across: Array,
    squares: Array,
    first: int,
    end: int,
) -> None:
    """Of the latents ``first`` to ``end``, after sorting by latent what is theirs; the images stay in their order."""
    begins = np.zeros(end - first + 1, np.int64)
    for j in range(first, end):
        begins[j - first + 1] = begins[j - first] + counts[j]
    n, places = begins[-1], begins.copy()
    images, grads, values = np.empty(n, np.int32), np.empty(n, codes.dtype), np.empty(n, codes.dtype)
    for image in range(len(image_begins)):
        for i in range(image_begins[image], image_ends[image]):
            j = latents[i]
            if first <= j < end:
                place = places[j - first]
                places[j - first] = place + 1
                grads[place] = pulled[i] * slope + price_of(prices, j)
                images[place], values[place] = image, codes[i] * slope
    sums = np.empty(for_W_enc.shape[1], codes.dtype)
    for j in range(first, end):
        a, z = begins[j - first], begins[j - first + 1]
        for p in range(len(sums)):
            sums[p] = 0
        squares[0, j] = _add(sums, grads, centred, images, a, z)
        copy_(sums, for_W_enc[j])
        total = codes.dtype.type(0)
        for i in range(a, z):
            total += grads[i]
        for_b_enc[j] = total
    for j in range(first, end):
        for p in range(len(sums)):
            sums[p] = 0
        square = _add(sums, values, error, images, begins[j - first], begins[j - first + 1])
        squares[1, j] = project_(sums, across[j]) if len(across) else square
        copy_(sums, for_dictionary[j])
