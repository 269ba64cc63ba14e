"""Products with all codes, where most are lit; around them, what is done to each number while it is at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sae_core.kernels import Given, Gradients
from sae_core.kernels.compiling import kernel, number, put
from sae_core.kernels.lit import by_latents, price_of, prices, rows_across
from sae_core.kernels.rows import BLOCKS, NOWHERE, array_of, bits_of, copy_, project_
from sae_core.kernels.team import share

__all__ = ["CompiledDense", "count_lit", "light_"]

Array = NDArray[Any]


def light_(products: Tensor, b_enc: Tensor, codes: Tensor, lit: NDArray[np.int64], images: slice) -> None:
    """``codes`` of some images: ReLU of ``products`` (n, n_latents), their W_enc x₀, and b_enc; how many are lit."""
    first, end, _ = images.indices(len(codes))
    _light_(array_of(products), array_of(b_enc), array_of(codes), lit, first, end)


def count_lit(codes: Tensor) -> NDArray[np.int64]:
    """(batch,) how many are lit on each image."""
    array, lit = array_of(codes), np.empty(len(codes), np.int64)
    share(lambda first, end: _count_lit(array, lit, first, end), len(array))
    return lit


class CompiledDense:
    """``codes`` (batch, n_latents), lit or not, with the methods of `CompiledLit`.

    ``as_factor`` and ``grads``, of the same shape: the codes as products take them (themselves, or a copy to be made
    in bfloat16), and room for dJ/d pre_codes. The others are what `CompiledLit.error_` is given.
    """

    def __init__(
        self,
        codes: Tensor,
        as_factor: Tensor,
        grads: Tensor,
        dictionary: Tensor,
        b_dec: Tensor,
        x: Tensor,
        out: Tensor,
        rounded: Tensor | None = None,
    ) -> None:
        self._codes, self._factor, self._grads, self._dictionary = codes, as_factor, grads, dictionary
        self._error, self._rounded, self._bits = out, rounded, NOWHERE if rounded is None else bits_of(rounded)
        self._counts, self._squares = np.zeros((BLOCKS, codes.shape[1]), np.float32), np.empty(len(x))
        self._arrays = (array_of(b_dec), array_of(x), array_of(out))

    def miss_(self, first: int, end: int) -> None:
        """Of some of the `BLOCKS` of images: codes @ dictionary + b_dec − x (batch, n_pixels) into ``out``, and into
        ``rounded``; then out @ dictionaryᵀ, for `weigh_`.
        """
        n_images, (b_dec, x, error) = len(self._codes), self._arrays
        some = slice(n_images * first // BLOCKS, n_images * end // BLOCKS)
        _count(array_of(self._codes), self._counts, first, end)
        if self._rounded is not None:
            self._factor[some].copy_(self._codes[some])
        product = torch.mm(self._factor[some], self._dictionary)
        _miss_(array_of(product), b_dec, x, error, self._bits, self._squares, some.start, some.stop)
        missed = self._error if self._rounded is None else self._rounded
        torch.mm(missed[some], self._dictionary.T, out=self._grads[some])

    def missed(self) -> float:
        """The sum of the squares of ``out``, once all have been."""
        return float(self._squares.sum())

    def count_(self, out: Tensor) -> None:
        """(n_latents,) on how many images each latent is lit."""
        np.sum(self._counts, axis=0, out=array_of(out))

    def weigh_(self, given: Given, out: Gradients) -> tuple[list[float | None], Tensor | None]:
        """As `CompiledLit.weigh_`; the sum of W_enc's squares is left out where products go where they belong."""
        for_W_enc, for_b_enc, for_dictionary, for_b_dec = map(array_of, out)
        number_, squares = for_b_dec.dtype.type, np.empty((2, len(for_b_enc)))
        straight = out.W_enc.dtype == given.centred.dtype == torch.bfloat16
        slope, free, unit = number_(given.slope), np.empty((0, 0), number_), rows_across(given, for_b_dec.dtype)
        grads = (array_of(self._grads), array_of(self._codes), slope, prices(given.price, for_b_enc), for_b_enc)

        def weigh(a: int, z: int) -> None:
            _pay_(*grads, a, z)
            product = torch.mm(self._grads.T[a:z], given.centred, out=out.W_enc[a:z] if straight else None)
            if not straight:
                _place_(array_of(product), number_(1), for_W_enc, free, squares[0], a, z)
            product = torch.mm(self._factor.T[a:z], given.error)
            _place_(array_of(product), slope, for_dictionary, unit, squares[1], a, z)

        through = by_latents(weigh, given, for_b_enc, for_b_dec)
        return [None if straight else float(squares[0].sum()), float(squares[1].sum())], through


@kernel
def _light_(products: Array, b_enc: Array, codes: Array, lit: NDArray[np.int64], first: int, end: int) -> None:
    zero = codes.dtype.type(0)
    for r in range(first, end):
        row, product, n = codes[r], products[r - first], np.int32(0)
        for j in range(len(row)):
            code = number(product[j]) + b_enc[j]
            dark = code <= 0  # what is no number is lit, so that it is seen
            row[j] = zero if dark else code
            n += np.int32(not dark)
        lit[r] = n


@kernel
def _count_lit(codes: Array, lit: NDArray[np.int64], first: int, end: int) -> None:
    for r in range(first, end):
        row, n = codes[r], np.int32(0)
        for j in range(len(row)):
            n += np.int32(not row[j] <= 0)
        lit[r] = n


@kernel
def _count(codes: Array, counts: Array, first: int, end: int) -> None:
    """Of each block of images, how many light each latent."""
    n_images = len(codes)
    for block in range(first, end):
        sums = counts[block]
        for r in range(n_images * block // BLOCKS, n_images * (block + 1) // BLOCKS):
            row = codes[r]
            for j in range(len(row)):
                sums[j] += np.float32(row[j] > 0)


@kernel
def _miss_(
    product: Array,
    b_dec: Array,
    x: Array,
    error: Array,
    rounded: NDArray[np.uint16],
    squares: Array,
    first: int,
    end: int,
) -> None:
    """``product`` (end − first, n_pixels): that of the codes and the dictionary."""
    for r in range(first, end):
        row, sums, image, square = product[r - first], error[r], x[r], b_dec.dtype.type(0)
        for p in range(len(sums)):
            sums[p] = number(row[p]) + (b_dec[p] - image[p])
            square += sums[p] * sums[p]
        squares[r] = square
        if len(rounded):
            copy_(sums, rounded[r])


@kernel
def _pay_(grads: Array, codes: Array, slope: Any, prices: Array, total: Array, first: int, end: int) -> None:
    """Turn error @ dictionaryᵀ into dJ/d pre_codes, in place, of the latents ``first`` to ``end``; their sums."""
    zero, sums = codes.dtype.type(0), total[first:end]
    each = prices[first:end] if len(prices) > 1 else prices
    sums[:] = zero
    for r in range(len(grads)):
        row, lit = grads[r, first:end], codes[r, first:end]
        for j in range(len(sums)):
            grad = number(row[j]) * slope + price_of(each, j)
            grad = grad if lit[j] > 0 else zero
            sums[j] += grad
            put(row, j, grad)


@kernel
def _place_(product: Array, scale: Any, out: Array, across: Array, squares: Array, first: int, end: int) -> None:
    """Write scale · product (end − first, n_pixels), projected off unit rows where there are any."""
    grad = np.empty(out.shape[1], across.dtype)
    for j in range(first, end):
        row, square = product[j - first], across.dtype.type(0)
        for p in range(len(grad)):
            grad[p] = number(row[p]) * scale
            square += grad[p] * grad[p]
        squares[j] = project_(grad, across[j]) if len(across) else square
        copy_(grad, out[j])
