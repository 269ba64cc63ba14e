"""Keeping the largest codes: after the matrix products the dearest part of a step, so it is done with some care."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["keep_largest_"]


def keep_largest_(codes: Tensor, k: int, dim: int) -> None:
    """Of each row (``dim`` 1) or column (0) of ``codes`` keep the k largest where they are positive; the others are 0.

    On the processor numpy's partition finds the k-th largest in a fifth of the time of `torch.topk` (256 × 1,024,
    k = 32, one AVX2 thread: 0.5 against 2.7 ms; at 4,096: 1.5 against 10). Equal values at the edge are left to `topk`,
    which keeps exactly k of them.
    """
    n = codes.shape[dim]
    if k >= n:
        codes.relu_()
        return
    if codes.device.type == "cpu":
        values = codes.detach().numpy()
        edges = np.partition(values if dim == 1 else values.T, n - k, axis=1)[:, n - k]
        others = codes < codes.new_tensor(edges).unsqueeze(dim)
        if int(others.sum()) == (n - k) * len(edges):
            codes.masked_fill_(others, 0.0).relu_()
            return
    kept, where = codes.topk(k, dim=dim, sorted=False)
    codes.zero_().scatter_(dim, where, kept.relu_())
