"""Products with lit codes alone, each reading what it needs once."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sae_core.kernels import Gradients
from sae_core.kernels.compiling import kernel
from sae_core.kernels.team import share

__all__ = ["CompiledLit"]

Array = NDArray[Any]


BLOCKS = 16
"""A sum over latents is taken in so many parts, whatever the number of threads."""


class CompiledLit:
    """Those of ``codes`` (batch, n_latents) that are lit, image by image, at the flat positions ``at``, ascending."""

    def __init__(self, codes: Tensor, at: NDArray[np.int64]) -> None:
        self._n_images, self._n_latents = codes.shape
        by_image, by_latent = _sort(_array(codes).reshape(-1), at, self._n_images, self._n_latents)
        self._values, self.latents, self._starts = by_image
        self._by_latent, self._images_by_latent, self._starts_by_latent = by_latent
        self.values = torch.from_numpy(self._values)
        """(n_lit,) the codes themselves."""

    def count_(self, out: Tensor) -> Tensor:
        """(n_latents,) on how many images each latent is lit."""
        np.subtract(self._starts_by_latent[1:], self._starts_by_latent[:-1], out=_array(out), casting="unsafe")
        return out

    def error_(self, dictionary: Tensor, b_dec: Tensor, x: Tensor, out: Tensor) -> tuple[float, Tensor]:
        """Codes @ dictionary + b_dec − x (batch, n_pixels) into ``out``; the sum of its squares, and (n_lit,) out @
        dictionaryᵀ at the lit codes alone, while their filters are at hand.
        """
        squares, pulled = np.empty(self._n_images), np.empty_like(self._values)
        arrays = (_array(dictionary), _array(b_dec), _array(x), _array(out), squares, pulled)
        share(lambda a, z: _error_(self._starts, self.latents, self._values, *arrays, a, z), self._n_images)
        return float(squares.sum()), torch.from_numpy(pulled)

    def weigh_(
        self, grads: Tensor, centred: Tensor, error: Tensor, slope: float, out: Gradients, W_enc: Tensor | None
    ) -> tuple[list[float], Tensor | None]:
        """Write gradients, with ``grads`` (n_lit,) dJ/d pre_codes:

            W_enc: Σ grad · the image's row of ``centred``        b_enc: Σ grad
            dictionary: slope · Σ code · its row of ``error``             b_dec: slope · Σ error

        The sums of the squares of both matrices'; and, of the model's ``W_enc`` if it is given, W_encᵀ Σ grad.
        """
        n, squares = self._n_latents, np.empty((2, self._n_latents))
        total = _array(out.b_enc)
        weights, codes = _array(grads)[self._by_latent], self._values[self._by_latent] * total.dtype.type(slope)
        for_W_enc = (weights, _array(centred), _array(out.W_enc), squares[0])
        for_dictionary = (codes, _array(error), _array(out.dictionary), squares[1])
        parts, below = np.zeros((BLOCKS, centred.shape[1]), total.dtype), _array(out.b_dec)

        def weigh(first: int, end: int) -> None:
            a, z = n * first // BLOCKS, n * end // BLOCKS
            for values, inputs, grad, of_each in (for_W_enc, for_dictionary):
                _weigh(self._starts_by_latent, self._images_by_latent, values, inputs, grad, of_each, a, z)
            _total(self._starts_by_latent, weights, total, a, z)
            if W_enc is not None:
                _weigh_rows(_array(W_enc), total, parts, first, end)
            a, z = len(below) * first // BLOCKS, len(below) * end // BLOCKS
            _total_columns(_array(error), total.dtype.type(slope), below, a, z)

        share(weigh, BLOCKS)
        sums = [float(of_each.sum()) for of_each in squares]
        return sums, None if W_enc is None else torch.from_numpy(parts.sum(axis=0))


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.detach().numpy()
    return array


@kernel
def _sort(
    codes: Array, at: NDArray[np.int64], n_images: int, n_latents: int
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Values, latents and where each image's begin; the order by latent, the images in it and where each latent's
    begin.
    """
    values, latents = np.empty(len(at), codes.dtype), np.empty(len(at), np.int64)
    by_latent, images = np.empty(len(at), np.int64), np.empty(len(at), np.int64)
    starts, starts_by_latent = np.zeros(n_images + 1, np.int64), np.zeros(n_latents + 1, np.int64)
    image, base = 0, 0
    for i in range(len(at)):
        while at[i] >= base + n_latents:
            image += 1
            base += n_latents
            starts[image] = i
        values[i], latents[i] = codes[at[i]], at[i] - base
        starts_by_latent[latents[i] + 1] += 1
    starts[image + 1 :] = len(at)
    for j in range(n_latents):
        starts_by_latent[j + 1] += starts_by_latent[j]
    places = starts_by_latent.copy()
    for image in range(n_images):
        for i in range(starts[image], starts[image + 1]):
            place = places[latents[i]]
            by_latent[place], images[place] = i, image
            places[latents[i]] = place + 1
    return (values, latents, starts), (by_latent, images, starts_by_latent)


@kernel
def _error_(
    starts: Array,
    latents: Array,
    values: Array,
    dictionary: Array,
    b_dec: Array,
    x: Array,
    error: Array,
    squares: Array,
    pulled: Array,
    first: int,
    end: int,
) -> None:
    n = x.shape[1]
    for r in range(first, end):
        sums, image = error[r], x[r]
        for p in range(n):
            sums[p] = b_dec[p] - image[p]
        squares[r] = _add(sums, values, dictionary, latents, starts[r], starts[r + 1])
        i, last = starts[r], starts[r + 1]
        while i + 3 < last:
            _pull_four(sums, dictionary, latents, pulled, i)
            i += 4
        while i < last:
            filter_ = dictionary[latents[i]]
            product = sums[0] * 0
            for p in range(n):
                product += sums[p] * filter_[p]
            pulled[i] = product
            i += 1


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
            sums[p] += (a * row_a[p] + b * row_b[p]) + (c * row_c[p] + d * row_d[p])
        i += 4
    while i < last:
        row, value = rows[index[i]], values[i]
        for p in range(n):
            sums[p] += value * row[p]
        i += 1
    square = sums[0] * 0
    for p in range(n):
        square += sums[p] * sums[p]
    return square


@kernel
def _pull_four(sums: Array, dictionary: Array, latents: Array, pulled: Array, i: int) -> None:
    row_a, row_b = dictionary[latents[i]], dictionary[latents[i + 1]]
    row_c, row_d = dictionary[latents[i + 2]], dictionary[latents[i + 3]]
    a = b = c = d = sums[0] * 0
    for p in range(len(sums)):
        a += sums[p] * row_a[p]
        b += sums[p] * row_b[p]
        c += sums[p] * row_c[p]
        d += sums[p] * row_d[p]
    pulled[i], pulled[i + 1], pulled[i + 2], pulled[i + 3] = a, b, c, d


@kernel
def _weigh(
    starts: Array, images: Array, values: Array, inputs: Array, out: Array, squares: Array, first: int, end: int
) -> None:
    for j in range(first, end):
        out[j] = 0
        squares[j] = _add(out[j], values, inputs, images, starts[j], starts[j + 1])


@kernel
def _weigh_rows(rows: Array, weights: Array, parts: Array, first: int, end: int) -> None:
    n = len(rows)
    for block in range(first, end):
        sums = parts[block]
        for j in range(n * block // BLOCKS, n * (block + 1) // BLOCKS):
            row, weight = rows[j], weights[j]
            for p in range(len(sums)):
                sums[p] += weight * row[p]


@kernel
def _total(starts: Array, values: Array, out: Array, first: int, end: int) -> None:
    for j in range(first, end):
        total = np.zeros(1, out.dtype)[0]
        for i in range(starts[j], starts[j + 1]):
            total += values[i]
        out[j] = total


@kernel
def _total_columns(rows: Array, scale: Any, out: Array, first: int, end: int) -> None:
    sums = out[first:end]
    sums[:] = 0
    for r in range(len(rows)):
        row = rows[r, first:end]
        for p in range(len(sums)):
            sums[p] += row[p]
    for p in range(len(sums)):
        sums[p] *= scale
