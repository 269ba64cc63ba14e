"""A batch's images, fetched, centred and rounded in one go: they lie far apart, so most of it is waiting for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sae_core.kernels.compiling import kernel, put
from sae_core.kernels.rows import View, array_of

__all__ = ["take_"]

Array = NDArray[Any]


def take_(
    images: Tensor,
    rows: Tensor,
    b_pre: Tensor | None,
    x: Tensor,
    centred: Tensor | None,
    some: slice,
    view: View = array_of,
) -> None:
    """Put some of ``images[rows]`` into ``x`` (batch, n_pixels), and without ``b_pre`` into ``centred``, which may be
    bfloat16; ``view`` of tensors that stay where they are, as all but ``rows`` do.
    """
    out = view(x)
    first, end, _ = some.indices(len(out))
    b = np.zeros(out.shape[1], out.dtype) if b_pre is None else view(b_pre)
    _take_(view(images), array_of(rows), b, out, out[:0] if centred is None else view(centred), first, end)


@kernel
def _take_(
    images: Array, rows: NDArray[np.int64], b_pre: Array, x: Array, centred: Array, first: int, end: int
) -> None:
    n = x.shape[1]
    for r in range(first, end):
        image, row = images[rows[r]], x[r]
        for p in range(n):
            row[p] = image[p]
        if len(centred):
            out = centred[r]
            for p in range(n):
                put(out, p, image[p] - b_pre[p])
