"""The strongest codes of each image, chosen and decoded in one go by the thread that has the image at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sae_core.kernels.compiling import kernel, number
from sae_core.kernels.largest import LANES, groups_of, keep_in_row_
from sae_core.kernels.lit import CompiledLit, decode_
from sae_core.kernels.rows import View, array_of

__all__ = ["Strongest"]

Array = NDArray[Any]


class Strongest(CompiledLit):
    """What `CompiledLit` is, found by `see_` a few images at a time: of each the ``k`` largest codes, if positive.

    With what `CompiledLit.error_` is given, and ``b_enc``.
    """

    def __init__(
        self,
        codes: Tensor,
        k: int,
        b_enc: Tensor,
        dictionary: Tensor,
        b_dec: Tensor,
        x: Tensor,
        out: Tensor,
        rounded: Tensor | None = None,
        view: View = array_of,
    ) -> None:
        self._codes, self._view = view(codes), view
        begins = np.arange(0, len(codes) * k, k)
        self._bounds = (begins, begins.copy())
        self._make(len(codes) * k)
        choosing = (self._codes, self._codes.view(np.int32), k, groups_of(codes.shape[1], k), *self._bounds)
        bias, decoding = view(b_enc), self._decoding(dictionary, b_dec, x, out, rounded)
        self._see: Callable[[Array, int, int], None] = lambda products, a, z: _see_(
            products, bias, *choosing, decoding, a, z
        )

    def see_(self, products: Tensor, images: slice) -> None:
        """Codes of some images from ``products`` (n, n_latents), their W_enc x₀; then as `CompiledLit.error_`."""
        first, end, _ = images.indices(len(self._codes))
        self._see(array_of(products), first, end)

    def seen(self) -> float:
        """What `CompiledLit.error_` says, once all images have been; NaN where a code is no finite number."""
        return self._missed()


@kernel
def _see_(
    products: Array,
    b_enc: Array,
    codes: Array,
    bits: NDArray[np.int32],
    k: int,
    groups: int,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    decoding: tuple[Array, ...],
    first: int,
    end: int,
) -> None:
    """``bits`` are the codes', on the same memory."""
    latents, values, squares = decoding[0], decoding[1], decoding[7]
    n = codes.shape[1]
    room = np.empty((2, n + LANES), np.int32)
    for r in range(first, end):
        row, product, begin = codes[r], products[r - first], begins[r]
        for j in range(n):
            row[j] = number(product[j]) + b_enc[j]
        kept = keep_in_row_(bits[r], k, groups, room, latents[begin : begin + k])
        if kept < 0:
            squares[r] = np.nan
            continue
        ends[r] = begin + kept
        for i in range(begin, begin + kept):
            values[i] = row[latents[i]]
        decode_(r, begin, begin + kept, decoding)
